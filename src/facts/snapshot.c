/* snapshot: reads all facts of a host, each kernel file once (the pools' counters twice,
 * to see whether they stood still). The order is of need: a fact that others are read by
 * comes before them. */
#include "facts/snapshot.h"

#include "base/own.h"

#include <errno.h>

#define MEMINFO_MAX      WEIR_SMALL_MAX
#define BUDDYINFO_MAX    (2U << 20) /* 1,024 nodes of 4 zones, 14 orders: 0.7 MB */
#define PAGETYPEINFO_MAX (8U << 20) /* the same for each of 6 types, twice */
#define VMSTAT_MAX       (1U << 20)
#define CMDLINE_MAX      65536U      /* COMMAND_LINE_SIZE is 2 or 4 KiB */
#define KLOG_MAX         (16U << 20) /* log_buf_len= up to 8M and what stamps add */

void weir_snapshot_free(struct weir_snapshot *snap)
{
	if (!snap)
		return;
	free(snap->hostname);
	free(snap->release);
	free(snap->cmdline);
	weir_nodes_done(&snap->nodes);
	weir_zones_done(&snap->zones);
	weir_buddyinfo_done(&snap->buddy);
	weir_pagetypeinfo_done(&snap->types);
	weir_pools_done(&snap->pools);
	weir_cma_done(&snap->cma);
	weir_thp_done(&snap->thp);
	weir_mounts_done(&snap->mounts);
	weir_cgroups_done(&snap->cgroups);
	weir_confidential_done(&snap->confidential);
	weir_boot_done(&snap->boot);
	weir_klog_done(&snap->klog);
	weir_placement_done(&snap->placement);
	weir_contigs_done(&snap->contigs);
	weir_warm_seen_done(&snap->warm);
	weir_gaps_done(&snap->gaps);
	free(snap);
}

void weir_snapshot_freep(struct weir_snapshot **snap)
{
	weir_snapshot_free(*snap);
}

/* One file, one pure parser: READ(rd, "/proc/vmstat", VMSTAT_MAX, weir_vmstat_parse, &x)
 */
#define READ(rd, path, max, parse, out)                                              \
	do {                                                                         \
		struct weir_err err_ = { 0 };                                        \
		struct weir_str text_;                                               \
		if (weir_reader_text((rd), (max), &text_, "%s", (path)))             \
			weir_reader_parsed((rd), parse(text_, (out), &err_), (path), \
			                   &err_);                                   \
	} while (0)

/* The base page: as the machine says; in a copy without that, the power of two that turns
 * the zones' pages into the memory of /proc/meminfo (MemTotal is the sum of managed
 * pages, mm/show_mem.c si_meminfo(), so that the ratio is near). */
static struct weir_count page_size(struct weir_reader *rd,
                                   const struct weir_snapshot *snap)
{
	struct weir_count said, pages = WEIR_COUNT(0);
	uint64_t guess = 4096;

	said = weir_reader_count(rd, WEIR_COUNT_MAX, "/@/pagesize");
	if (said.known && said.n >= 1024 && !(said.n & (said.n - 1)))
		return said;
	for (size_t i = 0; i < snap->zones.nr; i++)
		if (snap->zones.v[i].present.n)
			pages = weir_count_add(pages, snap->zones.v[i].managed);
	if (!pages.known || !pages.n || snap->zones.damaged || !snap->mem.total.known)
		return (struct weir_count){ 0 };
	while (guess < 65536 && snap->mem.total.n / pages.n > guess + guess / 2)
		guess *= 2;
	return WEIR_COUNT(guess);
}

static struct weir_count block_size(struct weir_reader *rd)
{
	static const char path[] = "/sys/devices/system/memory/block_size_bytes";
	struct weir_str text;
	struct weir_err err;
	uint64_t bytes;

	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return (struct weir_count){ 0 };
	if (weir_parse_hex(weir_str_trim(text), &bytes) == 0 && bytes <= WEIR_COUNT_MAX)
		return WEIR_COUNT(bytes);
	weir_reader_parsed(rd,
	                   weir_err_set(&err, WEIR_GARBLED,
	                                "no hexadecimal number: '%.*s'",
	                                WEIR_STR_ARG(weir_str_trim(text))),
	                   path, &err);
	return (struct weir_count){ 0 };
}

/* The counters of the default size stand in /proc/meminfo too, read a moment apart. */
static bool meminfo_agrees(const struct weir_snapshot *snap)
{
	const struct weir_meminfo *m = &snap->mem;
	const struct weir_huge_size *size =
		m->huge_size.known ? weir_pools_size(&snap->pools, m->huge_size.n) : NULL;

	if (!size)
		return true;
	return (!m->huge_total.known || !size->all.nr.known ||
	        m->huge_total.n == size->all.nr.n) &&
	       (!m->huge_free.known || !size->all.free.known ||
	        m->huge_free.n == size->all.free.n);
}

static bool pools_stood_still(const struct weir_snapshot *snap)
{
	for (size_t i = 0; i < snap->pools.nr; i++)
		if (!snap->pools.sizes[i].consistent)
			return false;
	return (snap->pools.settled || !snap->pools.known) && meminfo_agrees(snap);
}

bool weir_snapshot_kernel_has(const struct weir_snapshot *snap, unsigned int major,
                              unsigned int minor)
{
	struct weir_str rest, part;
	uint64_t have[2] = { 0, 0 };

	if (!snap->release)
		return false;
	rest = weir_strz(snap->release);
	for (size_t i = 0; i < 2; i++) {
		if (!weir_str_cut(&rest, '.', &part))
			return false;
		while (i == 1 && part.n &&
		       (part.p[part.n - 1] < '0' || part.p[part.n - 1] > '9'))
			part.n--; /* "6.18-rc1" */
		for (size_t k = 0; i == 1 && k < part.n; k++)
			if (part.p[k] < '0' || part.p[k] > '9')
				part.n = k;
		if (weir_parse_u64(part, &have[i]) < 0)
			return false;
	}
	return have[0] > major || (have[0] == major && have[1] >= minor);
}

/* Where the command line names no default size, it is that of a PMD; the kernel shows
 * that with the transparent huge pages, and else as the default size in /proc/meminfo. */
static uint64_t implicit_default(const struct weir_snapshot *snap)
{
	if (snap->mem.huge_size.known && !strstr(snap->cmdline, "default_hugepagesz"))
		return snap->mem.huge_size.n;
	return snap->thp.pmd_size.n;
}

static void read_boot(struct weir_reader *rd, struct weir_snapshot *snap)
{
	uint64_t sizes[WEIR_HUGE_SIZES_MAX];
	struct weir_boot_rules rules = { .sizes = sizes };
	struct weir_err err = { 0 };

	if (!snap->cmdline)
		return;
	for (size_t i = 0; i < snap->pools.nr; i++)
		sizes[rules.nr_sizes++] = snap->pools.sizes[i].size_bytes;
	rules.sizes_unknown = !snap->pools.known;
	rules.default_bytes = implicit_default(snap);
	rules.online = &snap->nodes.online;
	rules.node_lists = !snap->release || weir_snapshot_kernel_has(snap, 5, 16);
	weir_reader_parsed(
		rd, weir_boot_parse(weir_strz(snap->cmdline), &rules, &snap->boot, &err),
		"/proc/cmdline", &err);
}

/* The log is a megabyte that is mostly about other things: it is read where the command
 * line asks for something whose fate only the log tells. */
static bool wants_klog(const struct weir_snapshot *snap)
{
	return snap->boot.nr_args > 0;
}

static void read_cgroups(struct weir_reader *rd, struct weir_snapshot *snap)
{
	uint64_t sizes[WEIR_HUGE_SIZES_MAX];
	size_t nr = 0;

	for (size_t i = 0; i < snap->pools.nr; i++)
		sizes[nr++] = snap->pools.sizes[i].size_bytes;
	weir_cgroups_read(rd, &snap->mounts, sizes, nr, &snap->cgroups);
}

static bool has_cma(const struct weir_snapshot *snap)
{
	for (size_t i = 0; i < snap->zones.nr; i++)
		if (snap->zones.v[i].cma.n || snap->zones.v[i].free_cma.n)
			return true;
	return snap->cma.nr > 0;
}

/* The facts that a screen of pools and memory does without. */
static void read_details(struct weir_reader *rd, struct weir_snapshot *snap)
{
	weir_pools_read_settings(rd, &snap->pools);
	weir_nodes_read_topology(rd, &snap->nodes);
	READ(rd, "/proc/vmstat", VMSTAT_MAX, weir_vmstat_parse, &snap->vmstat);
	snap->memory_block_bytes = block_size(rd);
	weir_cpu_read(rd, &snap->cpu);
}

/* The largest block of the buddy allocator; 0: not known. */
static uint64_t buddy_block(const struct weir_snapshot *snap)
{
	uint64_t block = 0;

	for (size_t i = 0; i < snap->buddy.nr; i++) {
		size_t orders = snap->buddy.v[i].nr_orders;

		if (orders && snap->page_bytes.n << (orders - 1) > block)
			block = snap->page_bytes.n << (orders - 1);
	}
	return block;
}

/* What has to do with page frames. */
static void read_frames(struct weir_reader *rd, unsigned int parts,
                        struct weir_snapshot *snap)
{
	const struct weir_frames_of of = {
		.zones = &snap->zones,
		.klog = &snap->klog,
		.cma_bytes = snap->mem.cma_total,
		.has_no_cma = snap->mem.total.known && !snap->mem.cma_total.known,
		.page_bytes = snap->page_bytes,
	};

	if (parts & WEIR_SNAPSHOT_PLACEMENT)
		weir_placement_read(rd, &snap->pools, &of, &snap->placement);
	if (parts & WEIR_SNAPSHOT_CONTIG)
		weir_contigs_read(rd, &snap->pools, buddy_block(snap), &of,
		                  &snap->contigs);
}

static void read_all(struct weir_reader *rd, unsigned int parts,
                     struct weir_snapshot *snap)
{
	const unsigned int frames = WEIR_SNAPSHOT_PLACEMENT | WEIR_SNAPSHOT_CONTIG;
	bool details = parts & WEIR_SNAPSHOT_DETAILS;

	snap->at_ns = weir_host_now_ns(rd->host);
	snap->release = weir_reader_line(rd, "/proc/sys/kernel/osrelease");
	snap->hostname = weir_reader_line(rd, "/proc/sys/kernel/hostname");
	snap->cmdline = weir_reader_line(rd, "/proc/cmdline");
	weir_nodes_read(rd, &snap->nodes);
	READ(rd, "/proc/meminfo", MEMINFO_MAX, weir_meminfo_parse, &snap->mem);
	weir_pools_read(rd, &snap->nodes.online, &snap->pools);
	snap->consistent = pools_stood_still(snap);
	READ(rd, "/proc/zoneinfo", WEIR_ZONEINFO_MAX, weir_zoneinfo_parse, &snap->zones);
	READ(rd, "/proc/buddyinfo", BUDDYINFO_MAX, weir_buddyinfo_parse, &snap->buddy);
	if (parts & WEIR_SNAPSHOT_TYPES)
		READ(rd, "/proc/pagetypeinfo", PAGETYPEINFO_MAX, weir_pagetypeinfo_parse,
		     &snap->types);
	snap->page_bytes = page_size(rd, snap);
	weir_cma_read(rd, &snap->cma);
	weir_mounts_read(rd, snap->mem.huge_size, &snap->mounts);
	read_cgroups(rd, snap);
	if (details || has_cma(snap)) /* without any CMA, CSV3 has none either */
		weir_confidential_read(rd, &snap->confidential);
	if (details)
		read_details(rd, snap);
	if (details || (snap->cmdline && strstr(snap->cmdline, "hugepage")))
		weir_thp_read(rd, &snap->thp);
	read_boot(rd, snap);
	if ((parts & (WEIR_SNAPSHOT_KLOG | frames)) || wants_klog(snap))
		READ(rd, "/@/klog", KLOG_MAX, weir_klog_parse, &snap->klog);
	weir_pins_read(rd, snap->release, &snap->pins);
	weir_warm_seen_read(rd, &snap->warm);
	read_frames(rd, parts, snap);
}

int weir_snapshot_read(const struct weir_host *host, unsigned int parts,
                       struct weir_snapshot **out, struct weir_err *err)
{
	struct weir_snapshot *snap = calloc(1, sizeof(*snap));
	struct weir_reader rd = { .host = host };
	int r = snap ? 0 : -ENOMEM;

	if (snap) {
		rd.gaps = &snap->gaps;
		read_all(&rd, parts, snap);
		r = rd.failed;
	}
	weir_reader_done(&rd);
	if (r < 0) {
		weir_snapshot_free(snap);
		return weir_err_sys(err, r, "read the host's state");
	}
	*out = snap;
	return 0;
}
