/* observe: what can be seen of the kernel after a step, as the view that is printed. */
#ifndef WEIR_TWIN_OBSERVE_H
#define WEIR_TWIN_OBSERVE_H

#include "world.h"

/* Fills @view. Its lists belong to this module and are valid until the next call. */
int twin_observe(struct twin *t, struct weir_view *view, struct weir_err *err);

#endif
