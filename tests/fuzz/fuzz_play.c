/* What must hold of any scenario that parses: it can be played on every preset, step by
 * step, and after each the model adds up and can be seen, shown, and taken apart. */
#include "lab/script.h"
#include "lab/world.h"
#include "model/check.h"

#include "fuzz.h"

#include <errno.h>

#define MEMORY_MAX (UINT64_C(64) << 30)
#define PAGES_MAX  2048 /* more is only slower */
#define STEPS_MAX  64

static bool is_small(const struct weir_script *script)
{
	uint64_t memory = 0;

	for (size_t i = 0; i < script->setup.nr_nodes; i++)
		memory += script->setup.node[i].memory_bytes;
	for (size_t i = 0; i < script->setup.nr_sizes; i++)
		if (script->setup.page_bytes[i] < UINT64_C(2) << 20)
			return false;
	if (memory > MEMORY_MAX || script->nr_steps > STEPS_MAX)
		return false;
	for (size_t i = 0; i < script->nr_steps; i++) {
		const struct weir_step *step = &script->steps[i];

		if (step->pages > PAGES_MAX || step->count > PAGES_MAX ||
		    step->start > PAGES_MAX)
			return false;
	}
	return true;
}

static void see(struct weir_world *world, const struct weir_result *result)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_view view;
	struct weir_err err = { 0 };

	must(weir_world_view(world, &view) == 0);
	must(weir_view_text(&view, result, &text) == 0);
	must(weir_model_check(world->model, &err) == 0);
}

static void play(const struct weir_script *script, const char *kernel)
{
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	struct weir_result result = { 0 };
	struct weir_err err = { 0 };

	if (weir_world_new(&script->setup, kernel, &world, &err) < 0)
		return;
	for (size_t i = 0; i < script->nr_steps; i++) {
		int r = weir_world_step(world, &script->steps[i], &result, &err);

		must(r == 0);
		see(world, &result);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_script_done) struct weir_script script = { 0 };
	struct weir_err err = { 0 };
	struct weir_str text;

	/* an empty input has no address */
	text = weir_str(size ? (const char *)data : "", size);
	if (weir_script_parse(text, "fuzz", &script, &err) < 0)
		return 0;
	if (!is_small(&script))
		return 0;
	for (size_t k = 0; k < weir_nr_kernels; k++)
		play(&script, weir_kernels[k].name);
	return 0;
}
