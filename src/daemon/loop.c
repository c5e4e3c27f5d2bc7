/* loop: see loop.h.
 *
 * epoll_wait(2) gives several events at once, and what one of them does may remove the
 * source of another. So a removed source is only marked, and freed when the round is
 * over. */
#include "daemon/loop.h"

#include "base/own.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#define EVENTS_MAX 64
#define NS         UINT64_C(1000000000)

struct weir_source {
	struct weir_loop *loop;
	struct weir_source *next, **link; /* all of the loop */
	int fd;
	weir_source_fn *fn; /* NULL: removed */
	void *ctx;
};

struct weir_loop {
	int epoll;
	bool stop;
	struct weir_source *sources, *removed;
	int signals; /* signalfd, or -1 */
	struct weir_source *signal_source;
	void (*on_signal)(void *ctx, int signal);
	void *signal_ctx;
};

int weir_loop_new(struct weir_loop **out, struct weir_err *err)
{
	struct weir_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return weir_err_sys(err, -ENOMEM, "make a loop");
	loop->signals = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		int r = weir_err_sys(err, -errno, "make an epoll");

		free(loop);
		return r;
	}
	*out = loop;
	return 0;
}

static void free_removed(struct weir_loop *loop)
{
	while (loop->removed) {
		struct weir_source *source = loop->removed;

		loop->removed = source->next;
		free(source);
	}
}

void weir_loop_free(struct weir_loop *loop)
{
	if (!loop)
		return;
	while (loop->sources)
		weir_source_remove(loop->sources);
	free_removed(loop);
	if (loop->signals >= 0)
		(void)close(loop->signals);
	(void)close(loop->epoll);
	free(loop);
}

void weir_loop_freep(struct weir_loop **loop)
{
	weir_loop_free(*loop);
}

int weir_loop_once(struct weir_loop *loop, int timeout_ms, struct weir_err *err)
{
	struct epoll_event events[EVENTS_MAX];
	int nr = epoll_wait(loop->epoll, events, EVENTS_MAX, timeout_ms);

	if (nr < 0 && errno != EINTR)
		return weir_err_sys(err, -errno, "wait for events");
	for (int i = 0; i < nr; i++) {
		struct weir_source *source = events[i].data.ptr;

		if (source->fn)
			source->fn(source->ctx, events[i].events);
	}
	free_removed(loop);
	return 0;
}

int weir_loop_run(struct weir_loop *loop, struct weir_err *err)
{
	int r = 0;

	while (r == 0 && !loop->stop)
		r = weir_loop_once(loop, -1, err);
	return r;
}

void weir_loop_stop(struct weir_loop *loop)
{
	loop->stop = true;
}

/* ---- sources ----------------------------------------------------------------------- */

int weir_loop_add(struct weir_loop *loop, int fd, uint32_t events, weir_source_fn *fn,
                  void *ctx, struct weir_source **out, struct weir_err *err)
{
	struct weir_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = { .events = events, .data = { .ptr = source } };

	if (!source)
		return weir_err_sys(err, -ENOMEM, "watch a descriptor");
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = weir_err_sys(err, -errno, "watch a descriptor");

		free(source);
		return r;
	}
	*source = (struct weir_source){ .loop = loop, .fd = fd, .fn = fn, .ctx = ctx };
	source->next = loop->sources;
	source->link = &loop->sources;
	if (source->next)
		source->next->link = &source->next;
	loop->sources = source;
	*out = source;
	return 0;
}

int weir_source_wait_for(struct weir_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data = { .ptr = source } };

	return epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) < 0
	               ? -errno
	               : 0;
}

void weir_source_remove(struct weir_source *source)
{
	if (!source)
		return;
	(void)epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	*source->link = source->next;
	if (source->next)
		source->next->link = source->link;
	source->fn = NULL;
	source->next = source->loop->removed;
	source->loop->removed = source;
}

/* ---- timers ------------------------------------------------------------------------ */

struct weir_timer {
	int fd;
	bool is_set;
	struct weir_source *source;
	void (*fn)(void *ctx);
	void *ctx;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

uint64_t weir_now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t weir_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct weir_timer *timer = ctx;
	uint64_t times;

	(void)events;
	if (read(timer->fd, &times, sizeof(times)) != sizeof(times))
		return; /* it was set anew meanwhile */
	timer->is_set = false;
	timer->fn(timer->ctx);
}

int weir_timer_new(struct weir_loop *loop, void (*fn)(void *ctx), void *ctx,
                   struct weir_timer **out, struct weir_err *err)
{
	struct weir_timer *timer = calloc(1, sizeof(*timer));
	int r;

	if (!timer)
		return weir_err_sys(err, -ENOMEM, "make a timer");
	timer->fn = fn;
	timer->ctx = ctx;
	timer->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	r = timer->fd < 0 ? weir_err_sys(err, -errno, "make a timer")
	                  : weir_loop_add(loop, timer->fd, EPOLLIN, on_timer, timer,
	                                  &timer->source, err);
	if (r < 0) {
		weir_timer_free(timer);
		return r;
	}
	*out = timer;
	return 0;
}

void weir_timer_free(struct weir_timer *timer)
{
	if (!timer)
		return;
	weir_source_remove(timer->source);
	if (timer->fd >= 0)
		(void)close(timer->fd);
	free(timer);
}

void weir_timer_at(struct weir_timer *timer, uint64_t at_ns)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(at_ns / NS),
		              .tv_nsec = (long)(at_ns % NS) },
	};

	/* cannot fail: the time is one, and the descriptor is a timer */
	(void)timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &when, NULL);
	timer->is_set = at_ns != 0;
}

void weir_timer_in_ms(struct weir_timer *timer, uint64_t ms)
{
	weir_timer_at(timer, weir_now_ns() + ms * UINT64_C(1000000));
}

bool weir_timer_is_set(const struct weir_timer *timer)
{
	return timer->is_set;
}

/* ---- signals ----------------------------------------------------------------------- */

static void on_signals(void *ctx, uint32_t events)
{
	struct weir_loop *loop = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (loop->signals >= 0 &&
	       read(loop->signals, &info, sizeof(info)) == sizeof(info))
		loop->on_signal(loop->signal_ctx, (int)info.ssi_signo);
}

int weir_loop_signals(struct weir_loop *loop, const int *signals,
                      void (*fn)(void *ctx, int signal), void *ctx, struct weir_err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (; *signals; signals++)
		(void)sigaddset(&set, *signals);
	loop->on_signal = fn;
	loop->signal_ctx = ctx;
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return weir_err_sys(err, -errno, "block signals");
	loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signals < 0)
		return weir_err_sys(err, -errno, "watch signals");
	return weir_loop_add(loop, loop->signals, EPOLLIN, on_signals, loop,
	                     &loop->signal_source, err);
}
