/* zones: what the kernel tells of its zones. See zones.h.
 *
 * Counts are those of /proc/zoneinfo; pages that a CPU keeps on lists of its own are
 * counted as free, for that is what they are, whole free blocks those of
 * /proc/pagetypeinfo, and where the CMA lies stands in the kernel's log alone. A huge
 * page, free or used, shows in /proc/kpageflags at its first frame. */
#include "zones.h"

#include "kernel.h"
#include "lab/term.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <unistd.h>

#define BLOCK_ORDER       9 /* of 2M, in base pages */
#define KLOG_READ_ALL     3
#define KLOG_MAX          (1U << 20)
#define KPF_COMPOUND_HEAD 15
#define KPF_HUGE          17

/* "... cma: Reserved 256 MiB at 0x0000000050000000 on node -1" */
static void add_cma(struct twin_zones *z, struct weir_str line)
{
	static const char says[] = "cma: Reserved ";
	ptrdiff_t at = weir_str_find(line, says);
	struct weir_str word;
	uint64_t mib;
	char *end;

	if (at < 0 || z->nr_cmas == TWIN_CMAS_MAX)
		return;
	line = weir_str_skip(line, (size_t)at + strlen(says));
	if (!weir_str_word(&line, &word) || weir_parse_u64(word, &mib) < 0)
		return;
	at = weir_str_find(line, "0x");
	if (at < 0)
		return;
	z->cma[z->nr_cmas].start = strtoull(line.p + at, &end, 16) / WEIR_BASE_PAGE;
	z->cma[z->nr_cmas].end = z->cma[z->nr_cmas].start + (mib << 20) / WEIR_BASE_PAGE;
	z->nr_cmas++;
}

void twin_zones_open(struct twin_zones *z)
{
	char *text = malloc(KLOG_MAX);
	int n = text ? klogctl(KLOG_READ_ALL, text, KLOG_MAX - 1) : -1;
	struct weir_str rest, line;

	if (n > 0) {
		text[n] = '\0';
		rest = weir_str(text, (size_t)n);
		while (weir_str_line(&rest, &line))
			add_cma(z, line);
	}
	free(text);
	z->page_flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
}

static bool is_cma(const struct twin_zones *z, uint64_t pfn)
{
	for (size_t i = 0; i < z->nr_cmas; i++)
		if (pfn >= z->cma[i].start && pfn < z->cma[i].end)
			return true;
	return false;
}

/* "Node 0, zone    DMA32" and what stands behind it: a zone if it has memory. */
static struct twin_zone *begin_zone(struct twin_zones *z, struct weir_str line)
{
	struct weir_str word, id, name;
	enum weir_zone_kind kind;
	uint64_t node;

	if (z->nr && !z->zone[z->nr - 1].is.managed)
		z->nr--;
	if (!weir_str_word(&line, &id) || !weir_str_ends(id, ",") ||
	    !weir_str_word(&line, &word) || !weir_str_word(&line, &name))
		return NULL;
	id.n--;
	if (weir_parse_u64(id, &node) < 0 || !weir_zone_find(name, &kind) ||
	    z->nr == TWIN_ZONES_MAX)
		return NULL;
	z->zone[z->nr] = (struct twin_zone){ .node = (unsigned int)node, .kind = kind };
	return &z->zone[z->nr++];
}

/* "protection: (0, 966, 966, 1448, 1448)" */
static void add_reserve(struct twin_zone *zone, struct weir_str line)
{
	struct weir_str word;

	for (size_t i = 0; i < WEIR_ZONE_NR && weir_str_word(&line, &word); i++) {
		if (weir_str_starts(word, "("))
			word = weir_str_skip(word, 1);
		while (weir_str_ends(word, ",") || weir_str_ends(word, ")"))
			word.n--;
		(void)weir_parse_u64(word, &zone->is.reserve[i]);
	}
}

static void add_line(struct twin_zone *zone, struct weir_str line)
{
	const struct {
		const char *key;
		uint64_t *to;
	} counts[] = {
		{ "free", &zone->is.free },       { "min", &zone->is.min },
		{ "low", &zone->is.low },         { "high", &zone->is.high },
		{ "managed", &zone->is.managed }, { "cma", &zone->is.cma },
		{ "spanned", &zone->spanned },    { "nr_free_cma", &zone->is.free_cma },
		{ "start_pfn:", &zone->start },
	};
	struct weir_str key, value;
	uint64_t n;

	if (!weir_str_word(&line, &key))
		return;
	if (weir_str_eq(key, "protection:")) {
		add_reserve(zone, line);
		return;
	}
	if (weir_str_eq(key, "count:") && weir_str_word(&line, &value) &&
	    weir_parse_u64(value, &n) == 0) {
		zone->on_cpus += n;
		zone->is.free += n;
		return;
	}
	if (weir_str_eq(key, "pages") && !weir_str_word(&line, &key))
		return;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (weir_str_eq(key, counts[i].key) && weir_str_word(&line, &value))
			(void)weir_parse_u64(value, counts[i].to);
}

/* zoneinfo has no line "cma" before 5.12; nor a zone that has none of it. */
static void complete(const struct twin_zones *z, struct twin_zone *zone)
{
	for (size_t i = 0; !zone->is.cma && i < z->nr_cmas; i++)
		if (z->cma[i].start >= zone->start &&
		    z->cma[i].end <= zone->start + zone->spanned)
			zone->is.cma = z->cma[i].end - z->cma[i].start;
}

static int read_zoneinfo(struct twin_zones *z)
{
	static char text[1 << 17];
	struct weir_str rest, line, after;
	struct twin_zone *zone = NULL;
	int r = twin_read_text("/proc/zoneinfo", text, sizeof(text));

	if (r < 0)
		return r;
	z->nr = 0;
	rest = weir_strz(text);
	while (weir_str_line(&rest, &line)) {
		if (weir_str_starts(line, "Node ")) {
			after = weir_str_skip(line, strlen("Node "));
			zone = begin_zone(z, after);
		} else if (zone) {
			add_line(zone, line);
		}
	}
	if (z->nr && !z->zone[z->nr - 1].is.managed)
		z->nr--;
	for (size_t i = 0; i < z->nr; i++)
		complete(z, &z->zone[i]);
	return 0;
}

/* "Node    0, zone    DMA32, type      Movable    1    0    4 ..." */
static void add_blocks(struct twin_zones *z, struct weir_str line)
{
	struct weir_str word, id, name, type;
	enum weir_zone_kind kind;
	uint64_t node, n;

	if (!weir_str_word(&line, &word) || !weir_str_eq(word, "Node") ||
	    !weir_str_word(&line, &id) || !weir_str_ends(id, ",") ||
	    !weir_str_word(&line, &word) || !weir_str_word(&line, &name) ||
	    !weir_str_ends(name, ",") || !weir_str_word(&line, &word) ||
	    !weir_str_eq(word, "type") || !weir_str_word(&line, &type))
		return;
	id.n--;
	name.n--;
	if (weir_parse_u64(id, &node) < 0 || !weir_zone_find(name, &kind) ||
	    weir_str_eq(type, "HighAtomic") || weir_str_eq(type, "Isolate"))
		return;
	for (size_t i = 0; i < z->nr; i++) {
		struct weir_zone_config *is = &z->zone[i].is;
		uint64_t *to = weir_str_eq(type, "CMA") ? &is->whole_cma : &is->whole;

		if (z->zone[i].node != node || z->zone[i].kind != kind)
			continue;
		for (unsigned int order = 0; weir_str_word(&line, &word); order++) {
			while (word.n && !weir_is_digit(*word.p)) /* ">100000" */
				word = weir_str_skip(word, 1);
			if (order >= BLOCK_ORDER && weir_parse_u64(word, &n) == 0)
				*to += n << order;
		}
	}
}

static void read_blocks(struct twin_zones *z)
{
	static char text[1 << 17];
	struct weir_str rest, line;

	if (twin_read_text("/proc/pagetypeinfo", text, sizeof(text)) < 0)
		return;
	rest = weir_strz(text);
	while (weir_str_line(&rest, &line))
		add_blocks(z, line);
}

static void count_huge(const struct twin_zones *z, const struct twin_zone *zone,
                       uint64_t frames, struct weir_view_zone *view)
{
	uint64_t pfn = (zone->start + frames - 1) / frames * frames;

	for (; pfn + frames <= zone->start + zone->spanned; pfn += frames) {
		uint64_t flags = 0;

		if (pread(z->page_flags, &flags, sizeof(flags),
		          (off_t)(pfn * sizeof(flags))) != sizeof(flags) ||
		    !(flags >> KPF_HUGE & 1) || !(flags >> KPF_COMPOUND_HEAD & 1))
			continue;
		view->huge++;
		view->huge_cma += is_cma(z, pfn);
	}
}

int twin_zones_look(struct twin_zones *z, uint64_t page_bytes, struct weir_err *err)
{
	int r = read_zoneinfo(z);

	if (r < 0)
		return weir_err_sys(err, r, "read /proc/zoneinfo");
	for (size_t i = 0; i < z->nr; i++) {
		const struct twin_zone *zone = &z->zone[i];

		z->view[i] = (struct weir_view_zone){
			.node = zone->node,
			.kind = zone->kind,
			.free = zone->is.free,
			.free_cma = zone->is.free_cma,
		};
		count_huge(z, zone, page_bytes / WEIR_BASE_PAGE, &z->view[i]);
	}
	return 0;
}

static bool is_pinnable(const struct twin_zones *z, uint64_t pfn)
{
	for (size_t i = 0; i < z->nr; i++)
		if (pfn >= z->zone[i].start &&
		    pfn - z->zone[i].start < z->zone[i].spanned)
			return z->zone[i].kind != WEIR_ZONE_MOVABLE && !is_cma(z, pfn);
	return false;
}

uint64_t twin_zones_pinnable(const struct twin_zones *z, int pid, uint64_t at,
                             uint64_t nr, uint64_t page_bytes)
{
	uint64_t found = 0, entry;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (uint64_t i = 0; fd >= 0 && i < nr; i++, at += page_bytes)
		if (pread(fd, &entry, sizeof(entry),
		          (off_t)(at / WEIR_BASE_PAGE * sizeof(entry))) ==
		            sizeof(entry) &&
		    entry >> 63) /* present; bits 0-54 are the frame */
			found += is_pinnable(z, entry & ((UINT64_C(1) << 55) - 1));
	if (fd >= 0)
		(void)close(fd);
	return found;
}

int twin_zones_print(const struct twin_zones *zones, struct weir_buf *out)
{
	static struct twin_zones z; /* large */
	int r = 0;

	z = *zones;
	for (size_t i = 0; i < z.nr; i++) /* kernels from 5.13 on keep blocks there */
		z.zone[i].is.whole = z.zone[i].on_cpus >> BLOCK_ORDER << BLOCK_ORDER;
	read_blocks(&z);
	for (size_t i = 0; r == 0 && i < z.nr; i++) {
		const struct weir_zone_config *is = &z.zone[i].is;

		r = weir_buf_printf(out,
		                    "# zone %u %s managed=%ju free=%ju cma=%ju "
		                    "free_cma=%ju whole=%ju "
		                    "whole_cma=%ju min=%ju low=%ju high=%ju "
		                    "reserve=%ju,%ju,%ju,%ju\n",
		                    z.zone[i].node, weir_zone_name(z.zone[i].kind),
		                    (uintmax_t)is->managed, (uintmax_t)is->free,
		                    (uintmax_t)is->cma, (uintmax_t)is->free_cma,
		                    (uintmax_t)is->whole, (uintmax_t)is->whole_cma,
		                    (uintmax_t)is->min, (uintmax_t)is->low,
		                    (uintmax_t)is->high, (uintmax_t)is->reserve[0],
		                    (uintmax_t)is->reserve[1], (uintmax_t)is->reserve[2],
		                    (uintmax_t)is->reserve[3]);
	}
	return r;
}
