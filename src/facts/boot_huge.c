/* boot_huge: see boot_huge.h and boot.h. The kernel's parser is played as it is, a
 * machine with four registers: the size named last (@parsed), whether the size parameter
 * before this one was any good (@valid), which counter was set last (@last), and a count
 * that came before any size and waits for it (@pending).
 *
 * Simplified, where kernels differ and nobody writes it: a node list that meets another
 * count for its size by way of default_hugepagesz= (6.15 merges what older ones replace),
 * and the 50 arguments that 6.15 and later remember at most. A number past 2^63-1 wraps
 * in the kernel: here its argument is dropped with these words. */
#include "facts/boot_huge.h"

#include "base/ckd.h"
#include "base/own.h"

#include <errno.h>

#define NODES_MAX 1024U /* MAX_NUMNODES where it is largest */

enum { NOBODY = -2, PENDING = -1 }; /* else an index into pools */

const char weir_boot_no_number[] = "it is not a number";
const char weir_boot_too_large[] = "the number is larger than any memory";
const char weir_boot_no_node[] = "it names a node that is not there";
const char weir_boot_bare_number[] = "a number without a node follows a node list";

static bool starts_digit(struct weir_str s)
{
	return s.n && s.p[0] >= '0' && s.p[0] <= '9';
}

const char *weir_boot_decimal(struct weir_str *rest, uint64_t *out)
{
	struct weir_str s = weir_str_trim(*rest), digits;
	uint64_t n;

	for (digits = s; starts_digit(s); s = weir_str_skip(s, 1))
		;
	digits.n -= s.n;
	if (!digits.n)
		return weir_boot_no_number;
	if (weir_parse_u64(digits, &n) < 0 || n > WEIR_COUNT_MAX)
		return weir_boot_too_large;
	*rest = s;
	*out = n;
	return NULL;
}

bool weir_boot_node_is_there(const struct weir_boot_play *p, uint64_t node)
{
	const struct weir_ranges *online = p->rules->online;

	if (node >= NODES_MAX)
		return false;
	return !online || !online->nr || weir_ranges_has(online, (unsigned int)node);
}

static bool size_is_supported(const struct weir_boot_play *p, uint64_t bytes)
{
	if (p->rules->sizes_unknown)
		return bytes > 4096 && bytes <= WEIR_COUNT_MAX && !(bytes & (bytes - 1));
	for (size_t i = 0; i < p->rules->nr_sizes; i++)
		if (p->rules->sizes[i] == bytes)
			return true;
	return false;
}

static struct weir_boot_pool *pool_at(struct weir_boot_play *p, ptrdiff_t at)
{
	return at == PENDING ? &p->pending : &p->out->pools[at];
}

static ptrdiff_t find_pool(const struct weir_boot_play *p, uint64_t bytes)
{
	for (size_t i = 0; i < p->out->nr_pools; i++)
		if (p->out->pools[i].size_bytes == bytes)
			return (ptrdiff_t)i;
	return NOBODY;
}

/* hugetlb_add_hstate(): only a size that is new becomes the one that counts refer to. */
static int add_pool(struct weir_boot_play *p, uint64_t bytes, ptrdiff_t *out_at)
{
	struct weir_boot *boot = p->out;
	ptrdiff_t at = find_pool(p, bytes);
	int r;

	if (at == NOBODY) {
		r = weir_grow(&boot->pools, &boot->cap_pools, boot->nr_pools,
		              sizeof(*boot->pools));
		if (r < 0)
			return r;
		at = (ptrdiff_t)boot->nr_pools++;
		boot->pools[at].size_bytes = bytes;
		p->parsed = at;
	}
	*out_at = at;
	return 0;
}

static int set_node(struct weir_boot_pool *pool, unsigned int node, uint64_t pages)
{
	size_t at = 0;
	int r;

	while (at < pool->nr_nodes && pool->nodes[at].node < node)
		at++;
	if (at == pool->nr_nodes || pool->nodes[at].node != node) {
		r = weir_grow(&pool->nodes, &pool->cap_nodes, pool->nr_nodes,
		              sizeof(*pool->nodes));
		if (r < 0)
			return r;
		memmove(&pool->nodes[at + 1], &pool->nodes[at],
		        (pool->nr_nodes - at) * sizeof(*pool->nodes));
		pool->nr_nodes++;
	}
	pool->nodes[at] = (struct weir_boot_node){ node, pages };
	return 0;
}

/* Nodes with 0 are as good as none: the kernel asks for "above 0" only. */
static void drop_empty_nodes(struct weir_boot_pool *pool)
{
	size_t kept = 0;

	for (size_t i = 0; i < pool->nr_nodes; i++)
		if (pool->nodes[i].pages)
			pool->nodes[kept++] = pool->nodes[i];
	pool->nr_nodes = kept;
}

static void clear_pool(struct weir_boot_pool *pool)
{
	pool->pages = 0;
	pool->nr_nodes = 0;
	pool->counted = false;
}

/* Counts taken so far for this size are no longer what the kernel goes by. */
static void supersede(struct weir_boot_play *p, const struct weir_boot_pool *pool,
                      const char *why)
{
	for (size_t i = 0; i < p->out->nr_args; i++) {
		struct weir_boot_arg *arg = &p->out->args[i];

		if (arg->kind == WEIR_BOOT_HUGEPAGES && arg->taken &&
		    arg->page_bytes == pool->size_bytes)
			weir_boot_drop(arg, why);
	}
}

/* "2,1:5" behind "0:", and so on. The kernel adds to the total as it goes, which for a
 * node named twice comes to more than it then allocates: the nodes are what counts. */
static int read_nodes(struct weir_boot_play *p, struct weir_str s,
                      struct weir_boot_pool *pool, const char **why)
{
	uint64_t node, pages;

	for (;;) {
		*why = weir_boot_decimal(&s, &node);
		if (*why)
			return 0;
		if (!weir_str_starts(s, ":")) {
			*why = weir_boot_bare_number;
			return 0;
		}
		if (!weir_boot_node_is_there(p, node)) {
			*why = weir_boot_no_node;
			return 0;
		}
		s = weir_str_skip(s, 1);
		*why = weir_boot_decimal(&s, &pages);
		if (*why)
			return 0;
		if (ckd_add(&pool->pages, pool->pages, pages) ||
		    pool->pages > WEIR_COUNT_MAX) {
			*why = weir_boot_too_large;
			return 0;
		}
		if (set_node(pool, (unsigned int)node, pages) < 0)
			return -ENOMEM;
		if (!weir_str_starts(s, ",") || s.n == 1)
			return 0;
		s = weir_str_skip(s, 1);
	}
}

static int take_node_list(struct weir_boot_play *p, struct weir_boot_arg *arg,
                          struct weir_boot_pool *pool, ptrdiff_t at)
{
	bool had_nodes = pool->nr_nodes > 0;
	uint64_t pages_before = pool->pages;
	const char *why;
	int r = read_nodes(p, arg->value, pool, &why);

	if (r < 0)
		return r;
	drop_empty_nodes(pool);
	if (why) {
		supersede(p, pool, "a faulty node list behind it sets the count to 0");
		clear_pool(pool);
		weir_boot_drop(arg, why);
		return 0;
	}
	if (!had_nodes && pool->nr_nodes)
		supersede(p, pool, "a node list behind it takes its place");
	else if (!had_nodes && pool->pages != pages_before)
		/* "0:600,0:0": no node is left with any, and the sum is spread instead
		 * (hugetlb_hstate_alloc_pages()) */
		supersede(p, pool, "a node list behind it is added to it");
	pool->counted = true;
	arg->taken = true;
	p->last = at;
	return 0;
}

static void take_total(struct weir_boot_play *p, struct weir_boot_arg *arg,
                       struct weir_boot_pool *pool, uint64_t pages)
{
	arg->amount = (struct weir_boot_amount){ WEIR_BOOT_PAGES, pages };
	pool->pages = pages;
	if (pool->nr_nodes) {
		weir_boot_drop(arg, "the node list in front of it stays in force");
		return;
	}
	supersede(p, pool, "another count behind it takes its place");
	pool->counted = true;
	arg->taken = true;
}

/* hugepages=, once it is clear which counter is meant. */
static int set_count(struct weir_boot_play *p, struct weir_boot_arg *arg, ptrdiff_t at)
{
	struct weir_boot_pool *pool = pool_at(p, at);
	struct weir_str rest = arg->value;
	uint64_t pages;
	const char *why = weir_boot_decimal(&rest, &pages);
	bool list = !why && weir_str_starts(rest, ":");

	if (list && p->rules->node_lists)
		return take_node_list(p, arg, pool, at);
	if (!why) {
		take_total(p, arg, pool, pages);
		if (list)
			arg->note = "this kernel knows no node lists and reads the first "
				    "number as the count";
		p->last = at;
		return 0;
	}
	weir_boot_drop(arg, why);
	if (!arg->value.n && p->rules->node_lists) {
		p->last = at; /* no loop is entered, no error found, nothing set */
		return 0;
	}
	supersede(p, pool, "a faulty count behind it sets the count to 0");
	clear_pool(pool);
	if (!p->rules->node_lists) /* only the newer parser returns before this */
		p->last = at;
	return 0;
}

int weir_boot_hugepages(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	ptrdiff_t at = p->out->nr_pools ? p->parsed : PENDING;

	if (!p->valid) {
		p->valid = true;
		weir_boot_drop(arg, "the page size in front of it was not taken");
		return 0;
	}
	arg->page_bytes = pool_at(p, at)->size_bytes;
	if (at == p->last) {
		weir_boot_drop(arg, "this page size has its count already");
		return 0;
	}
	return set_count(p, arg, at);
}

/* Reads the size of either parameter. False when it is none of this kernel's. */
static bool page_size(struct weir_boot_play *p, struct weir_boot_arg *arg, uint64_t *out)
{
	struct weir_str rest = arg->value;

	if (!weir_memparse(&rest, out)) {
		weir_boot_drop(arg, weir_boot_too_large);
		return false;
	}
	arg->amount = (struct weir_boot_amount){ WEIR_BOOT_BYTES, *out };
	if (!size_is_supported(p, *out)) {
		weir_boot_drop(arg, "this kernel has no pages of that size");
		return false;
	}
	return true;
}

int weir_boot_hugepagesz(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	ptrdiff_t at;
	uint64_t bytes;
	int r;

	p->valid = false;
	if (!page_size(p, arg, &bytes))
		return 0;
	at = find_pool(p, bytes);
	if (at == NOBODY) {
		r = add_pool(p, bytes, &at);
		if (r < 0)
			return r;
	} else if (!p->out->default_named || at != p->default_at ||
	           p->out->pools[at].pages) {
		weir_boot_drop(arg, "this page size was named before");
		return 0;
	}
	p->parsed = at;
	p->valid = true;
	arg->taken = true;
	return 0;
}

/* The count in front of any size goes to the default size, which is now known. It wins
 * over a count that names this size, unless it is 0: then it is not seen at all. */
static void adopt_pending(struct weir_boot_play *p, ptrdiff_t at)
{
	struct weir_boot_pool *pool = pool_at(p, at);

	if (!p->pending.counted)
		return;
	if (!p->pending.pages && pool->counted) {
		supersede(p, &p->pending,
		          "a count of 0 in front of any page size sets nothing");
		return;
	}
	if (pool->counted)
		supersede(p, pool, "the count in front of any page size is used instead");
	for (size_t i = 0; i < p->out->nr_args; i++)
		if (p->out->args[i].taken &&
		    p->out->args[i].kind == WEIR_BOOT_HUGEPAGES &&
		    !p->out->args[i].page_bytes)
			p->out->args[i].page_bytes = pool->size_bytes;
	free(pool->nodes);
	pool->counted = true;
	pool->pages = p->pending.pages;
	pool->nr_nodes = p->pending.nr_nodes;
	pool->cap_nodes = p->pending.cap_nodes;
	pool->nodes = weir_take(p->pending.nodes);
	p->pending = (struct weir_boot_pool){ 0 };
}

int weir_boot_default_hugepagesz(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	uint64_t bytes;
	int r;

	p->valid = false;
	if (p->out->default_named) {
		weir_boot_drop(arg, "only the first default_hugepagesz= counts");
		return 0;
	}
	if (!page_size(p, arg, &bytes))
		return 0;
	/* a size that was named before does not become @parsed again: the next count goes
	 * to the size named last, which may be another one */
	r = add_pool(p, bytes, &p->default_at);
	if (r < 0)
		return r;
	p->valid = true;
	p->out->default_named = true;
	arg->taken = true;
	adopt_pending(p, p->default_at);
	return 0;
}

/* pages = sum of the nodes, where there are any */
static void sum_nodes(struct weir_boot_play *p, struct weir_boot_pool *pool)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < pool->nr_nodes; i++)
		if (ckd_add(&sum, sum, pool->nodes[i].pages) || sum > WEIR_COUNT_MAX) {
			supersede(p, pool, weir_boot_too_large);
			clear_pool(pool);
			return;
		}
	if (pool->nr_nodes)
		pool->pages = sum;
}

int weir_boot_play_settle(struct weir_boot_play *p)
{
	struct weir_boot *boot = p->out;
	uint64_t bytes = p->rules->default_bytes;
	ptrdiff_t at;
	int r;

	if (boot->default_named)
		boot->default_bytes = WEIR_COUNT(boot->pools[p->default_at].size_bytes);
	else if (bytes)
		boot->default_bytes = WEIR_COUNT(bytes);
	if (p->pending.counted && !boot->default_named) {
		r = add_pool(p, bytes, &at);
		if (r < 0)
			return r;
		adopt_pending(p, at);
	}
	for (size_t i = 0; i < boot->nr_pools; i++)
		sum_nodes(p, &boot->pools[i]);
	return 0;
}

void weir_boot_play_init(struct weir_boot_play *p, const struct weir_boot_rules *rules,
                         struct weir_boot *out)
{
	*p = (struct weir_boot_play){
		.rules = rules,
		.out = out,
		.parsed = NOBODY,
		.last = NOBODY,
		.default_at = NOBODY,
		.valid = true,
	};
}

void weir_boot_play_done(struct weir_boot_play *p)
{
	free(p->pending.nodes);
	p->pending = (struct weir_boot_pool){ 0 };
}
