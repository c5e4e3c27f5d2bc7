/* checks_pools: what the pools' own counters tell. The rules behind the sentences are
 * those of mm/hugetlb.c, named where they matter. */
#include "plan/checks.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/shortfall.h"

#include <inttypes.h>

static const char *pages_word(uint64_t n)
{
	return n == 1 ? "page" : "pages";
}

/* set_max_huge_pages() turns what it may not free into surplus, and overcommit makes it
 * too. Beyond the overcommit limit it can only have come from a shrink. */
static void surplus_of(struct weir_check *c, const struct weir_huge_size *size)
{
	struct weir_count surplus = size->all.surplus;
	struct weir_count persistent = weir_pool_persistent(&size->all);
	struct weir_count in_use = weir_pool_in_use(&size->all);
	bool trapped = !size->overcommit.known || surplus.n > size->overcommit.n;
	const char *name = WEIR_CHECK_SIZE(size->size_bytes);
	struct weir_finding *f;

	if (!surplus.known || !surplus.n)
		return;
	f = weir_check_add(c, trapped ? WEIR_WARNING : WEIR_NOTE,
	                   trapped ? "surplus-trapped" : "surplus-overcommit");
	if (!f)
		return;
	f->size_bytes = WEIR_COUNT(size->size_bytes);
	f->pages = surplus;
	if (trapped)
		weir_check_text(
			c, f,
			"%" PRIu64 " %s %s trapped as surplus: the pool was shrunk to %s "
			"while pages were in use or reserved (now %s and %s); each goes "
			"back to the system when it is freed.",
			surplus.n, name, surplus.n == 1 ? "page is" : "pages are",
			WEIR_CHECK_N(persistent), WEIR_CHECK_N(in_use),
			WEIR_CHECK_N(size->all.reserved));
	else
		weir_check_text(c, f,
		                "%" PRIu64
		                " %s %s surplus, as the overcommit limit of %" PRIu64
		                " allows; each goes back to the system when it is freed.",
		                surplus.n, name, surplus.n == 1 ? "page is" : "pages are",
		                size->overcommit.n);
	if (!size->all.nr.known)
		return;
	weir_check_remedy(c, f, "keep %s, which takes no memory",
	                  surplus.n == 1 ? "it" : "them");
	weir_check_set_pool(c, f, size->size_bytes, size->all.nr.n);
}

void weir_check_surplus(struct weir_check *c)
{
	for (size_t i = 0; i < c->snap->pools.nr; i++)
		surplus_of(c, &c->snap->pools.sizes[i]);
}

static void reserved_of(struct weir_check *c, const struct weir_huge_size *size)
{
	struct weir_count reserved = size->all.reserved, unused = size->all.free;
	const char *name = WEIR_CHECK_SIZE(size->size_bytes);
	struct weir_finding *f;

	if (!reserved.known || !reserved.n || !unused.known)
		return;
	if (reserved.n > unused.n) { /* poisoned pages count as free and cannot be had */
		f = weir_check_add(c, WEIR_PROBLEM, "reserved-beyond-free");
		weir_check_text(
			c, f,
			"%" PRIu64 " %s %s reserved but only %" PRIu64
			" are free: a process that touches what it was promised can be "
			"killed by SIGBUS.",
			reserved.n, name, pages_word(reserved.n), unused.n);
	} else if (reserved.n == unused.n) {
		f = weir_check_add(c, WEIR_WARNING, "free-all-reserved");
		weir_check_text(c, f,
		                "none of the %" PRIu64
		                " free %s %s can be had: all are reserved by "
		                "mappings that have not touched them yet.",
		                unused.n, name, pages_word(unused.n));
		weir_check_remedy(c, f, "grow the pool before the next VM starts");
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
	struct weir_count target = c->snap->pools.sysctl_nr;
	struct weir_finding *f;

	if (!size || !target.known || !size->all.nr.known || target.n == size->all.nr.n)
		return;
	f = weir_check_add(c, WEIR_NOTE, "proc-and-sysfs-differ");
	if (!f)
		return;
	f->size_bytes = WEIR_COUNT(size->size_bytes);
	if (size->all.surplus.known && size->all.nr.n - size->all.surplus.n == target.n)
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

static void boot_row(struct weir_check *c, const struct weir_shortfall *row)
{
	const char *name = WEIR_CHECK_SIZE(row->size_bytes);
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
		weir_check_text(c, f,
		                "the kernel command line asks for %" PRIu64
		                " %s %s on node %" PRIu64 ", and there are %" PRIu64
		                ": %" PRIu64 " missing.",
		                row->asked, name, pages_word(row->asked), row->node.n,
		                row->present.n, row->missing.n);
	else
		weir_check_text(c, f,
		                "the kernel command line asks for %" PRIu64
		                " %s %s, and there are "
		                "%" PRIu64 ": %" PRIu64 " missing.",
		                row->asked, name, pages_word(row->asked), row->present.n,
		                row->missing.n);
	if (row->at_boot.known)
		weir_check_remedy(c, f,
		                  "at boot the kernel got %" PRIu64
		                  " (its log says so): ask for fewer, or for other nodes",
		                  row->at_boot.n);
	else
		weir_check_remedy(
			c, f,
			"if nobody has shrunk the pool since, the memory was not there "
			"at "
			"boot: see the lines 'HugeTLB: allocating' in the kernel log");
}

/* The kernel says so too, in one line of its log. */
static void boot_argument(struct weir_check *c, const struct weir_boot_arg *arg)
{
	struct weir_finding *f;

	if (!arg->note)
		return; /* taken as it is written */
	f = weir_check_add(c, arg->taken ? WEIR_NOTE : WEIR_WARNING,
	                   arg->taken ? "boot-argument-changed"
	                              : "boot-argument-ignored");
	weir_check_text(c, f, "the kernel %s '%.*s' on its command line: %s.",
	                arg->taken ? "does not take all of" : "ignores",
	                WEIR_STR_ARG(arg->text), arg->note);
}

void weir_check_boot(struct weir_check *c)
{
	weir_auto(weir_shortfalls_done) struct weir_shortfalls rows = { 0 };

	if (!c->failed)
		c->failed = weir_shortfalls_make(&c->snap->boot, &c->snap->pools,
		                                 &c->snap->klog, &rows);
	for (size_t i = 0; !c->failed && i < rows.nr; i++)
		boot_row(c, &rows.v[i]);
	for (size_t i = 0; !c->failed && i < c->snap->boot.nr_args; i++)
		boot_argument(c, &c->snap->boot.args[i]);
}
