/* model_run: see model_run.h. A view of the host costs more than a step does, so one is
 * made only for a step that is shown or about which something is expected. */
#include "cli/model_run.h"

#include "base/own.h"
#include "cli/cli.h"
#include "model/check.h"

#include <errno.h>

#define NAME "model"

struct run {
	const struct weir_scenario *s;
	struct weir_world *world;
	const struct weir_model_run *how;
	uint64_t preset; /* bit of the kernel's preset */
	size_t next;     /* first expectation that is not compared yet */
	size_t nr_held, nr_failed;
	struct weir_view view;
	struct weir_buf line, bugs;
	struct weir_json json;
};

/* "FILE:LINE: step 'A map m 5': ...", where an editor finds it. @step NULL: the start. */
static int complain(const struct run *run, size_t line, const struct weir_step *step,
                    const char *what, struct weir_str more, int status)
{
	(void)fflush(stdout);
	weir_cli_put(stderr, weir_strz(run->s->name));
	(void)fprintf(stderr, ":%zu: %s", line, step ? "step '" : "start");
	if (step) {
		weir_cli_put(stderr, step->text);
		(void)fputc('\'', stderr);
	}
	(void)fprintf(stderr, ": %s", what);
	weir_cli_put(stderr, more);
	(void)fputc('\n', stderr);
	return status;
}

static int no_memory(void)
{
	return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
}

/* ---- showing ---- */

/* What a terminal would act on is shown as '?': only a step's own text can have it. */
static int add_shown(struct weir_buf *out, struct weir_str s)
{
	struct weir_str c;
	int r = 0;

	while (r == 0 && weir_str_shown(&s, &c))
		r = weir_buf_add(out, c);
	return r;
}

static int put_text(struct run *run, size_t number, struct weir_str text,
                    const struct weir_result *result)
{
	struct weir_str bugs = weir_buf_str(&run->bugs), bug;
	struct weir_buf *out = &run->line;
	int r;

	out->n = 0;
	r = weir_buf_printf(out, "%zu | ", number);
	if (r == 0)
		r = add_shown(out, text);
	if (r == 0)
		r = weir_buf_addz(out, " | ");
	if (r == 0)
		r = weir_view_text(&run->view, result, out);
	if (r == 0)
		r = weir_buf_addz(out, "\n");
	while (r == 0 && weir_str_line(&bugs, &bug))
		r = weir_buf_printf(out, "# %.*s\n", (int)bug.n, bug.p);
	if (r == 0)
		(void)fwrite(out->p, 1, out->n, stdout);
	return r;
}

static int put_json(struct run *run, size_t number, const struct weir_step *step,
                    const struct weir_result *result)
{
	struct weir_str bugs = weir_buf_str(&run->bugs), bug;
	struct weir_json *j = &run->json;

	j->out.n = 0;
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "schema", 1);
	weir_json_strz(j, "file", run->s->name);
	weir_json_u64(j, "step", number);
	if (step)
		weir_json_u64(j, "line", step->line);
	else
		weir_json_null(j, "line");
	weir_json_str(j, "text", step ? step->text : weir_strz("start"));
	weir_view_json(&run->view, result, j);
	weir_json_open(j, "bugs", '[');
	while (weir_str_line(&bugs, &bug))
		weir_json_str(j, NULL, bug);
	weir_json_close(j);
	weir_json_close(j);
	if (j->failed == 0)
		(void)fwrite(j->out.p, 1, j->out.n, stdout);
	return j->failed;
}

/* @step NULL: the start. 0 or -ENOMEM. */
static int show(struct run *run, size_t number, const struct weir_step *step,
                const struct weir_result *result)
{
	int r;

	run->bugs.n = 0;
	r = weir_world_bugs(run->world, &run->bugs);
	if (r < 0)
		return r;
	return run->how->json ? put_json(run, number, step, result)
	                      : put_text(run, number,
	                                 step ? step->text : weir_strz("start"), result);
}

/* ---- comparing ---- */

static int expect(struct run *run, const struct weir_expect *e,
                  const struct weir_step *step, const struct weir_result *result)
{
	weir_auto(weir_buf_done) struct weir_buf have = { 0 }, words = { 0 };
	struct weir_err err = { 0 };
	int r = weir_view_expect(&run->view, result, e->term, &have, &err);

	if (r == 0) {
		run->nr_held++;
		return 0;
	}
	if (r == -ENOMEM)
		return r;
	run->nr_failed++;
	r = weir_buf_addz(&words, "expected ");
	if (r == 0)
		r = weir_buf_add(&words, e->term);
	if (r == 0)
		r = weir_buf_addz(&words, err.code ? ": " : ", got ");
	if (r == 0)
		r = err.code ? weir_buf_addz(&words, err.msg)
		             : weir_buf_add(&words, weir_buf_str(&have));
	if (r == 0)
		(void)complain(run, e->line, step, "", weir_buf_str(&words), 0);
	return r;
}

#define START SIZE_MAX /* weir_expect.step of what stands above the first step */

/* Is something expected of this step? The text's order is the steps' order. */
static bool is_expected(const struct run *run, size_t idx)
{
	const struct weir_script *script = &run->s->script;

	return run->next < script->nr_expects && script->expects[run->next].step == idx;
}

/* What is expected of it and holds for this kernel. 0 or -ENOMEM. */
static int expect_all(struct run *run, size_t idx, const struct weir_step *step,
                      const struct weir_result *result)
{
	int r = 0;

	for (; r == 0 && is_expected(run, idx); run->next++) {
		const struct weir_expect *e = &run->s->script.expects[run->next];

		if (e->kernels & run->preset)
			r = expect(run, e, step, result);
	}
	return r;
}

/* ---- playing ---- */

static int check(const struct run *run, const struct weir_step *step)
{
	struct weir_err err = { 0 };

	if (!run->how->check || weir_model_check(run->world->model, &err) == 0)
		return WEIR_EXIT_DONE;
	return complain(run, step ? step->line : run->s->script.setup.line, step,
	                "the model does not add up: ", weir_strz(err.msg),
	                WEIR_EXIT_FAILED);
}

/* Shows, compares and checks what there is after step @idx (START: before the first). */
static int look(struct run *run, size_t idx, const struct weir_step *step,
                const struct weir_result *result)
{
	int r = 0;

	if (run->how->trace || is_expected(run, idx))
		r = weir_world_view(run->world, &run->view);
	if (r == 0 && run->how->trace)
		r = show(run, idx + 1, step, result); /* the start is 0 */
	if (r == 0)
		r = expect_all(run, idx, step, result);
	return r < 0 ? no_memory() : check(run, step);
}

static int play_step(struct run *run, size_t idx)
{
	const struct weir_step *step = &run->s->script.steps[idx];
	struct weir_err err = { 0 };
	struct weir_result result;
	int r = weir_world_step(run->world, step, &result, &err);

	if (r == -ENOMEM)
		return no_memory();
	if (r < 0)
		return complain(run, step->line, step, "", weir_strz(err.msg),
		                WEIR_EXIT_USAGE);
	return look(run, idx, step, &result);
}

static int play(struct run *run)
{
	const struct weir_result ok = { .kind = WEIR_RESULT_OK };
	int status = look(run, START, NULL, &ok);

	for (size_t i = 0; status == WEIR_EXIT_DONE && i < run->s->script.nr_steps; i++) {
		status = play_step(run, i);
		if (ferror(stdout))
			break; /* nobody reads: said at the end */
	}
	return status;
}

static void put_count(size_t n, const char *what)
{
	(void)printf("%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void put_summary(const struct run *run)
{
	weir_cli_put(stdout, weir_strz(run->s->name));
	(void)fputs(": ", stdout);
	put_count(run->s->script.nr_steps, "step");
	(void)fputs(", ", stdout);
	put_count(run->nr_held, "expectation");
	(void)fputs(" held\n", stdout);
}

int weir_model_run(const struct weir_scenario *s, struct weir_world *world,
                   const struct weir_model_run *how)
{
	struct run run = { .s = s, .world = world, .how = how, .json.compact = true };
	size_t kernel = 0;
	int status;

	(void)weir_kernel_find(weir_strz(world->kernel), &kernel, NULL); /* it has one */
	run.preset = UINT64_C(1) << kernel;
	status = play(&run);
	if (status == WEIR_EXIT_DONE && run.nr_failed)
		status = WEIR_EXIT_FAILED;
	if (status == WEIR_EXIT_DONE && !how->trace)
		put_summary(&run);
	weir_buf_done(&run.line);
	weir_buf_done(&run.bugs);
	weir_json_done(&run.json);
	return status;
}
