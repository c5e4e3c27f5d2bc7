/* pools: see pools.h. */
#include "facts/pools.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define GLOBAL_DIR "/sys/kernel/mm/hugepages"
#define NODE_DIR   "/sys/devices/system/node"

void weir_pools_done(struct weir_pools *pools)
{
	for (size_t i = 0; i < pools->nr; i++)
		free(pools->sizes[i].nodes);
	free(pools->sizes);
	*pools = (struct weir_pools){ 0 };
}

int weir_huge_dir_parse(struct weir_str name, uint64_t *out_bytes)
{
	uint64_t kb, bytes;

	if (!weir_str_starts(name, "hugepages-") || !weir_str_ends(name, "kB"))
		return -EBADMSG;
	name = weir_str_skip(name, 10);
	name.n -= 2;
	if (!name.n || name.p[0] == '0') /* one name a size: "02048" is none */
		return -EBADMSG;
	if (weir_parse_u64(name, &kb) < 0 || ckd_mul(&bytes, kb, 1024U) || !bytes ||
	    bytes > WEIR_COUNT_MAX || (bytes & (bytes - 1)))
		return -EBADMSG;
	*out_bytes = bytes;
	return 0;
}

static struct weir_count count_in(struct weir_reader *rd, const char *dir,
                                  uint64_t size_bytes, const char *file)
{
	return weir_reader_count(rd, WEIR_COUNT_MAX, "%s/hugepages-%" PRIu64 "kB/%s", dir,
	                         size_bytes / 1024, file);
}

static struct weir_pool pool_in(struct weir_reader *rd, const char *dir,
                                uint64_t size_bytes)
{
	return (struct weir_pool){
		.nr = count_in(rd, dir, size_bytes, "nr_hugepages"),
		.free = count_in(rd, dir, size_bytes, "free_hugepages"),
		.surplus = count_in(rd, dir, size_bytes, "surplus_hugepages"),
	};
}

static struct weir_pool global_pool(struct weir_reader *rd, uint64_t size_bytes)
{
	struct weir_pool pool = pool_in(rd, GLOBAL_DIR, size_bytes);

	pool.reserved = count_in(rd, GLOBAL_DIR, size_bytes, "resv_hugepages");
	return pool;
}

static bool same(struct weir_count a, struct weir_count b)
{
	return a.known == b.known && a.n == b.n;
}

static bool same_pool(const struct weir_pool *a, const struct weir_pool *b)
{
	return same(a->nr, b->nr) && same(a->free, b->free) &&
	       same(a->surplus, b->surplus) && same(a->reserved, b->reserved);
}

/* The nodes' pools sum to the whole (mm/hugetlb.c keeps both under hugetlb_lock). A node
 * that does not tell proves nothing. */
static bool sums_up(const struct weir_huge_size *size)
{
	struct weir_count nr = WEIR_COUNT(0), free = nr, surplus = nr;

	if (!size->nr_nodes)
		return true;
	for (size_t i = 0; i < size->nr_nodes; i++) {
		nr = weir_count_add(nr, size->nodes[i].pool.nr);
		free = weir_count_add(free, size->nodes[i].pool.free);
		surplus = weir_count_add(surplus, size->nodes[i].pool.surplus);
	}
	return (!nr.known || !size->all.nr.known || nr.n == size->all.nr.n) &&
	       (!free.known || !size->all.free.known || free.n == size->all.free.n) &&
	       (!surplus.known || !size->all.surplus.known ||
	        surplus.n == size->all.surplus.n);
}

static void read_nodes(struct weir_reader *rd, const struct weir_ranges *nodes,
                       struct weir_huge_size *size)
{
	weir_ranges_each (node, nodes) {
		struct weir_node_pool *np;
		char dir[64];

		rd->failed = rd->failed ? rd->failed
		                        : weir_grow(&size->nodes, &size->cap_nodes,
		                                    size->nr_nodes, sizeof(*size->nodes));
		if (rd->failed)
			return;
		(void)snprintf(dir, sizeof(dir), NODE_DIR "/node%u/hugepages", node);
		np = &size->nodes[size->nr_nodes++];
		*np = (struct weir_node_pool){ node, pool_in(rd, dir, size->size_bytes) };
	}
}

static bool is_empty(const struct weir_pool *pool)
{
	return same_pool(pool, &(const struct weir_pool){ WEIR_COUNT(0), WEIR_COUNT(0),
	                                                  WEIR_COUNT(0), WEIR_COUNT(0) });
}

static void read_size(struct weir_reader *rd, const struct weir_ranges *nodes,
                      struct weir_huge_size *size)
{
	struct weir_pool again;

	size->all = global_pool(rd, size->size_bytes);
	read_nodes(rd, nodes, size);
	/* most hosts use one size of several: what was empty before and after its nodes
	 * were read, as their sum tells, needs no second look */
	again = is_empty(&size->all) ? size->all : global_pool(rd, size->size_bytes);
	size->consistent = same_pool(&size->all, &again) && sums_up(size);
	size->overcommit = weir_reader_count(rd, UINT64_MAX,
	                                     GLOBAL_DIR "/hugepages-%" PRIu64
	                                                "kB/nr_overcommit_hugepages",
	                                     size->size_bytes / 1024);
}

static int by_size(const void *a, const void *b)
{
	const struct weir_huge_size *x = a, *y = b;

	return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

static int add_sizes(const struct weir_names *names, struct weir_pools *out)
{
	for (size_t i = 0; i < names->nr && out->nr < WEIR_HUGE_SIZES_MAX; i++) {
		uint64_t bytes;
		int r;

		if (weir_huge_dir_parse(weir_strz(names->v[i].name), &bytes) < 0)
			continue;
		r = weir_grow(&out->sizes, &out->cap, out->nr, sizeof(*out->sizes));
		if (r < 0)
			return r;
		out->sizes[out->nr++].size_bytes = bytes;
	}
	if (out->nr)
		qsort(out->sizes, out->nr, sizeof(*out->sizes), by_size);
	return 0;
}

/* demote_size is there only where a smaller size to demote to is (since 5.16): not having
 * it is no gap. It reads as "2048kB". */
static void read_demote_size(struct weir_reader *rd, struct weir_pools *pools)
{
	for (size_t i = 1; i < pools->nr; i++) {
		char path[128];
		uint64_t bytes;
		int r;

		(void)snprintf(path, sizeof(path),
		               GLOBAL_DIR "/hugepages-%" PRIu64 "kB/demote_size",
		               pools->sizes[i].size_bytes / 1024);
		r = weir_host_read(rd->host, path, WEIR_SMALL_MAX, &rd->text);
		if (r == -ENOMEM)
			rd->failed = r;
		if (r == 0 &&
		    weir_parse_size(weir_str_trim(weir_buf_str(&rd->text)), &bytes) ==
		            0 &&
		    bytes <= WEIR_COUNT_MAX)
			pools->sizes[i].demote_size = WEIR_COUNT(bytes);
	}
}

static struct weir_count read_target(struct weir_reader *rd)
{
	return weir_reader_count(rd, WEIR_COUNT_MAX, "/proc/sys/vm/nr_hugepages");
}

void weir_pools_read(struct weir_reader *rd, const struct weir_ranges *nodes,
                     struct weir_pools *out)
{
	struct weir_count target;
	struct weir_names names = { 0 };

	*out = (struct weir_pools){ 0 };
	if (!weir_reader_list(rd, GLOBAL_DIR, &names))
		return;
	out->known = true;
	rd->failed = rd->failed ? rd->failed : add_sizes(&names, out);
	weir_names_done(&names);
	target = read_target(rd);
	for (size_t i = 0; i < out->nr; i++)
		read_size(rd, nodes, &out->sizes[i]);
	out->sysctl_nr = read_target(rd);
	out->settled = same(target, out->sysctl_nr);
}

void weir_pools_read_settings(struct weir_reader *rd, struct weir_pools *pools)
{
	read_demote_size(rd, pools);
	if (!pools->known)
		return;
	pools->sysctl_overcommit = weir_reader_count(
		rd, UINT64_MAX, "/proc/sys/vm/nr_overcommit_hugepages");
	pools->shm_group = weir_reader_count(rd, UINT32_MAX,
	                                     "/proc/sys/vm/hugetlb_shm_group");
	pools->optimize_vmemmap = weir_reader_count(
		rd, WEIR_COUNT_MAX, "/proc/sys/vm/hugetlb_optimize_vmemmap");
}

const struct weir_huge_size *weir_pools_size(const struct weir_pools *pools,
                                             uint64_t size_bytes)
{
	for (size_t i = 0; i < pools->nr; i++)
		if (pools->sizes[i].size_bytes == size_bytes)
			return &pools->sizes[i];
	return NULL;
}

struct weir_count weir_pool_in_use(const struct weir_pool *pool)
{
	return weir_count_sub(pool->nr, pool->free);
}

struct weir_count weir_pool_persistent(const struct weir_pool *pool)
{
	return weir_count_sub(pool->nr, pool->surplus);
}

/* a - b, but not below 0: more may be reserved than is free on one node, and even on all
 * of them while poisoned pages still count as free. */
static struct weir_count sub_to_zero(struct weir_count a, struct weir_count b)
{
	if (a.known && (!a.n || (b.known && b.n > a.n)))
		return WEIR_COUNT(0); /* of nothing nothing can be had, whatever @b is */
	return weir_count_sub(a, b);
}

struct weir_count weir_pool_removable(const struct weir_pool *pool)
{
	return sub_to_zero(sub_to_zero(pool->free, pool->reserved), pool->surplus);
}

struct weir_span weir_pool_really_free(const struct weir_huge_size *size,
                                       const struct weir_pool *pool)
{
	struct weir_count all = sub_to_zero(size->all.free, size->all.reserved);
	struct weir_span span = { all, all };

	if (pool == &size->all)
		return span;
	span.min = sub_to_zero(pool->free, size->all.reserved);
	span.max = all.known && pool->free.known && all.n < pool->free.n ? all
	                                                                 : pool->free;
	if (span.max.known && span.min.n > span.max.n)
		span.min = span.max; /* the node was read at another moment */
	return span;
}
