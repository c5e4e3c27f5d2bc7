/* render_cma: the CMA areas, and what CSV3 VMs have of them.
 *
 * The model knows how much of a node's memory is CMA. Where a Hygon host's command line
 * asked for it, those are CSV's areas of 1 GiB; else the one area that cma= makes, or one
 * a node. What the kernel counts as available is what nobody has by cma_alloc(): what is
 * lent to others is in it. How often somebody took or gave is not kept. Source:
 * mm/cma_sysfs.c, total_pages_show(), available_pages_show(), v6.12; names as in
 * kernel/dma/contiguous.c and arch/x86/mm/mem_encrypt_hygon.c. */
#include "lab/render_files.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CSV_AREA_PAGES (WEIR_GIB / WEIR_BASE_PAGE)

static uint64_t cma_of(const struct weir_memory *mem, unsigned int node)
{
	uint64_t pages = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		pages += mem->zones[node][z].cma;
	return pages;
}

static uint64_t csv_of(const struct weir_memory *mem, unsigned int node)
{
	uint64_t pages = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		pages += mem->zones[node][z].csv;
	return pages;
}

/* A CMA is CSV's where the command line asked for it. */
static bool has_csv(const struct weir_subject *s)
{
	const struct weir_memory *mem = &s->world->model->memory;
	uint64_t pages = 0;

	weir_each_node (n, mem->all)
		pages += cma_of(mem, n);
	return pages && s->world->boot && strstr(s->world->boot, "csv_mem_");
}

/* ---- areas ---- */

static unsigned int nodes_with_cma(const struct weir_memory *mem)
{
	unsigned int nr = 0;

	weir_each_node (n, mem->all)
		nr += cma_of(mem, n) != 0;
	return nr;
}

/* In which of a node's areas CSV3's memory is nobody asks: the first ones are full. */
static void csv_area(const struct weir_memory *mem, unsigned int node, uint64_t idx,
                     struct weir_render_area *out)
{
	uint64_t before = idx * CSV_AREA_PAGES, used = csv_of(mem, node);

	(void)snprintf(out->name, sizeof(out->name), "csv-n%uc%" PRIu64, node, idx);
	out->pages = cma_of(mem, node) - before;
	if (out->pages > CSV_AREA_PAGES)
		out->pages = CSV_AREA_PAGES;
	out->used = used > before ? used - before : 0;
	if (out->used > out->pages)
		out->used = out->pages;
}

bool weir_render_area(const struct weir_subject *s, size_t i,
                      struct weir_render_area *out)
{
	const struct weir_memory *mem = &s->world->model->memory;

	weir_each_node (n, mem->all) {
		uint64_t nr = cma_of(mem, n) != 0;

		if (has_csv(s))
			nr = (cma_of(mem, n) + CSV_AREA_PAGES - 1) / CSV_AREA_PAGES;
		if (i >= nr) {
			i -= nr;
			continue;
		}
		if (has_csv(s)) {
			csv_area(mem, n, i, out);
			return true;
		}
		if (nodes_with_cma(mem) == 1)
			(void)snprintf(out->name, sizeof(out->name), "reserved");
		else
			(void)snprintf(out->name, sizeof(out->name), "pernuma%u", n);
		out->pages = cma_of(mem, n);
		out->used = csv_of(mem, n);
		return true;
	}
	return false;
}

static int show_total(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(out, "%" PRIu64 "\n", s->area.pages);
}

static int show_available(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(out, "%" PRIu64 "\n", s->area.pages - s->area.used);
}

/* Older kernels do not tell. */
static bool has_counts(const struct weir_subject *s)
{
	size_t ours, first;
	struct weir_err err;

	return weir_kernel_find(weir_strz(s->world->kernel), &ours, &err) == 0 &&
	       weir_kernel_find(weir_strz("6.12"), &first, &err) == 0 && ours >= first;
}

/* ---- CSV3 ---- */

static uint64_t mib(uint64_t pages)
{
	return (pages * WEIR_BASE_PAGE + WEIR_MIB - 1) / WEIR_MIB;
}

static int show_csv(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_memory *mem = &s->world->model->memory;
	uint64_t total = 0, used = 0;
	int r = 0;

	weir_each_node (n, mem->nodes) {
		total += mib(cma_of(mem, n));
		used += mib(csv_of(mem, n));
		if (r == 0)
			r = weir_buf_printf(out,
			                    "Node%u:\n total cma size: %12" PRIu64
			                    " MiB\n csv3 cma used:  %12" PRIu64 " MiB\n",
			                    n, mib(cma_of(mem, n)), mib(csv_of(mem, n)));
	}
	return r < 0 ? r
	             : weir_buf_printf(out,
	                               "All Nodes:\n total cma size: %12" PRIu64
	                               " MiB\n csv3 cma used:  %12" PRIu64 " MiB\n",
	                               total, used);
}

static const struct weir_render_file files[] = {
	{ "/sys/kernel/mm/cma/%a/total_pages", show_total, has_counts, false, 0 },
	{ "/sys/kernel/mm/cma/%a/available_pages", show_available, has_counts, false, 0 },
	{ "/sys/kernel/mm/csv3_cma/mem_info", show_csv, has_csv, false, 0 },
};

const struct weir_render_files weir_render_cma = { files, WEIR_NELEM(files) };
