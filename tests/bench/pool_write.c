/* pool_write DIR RUNS: what a growth by 1,000 pages of 2M costs: the bare write to the
 * kernel's file, and the same op of a plan, which is written, read back and told; in
 * turn. Prints "bare op" in microseconds, a line a run. As root; DIR is for the state.
 * The pool is left as it was. */
#include "apply/apply.h"
#include "base/own.h"
#include "facts/snapshot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FILE_2M "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define PAGES   1000

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static int put(uint64_t pages)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, pages);
	int fd = open(FILE_2M, O_WRONLY | O_CLOEXEC);
	int r = fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : -1;

	if (fd >= 0)
		(void)close(fd);
	return r;
}

static uint64_t get(void)
{
	char text[24] = "";
	int fd = open(FILE_2M, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	(void)close(fd);
	return strtoull(text, NULL, 10);
}

static void on_progress(void *ctx, const struct weir_progress *p)
{
	if (p->now >= p->to)
		*(uint64_t *)ctx = p->elapsed_ns;
}

/* The op's own time, without the plan and the journal before it; 0: it failed. */
static uint64_t op_ns(const struct weir_host *host, const char *dir)
{
	const struct weir_plan_options plan_options = { .floor_given = true };
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applied applied = { 0 };
	struct weir_err err = { 0 };
	uint64_t ns = 0;
	const struct weir_apply_options options = { .state_dir = dir,
		                                    .progress = on_progress,
		                                    .ctx = &ns };
	char word[32];
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, &err);

	(void)snprintf(word, sizeof(word), "2M=+%d", PAGES);
	if (r == 0)
		r = weir_wish_parse(weir_strz(word), &wishes, &err);
	if (r == 0)
		r = weir_plan_make(snap, &wishes, &plan_options, &plan, &err);
	if (r == 0)
		r = weir_apply(host, &plan, &options, &applied, &err);
	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	weir_applied_done(&applied);
	return r == 0 && applied.end == WEIR_APPLY_DONE ? ns : 0;
}

int main(int argc, char **argv)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	uint64_t had = get();
	int r = 0;

	if (argc != 3 || weir_host_open(NULL, &host, NULL) < 0)
		return 2;
	for (unsigned long runs = strtoul(argv[2], NULL, 10); runs && r == 0; runs--) {
		uint64_t at = now_ns(), bare, op;

		r = put(had + PAGES);
		bare = now_ns() - at;
		if (put(had) < 0)
			r = -1;
		op = op_ns(host, argv[1]);
		if (put(had) < 0 || !op)
			r = -1;
		(void)printf("%.1f %.1f\n", (double)bare / 1e3, (double)op / 1e3);
	}
	return r < 0;
}
