/* scenario: see scenario.h; and hosts that are the end of a scenario. */
#include "cli/scenario.h"

#include "base/own.h"
#include "cli/cli.h"
#include "host/fd.h"
#include "lab/render.h"
#include "lab/world.h"

#include <errno.h>
#include <fcntl.h>

#define PREFIX "scenario:"

static int read_text(struct weir_scenario *s, const char *file, struct weir_err *err)
{
	weir_auto(weir_closep) int own = -1;
	int fd = STDIN_FILENO, r;

	if (strcmp(file, "-") != 0) {
		own = open(file, O_RDONLY | O_CLOEXEC);
		if (own < 0)
			return weir_err_sys(err, -errno, "open scenario '%s'", file);
		fd = own;
	}
	r = weir_fd_read(fd, WEIR_SCRIPT_BYTES_MAX, false, &s->text);
	if (r == -EFBIG)
		return weir_err_set(err, r, "%s: a scenario has %u MiB at most", s->name,
		                    WEIR_SCRIPT_BYTES_MAX >> 20);
	return r < 0 ? weir_err_sys(err, r, "read scenario '%s'", s->name) : 0;
}

int weir_scenario_read(const char *file, struct weir_scenario *out, struct weir_err *err)
{
	int r;

	*out = (struct weir_scenario){
		.name = strcmp(file, "-") == 0 ? "standard input" : file,
	};
	r = read_text(out, file, err);
	if (r == 0)
		r = weir_script_parse(weir_buf_str(&out->text), out->name, &out->script,
		                      err);
	if (r == 0 && !out->script.nr_steps && !out->script.setup.line)
		r = weir_err_set(err, -EBADMSG, "%s: no step and no host in it",
		                 out->name);
	if (r < 0) {
		const char *name = out->name;

		weir_scenario_done(out);
		out->name = name;
	}
	return r;
}

void weir_scenario_done(struct weir_scenario *scenario)
{
	weir_script_done(&scenario->script);
	weir_buf_done(&scenario->text);
	*scenario = (struct weir_scenario){ 0 };
}

/* Plays all of it, whatever is expected there. */
static int play(const struct weir_scenario *s, struct weir_world *world,
                struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->script.nr_steps; i++) {
		const struct weir_step *step = &s->script.steps[i];
		struct weir_result result;

		r = weir_world_step(world, step, &result, err);
		if (r < 0)
			return weir_err_wrap(err, r, "%s:%zu", s->name, step->line);
	}
	return 0;
}

static int open_scenario(const char *file, struct weir_host **out, struct weir_err *err)
{
	weir_auto(weir_scenario_done) struct weir_scenario s = { 0 };
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	int r = weir_scenario_read(file, &s, err);

	if (r == 0)
		r = weir_world_new(&s.script.setup, NULL, &world, err);
	if (r == 0)
		r = play(&s, world, err);
	return r == 0 ? weir_render_new(weir_take(world), out, err) : r;
}

int weir_cli_open_host(const char *spec, struct weir_host **out, struct weir_err *err)
{
	if (spec && weir_str_starts(weir_strz(spec), PREFIX))
		return open_scenario(spec + strlen(PREFIX), out, err);
	return weir_host_open(spec, out, err);
}
