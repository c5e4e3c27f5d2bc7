/* blocks: see blocks.h. A read of a few bytes for each block, of which a host has some
 * hundreds; where the pages of the pools lie is asked only when one goes offline. */
#include "facts/blocks.h"

#include "base/ckd.h"
#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS "/sys/devices/system/memory"

void weir_blocks_done(struct weir_blocks *blocks)
{
	free(blocks->v);
	weir_pool_runs_done(&blocks->runs);
	*blocks = (struct weir_blocks){ 0 };
}

static int look_at(const struct weir_host *host, const char *name, struct weir_buf *text,
                   struct weir_blocks *out)
{
	char path[80];
	uint64_t number;
	int r;

	if (!weir_str_starts(weir_strz(name), "memory") ||
	    weir_parse_u64(weir_strz(name + strlen("memory")), &number) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), BLOCKS "/memory%" PRIu64 "/state", number);
	r = weir_host_read(host, path, WEIR_SMALL_MAX, text);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* it was removed, or is not captured */
	out->known = true;
	out->nr_seen++;
	if (!weir_str_eq(weir_str_trim(weir_buf_str(text)), "going-offline"))
		return 0;
	r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
	if (r == 0)
		out->v[out->nr++] = number;
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int read_places(const struct weir_host *host, struct weir_buf *text,
                       struct weir_blocks *out)
{
	uint64_t bytes;
	int r = weir_host_read(host, BLOCKS "/block_size_bytes", WEIR_SMALL_MAX, text);

	if (r == 0 && weir_parse_hex(weir_str_trim(weir_buf_str(text)), &bytes) == 0 &&
	    bytes <= WEIR_COUNT_MAX)
		out->block_bytes = WEIR_COUNT(bytes);
	return r == -ENOMEM ? r : weir_pool_runs_read(host, &out->runs, &out->runs_known);
}

int weir_blocks_read(const struct weir_host *host, struct weir_blocks *out)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_list(host, BLOCKS, &names);

	*out = (struct weir_blocks){ 0 };
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < names.nr && out->nr_seen < WEIR_BLOCKS_MAX; i++)
		r = look_at(host, names.v[i].name, &text, out);
	if (r == 0 && out->nr) {
		qsort(out->v, out->nr, sizeof(*out->v), by_number);
		r = read_places(host, &text, out);
	}
	if (r < 0)
		weir_blocks_done(out);
	return r;
}

/* Pages of a run that have a byte in [first, end), in base pages. */
static uint64_t overlap(const struct weir_pool_run *run, uint64_t per_page,
                        uint64_t first, uint64_t end)
{
	uint64_t from = run->pfn > first ? run->pfn : first;
	uint64_t to = run->pfn + run->nr * per_page;

	to = to < end ? to : end;
	if (from >= to)
		return 0;
	return (to - 1 - run->pfn) / per_page - (from - run->pfn) / per_page + 1;
}

/* Blocks that follow each other are one range: a page may lie in two of them. */
struct weir_count weir_blocks_pages(const struct weir_blocks *blocks,
                                    struct weir_count base_bytes, uint64_t page_bytes)
{
	uint64_t sum = 0, per_block;

	if (!blocks->nr || !blocks->runs_known || !blocks->block_bytes.n ||
	    page_bytes < base_bytes.n || !base_bytes.n)
		return (struct weir_count){ 0 };
	per_block = blocks->block_bytes.n / base_bytes.n;
	for (size_t i = 0, next; i < blocks->nr; i = next) {
		uint64_t first, end;

		for (next = i + 1;
		     next < blocks->nr && blocks->v[next] == blocks->v[next - 1] + 1;)
			next++;
		if (ckd_mul(&first, blocks->v[i], per_block) ||
		    ckd_mul(&end, blocks->v[next - 1] + 1, per_block))
			return (struct weir_count){ 0 };
		for (size_t k = 0; k < blocks->runs.nr; k++)
			if (blocks->runs.v[k].size_bytes == page_bytes)
				sum += overlap(&blocks->runs.v[k],
				               page_bytes / base_bytes.n, first, end);
	}
	return WEIR_COUNT(sum);
}
