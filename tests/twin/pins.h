/* pins: long-term pins of a task: pin, unpin, and what a fork or an end does to them. */
#ifndef WEIR_TWIN_PINS_H
#define WEIR_TWIN_PINS_H

#include "world.h"

/* Pins these addresses, or lets go of the pins that have any of them; ENOENT without. */
void twin_pin_range(struct twin_task *task, uint64_t at, uint64_t bytes,
                    struct twin_result *result);
void twin_unpin_range(struct twin_task *task, uint64_t at, uint64_t bytes,
                      struct twin_result *result);

/* A fork has the rings too, and would hold the pins for its parent: it lets go of them.
 */
void twin_pins_fork(struct twin_task *child, const struct twin_task *parent);

/* Ends the task, and lets go of its pins when its memory is gone: in this order an end
 * does it, but leaves the second half to a worker of the kernel's, for some time after.
 */
void twin_pins_end(struct twin_task *task);

#endif
