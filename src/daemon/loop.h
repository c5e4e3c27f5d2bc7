/* loop: one epoll loop: descriptors that are called when something is there, timers and
 * signals. All of weird but zeroing and looking at the host is done in it.
 *
 * A source may be removed at any time, from its own call too: it is not called again. */
#ifndef WEIR_DAEMON_LOOP_H
#define WEIR_DAEMON_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_loop;
struct weir_source;

/* @events: those of epoll_wait(2). */
typedef void weir_source_fn(void *ctx, uint32_t events);

int weir_loop_new(struct weir_loop **out, struct weir_err *err);
void weir_loop_free(struct weir_loop *loop); /* removes what is left */
void weir_loop_freep(struct weir_loop **loop);

/* Calls until weir_loop_stop(). 0, or what epoll_wait(2) failed with. */
int weir_loop_run(struct weir_loop *loop, struct weir_err *err);
void weir_loop_stop(struct weir_loop *loop);

/* One round: waits for @timeout_ms (-1: for ever) and calls what is there. For tests. */
int weir_loop_once(struct weir_loop *loop, int timeout_ms, struct weir_err *err);

/* Calls @fn when @fd has one of @events. The descriptor stays the caller's, and must be
 * open until it is removed. */
int weir_loop_add(struct weir_loop *loop, int fd, uint32_t events, weir_source_fn *fn,
                  void *ctx, struct weir_source **out, struct weir_err *err);
int weir_source_wait_for(struct weir_source *source, uint32_t events);
void weir_source_remove(struct weir_source *source); /* NULL is none */

/* ---- timers: of CLOCK_BOOTTIME, which goes on while the machine sleeps ---------------
 */

struct weir_timer;

int weir_timer_new(struct weir_loop *loop, void (*fn)(void *ctx), void *ctx,
                   struct weir_timer **out, struct weir_err *err);
void weir_timer_free(struct weir_timer *timer);

/* Calls once, at or after @at_ns; 0: not any more. Setting replaces. */
void weir_timer_at(struct weir_timer *timer, uint64_t at_ns);
void weir_timer_in_ms(struct weir_timer *timer, uint64_t ms);
bool weir_timer_is_set(const struct weir_timer *timer);

uint64_t weir_now_ns(void);       /* CLOCK_BOOTTIME */
uint64_t weir_monotonic_ns(void); /* CLOCK_MONOTONIC, which systemd asks for */

/* ---- signals ----------------------------------------------------------------------- */

/* Blocks these signals of the thread, and of all that it makes, and calls @fn for each
 * that comes. Once a loop. @signals ends with 0. */
int weir_loop_signals(struct weir_loop *loop, const int *signals,
                      void (*fn)(void *ctx, int signal), void *ctx, struct weir_err *err);

#endif
