/* fault: makes the n-th allocation of the code under test fail, for every n.
 *
 * The linker puts fault.c between our objects and the C library (--wrap, see
 * meson.build), so that the sanitizers' allocator stays in place and finds what a failure
 * leaks. What libraries allocate for themselves is not touched. */
#ifndef WEIR_FAULT_H
#define WEIR_FAULT_H

#include <stdbool.h>

/* The @nth allocation from now on fails, and only that one; 0 is none. */
void fault_arm(unsigned long nth);

/* No more failures. True when one happened since fault_arm(). */
bool fault_disarm(void);

/* Calls @run, with the first allocation failing, then the second, and so on until none
 * failed because there were no more. Each failure must come out of @run as -ENOMEM.
 * Returns what the last, undisturbed call did. */
int fault_every(int (*run)(void *ctx), void *ctx);

#endif
