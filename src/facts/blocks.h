/* blocks: memory blocks that are going offline now (/sys/devices/system/memory, v5.10 to
 * v6.18: drivers/base/memory.c, state_show()). The kernel moves what is in use out of
 * such a block and dissolves the free pages of the pools in it: docs/kernel-rules.md. */
#ifndef WEIR_FACTS_BLOCKS_H
#define WEIR_FACTS_BLOCKS_H

#include "facts/placement.h"

#define WEIR_BLOCKS_MAX \
	65536U /* 8 TiB of blocks of 128 MiB; larger hosts have larger ones */

struct weir_blocks {
	bool known;
	uint64_t *v; /* numbers of those that go offline, ascending */
	size_t nr, cap;
	size_t nr_seen;
	struct weir_count block_bytes; /* of each; read only if some go offline */
	struct weir_pool_runs runs;    /* the pools' pages, only if some go offline */
	bool runs_known;               /* root only */
};

/* 0 or -ENOMEM. */
int weir_blocks_read(const struct weir_host *host, struct weir_blocks *out);
void weir_blocks_done(struct weir_blocks *blocks);

/* Pages of a size that lie in blocks that go offline, in part or whole. @base_bytes: the
 * base page. Unknown without it or the size of the blocks, where no block goes offline,
 * and where places are not told. */
struct weir_count weir_blocks_pages(const struct weir_blocks *blocks,
                                    struct weir_count base_bytes, uint64_t page_bytes);

#endif
