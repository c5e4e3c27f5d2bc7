/* scenario_host: see scenario_host.h. */
#include "scenario_host.h"

#include "test.h"

#include "lab/render.h"
#include "lab/world.h"

struct weir_host *scenario_host(const char *text)
{
	struct weir_script script;
	struct weir_world *world = NULL;
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	int r = weir_script_parse(weir_strz(text), "test", &script, &err);

	if (r == 0)
		r = weir_world_new(&script.setup, NULL, &world, &err);
	for (size_t i = 0; r == 0 && i < script.nr_steps; i++) {
		struct weir_result result = { 0 };

		r = weir_world_step(world, &script.steps[i], &result, &err);
	}
	weir_script_done(&script);
	if (r < 0 || weir_render_new(world, &host, &err) < 0)
		fail_msg("cannot make the host: %s", err.msg);
	return host;
}
