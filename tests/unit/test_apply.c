/* Plans carried out on a modelled host, through a seam where the n-th write, read or call
 * of the journal kills the process, fails, or lets somebody else write first; for every
 * n. */
#include "apply/apply.h"

#include "scenario_host.h"
#include "state_dir.h"
#include "test.h"

#include "apply/lock.h"
#include "apply/readback.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 99
#define NODE0  "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"

/* ---- the journal's calls ----------------------------------------------------------- */

static unsigned int call_nr, call_kill; /* 0: none; odd: before it, even: after it */

/* Every call is two places to die at. */
static void maybe_die(void)
{
	if (call_kill && ++call_nr == call_kill)
		_exit(KILLED);
}

#define WRAP(name, args, pass)          \
	int __real_##name args;         \
	int __wrap_##name args;         \
	int __wrap_##name args          \
	{                               \
		int r;                  \
		maybe_die();            \
		r = __real_##name pass; \
		maybe_die();            \
		return r;               \
	}

WRAP(fsync, (int fd), (fd))
WRAP(fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
WRAP(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(mkdir, (const char *path, mode_t mode), (path, mode))

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	ssize_t r;

	maybe_die();
	if (call_kill && call_nr + 1 == call_kill && n > 1) /* half of it is there */
		(void)!__real_write(fd, p, n / 2);
	maybe_die();
	r = __real_write(fd, p, n);
	maybe_die();
	return r;
}

/* ---- the seam ---------------------------------------------------------------------- */

struct written {
	char path[128], text[24];
};

struct shared { /* what a process that died did to its copy of the host */
	unsigned int nr;
	struct written v[256];
};

struct seam {
	struct weir_host host;
	struct weir_host *inner;
	struct shared *shared; /* NULL: not recorded */
	unsigned int writes, reads;
	unsigned int kill_write, fail_write, fail_read, foreign_write; /* 0: none */
	bool after;              /* kill after the write and not before */
	unsigned int torn_reads; /* so many times surplus goes between two counters */
	unsigned int compacted, dropped;
	uint64_t clock_ns;
};

static int seam_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	struct seam *s = ctx;

	if (s->fail_read && ++s->reads == s->fail_read)
		return -EIO;
	if (s->torn_reads && strstr(path, "/surplus_hugepages")) {
		s->torn_reads--;
		return weir_buf_printf(out, "%u\n", s->torn_reads);
	}
	return weir_host_read(s->inner, path, max, out);
}

static int seam_write(void *ctx, const char *path, struct weir_str text)
{
	struct seam *s = ctx;
	int r;

	s->writes++;
	s->compacted += strstr(path, "compact") != NULL;
	s->dropped += strcmp(path, "/proc/sys/vm/drop_caches") == 0;
	if (s->writes == s->kill_write && !s->after)
		_exit(KILLED);
	if (s->writes == s->fail_write)
		return -EIO;
	if (s->writes == s->foreign_write)
		(void)weir_host_write(s->inner, NODE0, weir_strz("3"));
	r = weir_host_write(s->inner, path, text);
	if (s->shared) {
		struct written *w = &s->shared->v[s->shared->nr++];

		(void)snprintf(w->path, sizeof(w->path), "%s", path);
		(void)snprintf(w->text, sizeof(w->text), "%.*s", WEIR_STR_ARG(text));
	}
	if (s->writes == s->kill_write)
		_exit(KILLED);
	return r;
}

static int seam_list(void *ctx, const char *path, struct weir_names *out)
{
	struct seam *s = ctx;

	return s->inner->ops->list(s->inner->ctx, path, out);
}

static uint64_t tick_ns; /* each look at the clock */

static uint64_t seam_now(void *ctx)
{
	struct seam *s = ctx;

	s->clock_ns += tick_ns;
	return s->clock_ns;
}

static const struct weir_host_ops seam_ops = {
	.read = seam_read, .write = seam_write, .list = seam_list, .now_ns = seam_now
};

/* ---- hosts and plans --------------------------------------------------------------- */

static struct seam seam_of(const char *text)
{
	return (struct seam){ .inner = scenario_host(text) };
}

static void seam_done(struct seam *s)
{
	weir_host_free(s->inner);
}

static void seam_ready(struct seam *s)
{
	s->host = (struct weir_host){ .ops = &seam_ops, .ctx = s };
}

/* Words apart by blanks. */
static void plan_on(const struct weir_host *host, const char *words, unsigned int allow,
                    struct weir_plan *out)
{
	const struct weir_plan_options options = { .allow = allow, .floor_given = true };
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	struct weir_str rest = weir_strz(words), word;
	struct weir_err err = { 0 };
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, &err);

	while (r == 0 && weir_str_word(&rest, &word))
		r = weir_wish_parse(word, &wishes, &err);
	if (r == 0)
		r = weir_plan_make(snap, &wishes, &options, out, &err);
	if (r < 0)
		fail_msg("plan '%s': %s", words, err.msg);
}

static void expect_same(const struct weir_host *host, const struct weir_tallies *want,
                        const char *when, unsigned int n)
{
	struct weir_tallies now;

	if (weir_tallies_look(host, want, &now, NULL) < 0)
		fail_msg("%s %u: cannot be read", when, n);
	if (weir_tallies_differ(want, &now))
		fail_msg("%s %u: not as it was: 2M %" PRIu64 "/%" PRIu64 ", not %" PRIu64
		         "/%" PRIu64,
		         when, n, now.v[0].total, now.v[0].surplus, want->v[0].total,
		         want->v[0].surplus);
}

/* ---- dying ------------------------------------------------------------------------- */

static const struct {
	const char *host, *wishes;
} changes[] = {
	{ "nodes 2\nwrite 2M/nr_hugepages 40\n", "2M=0:100,1:5 overcommit.2M=7" },
	{ "node 0 memory=3G\nnode 1 memory=3G\nwrite 1G/nr_hugepages 2\n",
	  "1G/node0=0 2M/node0=+512 2M/node1=3" },
	{ "nodes 1\nwrite 2M/nr_hugepages 20\ntask A\nA map a 15\nA touch a 0 9\n"
	  "write 2M/nr_hugepages 10\n",
	  "2M=18" },
	{ "nodes 2\nwrite 2M/nr_hugepages 20\ntask A\nA map a 15\nA touch a 0 9\n",
	  "2M=4 overcommit.2M=3" },
	{ "kernel 6.1\nnodes 3\nwrite 2M/nr_hugepages 30\ntask A\nA map a 15\n"
	  "A touch a 0 9\n",
	  "2M=0:2,1:25,2:8" },
};

/* Carries a change out in a process that may die. 0: it lived. */
static int carry_out(struct seam *s, const char *wishes, const struct state *state,
                     unsigned int kill_call)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const struct weir_apply_options options = { .state_dir = state->dir };
		struct weir_applied applied = { 0 };
		struct weir_plan plan;
		struct weir_err err = { 0 };

		plan_on(&s->host, wishes, UINT32_MAX, &plan);
		call_kill = kill_call;
		_exit(weir_apply(&s->host, &plan, &options, &applied, &err) == 0 &&
		                      applied.end == WEIR_APPLY_DONE && applied.exact
		              ? 0
		              : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What is there after such a process: as it was, once what was cut off is taken back; or
 * done, when the journal says so. */
static void expect_back(const struct weir_host *host, const struct state *state,
                        const struct weir_tallies *before, const char *when,
                        unsigned int n)
{
	const struct weir_apply_options options = { .state_dir = state->dir };
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	struct weir_applied applied = { 0 };
	struct weir_err err = { 0 };
	const struct weir_entry *open;

	assert_int_equal(weir_journal_read(state->dir, &entries, NULL, &err), 0);
	open = weir_entries_cut_off(&entries, NULL);
	if (entries.nr && entries.v[entries.nr - 1].end == WEIR_ENTRY_DONE) {
		expect_same(host, &entries.v[entries.nr - 1].after, when, n);
		return;
	}
	if (open && weir_undo_cut_off(host, &options, open, &applied, &err) < 0)
		fail_msg("%s %u: %s", when, n, err.msg);
	if (open && applied.end != WEIR_APPLY_UNDONE)
		fail_msg("%s %u: not taken back: %s", when, n, applied.reason);
	weir_applied_done(&applied);
	expect_same(host, before, when, n);
}

/* Tells how many times it died. */
static unsigned int die_everywhere(size_t c, bool at_writes, bool after)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(shared != MAP_FAILED);
	for (unsigned int n = 1;; n++) {
		struct seam s = seam_of(changes[c].host);
		struct state state = state_new();
		weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
		int status;

		seam_ready(&s);
		plan_on(&s.host, changes[c].wishes, UINT32_MAX, &plan);
		shared->nr = 0;
		s.shared = shared;
		s.kill_write = at_writes ? n : 0;
		s.after = after;
		status = carry_out(&s, changes[c].wishes, &state, at_writes ? 0 : n);
		for (unsigned int i = 0; i < shared->nr; i++)
			(void)weir_host_write(s.inner, shared->v[i].path,
			                      weir_strz(shared->v[i].text));
		if (status == KILLED)
			expect_back(s.inner, &state, &plan.before, changes[c].wishes, n);
		else if (status)
			fail_msg("'%s' did not come to its end", changes[c].wishes);
		seam_done(&s);
		state_done(&state);
		if (!status) {
			(void)munmap(shared, sizeof(*shared));
			return n - 1;
		}
	}
}

static void apply_killed_at_each_write_is_taken_back(void **unused)
{
	unsigned int died = 0;

	(void)unused;
	for (size_t c = 0; c < WEIR_NELEM(changes); c++)
		died += die_everywhere(c, true, false) + die_everywhere(c, true, true);
	(void)printf("# %u times\n", died);
	assert_true(died > 20);
}

static void apply_killed_at_each_call_of_the_journal_is_taken_back(void **unused)
{
	unsigned int died = 0;

	(void)unused;
	for (size_t c = 0; c < WEIR_NELEM(changes); c++)
		died += die_everywhere(c, false, false);
	(void)printf("# %u times\n", died);
	assert_true(died >= 100);
}

/* ---- failing ----------------------------------------------------------------------- */

/* Whatever it says is so. False: there were fewer than @n. */
static bool fails_honestly(size_t c, unsigned int write, unsigned int read)
{
	struct seam s = seam_of(changes[c].host);
	struct state state = state_new();
	const struct weir_apply_options options = { .state_dir = state.dir };
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applied applied = { 0 };
	struct weir_err err = { 0 };
	bool hit;
	int r;

	seam_ready(&s);
	plan_on(&s.host, changes[c].wishes, UINT32_MAX, &plan);
	s.writes = s.reads = 0;
	s.fail_write = write;
	s.fail_read = read;
	r = weir_apply(&s.host, &plan, &options, &applied, &err);
	hit = write ? s.writes >= write : s.reads >= read;
	if (r < 0 || applied.end == WEIR_APPLY_UNDONE)
		expect_same(s.inner, &plan.before, "fault", write + read);
	else if (applied.end == WEIR_APPLY_DONE)
		expect_same(s.inner, weir_plan_end(&plan), "fault", write + read);
	else if (write)
		fail_msg("one write that failed, and it is not taken back: %s",
		         applied.help ? applied.help : "?");
	weir_applied_done(&applied);
	seam_done(&s);
	state_done(&state);
	return hit;
}

static void apply_whose_writes_fail_tells_the_truth(void **unused)
{
	(void)unused;
	for (size_t c = 0; c < WEIR_NELEM(changes); c++)
		for (unsigned int n = 1; fails_honestly(c, n, 0); n++)
			;
}

static void apply_whose_reads_fail_tells_the_truth(void **unused)
{
	(void)unused;
	for (size_t c = 0; c < WEIR_NELEM(changes); c++)
		for (unsigned int n = 1; fails_honestly(c, 0, n); n++)
			;
}

/* ---- one case each ----------------------------------------------------------------- */

struct done {
	struct seam s;
	struct state state;
	struct weir_plan plan;
	struct weir_applied applied;
	struct weir_err err;
	int r;
};

static void apply_on(struct done *d, const char *host, const char *wishes,
                     struct weir_apply_options options)
{
	d->s = seam_of(host);
	d->state = state_new();
	d->plan = (struct weir_plan){ 0 };
	d->applied = (struct weir_applied){ 0 };
	seam_ready(&d->s);
	plan_on(&d->s.host, wishes, UINT32_MAX, &d->plan);
	options.state_dir = d->state.dir;
	if (options.progress)
		options.ctx = &d->s;
	d->r = weir_apply(&d->s.host, &d->plan, &options, &d->applied, &d->err);
}

static void done_with(struct done *d)
{
	weir_plan_done(&d->plan);
	weir_applied_done(&d->applied);
	seam_done(&d->s);
	state_done(&d->state);
}

/* Total and surplus are two files: what goes in between is nobody's write. */
static void counters_that_move_are_looked_at_again(void **unused)
{
	struct seam s = seam_of("nodes 1\nwrite 2M/nr_hugepages 20\ntask A\n"
	                        "A map a 15\nA touch a 0 9\nwrite 2M/nr_hugepages 10\n");
	struct weir_tallies like = { .nodes = 1, .nr = 1 }, want, now;

	(void)unused;
	seam_ready(&s);
	like.v[0].page_bytes = 2 << 20;
	assert_int_equal(weir_tallies_look(s.inner, &like, &want, NULL), 0);
	assert_int_equal(want.v[0].surplus, 5);
	for (unsigned int n = 1; n <= 9; n++) {
		s.torn_reads = n;
		assert_int_equal(weir_tallies_look(&s.host, &like, &now, NULL), 0);
		expect_same(s.inner, &now, "torn", n);
	}
	s.torn_reads = UINT32_MAX; /* it never rests */
	assert_int_equal(weir_tallies_look(&s.host, &like, &now, NULL), 0);
	seam_done(&s);
}

static void apply_that_falls_short_is_undone(void **unused)
{
	struct done d;

	(void)unused;
	apply_on(&d, "node 0 memory=1G\nnode 1 memory=64M\nwrite 2M/nr_hugepages 7\n",
	         "2M/node0=9 2M/node1=300", (struct weir_apply_options){ 0 });
	expect_int_eq(d.r, 0);
	expect_int_eq(d.applied.end, WEIR_APPLY_UNDONE);
	assert_non_null(strstr(d.applied.reason, "on node 1"));
	assert_true(d.applied.got < d.applied.wanted);
	expect_same(&d.s.host, &d.plan.before, "short", 0);
	done_with(&d);
}

static void apply_that_falls_short_is_kept_on_demand(void **unused)
{
	struct done d;

	(void)unused;
	apply_on(&d, "node 0 memory=256M\nwrite 2M/nr_hugepages 7\n", "2M=300",
	         (struct weir_apply_options){ .keep_partial = true });
	expect_int_eq(d.applied.end, WEIR_APPLY_KEPT);
	assert_true(d.applied.got > 0);
	expect_u64_eq(d.applied.after.v[0].total, 7 + d.applied.got);
	done_with(&d);
}

/* Caches are dropped only when it is said so; memory is compacted first in any case. */
static void apply_that_falls_short_drops_no_caches_unasked(void **unused)
{
	static const char host[] = "node 0 memory=256M\nwrite 2M/nr_hugepages 7\n";
	struct done d;

	(void)unused;
	apply_on(&d, host, "2M=300", (struct weir_apply_options){ 0 });
	assert_true(d.s.compacted > 0);
	expect_u64_eq(d.s.dropped, 0);
	assert_non_null(strstr(d.applied.help, "--drop-caches"));
	done_with(&d);
	apply_on(&d, host, "2M=300", (struct weir_apply_options){ .drop_caches = true });
	assert_true(d.s.compacted > 0);
	assert_true(d.s.dropped > 0);
	assert_non_null(strstr(d.applied.help, "--pressure"));
	done_with(&d);
	apply_on(&d, "node 0 memory=256M\n", "2M=30",
	         (struct weir_apply_options){ .drop_caches = true, .pressure = true });
	expect_int_eq(d.applied.end, WEIR_APPLY_DONE);
	expect_u64_eq(d.s.compacted + d.s.dropped, 0);
	done_with(&d);
}

static void apply_whose_time_is_up_is_undone(void **unused)
{
	struct done d;

	(void)unused;
	tick_ns = UINT64_C(400000000);
	apply_on(&d, "node 0 memory=64G\n", "2M=20000",
	         (struct weir_apply_options){ .timeout_ms = 1500 });
	tick_ns = 0;
	expect_int_eq(d.applied.end, WEIR_APPLY_UNDONE);
	assert_non_null(strstr(d.applied.reason, "the time was up"));
	assert_true(d.applied.got > 0 && d.applied.got < 20000);
	expect_same(&d.s.host, &d.plan.before, "late", 0);
	done_with(&d);
}

static volatile sig_atomic_t stop;

static void stop_it(void *ctx, const struct weir_progress *progress)
{
	(void)ctx;
	if (progress->now > progress->from)
		stop = 1;
}

static void apply_that_is_stopped_is_undone(void **unused)
{
	struct done d;

	(void)unused;
	stop = 0;
	apply_on(&d, "node 0 memory=64G\n", "2M=20000",
	         (struct weir_apply_options){ .stop = &stop, .progress = stop_it });
	expect_int_eq(d.applied.end, WEIR_APPLY_UNDONE);
	assert_true(d.applied.stopped);
	assert_true(d.applied.got > 0 && d.applied.got < 20000);
	expect_same(&d.s.host, &d.plan.before, "stopped", 0);
	done_with(&d);
	stop = 0;
	apply_on(&d, "node 0 memory=64G\n", "2M=20000",
	         (struct weir_apply_options){
			 .stop = &stop, .progress = stop_it, .keep_partial = true });
	expect_int_eq(d.applied.end, WEIR_APPLY_KEPT);
	expect_u64_eq(d.applied.after.v[0].total, d.applied.got);
	done_with(&d);
}

static void apply_beside_a_writer_stops(void **unused)
{
	struct seam s = seam_of("nodes 2\nwrite 2M/nr_hugepages 20\n");
	struct state state = state_new();
	const struct weir_apply_options options = { .state_dir = state.dir };
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applied applied = { 0 };
	struct weir_tallies now;

	(void)unused;
	seam_ready(&s);
	plan_on(&s.host, "2M=0:5,1:50", 0, &plan);
	s.foreign_write = 2; /* between the first and the second */
	expect_int_eq(weir_apply(&s.host, &plan, &options, &applied, NULL), 0);
	expect_int_eq(applied.end, WEIR_APPLY_FOREIGN);
	assert_non_null(strstr(applied.reason, "somebody else changes the pools"));
	expect_int_eq(weir_tallies_look(&s.host, &plan.before, &now, NULL), 0);
	expect_u64_eq(now.v[0].node[0].total, 3); /* his is not written over */
	weir_applied_done(&applied);
	seam_done(&s);
	state_done(&state);
}

static void apply_of_an_old_plan_writes_nothing(void **unused)
{
	struct seam s = seam_of("nodes 2\nwrite 2M/nr_hugepages 20\n");
	struct state state = state_new();
	const struct weir_apply_options options = { .state_dir = state.dir };
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applied applied = { 0 };

	(void)unused;
	seam_ready(&s);
	plan_on(&s.host, "2M=50", 0, &plan);
	(void)weir_host_write(s.inner, NODE0, weir_strz("3"));
	expect_int_eq(weir_apply(&s.host, &plan, &options, &applied, NULL), 0);
	expect_int_eq(applied.end, WEIR_APPLY_FOREIGN);
	expect_u64_eq(s.writes, 0);
	expect_u64_eq(applied.journal_id, 0);
	expect_u64_eq(applied.after.v[0].node[0].total, 3);
	weir_applied_done(&applied);
	seam_done(&s);
	state_done(&state);
}

static void apply_beside_another_weir_waits_for_nobody(void **unused)
{
	struct seam s = seam_of("nodes 1\n");
	struct state state = state_new();
	const struct weir_apply_options options = { .state_dir = state.dir };
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	weir_auto(weir_closep) int lock = weir_lock_take(state.dir, NULL);
	struct weir_applied applied = { 0 };
	struct weir_err err = { 0 };
	char words[64];

	(void)unused;
	assert_true(lock >= 0);
	seam_ready(&s);
	plan_on(&s.host, "2M=5", 0, &plan);
	expect_int_eq(weir_apply(&s.host, &plan, &options, &applied, &err), -EBUSY);
	(void)snprintf(words, sizeof(words), "another weir, process %d", (int)getpid());
	assert_non_null(strstr(err.msg, words));
	expect_u64_eq(s.writes, 0);
	seam_done(&s);
	state_done(&state);
}

static void apply_after_one_that_was_cut_off_is_refused(void **unused)
{
	struct seam s = seam_of("nodes 1\n");
	struct state state = state_new();
	const struct weir_apply_options options = { .state_dir = state.dir };
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	struct weir_applied applied = { 0 };
	struct weir_entry entry = { 0 };
	struct weir_err err = { 0 };

	(void)unused;
	seam_ready(&s);
	plan_on(&s.host, "2M=5", 0, &plan);
	entry.before = plan.before;
	expect_int_eq(weir_journal_begin(state.dir, &entry, &err), 0);
	expect_int_eq(weir_apply(&s.host, &plan, &options, &applied, &err), -EINPROGRESS);
	expect_int_eq(weir_journal_read(state.dir, &entries, NULL, &err), 0);
	/* as when it was at work while somebody looked, and is done now */
	expect_int_eq(weir_journal_end(state.dir, entry.id, WEIR_ENTRY_DONE, 1, NULL,
	                               NULL, &err),
	              0);
	expect_int_eq(weir_undo_cut_off(&s.host, &options, &entries.v[0], &applied, &err),
	              -EBUSY);
	expect_u64_eq(s.writes, 0);
	seam_done(&s);
	state_done(&state);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(apply_killed_at_each_write_is_taken_back),
		cmocka_unit_test(apply_killed_at_each_call_of_the_journal_is_taken_back),
		cmocka_unit_test(apply_whose_writes_fail_tells_the_truth),
		cmocka_unit_test(apply_whose_reads_fail_tells_the_truth),
		cmocka_unit_test(counters_that_move_are_looked_at_again),
		cmocka_unit_test(apply_that_falls_short_is_undone),
		cmocka_unit_test(apply_that_falls_short_is_kept_on_demand),
		cmocka_unit_test(apply_that_falls_short_drops_no_caches_unasked),
		cmocka_unit_test(apply_whose_time_is_up_is_undone),
		cmocka_unit_test(apply_that_is_stopped_is_undone),
		cmocka_unit_test(apply_beside_a_writer_stops),
		cmocka_unit_test(apply_of_an_old_plan_writes_nothing),
		cmocka_unit_test(apply_beside_another_weir_waits_for_nobody),
		cmocka_unit_test(apply_after_one_that_was_cut_off_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
