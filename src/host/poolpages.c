/* poolpages: see poolpages.h.
 *
 * Huge pages are aligned to their size, so only the multiples of the smallest one that
 * the pools hold are looked at, by a read of eight bytes each. Reading all flags of a
 * range and picking from them costs more even for pages of 64K, because the kernel works
 * out some twenty flags for every base page (fs/proc/page.c, stable_page_flags()). A page
 * of 1G is passed over in one step. Where no pool holds a page nothing is read at all. */
#include "host/poolpages.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "host/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <unistd.h>

#define ZONEINFO_MAX (48U << 20) /* see facts/zoneinfo.h */
#define SMALL_MAX    4096U
#define PFN_MAX      (UINT64_MAX >> 16) /* of base pages of 64K at most */

#define BIT(n) (UINT64_C(1) << (n))

/* ---- what is to be walked over ---- */

void weir_pfn_ranges_done(struct weir_pfn_ranges *ranges)
{
	free(ranges->v);
	*ranges = (struct weir_pfn_ranges){ 0 };
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct weir_pfn_range *)a)->first;
	uint64_t y = ((const struct weir_pfn_range *)b)->first;

	return (x > y) - (x < y);
}

static void merge(struct weir_pfn_ranges *ranges)
{
	size_t kept = 0;

	if (ranges->nr)
		qsort(ranges->v, ranges->nr, sizeof(*ranges->v), by_first);
	for (size_t i = 0; i < ranges->nr; i++) {
		struct weir_pfn_range *last = kept ? &ranges->v[kept - 1] : NULL;

		if (!last || ranges->v[i].first > last->end)
			ranges->v[kept++] = ranges->v[i];
		else if (ranges->v[i].end > last->end)
			last->end = ranges->v[i].end;
	}
	ranges->nr = kept;
}

static bool number_behind(struct weir_str line, const char *key, uint64_t *out)
{
	struct weir_str word;

	return weir_str_word(&line, &word) && weir_str_eq(word, key) &&
	       weir_str_word(&line, &word) && weir_parse_u64(word, out) == 0;
}

/* "spanned" stands in front of "start_pfn:", which only zones with memory have
 * (mm/vmstat.c, zoneinfo_show_print()). */
int weir_zone_ranges(struct weir_str text, struct weir_pfn_ranges *out)
{
	struct weir_str line;
	uint64_t spanned = 0, first, end;
	int r = 0;

	*out = (struct weir_pfn_ranges){ 0 };
	while (r == 0 && weir_str_line(&text, &line)) {
		if (weir_str_starts(line, "Node "))
			spanned = 0;
		if (number_behind(line, "spanned", &spanned) ||
		    !number_behind(line, "start_pfn:", &first) || !spanned)
			continue;
		if (ckd_add(&end, first, spanned) || end > PFN_MAX) {
			r = -EBADMSG;
			break;
		}
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r == 0)
			out->v[out->nr++] = (struct weir_pfn_range){ first, end };
	}
	if (r < 0)
		weir_pfn_ranges_done(out);
	else
		merge(out);
	return r;
}

/* ---- the walk ---- */

struct run {
	uint64_t first, end, size_bytes, nr;
	const char *state;
};

static int put_run(const struct run *run, struct weir_buf *out)
{
	return run->nr ? weir_buf_printf(out, "%ju %ju %ju %s\n", (uintmax_t)run->first,
	                                 (uintmax_t)run->nr, (uintmax_t)run->size_bytes,
	                                 run->state)
	               : 0;
}

static const char *state_of(uint64_t flags)
{
	uint64_t in_file = BIT(KPF_UPTODATE) | BIT(KPF_DIRTY);

	if (flags & BIT(KPF_MMAP))
		return "used";
	if ((flags & in_file) == in_file)
		return "any";
	return flags & BIT(KPF_HWPOISON) ? "lost" : "free";
}

/* The size of the page whose head is at @pfn: as long as a tail follows where a page of
 * this size would end, it is a larger one. @pfn is aligned to the smallest size. */
static int size_at(const struct weir_poolpages *walk, uint64_t pfn, uint64_t *out)
{
	uint64_t flags = 0;
	size_t i = 0;

	for (; i + 1 < walk->nr_sizes; i++) {
		uint64_t larger = walk->sizes[i + 1] / walk->page_bytes;
		int r;

		if (pfn % larger)
			break;
		r = walk->flags(walk->ctx, pfn + walk->sizes[i] / walk->page_bytes,
		                &flags);
		if (r < 0 && r != -ENODATA)
			return r;
		if (r < 0 || !(flags & BIT(KPF_HUGE)) ||
		    !(flags & BIT(KPF_COMPOUND_TAIL)))
			break;
	}
	*out = walk->sizes[i];
	return 0;
}

static int add_page(const struct weir_poolpages *walk, uint64_t pfn, uint64_t flags,
                    struct run *run, struct weir_buf *out)
{
	const char *state = state_of(flags);
	uint64_t size_bytes;
	int r = size_at(walk, pfn, &size_bytes);

	if (r < 0)
		return r;
	if (!run->nr || run->end != pfn || run->size_bytes != size_bytes ||
	    run->state != state) {
		r = put_run(run, out);
		*run = (struct run){ .first = pfn,
			             .size_bytes = size_bytes,
			             .state = state };
	}
	run->nr++;
	run->end = pfn + size_bytes / walk->page_bytes;
	return r;
}

/* 0, -ENODATA at the end of memory, or another failure. */
static int walk_range(const struct weir_poolpages *walk,
                      const struct weir_pfn_range *range, struct run *run,
                      struct weir_buf *out)
{
	const uint64_t head = BIT(KPF_HUGE) | BIT(KPF_COMPOUND_HEAD);
	uint64_t step = walk->sizes[0] / walk->page_bytes;
	uint64_t pfn = (range->first + step - 1) / step * step;
	uint64_t flags = 0;
	int r = 0;

	if (run->end > pfn) /* a page that reaches over from the range before */
		pfn = run->end;
	while (r == 0 && pfn < range->end && out->n <= WEIR_POOLPAGES_MAX) {
		r = walk->flags(walk->ctx, pfn, &flags);
		if (r == 0 && (flags & head) == head) {
			r = add_page(walk, pfn, flags, run, out);
			pfn = run->end;
		} else {
			pfn += step;
		}
	}
	return r;
}

int weir_poolpages_walk(const struct weir_poolpages *walk, struct weir_buf *out)
{
	struct run run = { 0 };
	int r = 0;

	if (!walk->nr_sizes || walk->sizes[0] < walk->page_bytes)
		return 0;
	for (size_t i = 0; r == 0 && i < walk->ranges.nr; i++)
		r = walk_range(walk, &walk->ranges.v[i], &run, out);
	return r == 0 || r == -ENODATA ? put_run(&run, out) : r;
}

/* ---- this machine ---- */

static int flags_of_fd(void *ctx, uint64_t pfn, uint64_t *out)
{
	const int *fd = ctx;
	ssize_t n;

	do
		n = pread(*fd, out, sizeof(*out), (off_t)(pfn * sizeof(*out)));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == sizeof(*out) ? 0 : -ENODATA;
}

static int read_file(int root, const char *path, size_t max, struct weir_buf *out)
{
	weir_auto(weir_closep) int fd = openat(root, path, O_RDONLY | O_CLOEXEC);

	out->n = 0;
	return fd < 0 ? -errno : weir_fd_read(fd, max, false, out);
}

/* "hugepages-2048kB": bytes, or 0 for other names. */
static uint64_t size_named(const char *name)
{
	struct weir_str s = weir_strz(name);
	uint64_t kib, bytes;

	if (!weir_str_starts(s, "hugepages-") || !weir_str_ends(s, "kB"))
		return 0;
	s = weir_str_skip(s, strlen("hugepages-"));
	s.n -= 2;
	if (weir_parse_u64(s, &kib) < 0 || ckd_mul(&bytes, kib, WEIR_KIB))
		return 0;
	return bytes & (bytes - 1) ? 0 : bytes;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The sizes of which a pool has pages now. */
static int find_sizes(int root, struct weir_poolpages *walk, struct weir_buf *text)
{
	static const char dir[] = "sys/kernel/mm/hugepages";
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	int fd = openat(root, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	r = fd < 0 ? -errno : weir_fd_list(fd, &names);
	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		uint64_t bytes = size_named(names.v[i].name), nr;
		char path[128];

		if (bytes < walk->page_bytes || walk->nr_sizes >= WEIR_NELEM(walk->sizes))
			continue;
		(void)snprintf(path, sizeof(path),
		               "%s/hugepages-%" PRIu64 "kB/nr_hugepages", dir,
		               bytes / WEIR_KIB);
		r = read_file(root, path, SMALL_MAX, text);
		if (r == 0 &&
		    weir_parse_u64(weir_str_chomp(weir_buf_str(text)), &nr) == 0 && nr)
			walk->sizes[walk->nr_sizes++] = bytes;
	}
	if (walk->nr_sizes)
		qsort(walk->sizes, walk->nr_sizes, sizeof(walk->sizes[0]), by_size);
	return r;
}

int weir_zone_ranges_read(int root, struct weir_pfn_ranges *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = read_file(root, "proc/zoneinfo", ZONEINFO_MAX, &text);

	*out = (struct weir_pfn_ranges){ 0 };
	return r < 0 ? r : weir_zone_ranges(weir_buf_str(&text), out);
}

int weir_poolpages_text(int root, struct weir_buf *out)
{
	/* first of all: who may not read this is not told that there is nothing */
	weir_auto(weir_closep) int fd = openat(root, "proc/kpageflags",
	                                       O_RDONLY | O_CLOEXEC);
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_poolpages walk = { .flags = flags_of_fd, .ctx = &fd };
	long page_bytes = sysconf(_SC_PAGESIZE);
	int r;

	if (fd < 0)
		return -errno;
	walk.page_bytes = (uint64_t)page_bytes;
	r = find_sizes(root, &walk, &text);
	if (r < 0 || !walk.nr_sizes)
		return r;
	r = weir_zone_ranges_read(root, &walk.ranges);
	if (r == 0)
		r = weir_poolpages_walk(&walk, out);
	weir_pfn_ranges_done(&walk.ranges);
	return r;
}
