/* render_mem: memory and nodes, and what the kernel says of itself.
 *
 * Of the kernel's lines there are those whose numbers the model knows. Source:
 * fs/proc/meminfo.c meminfo_proc_show(), drivers/base/node.c node_read_meminfo(),
 * mm/hugetlb.c hugetlb_report_meminfo(), mm/vmstat.c zoneinfo_show_print() and
 * frag_show_print(), v6.6. */
#include "lab/render_files.h"
#include "lab/term.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>

#define ORDERS     11 /* of the buddy allocator: blocks of up to 4 MiB */
#define HUGE_ORDER 9

int weir_render_list(uint64_t mask, struct weir_buf *out)
{
	const char *comma = "";
	int r = 0;

	for (unsigned int first = weir_node_next(mask, 0);
	     r == 0 && first < WEIR_MODEL_NODES_MAX;) {
		unsigned int last = first;

		while (last + 1 < WEIR_MODEL_NODES_MAX && weir_node_in(mask, last + 1))
			last++;
		r = weir_buf_printf(out, first < last ? "%s%u-%u" : "%s%u", comma, first,
		                    last);
		comma = ",";
		first = weir_node_next(mask, last + 1);
	}
	return r;
}

/* ---- /proc/meminfo ---- */

static uint64_t sum(const uint64_t *bytes, uint64_t nodes)
{
	uint64_t all = 0;

	weir_each_node (n, nodes)
		all += bytes[n];
	return all;
}

static uint64_t free_bytes(const struct weir_memory *mem)
{
	uint64_t all = 0;

	weir_each_node (n, mem->all)
		all += weir_memory_free(mem, n);
	return all;
}

static uint64_t pool_bytes(const struct weir_model *m)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < m->nr_pools; i++)
		all += m->pools[i].total * m->pools[i].page_bytes;
	return all;
}

/* Of CMA, bytes; @free: of it. */
static uint64_t cma_bytes(const struct weir_memory *mem, bool free)
{
	uint64_t pages = 0;

	weir_each_node (n, mem->all)
		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
			pages += free ? mem->zones[n][z].free[1] : mem->zones[n][z].cma;
	return pages * WEIR_BASE_PAGE;
}

/* A kernel without CONFIG_CMA has no such lines. */
static int show_cma(const struct weir_memory *mem, struct weir_buf *out)
{
	if (!cma_bytes(mem, false))
		return 0;
	return weir_buf_printf(out,
	                       "CmaTotal:       %8" PRIu64 " kB\n"
	                       "CmaFree:        %8" PRIu64 " kB\n",
	                       cma_bytes(mem, false) / 1024, cma_bytes(mem, true) / 1024);
}

static int show_meminfo(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_model *m = s->world->model;
	const struct weir_pool *pool = &m->pools[0];
	int r = show_cma(&m->memory, out);

	if (r < 0)
		return r;
	return weir_buf_printf(out,
	                       "MemTotal:       %8" PRIu64 " kB\n"
	                       "MemFree:        %8" PRIu64 " kB\n"
	                       "HardwareCorrupted: %5" PRIu64 " kB\n"
	                       "HugePages_Total:   %5" PRIu64 "\n"
	                       "HugePages_Free:    %5" PRIu64 "\n"
	                       "HugePages_Rsvd:    %5" PRIu64 "\n"
	                       "HugePages_Surp:    %5" PRIu64 "\n"
	                       "Hugepagesize:   %8" PRIu64 " kB\n"
	                       "Hugetlb:        %8" PRIu64 " kB\n",
	                       sum(m->memory.total_bytes, m->memory.all) / 1024,
	                       free_bytes(&m->memory) / 1024, m->corrupted_bytes / 1024,
	                       pool->total, pool->free, pool->reserved, pool->surplus,
	                       pool->page_bytes / 1024, pool_bytes(m) / 1024);
}

static int show_node_meminfo(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_model *m = s->world->model;
	const struct weir_pool *pool = &m->pools[0];
	unsigned int n = s->node;
	uint64_t total = m->memory.total_bytes[n], free = weir_memory_free(&m->memory, n);

	return weir_buf_printf(out,
	                       "Node %u MemTotal:       %8" PRIu64 " kB\n"
	                       "Node %u MemFree:        %8" PRIu64 " kB\n"
	                       "Node %u MemUsed:        %8" PRIu64 " kB\n"
	                       "Node %u HugePages_Total: %5" PRIu64 "\n"
	                       "Node %u HugePages_Free:  %5" PRIu64 "\n"
	                       "Node %u HugePages_Surp:  %5" PRIu64 "\n",
	                       n, total / 1024, n, free / 1024, n, (total - free) / 1024,
	                       n, pool->nr[n], n, pool->nr_free[n], n,
	                       pool->nr_surplus[n]);
}

/* ---- zones ---- */

static bool is_shown(const struct weir_memory *mem, unsigned int node, unsigned int zone)
{
	return mem->zones[node][zone].there ||
	       (zone == WEIR_ZONE_NORMAL && !weir_node_in(mem->zoned, node));
}

/* A node without zones has one, of all its memory; what HVO gives back counts there. */
static int show_zone(const struct weir_memory *mem, unsigned int node, unsigned int idx,
                     struct weir_buf *out)
{
	const struct weir_memory_zone *zone = &mem->zones[node][idx];
	uint64_t free = zone->free[0] + zone->free[1], pages = zone->managed;

	if (!weir_node_in(mem->zoned, node))
		pages = mem->total_bytes[node] / WEIR_BASE_PAGE;
	return weir_buf_printf(out,
	                       "Node %u, zone %8s\n"
	                       "  pages free     %" PRIu64 "\n"
	                       "        boost    0\n"
	                       "        min      %" PRIu64 "\n"
	                       "        low      %" PRIu64 "\n"
	                       "        high     %" PRIu64 "\n"
	                       "        spanned  %" PRIu64 "\n"
	                       "        present  %" PRIu64 "\n"
	                       "        managed  %" PRIu64 "\n"
	                       "        cma      %" PRIu64 "\n"
	                       "        protection: (%" PRIu64 ", %" PRIu64 ", %" PRIu64
	                       ", %" PRIu64 ")\n"
	                       "      nr_free_pages %" PRIu64 "\n"
	                       "      nr_free_cma  %" PRIu64 "\n",
	                       node, weir_zone_name((enum weir_zone_kind)idx), free,
	                       zone->min, zone->low, zone->high, pages, pages, pages,
	                       zone->cma, zone->reserve[WEIR_ZONE_DMA],
	                       zone->reserve[WEIR_ZONE_DMA32],
	                       zone->reserve[WEIR_ZONE_NORMAL],
	                       zone->reserve[WEIR_ZONE_MOVABLE], free, zone->free[1]);
}

static int show_zoneinfo(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_memory *mem = &s->world->model->memory;
	int r = 0;

	weir_each_node (n, mem->all)
		for (unsigned int z = 0; r == 0 && z < WEIR_ZONE_NR; z++)
			if (is_shown(mem, n, z))
				r = show_zone(mem, n, z, out);
	return r;
}

/* Whole blocks as the largest there are, the rest as small as it can be told. */
static int show_buddy(const struct weir_memory *mem, unsigned int node, unsigned int idx,
                      struct weir_buf *out)
{
	const struct weir_memory_zone *zone = &mem->zones[node][idx];
	uint64_t whole = zone->whole[0] + zone->whole[1];
	uint64_t rest = zone->free[0] + zone->free[1] - whole;
	int r = weir_buf_printf(out, "Node %u, zone %8s ", node,
	                        weir_zone_name((enum weir_zone_kind)idx));

	for (unsigned int o = 0; r == 0 && o < ORDERS; o++) {
		uint64_t nr = o < HUGE_ORDER ? rest >> o & 1 : whole >> o & 1;

		if (o + 1 == HUGE_ORDER)
			nr = rest >> o;
		else if (o + 1 == ORDERS)
			nr = whole >> o;
		r = weir_buf_printf(out, "%6" PRIu64 " ", nr);
	}
	return r < 0 ? r : weir_buf_addz(out, "\n");
}

static int show_buddyinfo(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_memory *mem = &s->world->model->memory;
	int r = 0;

	weir_each_node (n, mem->nodes)
		for (unsigned int z = 0; r == 0 && z < WEIR_ZONE_NR; z++)
			if (is_shown(mem, n, z))
				r = show_buddy(mem, n, z, out);
	return r;
}

/* ---- nodes ---- */

static int show_list(uint64_t mask, struct weir_buf *out)
{
	int r = weir_render_list(mask, out);

	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

static int show_nodes(const struct weir_subject *s, struct weir_buf *out)
{
	return show_list(s->world->model->memory.all, out);
}

static int show_has_memory(const struct weir_subject *s, struct weir_buf *out)
{
	return show_list(s->world->model->memory.nodes, out);
}

static int show_has_cpu(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_memory *mem = &s->world->model->memory;
	uint64_t with = 0;

	weir_each_node (n, mem->all)
		if (mem->cpus[n])
			with |= UINT64_C(1) << n;
	return show_list(with, out);
}

static int show_cpulist(const struct weir_subject *s, struct weir_buf *out)
{
	return show_list(s->world->model->memory.cpus[s->node], out);
}

/* As wide as the highest CPU asks for, in groups of 32: lib/vsprintf.c bitmap_string() */
static int show_cpumap(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_memory *mem = &s->world->model->memory;
	uint64_t cpus = mem->cpus[s->node], all = 0;
	int bits;

	weir_each_node (n, mem->all)
		all |= mem->cpus[n];
	bits = all ? 64 - __builtin_clzll(all) : 1;
	if (bits <= 32)
		return weir_buf_printf(out, "%0*" PRIx64 "\n", (bits + 3) / 4, cpus);
	return weir_buf_printf(out, "%0*" PRIx64 ",%08" PRIx64 "\n", (bits - 32 + 3) / 4,
	                       cpus >> 32, cpus & UINT32_MAX);
}

static int show_distance(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_memory *mem = &s->world->model->memory;
	const char *blank = "";
	int r = 0;

	weir_each_node (k, mem->all) {
		if (r == 0)
			r = weir_buf_printf(out, "%s%u", blank,
			                    mem->distance[s->node][k]);
		blank = " ";
	}
	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

/* ---- the kernel ---- */

static int show_release(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(out, "%s-model\n", s->world->kernel);
}

static int show_hostname(const struct weir_subject *s, struct weir_buf *out)
{
	(void)s;
	return weir_buf_addz(out, "model\n");
}

static int show_cmdline(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(out, "%s\n", s->world->boot ? s->world->boot : "");
}

static int show_page_size(const struct weir_subject *s, struct weir_buf *out)
{
	(void)s;
	return weir_buf_printf(out, "%" PRIu64 "\n", WEIR_BASE_PAGE);
}

/* No log was kept: nothing of it is known, and that there is none is known. */
static int show_nothing(const struct weir_subject *s, struct weir_buf *out)
{
	(void)s;
	(void)out;
	return 0;
}

#define NODES "/sys/devices/system/node/"

static const struct weir_render_file files[] = {
	{ "/proc/meminfo", show_meminfo, NULL, false, 0 },
	{ "/proc/zoneinfo", show_zoneinfo, NULL, false, 0 },
	{ "/proc/buddyinfo", show_buddyinfo, NULL, false, 0 },
	{ "/proc/cmdline", show_cmdline, NULL, false, 0 },
	{ "/proc/sys/kernel/osrelease", show_release, NULL, false, 0 },
	{ "/proc/sys/kernel/hostname", show_hostname, NULL, false, 0 },
	{ "/@/pagesize", show_page_size, NULL, false, 0 },
	{ "/@/klog", show_nothing, NULL, false, 0 },
	{ NODES "online", show_nodes, NULL, false, 0 },
	{ NODES "possible", show_nodes, NULL, false, 0 },
	{ NODES "has_memory", show_has_memory, NULL, false, 0 },
	{ NODES "has_normal_memory", show_has_memory, NULL, false, 0 },
	{ NODES "has_cpu", show_has_cpu, NULL, false, 0 },
	{ NODES "node%n/meminfo", show_node_meminfo, NULL, false, 0 },
	{ NODES "node%n/cpulist", show_cpulist, NULL, false, 0 },
	{ NODES "node%n/cpumap", show_cpumap, NULL, false, 0 },
	{ NODES "node%n/distance", show_distance, NULL, false, 0 },
};

const struct weir_render_files weir_render_mem = { files, WEIR_NELEM(files) };
