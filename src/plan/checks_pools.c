/* checks_pools: what the pools' own counters tell. The rules behind the sentences are
 * those of mm/hugetlb.c, named where they matter. */
#include "plan/checks.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>

static const char *pages_word(uint64_t n)
{
	return n == 1 ? "page" : "pages";
}

/* Free, reserved by nobody, and surplus: what came back after all was let go on one node
 * while another had the surplus (free_huge_folio() looks at the page's own node only). */
static uint64_t idle_surplus(const struct weir_pool *pool)
{
	uint64_t idle = pool->free.n > pool->reserved.n ? pool->free.n - pool->reserved.n
	                                                : 0;

	if (!pool->free.known || !pool->reserved.known)
		return 0;
	return idle < pool->surplus.n ? idle : pool->surplus.n;
}

/* Surplus is made when a pool is shrunk below what is in use or reserved, and on demand
 * up to the overcommit limit. Counters tell the two apart only beyond that limit, and
 * even then the limit may have been lowered since. */
static void surplus_of(struct weir_check *c, const struct weir_huge_size *size)
{
	struct weir_count surplus = size->all.surplus;
	bool beyond = !size->overcommit.known || surplus.n > size->overcommit.n;
	const char *name = WEIR_CHECK_SIZE(size->size_bytes);
	const char *pages = surplus.n == 1 ? "page is" : "pages are";
	struct weir_finding *f;

	if (!surplus.known || !surplus.n)
		return;
	f = weir_check_add(c, beyond ? WEIR_WARNING : WEIR_NOTE,
	                   beyond ? "surplus-trapped" : "surplus-overcommit");
	if (!f)
		return;
	f->size_bytes = WEIR_COUNT(size->size_bytes);
	f->pages = surplus;
	if (!beyond) {
		weir_check_text(
			c, f,
			"%" PRIu64 " %s %s surplus, no more than the overcommit limit of "
			"%" PRIu64 ": each goes back to the system when it is freed.",
			surplus.n, name, pages, size->overcommit.n);
		return;
	}
	weir_check_text(
		c, f,
		"%" PRIu64
		" %s %s trapped as surplus, beyond the overcommit limit of %s: "
		"the pool, or that limit, was made smaller while pages were in use or "
		"reserved (now %s and %s); each goes back to the system when it is "
		"freed.",
		surplus.n, name, pages, WEIR_CHECK_N(size->overcommit),
		WEIR_CHECK_N(weir_pool_in_use(&size->all)),
		WEIR_CHECK_N(size->all.reserved));
	if (!size->all.nr.known)
		return;
	if (idle_surplus(&size->all))
		weir_check_remedy(
			c, f,
			"%" PRIu64
			" of them are free already and stay: write the pool up to "
			"%" PRIu64 " and then down to %s to be rid of them, or keep all",
			idle_surplus(&size->all), size->all.nr.n,
			WEIR_CHECK_N(weir_pool_persistent(&size->all)));
	else
		weir_check_remedy(c, f, "keep %s, which takes no memory",
		                  surplus.n == 1 ? "it" : "them");
	weir_check_set_pool(c, f, size->size_bytes, size->all.nr.n);
}

void weir_check_surplus(struct weir_check *c)
{
	for (size_t i = 0; i < c->snap->pools.nr; i++)
		surplus_of(c, &c->snap->pools.sizes[i]);
}

/* What overcommit adds to a remedy; "" when it adds nothing. Limits near 2^64 mean "any".
 */
static void overcommit_room(const struct weir_huge_size *size, char *out, size_t cap)
{
	uint64_t room = size->overcommit.n - size->all.surplus.n;

	out[0] = '\0';
	if (!size->all.surplus.known || size->overcommit.n <= size->all.surplus.n)
		return;
	if (room > WEIR_COUNT_MAX / 2)
		(void)snprintf(out, cap, "; only overcommit lets it have more now");
	else
		(void)snprintf(out, cap,
		               "; only the overcommit limit lets it have %" PRIu64
		               " more now",
		               room);
}

static void reserved_of(struct weir_check *c, const struct weir_huge_size *size)
{
	struct weir_count reserved = size->all.reserved, unused = size->all.free;
	const char *name = WEIR_CHECK_SIZE(size->size_bytes);
	char room[96];
	struct weir_finding *f;

	if (!reserved.known || !reserved.n || !unused.known)
		return;
	if (reserved.n > unused.n) { /* poisoned pages count as free and cannot be had */
		f = weir_check_add(c, WEIR_PROBLEM, "reserved-beyond-free");
		weir_check_text(
			c, f,
			"%" PRIu64 " %s %s reserved but only %" PRIu64
			" free: a process that touches what it was promised can be "
			"killed by SIGBUS.",
			reserved.n, name, reserved.n == 1 ? "page is" : "pages are",
			unused.n);
	} else if (reserved.n == unused.n) {
		f = weir_check_add(c, WEIR_WARNING, "free-all-reserved");
		weir_check_text(c, f,
		                "none of the %" PRIu64
		                " free %s %s can be had: all are reserved by "
		                "mappings that have not touched them yet.",
		                unused.n, name, pages_word(unused.n));
		overcommit_room(size, room, sizeof(room));
		weir_check_remedy(c, f, "grow the pool before the next VM starts%s",
		                  room);
	} else {
		f = weir_check_add(c, WEIR_NOTE, "reserved-untouched");
		weir_check_text(c, f,
		                "%" PRIu64 " of the %" PRIu64
		                " free %s %s reserved by mappings that "
		                "have not touched them yet: %" PRIu64 " can be had.",
		                reserved.n, unused.n, name,
		                reserved.n == 1 ? "pages is" : "pages are",
		                unused.n - reserved.n);
	}
	if (f) {
		f->size_bytes = WEIR_COUNT(size->size_bytes);
		f->pages = reserved;
	}
}

void weir_check_reserved(struct weir_check *c)
{
	for (size_t i = 0; i < c->snap->pools.nr; i++)
		reserved_of(c, &c->snap->pools.sizes[i]);
}

/* sysfs shows pages with surplus, /proc/sys/vm the target without (hugetlb.c,
 * nr_hugepages _show_common() and hugetlb_sysctl_handler_common()). They also part when
 * pages were lost to poison or demoted, which moves the target as well, or never arrived.
 */
void weir_check_sysctl(struct weir_check *c)
{
	const struct weir_huge_size *size = weir_default_size(c->snap);
	struct weir_count target = c->snap->pools.sysctl_nr, persistent;
	struct weir_finding *f;

	if (!size || !target.known || !size->all.nr.known || target.n == size->all.nr.n)
		return;
	f = weir_check_add(c, WEIR_NOTE, "proc-and-sysfs-differ");
	if (!f)
		return;
	f->size_bytes = WEIR_COUNT(size->size_bytes);
	persistent = weir_pool_persistent(&size->all);
	if (persistent.known && persistent.n == target.n)
		weir_check_text(c, f,
		                "/proc/sys/vm/nr_hugepages says %" PRIu64
		                " and sysfs %" PRIu64 ": sysfs counts the %" PRIu64
		                " surplus %s pages, /proc does not.",
		                target.n, size->all.nr.n, size->all.surplus.n,
		                WEIR_CHECK_SIZE(size->size_bytes));
	else
		weir_check_text(
			c, f,
			"/proc/sys/vm/nr_hugepages says %" PRIu64 " and sysfs %" PRIu64
			" %s pages, of which %s are surplus: the difference has another "
			"cause too.",
			target.n, size->all.nr.n, WEIR_CHECK_SIZE(size->size_bytes),
			WEIR_CHECK_N(size->all.surplus));
}

/* The HugePages_ lines are of the default size (hugetlb_report_meminfo()). */
void weir_check_hidden_sizes(struct weir_check *c)
{
	uint64_t standard = c->snap->mem.huge_size.n;

	if (!c->snap->mem.huge_size.known)
		return;
	for (size_t i = 0; i < c->snap->pools.nr; i++) {
		const struct weir_huge_size *size = &c->snap->pools.sizes[i];
		struct weir_count bytes = weir_count_mul(size->all.nr, size->size_bytes);
		struct weir_finding *f;

		if (size->size_bytes == standard || !bytes.known || !bytes.n)
			continue;
		f = weir_check_add(c, WEIR_NOTE, "size-hidden-in-meminfo");
		weir_check_text(
			c, f,
			"%" PRIu64 " %s %s (%s) %s not in the HugePages_ lines of "
			"/proc/meminfo, which count the default size, %s, only.",
			size->all.nr.n, WEIR_CHECK_SIZE(size->size_bytes),
			pages_word(size->all.nr.n), WEIR_CHECK_HUMAN(bytes.n),
			size->all.nr.n == 1 ? "is" : "are", WEIR_CHECK_SIZE(standard));
		if (f) {
			f->size_bytes = WEIR_COUNT(size->size_bytes);
			f->pages = size->all.nr;
		}
	}
}

/* Less than one page is no area (hugetlb_cma_reserve()). */
static bool asks_for_page(const struct weir_boot_amount *amount, uint64_t size_bytes)
{
	return amount->unit == WEIR_BOOT_BYTES ? amount->n >= size_bytes : amount->n > 0;
}

/* With hugetlb_cma= pages above the buddy lists' reach are not allocated at boot at all
 * (hugetlb_hstate_alloc_pages()). */
static bool left_to_cma(const struct weir_snapshot *snap, uint64_t size_bytes)
{
	const struct weir_boot_hugetlb_cma *cma = &snap->boot.hugetlb_cma;
	uint64_t largest = UINT64_C(4) << 20; /* MAX_ORDER with base pages of 4 KiB */
	bool asked = asks_for_page(&cma->all, size_bytes);

	for (size_t i = 0; i < cma->nr_nodes; i++)
		asked |= asks_for_page(&cma->nodes[i].size, size_bytes);
	if (!asked)
		return false;
	if (snap->buddy.nr && snap->page_bytes.known)
		largest = snap->page_bytes.n << (snap->buddy.v[0].nr_orders - 1);
	return size_bytes > largest;
}

static void boot_remedy(struct weir_check *c, struct weir_finding *f,
                        const struct weir_shortfall *row)
{
	if (left_to_cma(c->snap, row->size_bytes)) {
		weir_check_remedy(c, f,
		                  "hugetlb_cma= keeps the kernel from taking such pages "
		                  "at boot: set "
		                  "the pool afterwards");
		if (!row->node.known)
			weir_check_set_pool(c, f, row->size_bytes, row->asked);
	} else if (row->at_boot.known) {
		weir_check_remedy(c, f,
		                  "at boot the kernel got %" PRIu64
		                  " (its log says so): ask for fewer, or for other nodes",
		                  row->at_boot.n);
	} else {
		weir_check_remedy(
			c, f,
			"if nobody has shrunk the pool since, the memory was not there "
			"at "
			"boot: see the lines 'HugeTLB: allocating' in the kernel log");
	}
}

static void boot_row(struct weir_check *c, const struct weir_shortfall *row)
{
	const char *name = WEIR_CHECK_SIZE(row->size_bytes);
	char node[32] = "";
	struct weir_finding *f;

	if (!row->missing.known || !row->missing.n)
		return;
	f = weir_check_add(c, WEIR_WARNING, "boot-shortfall");
	if (!f)
		return;
	f->size_bytes = WEIR_COUNT(row->size_bytes);
	f->node = row->node;
	f->pages = row->missing;
	if (row->node.known)
		(void)snprintf(node, sizeof(node), " on node %" PRIu64, row->node.n);
	weir_check_text(c, f,
	                "the kernel command line asks for %" PRIu64
	                " %s %s%s, and there are "
	                "%" PRIu64 ": %" PRIu64 " missing.",
	                row->asked, name, pages_word(row->asked), node, row->present.n,
	                row->missing.n);
	boot_remedy(c, f, row);
}

/* The kernel says so too, in one line of its log. */
static void boot_argument(struct weir_check *c, const struct weir_boot_arg *arg)
{
	struct weir_finding *f;

	if (!arg->note)
		return; /* taken as it is written */
	f = arg->taken ? weir_check_add(c, WEIR_WARNING, "boot-argument-changed")
	               : weir_check_add(c, WEIR_WARNING, "boot-argument-ignored");
	weir_check_text(c, f, "the kernel %s '%.*s' on its command line: %s.",
	                arg->taken ? "does not take all of" : "ignores",
	                WEIR_STR_ARG(arg->text), arg->note);
}

void weir_check_boot(struct weir_check *c)
{
	for (size_t i = 0; i < c->view->boot.nr; i++)
		boot_row(c, &c->view->boot.v[i]);
	for (size_t i = 0; i < c->snap->boot.nr_args; i++)
		boot_argument(c, &c->snap->boot.args[i]);
}
