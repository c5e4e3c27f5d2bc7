/* guard: what must not die when a page of memory cannot be used. */
#ifndef WEIR_WARM_GUARD_H
#define WEIR_WARM_GUARD_H

/* Calls @call in this thread. Its result; or -EHWPOISON when it touched a page with a
 * memory error, -ENOMEM when it touched one that is not there (a file that was cut, a
 * pool that has no more): then it was left where it was, and what it held is lost. */
int weir_guard(int (*call)(void *arg), void *arg);

#endif
