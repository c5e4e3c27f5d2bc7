/* observe: what there is to see of a world; see weir_world_view(). */
#ifndef WEIR_LAB_OBSERVE_H
#define WEIR_LAB_OBSERVE_H

#include "lab/view.h"

/* The room that a view points into. */
struct weir_observed;
void weir_observed_free(struct weir_observed *o);

#endif
