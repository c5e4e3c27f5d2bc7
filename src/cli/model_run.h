/* model_run: plays one scenario on the model, and compares what it expects. */
#ifndef WEIR_CLI_MODEL_RUN_H
#define WEIR_CLI_MODEL_RUN_H

#include "cli/scenario.h"
#include "lab/world.h"

struct weir_model_run {
	bool trace; /* each step on stdout */
	bool json;  /* as one object a line */
	bool check; /* the model's invariants after each step */
};

/* Plays @s on @world, which is at its start. Returns a status of cli.h: DONE; FAILED when
 * something expected did not come true, or we could not go on; USAGE for a step that
 * cannot be played at all. Says on stderr what. */
int weir_model_run(const struct weir_scenario *s, struct weir_world *world,
                   const struct weir_model_run *how);

#endif
