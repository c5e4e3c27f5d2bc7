/* contig: see contig.h.
 *
 * Which pages move the kernel decides by has_unmovable_pages() (mm/page_isolation.c):
 * free ones and those on the LRU lists do, and of a compound page the head decides. The
 * flags show that, but no reference counts: a page on a per-CPU list looks like one that
 * a driver has. */
#include "host/contig.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kernel-page-flags.h>
#include <unistd.h>

#define BIT(n) (UINT64_C(1) << (n))
/* the kernel's own include/linux/kernel-page-flags.h: for hackers, and there since 2.6.31
 */
#define RESERVED BIT(32)

#define FIXED_FLAGS                                                               \
	(BIT(KPF_NOPAGE) | BIT(KPF_SLAB) | BIT(KPF_PGTABLE) | BIT(KPF_HWPOISON) | \
	 BIT(KPF_ZERO_PAGE) | RESERVED)
/* of memory that processes and the page cache have */
#define DATA_FLAGS \
	(BIT(KPF_UPTODATE) | BIT(KPF_MMAP) | BIT(KPF_ANON) | BIT(KPF_SWAPBACKED))

#define CHUNK 4096U /* page frames at a read */

enum kind { FREE, MOVABLE, POOL, OTHER, FIXED };

struct look {
	uint64_t nr[FIXED + 1];
	enum kind head; /* of the last compound page */
};

static enum kind kind_alone(uint64_t flags)
{
	if (flags & FIXED_FLAGS)
		return FIXED;
	if (flags & BIT(KPF_BUDDY))
		return FREE;
	if (flags & BIT(KPF_HUGE))
		return POOL;
	if (flags & (BIT(KPF_LRU) | BIT(KPF_THP)))
		return MOVABLE;
	/* a large page that is neither the page cache's nor a process's is the kernel's
	 */
	if (flags & BIT(KPF_COMPOUND_HEAD) && !(flags & DATA_FLAGS))
		return FIXED;
	return OTHER;
}

/* Up to 6.9 a tail has few flags of its own (fs/proc/page.c, stable_page_flags()). */
static void count(struct look *look, uint64_t flags)
{
	enum kind kind = kind_alone(flags);

	if (flags & BIT(KPF_COMPOUND_TAIL) && kind == OTHER)
		kind = look->head;
	if (flags & BIT(KPF_COMPOUND_HEAD))
		look->head = kind;
	look->nr[kind]++;
}

/* Is the range one page of a pool, or part of one? Then what would be the head of a
 * smaller one in its middle is a tail. 0 or 1. */
static int is_taken(const struct weir_contig_walk *walk, uint64_t pfn)
{
	uint64_t flags[2] = { 0, 0 };
	int r = walk->flags(walk->ctx, pfn, 1, &flags[0]);

	if (r == 1)
		r = walk->flags(walk->ctx, pfn + walk->nr_pages / 2, 1, &flags[1]);
	if (r < 0)
		return r;
	return (flags[0] & flags[1] & BIT(KPF_HUGE)) &&
	       (flags[1] & BIT(KPF_COMPOUND_TAIL));
}

/* Counts until the end, or the first page that stays. */
static int look_at(const struct weir_contig_walk *walk, uint64_t pfn, struct look *look,
                   uint64_t *nr_read)
{
	uint64_t flags[CHUNK];

	*look = (struct look){ .head = FIXED };
	for (uint64_t at = 0; at < walk->nr_pages && !look->nr[FIXED]; at += CHUNK) {
		uint64_t left = walk->nr_pages - at;
		size_t nr = left < CHUNK ? (size_t)left : CHUNK;
		int r = walk->flags(walk->ctx, pfn + at, nr, flags);

		if (r < 0)
			return r;
		*nr_read += nr;
		for (size_t i = 0; i < nr; i++)
			count(look, i < (size_t)r ? flags[i] : BIT(KPF_NOPAGE));
	}
	return 0;
}

static int put_range(const struct weir_contig_walk *walk, uint64_t pfn, uint64_t *nr_read,
                     struct weir_buf *out)
{
	struct look look = { 0 };
	int r;

	if (*nr_read >= walk->read_max)
		return weir_buf_printf(out, "%ju unread\n", (uintmax_t)pfn);
	r = is_taken(walk, pfn);
	if (r > 0)
		return weir_buf_printf(out, "%ju taken\n", (uintmax_t)pfn);
	if (r == 0)
		r = look_at(walk, pfn, &look, nr_read);
	if (r < 0)
		return r;
	if (look.nr[FIXED])
		return weir_buf_printf(out, "%ju fixed\n", (uintmax_t)pfn);
	return weir_buf_printf(out, "%ju open %ju %ju %ju %ju\n", (uintmax_t)pfn,
	                       (uintmax_t)look.nr[FREE], (uintmax_t)look.nr[MOVABLE],
	                       (uintmax_t)look.nr[POOL], (uintmax_t)look.nr[OTHER]);
}

int weir_contig_walk(const struct weir_contig_walk *walk, struct weir_buf *out)
{
	uint64_t step = walk->nr_pages, nr_read = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < walk->ranges.nr; i++) {
		const struct weir_pfn_range *range = &walk->ranges.v[i];
		uint64_t pfn = (range->first + step - 1) / step * step;

		for (; r == 0 && pfn < range->end && step <= range->end - pfn &&
		       out->n <= WEIR_CONTIG_MAX;
		     pfn += step)
			r = put_range(walk, pfn, &nr_read, out);
	}
	return r;
}

/* ---- this machine ---- */

static int flags_of_fd(void *ctx, uint64_t pfn, size_t nr, uint64_t *out)
{
	const int *fd = ctx;
	ssize_t n;

	do
		n = pread(*fd, out, nr * sizeof(*out), (off_t)(pfn * sizeof(*out)));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)((size_t)n / sizeof(*out));
}

int weir_contig_text(int root, uint64_t size_bytes, struct weir_buf *out)
{
	weir_auto(weir_closep) int fd = openat(root, "proc/kpageflags",
	                                       O_RDONLY | O_CLOEXEC);
	struct weir_contig_walk walk = {
		.flags = flags_of_fd,
		.ctx = &fd,
		.nr_pages = size_bytes / (uint64_t)sysconf(_SC_PAGESIZE),
		.read_max = WEIR_CONTIG_READ_MAX,
	};
	int r;

	if (fd < 0)
		return -errno;
	if (walk.nr_pages < 2 || size_bytes & (size_bytes - 1))
		return -ENOENT;
	r = weir_zone_ranges_read(root, &walk.ranges);
	if (r == 0)
		r = weir_contig_walk(&walk, out);
	weir_pfn_ranges_done(&walk.ranges);
	return r;
}
