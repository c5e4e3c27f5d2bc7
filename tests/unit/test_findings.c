/* findings: kernel text in; what is wrong, with its numbers, and the command that helps
 * out. What the kernel does not tell is in no sentence as a 0. */
#include "plan/findings.h"

#include "base/size.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define NODES   "/sys/devices/system/node/"
#define NODE(n) NODES "node" #n "/hugepages/hugepages-"
#define ALL     "/sys/kernel/mm/hugepages/hugepages-"
#define CG      "/sys/fs/cgroup"

/* The command, in a pattern of expect_said(). */
#define TO_2M(n) " $ echo " n " > " ALL "2048kB/nr_hugepages"
#define TO_1G(n) " $ echo " n " > " ALL "1048576kB/nr_hugepages"

/* What holds for every finding, whatever it is about. */
static void check_form(const struct weir_findings *found)
{
	for (size_t i = 0; i < found->nr; i++) {
		const struct weir_finding *f = &found->v[i];
		const char *const words[] = { f->text, f->remedy, f->command };

		assert_true(weir_str_ends(weir_strz(f->text), "."));
		assert_true(!f->remedy || !weir_str_ends(weir_strz(f->remedy), "."));
		assert_true(f->remedy || !f->command);
		for (size_t k = 0; k < WEIR_NELEM(words); k++)
			if (words[k] &&
			    (!*words[k] || strpbrk(words[k], "\n%") ||
			     strstr(words[k], "  ") || strstr(words[k], "(null)")))
				fail_msg("%s: '%s'", f->id, words[k]);
		assert_true(!i || found->v[i - 1].severity >= f->severity);
	}
}

/* "warning surplus-trapped 2M 5 pages; ...": all that was found, in its order. */
static void list(const struct weir_findings *found, char *out, size_t cap)
{
	char size[WEIR_SIZE_TEXT_MAX];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < found->nr; i++) {
		const struct weir_finding *f = &found->v[i];

		n += (size_t)snprintf(out + n, cap - n, "%s%s %s", i ? "; " : "",
		                      weir_severity_word(f->severity), f->id);
		if (f->size_bytes.known)
			n += (size_t)snprintf(
				out + n, cap - n, " %s",
				weir_format_size(f->size_bytes.n, size, sizeof(size)).p);
		if (f->node.known)
			n += (size_t)snprintf(out + n, cap - n, " node %" PRIu64,
			                      f->node.n);
		if (f->pages.known)
			n += (size_t)snprintf(out + n, cap - n, " %" PRIu64 " pages",
			                      f->pages.n);
		assert_true(n < cap);
	}
}

/* "..." in @pattern stands for any words, also none. */
static bool says(const char *text, const char *pattern)
{
	if (!weir_str_starts(weir_strz(pattern), "..."))
		return *text == *pattern && (!*text || says(text + 1, pattern + 1));
	while (!says(text, pattern + 3))
		if (!*text++)
			return false;
	return true;
}

/* One finding as a whole is "text -> remedy $ command": a pattern that ends with the text
 * holds for one without a remedy only. */
static void expect_said(const struct weir_findings *found, const char *pattern)
{
	char whole[1024] = "";

	for (size_t i = 0; i < found->nr; i++) {
		const struct weir_finding *f = &found->v[i];
		int n = snprintf(whole, sizeof(whole), "%s%s%s%s%s", f->text,
		                 f->remedy ? " -> " : "", f->remedy ? f->remedy : "",
		                 f->command ? " $ " : "", f->command ? f->command : "");

		assert_true(n > 0 && (size_t)n < sizeof(whole));
		if (says(whole, pattern))
			return;
	}
	fail_msg("nothing says '%s'; the last is '%s'", pattern, whole);
}

/* @snap has exactly the findings @want, and one of them says @pattern, unless it is "".
 */
static void expect_found(const struct weir_snapshot *snap, const char *want,
                         const char *pattern)
{
	struct weir_overview view;
	struct weir_findings found;
	char got[1024];

	expect_int_eq(weir_overview_make(snap, &view), 0);
	expect_int_eq(weir_findings_make(snap, &view, &found), 0);
	check_form(&found);
	list(&found, got, sizeof(got));
	expect_str(got, want);
	if (*pattern)
		expect_said(&found, pattern);
	weir_findings_done(&found);
	weir_overview_done(&view);
}

static void expect_found_on(struct fake_file *files, size_t nr, const char *want,
                            const char *pattern)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	struct fake_host fake;

	fake_open(&fake, files, nr);
	expect_int_eq(weir_snapshot_read(&fake.host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	fake_close(&fake);
	expect_found(snap, want, pattern);
}

#define EXPECT_FOUND(files, want, pattern) \
	expect_found_on((files), WEIR_NELEM(files), (want), (pattern))

#define U (-1) /* unknown */

static struct weir_count count(int64_t n)
{
	return n < 0 ? (struct weir_count){ 0 } : WEIR_COUNT((uint64_t)n);
}

/* The counters are T, F, S and R in the comments below. */
static struct weir_huge_size size_of(uint64_t bytes, int64_t nr, int64_t free,
                                     int64_t surplus, int64_t reserved,
                                     int64_t overcommit)
{
	return (struct weir_huge_size){
		.size_bytes = bytes,
		.all = { count(nr), count(free), count(surplus), count(reserved) },
		.overcommit = count(overcommit),
		.consistent = true,
	};
}

struct pool_case {
	int64_t nr, free, surplus, reserved, overcommit;
	const char *want, *says;
};

static void run_pool_cases(const struct pool_case *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct pool_case *c = &cases[i];
		struct weir_huge_size size = size_of(2 * WEIR_MIB, c->nr, c->free,
		                                     c->surplus, c->reserved,
		                                     c->overcommit);
		const struct weir_snapshot snap = {
			.consistent = true,
			.pools = { .known = true, .sizes = &size, .nr = 1 },
		};

		expect_found(&snap, c->want, c->says);
	}
}

#define OVERCOMMITTED "note surplus-overcommit 2M "
#define TRAPPED       "warning surplus-trapped 2M "

static void surplus_is_a_note_within_and_a_warning_beyond_overcommit(void **state)
{
	static const struct pool_case cases[] = {
		{ 5, 5, U, 0, 0, "", "" },
		{ 5, 5, 0, 0, U, "", "" },
		/* all of it is unknown but S: neither a 0 nor a command */
		{ U, U, 4, U, U, TRAPPED "4 pages",
		  "4 2M pages are trapped...limit of ?:...(now ? and ?)...freed." },
		{ 10, 0, 3, 0, 3, OVERCOMMITTED "3 pages",
		  "3 2M pages are surplus...overcommit limit of 3:...freed." },
		{ 10, 0, 1, 0, INT64_MAX, OVERCOMMITTED "1 pages",
		  "1 2M page is surplus...freed." },
		{ 10, 0, 4, 0, 3, TRAPPED "4 pages",
		  "4 2M pages are trapped...limit of 3:...(now 10 and 0)... -> keep "
		  "them, which takes no memory" TO_2M("10") },
		{ 10, 0, 1, 0, 0, TRAPPED "1 pages",
		  "1 2M page is trapped... -> keep it,..." TO_2M("10") },
		/* min(F - R, S) of them are free already. Written up to T they are
		 * ordinary pages; written down to T - S only what is in use stays above.
		 */
		{ 5, 5, 5, 0, 0, TRAPPED "5 pages",
		  "...(now 0 and 0)... -> 5 of them are free already and stay: write the "
		  "pool up to 5 and then down to 0 to be rid of them,...all" TO_2M("5") },
		{ 25, 10, 5, 0, 0, TRAPPED "5 pages",
		  "...(now 15 and 0)... -> 5 of them are free already...up to 25 and "
		  "then down to 20..." TO_2M("25") },
		{ 25, 2, 5, 0, 4, TRAPPED "5 pages",
		  "...limit of 4:... -> 2 of them...up to 25 and then down to "
		  "20..." TO_2M("25") },
		{ 25, 10, 5, 8, 0, TRAPPED "5 pages; note reserved-untouched 2M 8 pages",
		  "...(now 15 and 8)... -> 2 of them are free..." TO_2M("25") },
		/* how many are free for good is not known, and not said */
		{ 25, 10, 5, U, U, TRAPPED "5 pages",
		  "...limit of ?:...(now 15 and ?)... -> keep them,..." TO_2M("25") },
		{ 25, U, 5, 0, 0, TRAPPED "5 pages",
		  "...(now ? and 0)... -> keep them,..." TO_2M("25") },
		{ U, 10, 5, 0, 0, TRAPPED "5 pages", "...(now ? and 0)...freed." },
	};

	(void)state;
	run_pool_cases(cases, WEIR_NELEM(cases));
}

static void reserved_pages_are_compared_with_the_free_ones(void **state)
{
	static const struct pool_case cases[] = {
		{ 5, 5, 0, U, 0, "", "" },
		{ 5, U, 0, 5, 0, "", "" },
		{ 5, 0, 0, 0, 0, "", "" },
		{ 5, 0, 0, 1, 0, "problem reserved-beyond-free 2M 1 pages",
		  "1 2M page is reserved but only 0 free:...SIGBUS." },
		{ 9, 5, 0, 6, 0, "problem reserved-beyond-free 2M 6 pages",
		  "6 2M pages are reserved but only 5 free:...SIGBUS." },
		{ 5, 5, 0, 2, 0, "note reserved-untouched 2M 2 pages",
		  "2 of the 5 free 2M pages are reserved...: 3 can be had." },
		{ 5, 5, 0, 1, 0, "note reserved-untouched 2M 1 pages",
		  "1 of the 5 free 2M pages is reserved...: 4 can be had." },
		{ 5, 5, 0, 5, 0, "warning free-all-reserved 2M 5 pages",
		  "none of the 5 free 2M pages can be had... -> grow the pool before the "
		  "next VM starts" },
		/* overcommit room: 3 - 1; none; not known */
		{ 5, 5, 1, 5, 3,
		  "warning free-all-reserved 2M 5 pages; " OVERCOMMITTED "1 pages",
		  "none of the 5... -> grow...overcommit limit lets it have 2 more now" },
		{ 5, 5, 3, 5, 3,
		  "warning free-all-reserved 2M 5 pages; " OVERCOMMITTED "3 pages",
		  "none of the 5... -> grow the pool before the next VM starts" },
		{ 5, 5, U, 5, 3, "warning free-all-reserved 2M 5 pages",
		  "none of the 5... -> grow the pool before the next VM starts" },
	};

	(void)state;
	run_pool_cases(cases, WEIR_NELEM(cases));
}

/* People write -1 into nr_overcommit_hugepages, and cannot have that many pages. */
static void reserved_with_unlimited_overcommit_promises_no_absurd_number(void **state)
{
	struct weir_huge_size size = size_of(2 * WEIR_MIB, 5, 5, 0, 5, 0);
	const struct weir_snapshot snap = {
		.consistent = true,
		.pools = { .known = true, .sizes = &size, .nr = 1 },
	};
	struct weir_overview view;
	struct weir_findings found;

	(void)state;
	size.overcommit = WEIR_COUNT(UINT64_MAX);
	expect_int_eq(weir_overview_make(&snap, &view), 0);
	expect_int_eq(weir_findings_make(&snap, &view, &found), 0);
	expect_str(found.v[0].id, "free-all-reserved");
	assert_null(strstr(found.v[0].remedy, "18446744073709551615"));
	weir_findings_done(&found);
	weir_overview_done(&view);
}

#define MIB_(n) ((int64_t)(n) << 20)
#define HUNGRY  "problem host-starving"

/* What should stay: of 100G 3 %, 3G; of 20G 1G; of 2G a quarter, 512M. The overcommit
 * limit is out of the way. */
static void starving_gives_back_what_can_be_had_at_once(void **state)
{
	static const struct {
		int64_t total_mib, available;        /* bytes */
		int64_t nr, free, surplus, reserved; /* of 2M */
		int64_t nr_1g, free_1g;
		const char *want, *says;
	} cases[] = {
		{ U, 0, 50, 50, 0, 0, 0, 0, "", "" },
		{ 2048, U, 50, 50, 0, 0, 0, 0, "", "" },
		{ 2048, 0, U, 50, 0, 0, 0, 0, "", "" }, /* what the pools hold */
		{ 102400, MIB_(3072), 9999, 9999, 0, 0, 0, 0, "", "" },
		{ 20480, MIB_(1024), 9999, 9999, 0, 0, 0, 0, "", "" },
		{ 2048, MIB_(512), 500, 500, 0, 0, 0, 0, "", "" },
		/* a byte less: that takes a page */
		{ 102400, MIB_(3072) - 1, 9999, 9999, 0, 0, 0, 0, HUNGRY,
		  "...less than the 3G...pools hold 19.5G. -> give back 1 of the 9999 2M "
		  "pages that can be had at once" TO_2M("9998") },
		{ 20480, MIB_(1023), 512, 512, 0, 0, 0, 0, HUNGRY,
		  "...only 1023M available...less than the 1G... -> give back 1 of the "
		  "512 2M pages..." TO_2M("511") },
		/* 2G are missing: 1023 pages hold less than that, 1024 do not */
		{ 102400, MIB_(1024), 1023, 1023, 0, 0, 0, 0, "", "" },
		{ 102400, MIB_(1024), 1024, 1024, 0, 0, 0, 0, HUNGRY,
		  "...only 1G available... -> give back 1024 of the 1024 2M "
		  "pages..." TO_2M("0") },
		/* T=25 F=10 R=0 S=5: 10 - 0 - 5 = 5 can be had; persistent are 20 */
		{ 2048, MIB_(509), 25, 10, 5, 0, 0, 0,
		  HUNGRY "; " OVERCOMMITTED "5 pages",
		  "...only 509M...than the 512M...hold 50M. -> give back 2 of the 5 2M "
		  "pages..." TO_2M("18") },
		{ 2048, MIB_(502), 25, 10, 5, 0, 0, 0,
		  HUNGRY "; " OVERCOMMITTED "5 pages",
		  "... -> give back 5 of the 5 2M pages..." TO_2M("15") },
		{ 2048, MIB_(492), 25, 10, 5, 0, 0, 0,
		  HUNGRY "; " OVERCOMMITTED "5 pages",
		  "... -> ...at once, 5 2M pages;...does not suffice, end or move a VM "
		  "too" TO_2M("15") },
		/* F - R - S = 6 - 3 - 2 */
		{ 2048, MIB_(508), 25, 6, 2, 3, 0, 0,
		  HUNGRY "; " OVERCOMMITTED "2 pages; note reserved-untouched 2M 3 pages",
		  "... -> ...at once, 1 2M page;...too" TO_2M("22") },
		{ 2048, MIB_(508), 25, 0, 0, 0, 0, 0, HUNGRY,
		  "... -> no page of the pools can be given back,...: end or move a VM" },
		/* what can be had is not known: no number, no command */
		{ 2048, MIB_(508), 25, 10, 0, U, 0, 0, HUNGRY,
		  "...hold 50M. -> ...is not known here,...or end or move a VM" },
		{ 2048, MIB_(508), 25, 10, U, 0, 0, 0, HUNGRY,
		  "...hold 50M. -> ...is not known here,...or end or move a VM" },
		{ 2048, MIB_(508), 25, U, 0, 0, 1, 0, HUNGRY,
		  "...hold 1G. -> ...is not known here,...or end or move a VM" },
		/* the size that has most bytes: of 1 * 1G, 511 * 2M, 513 * 2M */
		{ 102400, MIB_(3071), 511, 511, 0, 0, 3, 1, HUNGRY,
		  "...hold 3.9G. -> give back 1 of the 1 1G pages..." TO_1G("2") },
		{ 102400, MIB_(3071), 513, 513, 0, 0, 3, 1, HUNGRY,
		  "...hold 4G. -> give back 1 of the 513 2M pages..." TO_2M("512") },
		{ 102400, MIB_(3071), 511, U, 0, 0, 3, 1, HUNGRY,
		  "...hold 3.9G. -> give back 1 of the 1 1G pages..." TO_1G("2") },
		{ 102400, 0, 0, 0, 0, 0, 9, 2, HUNGRY,
		  "...only 0 available... -> ...at once, 2 1G pages;..." TO_1G("7") },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_huge_size sizes[] = {
			size_of(2 * WEIR_MIB, cases[i].nr, cases[i].free,
			        cases[i].surplus, cases[i].reserved, 100),
			size_of(WEIR_GIB, cases[i].nr_1g, cases[i].free_1g, 0, 0, 0),
		};
		const struct weir_snapshot snap = {
			.consistent = true,
			.mem.total = weir_count_mul(count(cases[i].total_mib), WEIR_MIB),
			.mem.available = count(cases[i].available),
			.pools = { .known = true, .sizes = sizes, .nr = 2 },
		};

		expect_found(&snap, cases[i].want, cases[i].says);
	}
}

static void proc_and_sysfs_differ_by_surplus_or_by_more(void **state)
{
	static const struct {
		int64_t nr, surplus, sysctl, standard; /* the default size */
		const char *want, *says;
	} cases[] = {
		{ 8, 3, U, MIB_(2), OVERCOMMITTED "3 pages", "" },
		{ U, 3, 5, MIB_(2), OVERCOMMITTED "3 pages", "" },
		{ 8, 0, 8, MIB_(2), "", "" },
		{ 8, 0, 5, U, "", "" },
		{ 8, 0, 5, MIB_(1024), "note size-hidden-in-meminfo 2M 8 pages", "" },
		{ 8, 3, 5, MIB_(2),
		  OVERCOMMITTED "3 pages; note proc-and-sysfs-differ 2M",
		  "...says 5 and sysfs 8: sysfs counts the 3 surplus 2M pages,...not." },
		{ 8, 3, 4, MIB_(2),
		  OVERCOMMITTED "3 pages; note proc-and-sysfs-differ 2M",
		  "...says 4 and sysfs 8 2M pages, of which 3 are...another cause too." },
		{ 8, 0, 9, MIB_(2), "note proc-and-sysfs-differ 2M",
		  "...says 9 and sysfs 8 2M pages, of which 0 are...another cause too." },
		{ 8, U, 5, MIB_(2), "note proc-and-sysfs-differ 2M",
		  "...says 5 and sysfs 8 2M pages, of which ? are...another cause too." },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_huge_size size = size_of(2 * WEIR_MIB, cases[i].nr, 0,
		                                     cases[i].surplus, 0, 9);
		const struct weir_snapshot snap = {
			.consistent = true,
			.mem.huge_size = count(cases[i].standard),
			.pools = { .known = true,
			           .sizes = &size,
			           .nr = 1,
			           .sysctl_nr = count(cases[i].sysctl) },
		};

		expect_found(&snap, cases[i].want, cases[i].says);
	}
}

#define HIDDEN "note size-hidden-in-meminfo "

static void sizes_that_meminfo_does_not_count_are_told(void **state)
{
	static const struct {
		int64_t standard, small, large; /* default size, pages of 2M and 1G */
		const char *want, *says;
	} cases[] = {
		{ U, 5, 3, "", "" },
		{ MIB_(2), 5, U, "", "" },
		{ MIB_(2), 5, 0, "", "" },
		{ MIB_(2), 5, 3, HIDDEN "1G 3 pages",
		  "3 1G pages (3G) are not in...the default size, 2M, only." },
		{ MIB_(1024), 1, 3, HIDDEN "2M 1 pages",
		  "1 2M page (2M) is not in...the default size, 1G, only." },
		{ MIB_(32), 1, 3, HIDDEN "2M 1 pages; " HIDDEN "1G 3 pages",
		  "3 1G pages (3G) are not in...the default size, 32M, only." },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_huge_size sizes[] = {
			size_of(2 * WEIR_MIB, cases[i].small, 0, 0, 0, 0),
			size_of(WEIR_GIB, cases[i].large, 0, 0, 0, 0),
		};
		const struct weir_snapshot snap = {
			.consistent = true,
			.mem.huge_size = count(cases[i].standard),
			.pools = { .known = true, .sizes = sizes, .nr = 2 },
		};

		expect_found(&snap, cases[i].want, cases[i].says);
	}
}

static void poisoned_memory_is_a_problem(void **state)
{
	struct fake_file untold[] = { { "/proc/meminfo", "MemTotal: 4194304 kB\n" } };
	struct fake_file none[] = { { "/proc/meminfo", "HardwareCorrupted:   0 kB\n" } };
	struct fake_file page[] = { { "/proc/meminfo", "HardwareCorrupted:   4 kB\n" } };

	(void)state;
	EXPECT_FOUND(untold, "", "");
	EXPECT_FOUND(none, "", "");
	EXPECT_FOUND(page, "problem memory-poisoned",
	             "4K of memory failed in hardware;... -> ...'Memory failure'...and "
	             "change the module");
}

/* 2 % of 100,000 kB are 2,000 kB. */
static void nodes_that_do_not_add_up_are_told_past_2_percent(void **state)
{
	static const struct {
		int64_t total_kb, nodes_kb[2];
		const char *want;
	} cases[] = {
		{ U, { 1, 1 }, "" },
		{ 100000, { 1, U }, "" }, /* one does not tell: nothing is known */
		{ 100000, { 50000, 50000 }, "" },
		{ 100000, { 48000, 50000 }, "" },
		{ 100000, { 52000, 50000 }, "" },
		{ 100000, { 47999, 50000 }, "note nodes-do-not-add-up" },
		{ 100000, { 52001, 50000 }, "note nodes-do-not-add-up" },
		{ 100000, { 50000, 0 }, "note nodes-do-not-add-up" },
		{ 0, { 0, 0 }, "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const int64_t *kb = cases[i].nodes_kb;
		struct weir_node nodes[] = {
			{ .mem.total = weir_count_mul(count(kb[0]), 1024) },
			{ .id = 1, .mem.total = weir_count_mul(count(kb[1]), 1024) },
		};
		struct weir_snapshot snap = {
			.consistent = true,
			.mem.total = weir_count_mul(count(cases[i].total_kb), 1024),
			.nodes = { .known = true, .v = nodes, .nr = 2 },
		};

		expect_found(&snap, cases[i].want,
		             *cases[i].want ? "/proc/meminfo has 97.6M...so does weir."
		                            : "");
		snap.nodes.nr = 0; /* no NUMA: nothing to add */
		expect_found(&snap, "", "");
	}
}

/* Rows of a fake host: all but @free pages in use; none reserved, no overcommit. */
#define POOL(where, kb, nr, free)                            \
	{ where kb "kB/nr_hugepages", nr "\n" },             \
		{ where kb "kB/free_hugepages", free "\n" }, \
	{                                                    \
		where kb "kB/surplus_hugepages", "0\n"       \
	}
#define POOL_ALL(kb, nr, free)                                          \
	POOL(ALL, kb, nr, free), { ALL kb "kB/resv_hugepages", "0\n" }, \
	{                                                               \
		ALL kb "kB/nr_overcommit_hugepages", "0\n"              \
	}
#define SYSCTL(nr)                                   \
	{                                            \
		"/proc/sys/vm/nr_hugepages", nr "\n" \
	}

static void snapshot_that_moved_is_a_problem(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("2048", "8", "8"),
		{ "/proc/sys/vm/nr_hugepages", "8\n", .later = "9\n" },
	};

	(void)state;
	EXPECT_FOUND(files, "problem snapshot-inconsistent",
	             "...moved while they were read... -> look again");
}

/* -1: the counter went below zero (6.9 to 6.18) and is unknown, not immense. */
static void reserved_counter_that_wrapped_finds_nothing(void **state)
{
	struct fake_file files[] = {
		POOL(ALL, "2048", "8", "8"),
		{ ALL "2048kB/resv_hugepages", "18446744073709551615\n" },
		SYSCTL("8"),
	};

	(void)state;
	EXPECT_FOUND(files, "", "");
}

static void host_without_a_flaw_has_no_findings(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ "/proc/sys/kernel/osrelease", "6.1.0-42-amd64\n" },
		{ "/proc/cmdline", "ro hugepagesz=2M hugepages=8\n" },
		{ "/proc/meminfo",
		  "MemTotal:       16777216 kB\nMemFree:         8388608 kB\n"
		  "MemAvailable:    8388608 kB\nHardwareCorrupted:     0 kB\n"
		  "HugePages_Total:       8\nHugePages_Free:        8\n"
		  "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
		  "Hugepagesize:       2048 kB\nHugetlb:           16384 kB\n" },
		{ NODES "online", "0\n" },
		{ NODES "node0/meminfo", "Node 0 MemTotal: 16777216 kB\n" },
		{ "/proc/zoneinfo", "Node 0, zone   Normal\n  pages free     2097152\n"
		                    "        present  4194304\n        managed  4194304\n"
		                    "        cma      0\n      nr_free_cma  0\n" },
		POOL_ALL("2048", "8", "8"),
		POOL(NODE(0), "2048", "8", "8"),
		POOL_ALL("1048576", "0", "0"),
		POOL(NODE(0), "1048576", "0", "0"),
		SYSCTL("8"),
		{ "/proc/self/mountinfo",
		  "1 2 0:3 / /dev/hugepages rw - hugetlbfs none rw,pagesize=2M\n"
		  "2 2 0:4 / " CG " rw - cgroup2 none rw\n" },
		{ CG "/cgroup.controllers", "hugetlb\n" },
		{ CG "/vm/hugetlb.2MB.current", "0\n" },
		{ CG "/vm/hugetlb.2MB.max", "max\n" },
		{ CG "/vm/hugetlb.2MB.rsvd.max", "max\n" },
		{ CG "/vm/hugetlb.2MB.events", "max 0\n" },
		{ "/@/klog",
		  "HugeTLB: registered 2.00 MiB page size, pre-allocated 8 pages\n" },
	};

	(void)state;
	EXPECT_FOUND(files, "", "");
}

/* Empty; and all there, nothing readable: what is unknown is not wrong. */
static void host_that_tells_nothing_has_no_findings(void **state)
{
	struct fake_file files[] = {
		{ "/proc/cmdline", "hugepages=8 hugepagesz=1G hugepages=1\n" },
		{ "/proc/meminfo", .error = -EACCES },
		{ "/proc/zoneinfo", .error = -EACCES },
		{ "/proc/buddyinfo", .error = -EIO },
		{ "/proc/self/mountinfo", .error = -EACCES },
		{ "/proc/sys/vm/nr_hugepages", .error = -EACCES },
		{ "/@/klog", .error = -EPERM },
		{ "/sys/kernel/mm/cma", .error = -EACCES },
		{ NODES "online", "0-1\n" },
		{ NODES "node0/meminfo", .error = -EACCES },
		{ ALL "2048kB/nr_hugepages", .error = -EACCES },
		{ ALL "2048kB/free_hugepages", "x\n" },
		{ ALL "1048576kB/nr_hugepages", "" },
		{ NODE(0) "2048kB/nr_hugepages", .error = -EACCES },
	};

	(void)state;
	expect_found_on(NULL, 0, "", "");
	EXPECT_FOUND(files, "", "");
}

#define SHORT   "warning boot-shortfall "
#define IGNORED "warning boot-argument-ignored"
#define LOG_ALL                                                                  \
	"HugeTLB: allocating 8 of page size 2.00 MiB failed.  Only allocated 5 " \
	"hugepages.\n"
#define LOG_NODE                                                                       \
	"HugeTLB: allocating 7 of page size 2.00 MiB failed node1.  Only allocated 2 " \
	"hugepages.\n"

/* There are 5 pages of 2M (2 on node 0, 3 on node 1), 1 of 32M (on node 0), 0 of 1G.
 * Pages beyond the buddy lists' reach wait for the CMA: the lists end at 4M, and at 512M
 * with base pages of 64K and 14 orders. */
static void boot_says_what_is_missing_and_why(void **state)
{
	static const char k4[] = "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 9\n";
	static const char k64[] = "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 0 0 0 9\n";
	static const struct {
		const char *cmdline, *log, *buddy;
		const char *want, *says;
	} cases[] = {
		{ "hugepages=5", "", k4, "", "" },
		{ "hugepages=8", "", k4, SHORT "2M 3 pages; ",
		  "...asks for 8 2M pages, and there are 5: 3 missing. -> if nobody has "
		  "shrunk the pool...'HugeTLB: allocating' in the kernel log" },
		{ "hugepages=8", LOG_ALL, k4, SHORT "2M 3 pages; ",
		  "...3 missing. -> at boot the kernel got 5 (...other nodes" },
		/* 2 of 2 and 3 of 7 */
		{ "hugepages=0:2,1:7", LOG_NODE, k4, SHORT "2M node 1 4 pages; ",
		  "...asks for 7 2M pages on node 1, and there are 3: 4 missing. -> at "
		  "boot the kernel got 2 (...other nodes" },
		{ "hugepagesz=1G hugepages=1", "", k4, SHORT "1G 1 pages; ",
		  "...asks for 1 1G page, and there are 0: 1 missing. -> if "
		  "nobody...log" },
		{ "hugetlb_cma=4G hugepagesz=1G hugepages=2", "", k4,
		  SHORT "1G 2 pages; ",
		  "...2 missing. -> hugetlb_cma= keeps the kernel from taking such pages "
		  "at boot: set the pool afterwards" TO_1G("2") },
		{ "hugetlb_cma=4G hugepagesz=32M hugepages=2", "", k4,
		  SHORT "32M 1 pages; ",
		  "... -> hugetlb_cma= keeps... $ echo 2 > " ALL "32768kB/nr_hugepages" },
		{ "hugetlb_cma=4G hugepagesz=32M hugepages=2", "", k64,
		  SHORT "32M 1 pages; ", "...1 missing. -> if nobody...log" },
		{ "hugetlb_cma=4G hugepagesz=1G hugepages=2", "", k64,
		  SHORT "1G 2 pages; ",
		  "...2 missing. -> hugetlb_cma= keeps..." TO_1G("2") },
		{ "hugetlb_cma=4G hugepages=8", "", k4, SHORT "2M 3 pages; ",
		  "...3 missing. -> if nobody...log" },
		/* nobody knows the orders: 4M */
		{ "hugetlb_cma=4G hugepagesz=1G hugepages=2", "", "",
		  SHORT "1G 2 pages; ",
		  "...2 missing. -> hugetlb_cma= keeps..." TO_1G("2") },
		/* a node's pool is not set by the command for all */
		{ "hugetlb_cma=0:4G hugepagesz=1G hugepages=0:2", "", k4,
		  SHORT "1G node 0 2 pages; ",
		  "...on node 0... -> hugetlb_cma= keeps...: set the pool afterwards" },
		/* no CMA comes of 0: the kernel looked for the pages at boot
		 * (hugetlb_cma_reserve() and hugetlb_hstate_alloc_pages(), v6.6) */
		{ "hugetlb_cma=0 hugepagesz=1G hugepages=2", "", k4, SHORT "1G 2 pages; ",
		  "...2 missing. -> if nobody...log" },
		{ "hugepages=5 hugepages=6", "", k4, IGNORED "; ",
		  "...ignores 'hugepages=6'...: this page size has its count already." },
		{ "hugepagesz=64K hugepages=5", "", k4, IGNORED "; " IGNORED "; ",
		  "...ignores 'hugepagesz=64K' on its command line: this kernel has no "
		  "pages of that size." },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ "/@/pagesize", cases[i].buddy == k64 ? "65536\n" : "4096\n" },
			{ "/@/klog", cases[i].log },
			{ "/proc/sys/kernel/osrelease", "6.6.0\n" },
			{ "/proc/cmdline", cases[i].cmdline },
			{ "/proc/meminfo", "Hugepagesize:       2048 kB\n" },
			{ "/proc/buddyinfo", cases[i].buddy },
			{ NODES "online", "0-1\n" },
			POOL_ALL("2048", "5", "0"),
			POOL(NODE(0), "2048", "2", "0"),
			POOL(NODE(1), "2048", "3", "0"),
			POOL_ALL("32768", "1", "0"),
			POOL(NODE(0), "32768", "1", "0"),
			POOL(NODE(1), "32768", "0", "0"),
			POOL_ALL("1048576", "0", "0"),
			POOL(NODE(0), "1048576", "0", "0"),
			POOL(NODE(1), "1048576", "0", "0"),
			SYSCTL("5"),
		};
		char want[256];

		(void)snprintf(want, sizeof(want), "%s" HIDDEN "32M 1 pages",
		               cases[i].want);
		EXPECT_FOUND(files, want, cases[i].says);
	}
}

/* Node lists came with 5.16: 5.10 reads the first number as the count. */
static void boot_node_list_on_5_10_is_taken_for_a_number(void **state)
{
	struct fake_file files[] = {
		{ "/proc/sys/kernel/osrelease", "5.10.0-28-amd64\n" },
		{ "/proc/cmdline", "hugepages=3:5,1:6\n" },
		{ "/proc/meminfo", "Hugepagesize:       2048 kB\n" },
		POOL_ALL("2048", "3", "3"),
		SYSCTL("3"),
	};

	(void)state;
	EXPECT_FOUND(files, "warning boot-argument-changed",
	             "...does not take all of 'hugepages=3:5,1:6'...knows no node lists "
	             "and reads the first number as the count.");
}

/* Zones of the field case: 64G of CMA on node 1, 16777216 - 8095497 = 8681719 frames of
 * it in use, and 32768 pages of 2M. */
#define ZONE(node, cma)                                            \
	"Node " node ", zone   Normal\n  pages free     9000000\n" \
	"        present  33554432\n        managed  33554432\n" cma
#define CMA(total, free) "        cma      " total "\n      nr_free_cma  " free "\n"
#define NO_CMA           CMA("0", "0")
#define F1               CMA("16777216", "8095497")
#define LRU                                                                        \
	"      nr_zone_inactive_anon 1000000\n      nr_zone_active_anon 1000000\n" \
	"      nr_zone_inactive_file 1000000\n      nr_zone_active_file 1000000\n" \
	"      nr_zone_unevictable 544503\n"
#define IN_CMA  "warning csv-cma-and-pool 2M"
#define PERCENT "csv_mem_percentage=50"

/* All of a pattern behind its numbers. */
#define PINS                                                                       \
	" lie in the CMA...CSV1, CSV2 and passthrough VMs cannot pin them,...its " \
	"memory twice. -> start confidential VMs without huge pages here,..."
#define UNTOLD "...an unknown part of its 32768 2M pages lies in it:... -> start..."

static void csv_pool_pages_in_the_cma_are_bounded(void **state)
{
	static const struct {
		const char *cmdline, *zones;
		const char *used; /* by CSV3, of node 1; NULL: such a kernel it is not */
		const char *want, *says;
	} cases[] = {
		/* nothing speaks of CSV, whatever other CMA there is */
		{ "ro", ZONE("0", F1) ZONE("1", F1), NULL, "", "" },
		/* asked for, and nothing came of it */
		{ PERCENT, ZONE("0", NO_CMA) ZONE("1", NO_CMA), NULL, "", "" },
		/* areas on the other node only, which has no pool */
		{ PERCENT, ZONE("0", F1) ZONE("1", NO_CMA), NULL, "", "" },
		/* all of the CMA is free; all but 511 frames, which hold no page of 2M */
		{ PERCENT, ZONE("0", F1) ZONE("1", CMA("16777216", "16777216")), NULL, "",
		  "" },
		{ PERCENT, ZONE("0", F1) ZONE("1", CMA("16777216", "16776705")), NULL, "",
		  "" },
		/* 8681719 / 512 = 16956.4; 16956 * 2M = 33.1G */
		{ PERCENT, ZONE("0", F1) ZONE("1", F1), NULL, IN_CMA " 16956 pages",
		  "up to 16956 of 32768 2M pages (33.1G of 64G)" PINS },
		/* more frames in use than the pool has: 32768 at most */
		{ PERCENT, ZONE("0", F1) ZONE("1", CMA("33554432", "0")), NULL,
		  IN_CMA " 32768 pages",
		  "up to 32768 of 32768 2M pages (64G of 64G)" PINS },
		/* LRU pages alone give no lower bound: the rest may be CSV3's own */
		{ PERCENT, ZONE("0", F1) ZONE("1", F1 LRU), NULL, IN_CMA " 16956 pages",
		  "up to 16956 of 32768 2M pages (33.1G of 64G)" PINS },
		/* 5.10 has no cma line; a file that was cut; zones that are not there */
		{ PERCENT, ZONE("0", "") ZONE("1", "      nr_free_cma  8095497\n"), NULL,
		  IN_CMA, UNTOLD },
		{ PERCENT, ZONE("0", F1) ZONE("1", F1) "Node 2, zo", NULL, IN_CMA,
		  UNTOLD },
		{ PERCENT, ZONE("0", F1), NULL, IN_CMA, UNTOLD },
		{ PERCENT, "", NULL, IN_CMA, UNTOLD },
		/* CSV3's own: 536 MiB = 137216 frames; (8681719 - 137216) / 512 = 16688.4
		 */
		{ "ro", ZONE("0", F1) ZONE("1", F1), "536 MiB", IN_CMA " 16688 pages",
		  "up to 16688 of 32768 2M pages (32.5G of 64G)" PINS },
		/* and 4544503 on the LRU lists: (8544503 - 4544503) / 512 = 7812.5 */
		{ "ro", ZONE("0", F1) ZONE("1", F1 LRU), "536 MiB", IN_CMA " 16688 pages",
		  "between 7812 and 16688 of 32768 2M pages (32.5G of 64G)" PINS },
		/* (33554432 - 137216 - 4544503) / 512 = 56391.9: all of the pool, surely
		 */
		{ "ro", ZONE("0", F1) ZONE("1", CMA("33554432", "0") LRU), "536 MiB",
		  IN_CMA " 32768 pages", "32768 of 32768 2M pages (64G of 64G)" PINS },
		/* CSV3 says that it has more than is in use: nothing is left */
		{ "ro", ZONE("0", F1) ZONE("1", F1), "65536 MiB", "", "" },
		/* garbled: not subtracted */
		{ "ro", ZONE("0", F1) ZONE("1", F1 LRU), "many MiB",
		  IN_CMA " 16956 pages",
		  "up to 16956 of 32768 2M pages (33.1G of 64G)" PINS },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		char info[256];
		struct fake_file files[] = {
			{ "/@/pagesize", "4096\n" },
			{ "/proc/cmdline", cases[i].cmdline },
			{ "/proc/zoneinfo", cases[i].zones },
			{ NODES "online", "0-1\n" },
			POOL_ALL("2048", "32768", "32768"),
			POOL(NODE(0), "2048", "0", "0"),
			POOL(NODE(1), "2048", "32768", "32768"),
			POOL_ALL("1048576", "4", "4"), /* never from the CMA of others */
			POOL(NODE(0), "1048576", "0", "0"),
			POOL(NODE(1), "1048576", "4", "4"),
			SYSCTL("32768"),
			{ "/sys/kernel/mm/csv3_cma/mem_info", info },
		};

		(void)snprintf(
			info, sizeof(info),
			"Node1:\n total cma size:  65536 MiB\n csv3 cma used:  %s\n",
			cases[i].used ? cases[i].used : "");
		expect_found_on(files, WEIR_NELEM(files) - !cases[i].used, cases[i].want,
		                cases[i].says);
	}
}

static void csv_areas_show_in_their_names_the_log_and_files_of_their_own(void **state)
{
	static const struct {
		struct fake_file sign;
		const char *want;
	} cases[] = {
		{ { "/sys/kernel/mm/cma/hugetlb1/alloc_pages_success", "1\n" }, "" },
		{ { "/sys/kernel/mm/cma/csv-n1c0/alloc_pages_success", "1\n" },
		  IN_CMA " 16956 pages" },
		{ { "/@/klog", "CSV-CMA: Node 1 - reserve size 0x1000000000, (expected "
		               "size 0x1000000000)\n" },
		  IN_CMA " 16956 pages" },
		{ { "/sys/kernel/mm/csv3_cma/free_size",
		    "Node1:\n total:     65536 MiB\n free:      65536 MiB\n" },
		  IN_CMA " 16956 pages" },
		/* csv_use_hugetlb: 1G pages serve CSV3, and this CMA is of others */
		{ { "/sys/kernel/mm/csv3/free_size",
		    "Node1:\n total cma size:  0 MiB\n csv3 cma used:  0 MiB\n"
		    "All Nodes:\n total cma size:  0 MiB\n csv3 cma used:  0 MiB\n" },
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ "/@/pagesize", "4096\n" },
			{ "/proc/cmdline", "cma=64M" }, /* then the log is read */
			{ "/proc/zoneinfo", ZONE("1", F1) },
			{ NODES "online", "1\n" },
			POOL_ALL("2048", "32768", "32768"),
			POOL(NODE(1), "2048", "32768", "32768"),
			SYSCTL("32768"),
			cases[i].sign,
		};

		EXPECT_FOUND(files, cases[i].want, "");
	}
}

/* Node 2's zones were not captured: its 100 pages are in neither number. */
static void csv_pool_of_an_untold_node_is_counted_on_the_others(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ "/proc/cmdline", PERCENT },
		{ "/proc/zoneinfo", ZONE("1", F1) },
		{ NODES "online", "1-2\n" },
		POOL_ALL("2048", "32868", "32868"),
		POOL(NODE(1), "2048", "32768", "32768"),
		POOL(NODE(2), "2048", "100", "100"),
		SYSCTL("32868"),
	};

	(void)state;
	EXPECT_FOUND(files, IN_CMA " 16956 pages",
	             "up to 16956 of 32768 2M pages (33.1G of 64G, counted on 1 of 2 "
	             "nodes)" PINS);
}

#define MOUNT(device, target, options) \
	"1 1 0:" device " / " target " rw - hugetlbfs none rw" options "\n"
#define MISNAMED "warning mount-name-contradicts "
#define TAKE_2M                                                                     \
	" is named for 1G pages but mounted with pagesize=2M: files there take 2M " \
	"pages. -> if the name is right, mount it again with pagesize=1G...it"

static void mount_names_that_speak_of_another_size_are_told(void **state)
{
	static const struct {
		const char *mountinfo, *want, *says;
	} cases[] = {
		{ MOUNT("3", "/huge", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/huge2M", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/huge1G", ""), MISNAMED "2M", "/huge1G" TAKE_2M },
		{ MOUNT("3", "/dev/hugepages1G", ",pagesize=2M"), MISNAMED "2M",
		  "/dev/hugepages1G" TAKE_2M },
		{ MOUNT("3", "/1GiB", ",pagesize=2M"), MISNAMED "2M", "/1GiB" TAKE_2M },
		{ MOUNT("3", "/1gb_x", ",pagesize=2M"), MISNAMED "2M", "/1gb_x" TAKE_2M },
		{ MOUNT("3", "/a\\040b\\0401G", ",pagesize=2M"), MISNAMED "2M",
		  "/a b 1G" TAKE_2M },
		{ MOUNT("3", "/x-2048kB", ",pagesize=1024M"), MISNAMED "1G",
		  "/x-2048kB is named for 2M...pagesize=1G:...take 1G pages. -> "
		  "...pagesize=2M..." },
		{ MOUNT("3", "/hugepages-1048576kB", ",pagesize=1024M"), "", "" },
		/* only the last part of the path is its name */
		{ MOUNT("3", "/1G/huge", ",pagesize=2M"), "", "" },
		/* two sizes; one twice; none that is a page size; words; bare numbers */
		{ MOUNT("3", "/huge1G-2M", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/huge2M-1G", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/1G-1024M", ",pagesize=2M"), MISNAMED "2M",
		  "/1G-1024M" TAKE_2M },
		{ MOUNT("3", "/vm-4G", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/vm-4G-1G", ",pagesize=2M"), MISNAMED "2M",
		  "/vm-4G-1G" TAKE_2M },
		{ MOUNT("3", "/1Guest", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/1Gx", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/2MiBs", ",pagesize=1024M"), "", "" },
		{ MOUNT("3", "/1073741824", ",pagesize=2M"), "", "" },
		{ MOUNT("3", "/99999999999999999999G", ",pagesize=2M"), "", "" },
		/* named for what it holds */
		{ MOUNT("3", "/vm-1G", ",pagesize=2M,size=1G"), "", "" },
		{ MOUNT("3", "/vm-1G", ",pagesize=2M,size=2G"), MISNAMED "2M",
		  "/vm-1G" TAKE_2M },
		/* one file system at two places; two file systems */
		{ MOUNT("3", "/huge1G", "") MOUNT("3", "/jail/huge1G", ""), MISNAMED "2M",
		  "/huge1G" TAKE_2M },
		{ MOUNT("3", "/huge1G", "") MOUNT("4", "/jail/huge1G", ""),
		  MISNAMED "2M; " MISNAMED "2M", "/jail/huge1G" TAKE_2M },
		/* a mount of 1G on top hides the wrong one: see the statfs below */
		{ MOUNT("3", "/right1G", "") MOUNT("4", "/right1G", ",pagesize=1024M"),
		  "", "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ "/proc/meminfo", "Hugepagesize:       2048 kB\n" },
			{ "/proc/self/mountinfo", cases[i].mountinfo },
			{ "/@/statfs/right1G/@", "bsize 1073741824\nblocks 0\n" },
			POOL_ALL("2048", "0", "0"),
			POOL_ALL("1048576", "0", "0"),
			SYSCTL("0"),
		};

		EXPECT_FOUND(files, cases[i].want, cases[i].says);
	}
}

#define KEEPS "note mount-keeps-pages "

static void mounts_with_a_minimum_keep_pages(void **state)
{
	static const struct {
		const char *mountinfo, *want, *says;
	} cases[] = {
		{ MOUNT("3", "/h", ",pagesize=2M,size=10M"), "", "" },
		{ MOUNT("3", "/h", ",pagesize=2M,min_size=0"), "", "" },
		{ MOUNT("3", "/h", ",pagesize=2M,min_size=10M"), KEEPS "2M 5 pages",
		  "the mount /h keeps 5 2M pages (min_size=10M)...no shrink takes "
		  "them." },
		{ MOUNT("3", "/h", ",pagesize=1024M,min_size=1G"), KEEPS "1G 1 pages",
		  "the mount /h keeps 1 1G page (min_size=1G)...no shrink takes them." },
		/* a bind mount has the same pages; another file system its own */
		{ MOUNT("3", "/h", ",pagesize=2M,min_size=10M")
		          MOUNT("3", "/bind", ",pagesize=2M,min_size=10M")
		                  MOUNT("4", "/other", ",pagesize=2M,min_size=2M"),
		  KEEPS "2M 5 pages; " KEEPS "2M 1 pages",
		  "the mount /other keeps 1 2M page..." },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ "/proc/self/mountinfo", cases[i].mountinfo },
		};

		EXPECT_FOUND(files, cases[i].want, cases[i].says);
	}
}

/* A host with v2 and with v1, and the files of a group: limit, limit on reservations,
 * refusals. */
#define NO_PAGES POOL_ALL("2048", "0", "0"), SYSCTL("0")
#define V2                                                                               \
	NO_PAGES, { "/proc/self/mountinfo", "1 2 0:3 / " CG " rw - cgroup2 none rw\n" }, \
	{                                                                                \
		CG "/cgroup.controllers", "hugetlb\n"                                    \
	}
#define V1                                                                               \
	NO_PAGES,                                                                        \
	{                                                                                \
		"/proc/self/mountinfo", "1 2 0:3 / " CG " rw - cgroup none rw,hugetlb\n" \
	}
#define GROUP(path, max, rsvd, refused)                            \
	{ CG path "/hugetlb.2MB.max", max "\n" },                  \
		{ CG path "/hugetlb.2MB.rsvd.max", rsvd "\n" },    \
	{                                                          \
		CG path "/hugetlb.2MB.events", "max " refused "\n" \
	}
#define GROUP_V1(path, max, refused, rsvd, rsvd_refused)                   \
	{ CG path "/hugetlb.2MB.limit_in_bytes", max "\n" },               \
		{ CG path "/hugetlb.2MB.failcnt", refused "\n" },          \
		{ CG path "/hugetlb.2MB.rsvd.limit_in_bytes", rsvd "\n" }, \
	{                                                                  \
		CG path "/hugetlb.2MB.rsvd.failcnt", rsvd_refused "\n"     \
	}
#define V1_NONE    "9223372036852678656" /* 2^63 - 1 in whole 2 MiB pages */
#define UNRESERVED "warning cgroup-without-rsvd-limit 2M"
#define REFUSED    "warning cgroup-limit-hit 2M"
#define MEND       ":...ENOMEM. -> set hugetlb.2MB.rsvd.max to the same limit"

static void cgroups_without_a_limit_on_reservations_are_named(void **state)
{
	struct fake_file files[] = {
		V2,
		GROUP("/a", "4194304", "max", "0"),
		GROUP("/b", "2097152", "max", "0"),
		GROUP("/c", "0", "max", "0"),
		GROUP("/d", "2097152", "max", "0"),
		GROUP("/e", "2097152", "max", "0"),
	};
	size_t nr = WEIR_NELEM(files); /* a group has 3 files */

	(void)state;
	expect_found_on(files, nr - 12, UNRESERVED,
	                "1 cgroup has a limit on 2M pages in use...(/a)" MEND);
	expect_found_on(files, nr - 6, UNRESERVED,
	                "3 cgroups have a limit...(/a, /b, /c)" MEND);
	expect_found_on(files, nr, UNRESERVED,
	                "5 cgroups have a limit...(/a, /b, /c and 2 more)" MEND);
}

static void cgroups_bounded_by_a_limit_on_reservations_are_not_named(void **state)
{
	struct fake_file none[] = { V2, GROUP("/a", "max", "max", "0") };
	struct fake_file own[] = { V2, GROUP("/a", "4194304", "0", "0") };
	/* 5.4 has no such file, and nothing that could be set */
	struct fake_file old[] = { V2, { CG "/a/hugetlb.2MB.max", "4194304\n" } };
	/* /a bounds all below it, however deep; /ab and /b/a are not below it */
	struct fake_file above[] = {
		V2,
		GROUP("/a", "max", "8388608", "0"),
		GROUP("/a/b", "4194304", "max", "0"),
		GROUP("/a/b/c", "2097152", "max", "0"),
		GROUP("/ab", "2097152", "max", "0"),
		GROUP("/b", "max", "max", "0"),
		GROUP("/b/a", "2097152", "max", "0"),
	};

	(void)state;
	EXPECT_FOUND(none, "", "");
	EXPECT_FOUND(own, "", "");
	EXPECT_FOUND(old, "", "");
	EXPECT_FOUND(above, UNRESERVED, "2 cgroups have a limit...(/ab, /b/a)" MEND);
}

/* v2 counts a refusal in the group of the task and in all above. */
static void cgroups_that_were_refused_pages_are_the_innermost(void **state)
{
	struct fake_file one[] = { V2, GROUP("/a", "max", "max", "1") };
	struct fake_file tree[] = {
		V2,
		GROUP("/a", "4194304", "4194304", "5"),
		GROUP("/a/b", "max", "max", "5"),
		GROUP("/a/b/c", "max", "max", "2"),
		GROUP("/a/b/d", "max", "max", "3"),
		GROUP("/ab", "max", "max", "7"),
	};

	(void)state;
	EXPECT_FOUND(one, REFUSED, "1 cgroup was refused 2M pages, 1 time...(/a)....");
	EXPECT_FOUND(tree, REFUSED,
	             "3 cgroups were refused 2M pages, 12 times in all (/a/b/c, /a/b/d, "
	             "/ab), by the limit of the group or of one above it.");
}

/* Both kinds count: 3 + 4; and only in the group whose limit refused, so that the group
 * above has its own: 3 + 4 + 2. */
static void cgroups_of_v1_have_words_and_counters_of_their_own(void **state)
{
	struct fake_file limit[] = { V1, GROUP_V1("/a", "4194304", "0", V1_NONE, "0") };
	struct fake_file both[] = { V1, GROUP_V1("/a", "4194304", "3", "4194304", "4") };
	struct fake_file nested[] = {
		V1,
		GROUP_V1("/a", "4194304", "3", "4194304", "4"),
		GROUP_V1("/a/b", "2097152", "2", "2097152", "0"),
	};

	(void)state;
	EXPECT_FOUND(limit, UNRESERVED,
	             "1 cgroup has...(/a):... -> set hugetlb.2MB.rsvd.limit_in_bytes...");
	EXPECT_FOUND(both, REFUSED,
	             "1 cgroup was refused 2M pages, 7 times in all (/a)...");
	EXPECT_FOUND(nested, REFUSED,
	             "2 cgroups were refused 2M pages, 9 times in all (/a, /a/b)...");
}

/* One of nearly everything, and the checks run in another order.
 * 99 - (90 - 5) = 14 are missing; min(8681719 / 512, 90) = 90 lie in the CMA. */
static struct fake_file ill[] = {
	{ "/@/pagesize", "4096\n" },
	{ "/proc/sys/kernel/osrelease", "6.6.0\n" },
	{ "/proc/cmdline", "hugepages=99 hugepages=98 csv_mem_percentage=50\n" },
	{ "/proc/meminfo", "MemTotal:      104857600 kB\nMemAvailable:    1048576 kB\n"
	                   "HardwareCorrupted:  4096 kB\nHugepagesize:       2048 kB\n" },
	{ "/proc/zoneinfo", ZONE("0", F1) },
	{ NODES "online", "0\n" },
	{ NODES "node0/meminfo", "Node 0 MemTotal: 52428800 kB\n" },
	{ ALL "2048kB/nr_hugepages", "90\n" },
	{ ALL "2048kB/free_hugepages", "10\n" },
	{ ALL "2048kB/surplus_hugepages", "5\n" },
	{ ALL "2048kB/resv_hugepages", "11\n" },
	{ ALL "2048kB/nr_overcommit_hugepages", "0\n" },
	{ NODE(0) "2048kB/nr_hugepages", "90\n" },
	{ NODE(0) "2048kB/free_hugepages", "10\n" },
	{ NODE(0) "2048kB/surplus_hugepages", "5\n" },
	POOL_ALL("1048576", "4", "3"),
	POOL(NODE(0), "1048576", "4", "3"),
	{ "/proc/sys/vm/nr_hugepages", "80\n", .later = "85\n" },
	{ "/proc/self/mountinfo",
	  "1 2 0:3 / " CG " rw - cgroup2 none rw\n" MOUNT("4", "/dev/huge1G",
	                                                  ",pagesize=2M,min_size=2M") },
	{ CG "/cgroup.controllers", "hugetlb\n" },
	GROUP("/a", "2097152", "max", "3"),
};

static void findings_stand_worst_first_and_else_as_the_checks_do(void **state)
{
	(void)state;
	EXPECT_FOUND(ill,
	             "problem snapshot-inconsistent; "
	             "problem host-starving; "
	             "problem reserved-beyond-free 2M 11 pages; "
	             "problem memory-poisoned; "
	             "warning surplus-trapped 2M 5 pages; "
	             "warning boot-shortfall 2M 14 pages; "
	             "warning boot-argument-ignored; "
	             "warning csv-cma-and-pool 2M 90 pages; "
	             "warning mount-name-contradicts 2M; "
	             "warning cgroup-without-rsvd-limit 2M; "
	             "warning cgroup-limit-hit 2M; "
	             "note mount-keeps-pages 2M 1 pages; "
	             "note nodes-do-not-add-up; "
	             "note proc-and-sysfs-differ 2M; "
	             "note size-hidden-in-meminfo 1G 4 pages",
	             "");
}

static int make(void *ctx)
{
	struct weir_overview view;
	struct weir_findings found = { 0 };
	int r = weir_overview_make(ctx, &view);

	if (r == 0)
		r = weir_findings_make(ctx, &view, &found);
	if (r < 0)
		expect_u64_eq(found.nr, 0);
	weir_findings_done(&found);
	weir_overview_done(&view);
	return r;
}

static void findings_every_failed_allocation_is_told(void **state)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, ill, WEIR_NELEM(ill));
	expect_int_eq(weir_snapshot_read(&fake.host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	fake_close(&fake);
	expect_int_eq(fault_every(make, snap), 0);
}

static int read_ill(void *ctx)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;

	return weir_snapshot_read(ctx, WEIR_SNAPSHOT_ALL, &snap, NULL);
}

static void snapshot_every_failed_allocation_is_told(void **state)
{
	struct fake_host fake;

	(void)state;
	fake_open(&fake, ill, WEIR_NELEM(ill));
	expect_int_eq(fault_every(read_ill, &fake.host), 0);
	fake_close(&fake);
}

/* ---- weird's store ----------------------------------------------------------------- */

#define WARM(lines)                                                                   \
	"weir-warm 1 pid=811 start=4711 boot=b0\n"                                    \
	"store page=2097152 device=0:57 dir=\"/r\"\n" lines "next region=9 lease=9\n" \
	"end\n"
#define REGION(id, word, node, bytes, more)                                 \
	"region " id " state=" word " page=2097152 node=" node " inode=" id \
	" bytes=" bytes " filled=" bytes more "\n"
#define LEASE(id) " lease=" id " name=\"\" uid=0 gid=0 since=1 until=0 owner=none"

static void warm_memory_says_what_is_wrong_with_it(void **state)
{
	static const struct {
		const char *text;
		enum weir_weird weird;
		const char *want, *says;
	} cases[] = {
		{ WARM(REGION("1", "ready", "0", "4194304", "")), WEIR_WEIRD_RUNS, "",
		  "" },
		{ WARM(REGION("1", "ready", "0", "4194304", "")), WEIR_WEIRD_UNKNOWN, "",
		  "" },
		{ WARM(""), WEIR_WEIRD_GONE, "", "" },
		{ WARM(REGION("1", "ready", "0", "4194304", "")
		               REGION("2", "leased", "0", "2097152", LEASE("2"))),
		  WEIR_WEIRD_GONE, "warning weird-gone",
		  "weird does not run: 4M of warm memory are kept for nobody, and 1 "
		  "lease "
		  "(2M) does not end. -> ... $ systemctl start weird" },
		{ WARM(REGION("1", "waiting", "0", "4194304", LEASE("2"))
		               REGION("2", "waiting", "0", "2097152", LEASE("3"))),
		  WEIR_WEIRD_RUNS, "warning warm-waiting 2M node 0 3 pages",
		  "warm memory of 2M, node 0: the leases of 2 files (6M) have ended, and "
		  "somebody still has them. -> ...let go of it" },
		/* 6 pages are missing, and 5 are free */
		{ WARM("target page=2097152 node=0 bytes=16777216\n" REGION(
			  "1", "ready", "0", "4194304", "")),
		  WEIR_WEIRD_RUNS, "warning warm-target-missed 2M node 0 6 pages",
		  "warm memory of 2M, node 0: 12M of the 16M that shall be ready are "
		  "missing: the pool has only 5 really free pages there. -> make..." },
		{ WARM("target page=2097152 node=0 bytes=14680064\n" REGION(
			  "1", "ready", "0", "4194304", "")),
		  WEIR_WEIRD_RUNS, "note warm-not-filled 2M node 0 5 pages",
		  "...weird has not filled it yet." },
		{ WARM("target page=2097152 node=-1 bytes=2097152\n"), WEIR_WEIRD_GONE,
		  "note warm-not-filled 2M 1 pages",
		  "warm memory of 2M: 2M of the 2M...: weird does not run." },
		/* a region that is being filled is on its way */
		{ WARM("target page=2097152 node=0 bytes=4194304\n" REGION(
			  "1", "filling", "0", "4194304", "")),
		  WEIR_WEIRD_RUNS, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_huge_size size = size_of(2 * WEIR_MIB, 20, 5, 0, 0, 0);
		struct weir_snapshot snap = {
			.consistent = true,
			.pools = { .known = true, .sizes = &size, .nr = 1 },
			.warm.weird = cases[i].weird,
		};
		struct weir_node_pool node = { .node = 0, .pool = size.all };

		size.nodes = &node;
		size.nr_nodes = 1;
		expect_int_eq(weir_warm_state_parse(weir_strz(cases[i].text),
		                                    &snap.warm.state, NULL),
		              0);
		expect_found(&snap, cases[i].want, cases[i].says);
		weir_warm_seen_done(&snap.warm);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(warm_memory_says_what_is_wrong_with_it),
		cmocka_unit_test(
			surplus_is_a_note_within_and_a_warning_beyond_overcommit),
		cmocka_unit_test(reserved_pages_are_compared_with_the_free_ones),
		cmocka_unit_test(
			reserved_with_unlimited_overcommit_promises_no_absurd_number),
		cmocka_unit_test(starving_gives_back_what_can_be_had_at_once),
		cmocka_unit_test(proc_and_sysfs_differ_by_surplus_or_by_more),
		cmocka_unit_test(sizes_that_meminfo_does_not_count_are_told),
		cmocka_unit_test(poisoned_memory_is_a_problem),
		cmocka_unit_test(nodes_that_do_not_add_up_are_told_past_2_percent),
		cmocka_unit_test(snapshot_that_moved_is_a_problem),
		cmocka_unit_test(reserved_counter_that_wrapped_finds_nothing),
		cmocka_unit_test(host_without_a_flaw_has_no_findings),
		cmocka_unit_test(host_that_tells_nothing_has_no_findings),
		cmocka_unit_test(boot_says_what_is_missing_and_why),
		cmocka_unit_test(boot_node_list_on_5_10_is_taken_for_a_number),
		cmocka_unit_test(csv_pool_pages_in_the_cma_are_bounded),
		cmocka_unit_test(
			csv_areas_show_in_their_names_the_log_and_files_of_their_own),
		cmocka_unit_test(csv_pool_of_an_untold_node_is_counted_on_the_others),
		cmocka_unit_test(mount_names_that_speak_of_another_size_are_told),
		cmocka_unit_test(mounts_with_a_minimum_keep_pages),
		cmocka_unit_test(cgroups_without_a_limit_on_reservations_are_named),
		cmocka_unit_test(
			cgroups_bounded_by_a_limit_on_reservations_are_not_named),
		cmocka_unit_test(cgroups_that_were_refused_pages_are_the_innermost),
		cmocka_unit_test(cgroups_of_v1_have_words_and_counters_of_their_own),
		cmocka_unit_test(findings_stand_worst_first_and_else_as_the_checks_do),
		cmocka_unit_test(findings_every_failed_allocation_is_told),
		cmocka_unit_test(snapshot_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
