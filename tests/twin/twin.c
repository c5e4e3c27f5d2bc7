/* weir-twin FILE...: plays scenarios on the kernel it runs on, and prints what it sees.
 * weir-twin --booted FILE: one that has a kernel command line, on a kernel that was
 * started with it: what the pools hold is left as it is.
 *
 * The other side is the model (weir model run --trace); tests/twin/run compares the two.
 * Needs root, and a machine whose pools nobody else uses: a guest, or this one under the
 * lock of tests/live. What it finds in the pools is put back at the end.
 *
 * Output: "== FILE" or "== FILE skipped: WHY" (where the reason begins with "unclean",
 * what ran before broke the kernel's accounts, and only a boot helps), then "N | STEP |
 * RESULT | STATE" for each step, as lab/view.h writes it; lines that begin with "#" are
 * remarks, and where the scenario tells of zones the first of them are those of this
 * kernel, as setup lines. A worker that dies gives "died SIGNAL", one that hangs
 * "timeout", which ends the scenario. */
#include "admin.h"
#include "calls.h"
#include "observe.h"
#include "spawn.h"
#include "tasks.h"

#include "base/own.h"
#include "model/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	stopped = number;
}

static int put(const struct weir_buf *text)
{
	size_t done = 0;

	while (done < text->n) {
		ssize_t n = write(STDOUT_FILENO, text->p + done, text->n - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int read_file(const char *path, struct weir_buf *out, struct weir_err *err)
{
	weir_auto(weir_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return weir_err_sys(err, -errno, "open %s", path);
	while (n > 0) {
		if (weir_buf_reserve(out, 1U << 16) < 0)
			return weir_err_set(err, -ENOMEM, "%s: no memory", path);
		n = read(fd, out->p + out->n, 1U << 16);
		out->n += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? weir_err_sys(err, -errno, "read %s", path) : 0;
}

static size_t node_of_cpu(const uint64_t *cpus, size_t stride, size_t nr, int cpu)
{
	for (size_t i = 0; cpu >= 0 && cpu < 64 && i < nr; i++) {
		if (*(const uint64_t *)(const void *)((const char *)cpus + i * stride) >>
		            cpu &
		    1)
			return i;
	}
	return nr;
}

/* Is this the machine that the scenario is about? Words when it is not. @booted: it was
 * started with the scenario's kernel command line. */
static bool is_suited(const struct twin *t, const struct weir_script *script, bool booted,
                      struct weir_buf *why)
{
	const struct weir_setup *setup = &script->setup;
	const struct twin_kernel *k = &t->kernel;
	size_t nr_nodes = setup->nr_nodes ? setup->nr_nodes : 1;

	if (nr_nodes != k->nr_nodes) {
		(void)weir_buf_printf(why, "needs %zu nodes", nr_nodes);
		return false;
	}
	if (setup->boot.n && !booted) {
		(void)weir_buf_addz(why, "has a kernel command line of its own");
		return false;
	}
	if (!booted && k->sizes[0].page_bytes != setup->page_bytes[0]) {
		(void)weir_buf_addz(why, "another default size");
		return false;
	}
	for (size_t i = 0; setup->nr_nodes && i < script->nr_steps; i++) {
		const struct weir_step *step = &script->steps[i];

		if ((step->verb == WEIR_VERB_TASK || step->verb == WEIR_VERB_CPU) &&
		    node_of_cpu(&setup->node[0].cpus, sizeof(setup->node[0]),
		                setup->nr_nodes, step->cpu) !=
		            node_of_cpu(&k->nodes[0].cpus, sizeof(k->nodes[0]),
		                        k->nr_nodes, step->cpu)) {
			(void)weir_buf_printf(why, "CPU %d is elsewhere", step->cpu);
			return false;
		}
	}
	return true;
}

/* Page sizes of the scenario; those that it does not mention stay 0 and are not read,
 * unless the kernel was @booted for it. */
static void choose_sizes(struct twin *t, const struct weir_script *script, bool booted)
{
	for (size_t i = 0; i < t->kernel.nr_sizes; i++)
		t->kernel.sizes[i].used = i == 0 || booted;
	for (size_t i = 0; i < script->nr_steps; i++) {
		struct twin_size *size = twin_kernel_size(&t->kernel,
		                                          script->steps[i].page_bytes);

		if (size)
			size->used = true;
	}
}

static bool play_step(struct twin *t, const struct weir_step *step,
                      struct twin_result *result)
{
	if (step->verb == WEIR_VERB_TASK)
		twin_task_start(t, step, result);
	else if (step->task.n)
		twin_task_step(t, step, result);
	else
		return twin_admin_step(t, step, result);
	return true;
}

/* "ok | STATE", with the first words of @text replaced where the twin knows better. */
static int add_outcome(struct weir_buf *line, struct weir_str text,
                       const struct twin_result *result)
{
	size_t words = weir_str_index(text, '|');

	if (result->timeout)
		return weir_buf_addz(line, "timeout");
	if (!result->died)
		return weir_buf_add(line, text);
	(void)weir_buf_printf(line, "died %d ", result->died);
	return weir_buf_add(line, weir_str_skip(text, words));
}

/* The zones as they are now, as setup lines for the other side. */
static int tell_zones(struct twin *t, struct weir_err *err)
{
	struct weir_buf text = { 0 };
	int r = twin_zones_look(&t->zones, t->kernel.sizes[0].page_bytes, err);

	if (r == 0)
		r = twin_zones_print(&t->zones, &text);
	if (r == 0)
		r = put(&text);
	weir_buf_done(&text);
	return r;
}

/* "NUMBER | STEP | RESULT | STATE", as the model prints it. */
static int show(struct twin *t, size_t number, struct weir_str step,
                const struct twin_result *result, struct weir_err *err)
{
	struct weir_buf line = { 0 }, text = { 0 };
	struct weir_view view;
	int r = twin_observe(t, &view, err);

	if (r == 0)
		r = weir_view_text(&view, &result->view, &text);
	if (r == 0)
		r = weir_buf_printf(&line, "%zu | %.*s | ", number, (int)step.n, step.p);
	if (r == 0)
		r = add_outcome(&line, weir_buf_str(&text), result);
	if (r == 0)
		r = weir_buf_addz(&line, "\n");
	if (r == 0)
		r = put(&line);
	weir_buf_done(&line);
	weir_buf_done(&text);
	return r;
}

/* What the scenario expects of this kernel after a step (SIZE_MAX: at the start), which
 * weir_view_expect() looks at as it does for the model. */
static int check(struct twin *t, const struct weir_script *script, size_t step,
                 const struct twin_result *result, struct weir_err *err)
{
	struct weir_buf have = { 0 };
	struct weir_view view;
	int r = 0;

	for (; r >= 0 && t->next_expect < script->nr_expects; t->next_expect++) {
		const struct weir_expect *e = &script->expects[t->next_expect];

		if (e->step != step)
			break;
		if (!(e->kernels & t->preset) || weir_str_starts(e->term, "mem."))
			continue; /* MemTotal is not looked at */
		have.n = 0;
		r = twin_observe(t, &view, err);
		if (r == 0)
			r = weir_view_expect(&view, &result->view, e->term, &have, err);
		if (r == 1 || r == -EINVAL) {
			(void)printf("# expected in line %zu: %.*s, %s\n", e->line,
			             WEIR_STR_ARG(e->term), r == 1 ? have.p : err->msg);
			(void)fflush(stdout);
			r = 0;
		}
	}
	weir_buf_done(&have);
	return r;
}

static int play_steps(struct twin *t, const struct weir_script *script,
                      struct weir_err *err)
{
	struct twin_result start = { 0 };
	int r = 0;

	t->zoned = script->setup.zoned;
	if (t->zoned) {
		twin_kernel_drain(&t->kernel);
		r = tell_zones(t, err);
	}
	if (r == 0)
		r = show(t, 0, weir_strz("start"), &start, err);
	t->next_expect = 0;
	if (r == 0)
		r = check(t, script, SIZE_MAX, &start, err);

	for (size_t i = 0; r == 0 && !stopped && i < script->nr_steps; i++) {
		const struct weir_step *step = &script->steps[i];
		struct twin_result result = { 0 };

		if (!play_step(t, step, &result)) {
			(void)printf("# no kernel plays this\n");
			(void)fflush(stdout);
			break;
		}
		r = show(t, i + 1, step->text, &result, err);
		if (r == 0)
			r = check(t, script, i, &result, err);
		if (result.timeout)
			break;
	}
	return r;
}

/* "== FILE", or why it is not played. */
static int head(const char *path, const char *why)
{
	struct weir_buf line = { 0 };
	int r = weir_buf_printf(&line, "== %s%s%s\n", path, *why ? " skipped: " : "",
	                        why);

	if (r == 0)
		r = put(&line);
	weir_buf_done(&line);
	return r;
}

static int play(struct twin *t, const char *path, bool booted, struct weir_err *err)
{
	struct weir_buf text = { 0 }, why = { 0 };
	struct weir_script script = { 0 };
	int r = read_file(path, &text, err);

	if (r == 0)
		r = weir_script_parse(weir_buf_str(&text), path, &script, err);
	if (r == 0 && !is_suited(t, &script, booted, &why)) {
		r = head(path, why.p);
	} else if (r == 0) {
		choose_sizes(t, &script, booted);
		if (!booted && twin_kernel_settle(&t->kernel, err) < 0) {
			(void)weir_buf_printf(&why, "unclean: %s", err->msg);
			r = head(path, why.p);
		} else {
			r = head(path, "");
			if (r == 0)
				r = play_steps(t, &script, err);
			twin_admin_clean(t);
		}
	}
	weir_script_done(&script);
	weir_buf_done(&text);
	weir_buf_done(&why);
	return r;
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction act = { .sa_handler = on_stop };

	for (size_t i = 0; i < WEIR_NELEM(numbers); i++)
		(void)sigaction(numbers[i], &act, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct twin t;
	struct weir_err err = { 0 };
	bool booted = argc == 3 && strcmp(argv[1], "--booted") == 0;
	struct utsname name;
	cpu_set_t cpus;
	size_t preset;
	int status = 0;

	if (argc < 2 || (*argv[1] == '-' && !booted)) {
		(void)fprintf(stderr, "usage: weir-twin FILE...\n"
		                      "       weir-twin --booted FILE\n");
		return 2;
	}
	if (geteuid() != 0) {
		(void)fprintf(stderr, "weir-twin: needs root\n");
		return 1;
	}
	catch_signals();
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	if (twin_kernel_open(&t.kernel, &err) < 0) {
		(void)fprintf(stderr, "weir-twin: %s\n", err.msg);
		return 1;
	}
	(void)uname(&name);
	if (weir_kernel_find(weir_strz(name.release), &preset, &err) == 0)
		t.preset = UINT64_C(1) << preset;
	twin_admin_open(&t);
	twin_zones_open(&t.zones);
	twin_admin_clean(&t); /* what one before us may have left */
	for (int i = 1 + booted; i < argc && !stopped; i++) {
		err = (struct weir_err){ 0 };
		if (play(&t, argv[i], booted, &err) < 0) {
			(void)printf("# %s: %s\n", argv[i], err.msg);
			(void)fflush(stdout);
			(void)fprintf(stderr, "weir-twin: %s: %s\n", argv[i], err.msg);
			status = 1;
		}
	}
	for (size_t i = 0; i < t.kernel.nr_sizes; i++)
		t.kernel.sizes[i].used = false;
	(void)twin_kernel_settle(&t.kernel, &err);
	twin_kernel_restore(&t.kernel);
	return stopped ? 128 + stopped : status;
}
