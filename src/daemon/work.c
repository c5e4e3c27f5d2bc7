/* work: see work.h. */
#include "daemon/work.h"

#include "base/own.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum lane_state { IDLE, GIVEN, RUNNING, ENDED }; /* guarded by work->lock */

struct lane {
	struct weir_work *work;
	bool only_grow;
	int node; /* -1: of any */
	pthread_t thread;
	bool has_thread;
	pthread_cond_t given;
	enum lane_state state;
	enum weir_job_kind kind;   /* the loop's: of the job, as it was given */
	uint64_t page_bytes;       /* likewise */
	bool how_idle;             /* likewise */
	int job_node;              /* likewise */
	uint64_t region;           /* likewise */
	struct weir_warm_job job;  /* the loop's in IDLE and ENDED, else the thread's */
	struct weir_warm_work how; /* likewise */
	struct weir_err err;       /* likewise */
	int result;                /* likewise */
	bool quit;                 /* guarded by work->lock */
	atomic_bool stop;          /* set by the loop */
	atomic_uint_fast64_t done_bytes; /* set by the thread */
	atomic_bool reserved;            /* likewise */
};

struct weir_work {
	struct weir_loop *loop;
	struct weir_work_calls calls;
	void *ctx;
	struct weir_work_budget budget;
	pthread_mutex_t lock;
	int ended; /* eventfd */
	struct weir_source *source;
	struct lane *lanes;
	size_t nr_lanes;
	bool stopped, is_kicked, kick_again;
	atomic_bool hurry; /* set by the loop */
};

/* ---- a thread ---------------------------------------------------------------------- */

static void tell_ended(struct weir_work *work)
{
	uint64_t one = 1;

	/* an eventfd takes 2^64-2 of them */
	if (write(work->ended, &one, sizeof(one)) < 0)
		return;
}

/* False: it is to end. */
static bool wait_for_job(struct lane *lane)
{
	struct weir_work *work = lane->work;
	bool go;

	(void)pthread_mutex_lock(&work->lock);
	while (lane->state != GIVEN && !lane->quit)
		(void)pthread_cond_wait(&lane->given, &work->lock);
	go = lane->state == GIVEN;
	if (go)
		lane->state = RUNNING;
	(void)pthread_mutex_unlock(&work->lock);
	return go;
}

static void *run_lane(void *arg)
{
	struct lane *lane = arg;
	struct weir_work *work = lane->work;

	(void)pthread_setname_np(pthread_self(),
	                         lane->only_grow ? "weird-grow" : "weird-fill");
	while (wait_for_job(lane)) {
		lane->err = (struct weir_err){ 0 };
		lane->result = weir_warm_job_run(&lane->job, &lane->how, &lane->err);
		(void)pthread_mutex_lock(&work->lock);
		lane->state = ENDED;
		(void)pthread_mutex_unlock(&work->lock);
		tell_ended(work);
	}
	return NULL;
}

/* ---- giving jobs; in the loop's thread --------------------------------------------- */

static enum lane_state state_of(const struct lane *lane)
{
	enum lane_state state;

	(void)pthread_mutex_lock(&lane->work->lock);
	state = lane->state;
	(void)pthread_mutex_unlock(&lane->work->lock);
	return state;
}

static bool is_growing(const struct weir_work *work)
{
	for (size_t i = 0; i < work->nr_lanes; i++)
		if (state_of(&work->lanes[i]) != IDLE &&
		    work->lanes[i].kind == WEIR_JOB_GROW)
			return true;
	return false;
}

static size_t nr_fill_lanes(const struct weir_work *work)
{
	size_t nr = 0;

	for (size_t i = 0; i < work->nr_lanes; i++)
		nr += !work->lanes[i].only_grow;
	return nr;
}

/* A lease that waits is held to nothing. The rate is shared out evenly: what one node
 * does not use another one does not get. */
static void set_how(struct lane *lane)
{
	const struct weir_work_budget *b = &lane->work->budget;
	unsigned int cpus = weir_warm_cpus(lane->job.node);

	lane->how = (struct weir_warm_work){
		.threads = cpus,
		.stop = &lane->stop,
		.done_bytes = &lane->done_bytes,
		.reserved = &lane->reserved,
	};
	if (lane->job.kind == WEIR_JOB_GROW || atomic_load(&lane->work->hurry))
		return;
	if (b->cpus && b->cpus < cpus)
		lane->how.threads = b->cpus;
	lane->how.hurry = &lane->work->hurry;
	lane->how.cpu_percent = b->cpu_percent;
	lane->how.idle = b->idle;
	if (b->bytes_a_second) {
		lane->how.bytes_a_second = b->bytes_a_second / nr_fill_lanes(lane->work);
		if (!lane->how.bytes_a_second)
			lane->how.bytes_a_second = 1;
	}
}

/* True when it has a job now. */
static bool give(struct lane *lane)
{
	struct weir_work *work = lane->work;

	if (work->calls.next(work->ctx, lane->node, lane->only_grow, &lane->job) != 0)
		return false;
	lane->kind = lane->job.kind;
	lane->page_bytes = lane->job.page_bytes;
	lane->job_node = lane->job.node;
	lane->region = lane->job.region;
	set_how(lane);
	lane->how_idle = lane->how.idle;
	atomic_store(&lane->stop, false);
	atomic_store(&lane->reserved, false);
	atomic_store(&lane->done_bytes, 0);
	(void)pthread_mutex_lock(&work->lock);
	lane->state = GIVEN;
	(void)pthread_cond_signal(&lane->given);
	(void)pthread_mutex_unlock(&work->lock);
	return true;
}

static void stop_fills(struct weir_work *work)
{
	for (size_t i = 0; i < work->nr_lanes; i++)
		if (state_of(&work->lanes[i]) != IDLE &&
		    work->lanes[i].kind != WEIR_JOB_GROW)
			atomic_store(&work->lanes[i].stop, true);
}

/* Leases first. When all lanes for them are busy there may be more of them. */
static void give_all(struct weir_work *work)
{
	for (size_t i = 0; i < work->nr_lanes && !work->stopped; i++)
		if (work->lanes[i].only_grow && state_of(&work->lanes[i]) == IDLE)
			(void)give(&work->lanes[i]);
	if (is_growing(work)) {
		stop_fills(work);
		return;
	}
	for (size_t i = 0; i < work->nr_lanes && !work->stopped; i++)
		if (!work->lanes[i].only_grow && state_of(&work->lanes[i]) == IDLE)
			(void)give(&work->lanes[i]);
}

/* What the owner does in next() may kick again. */
void weir_work_kick(struct weir_work *work)
{
	work->kick_again = true;
	if (work->is_kicked || work->stopped)
		return;
	work->is_kicked = true;
	while (work->kick_again && !work->stopped) {
		work->kick_again = false;
		give_all(work);
	}
	work->is_kicked = false;
}

static void on_ended(void *ctx, uint32_t events)
{
	struct weir_work *work = ctx;
	uint64_t times;

	(void)events;
	if (read(work->ended, &times, sizeof(times)) < 0)
		return;
	for (size_t i = 0; i < work->nr_lanes; i++) {
		struct lane *lane = &work->lanes[i];
		struct weir_warm_job job;

		if (state_of(lane) != ENDED)
			continue;
		job = lane->job;
		(void)pthread_mutex_lock(&work->lock);
		lane->state = IDLE;
		(void)pthread_mutex_unlock(&work->lock);
		atomic_store(&lane->done_bytes, 0);
		work->calls.done(work->ctx, &job, lane->result, &lane->err);
	}
	weir_work_kick(work);
}

void weir_work_set_budget(struct weir_work *work, const struct weir_work_budget *budget)
{
	work->budget = *budget;
}

void weir_work_hurry(struct weir_work *work, bool hurry)
{
	atomic_store(&work->hurry, hurry);
	/* who is idle stays so: his work is begun anew by another */
	for (size_t i = 0; hurry && i < work->nr_lanes; i++)
		if (state_of(&work->lanes[i]) != IDLE && work->lanes[i].how_idle)
			atomic_store(&work->lanes[i].stop, true);
}

void weir_work_stop(struct weir_work *work)
{
	work->stopped = true;
	for (size_t i = 0; i < work->nr_lanes; i++)
		atomic_store(&work->lanes[i].stop, true);
}

size_t weir_work_running(const struct weir_work *work)
{
	size_t nr = 0;

	for (size_t i = 0; i < work->nr_lanes; i++)
		nr += state_of(&work->lanes[i]) != IDLE;
	return nr;
}

bool weir_work_has(const struct weir_work *work, uint64_t region, bool *reserved)
{
	for (size_t i = 0; i < work->nr_lanes; i++) {
		struct lane *lane = &work->lanes[i];

		if (lane->region != region || state_of(lane) == IDLE)
			continue;
		*reserved = atomic_load(&lane->reserved);
		return true;
	}
	return false;
}

uint64_t weir_work_done_bytes(const struct weir_work *work, enum weir_job_kind kind,
                              uint64_t page_bytes, int node)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < work->nr_lanes; i++) {
		struct lane *lane = &work->lanes[i];

		if (state_of(lane) != IDLE && lane->kind == kind &&
		    lane->page_bytes == page_bytes && lane->job_node == node)
			bytes += atomic_load(&lane->done_bytes);
	}
	return bytes;
}

/* ---- the whole --------------------------------------------------------------------- */

static int start_lane(struct weir_work *work, int node, bool only_grow)
{
	struct lane *lane = &work->lanes[work->nr_lanes++];

	lane->work = work;
	lane->node = node;
	lane->only_grow = only_grow;
	(void)pthread_cond_init(&lane->given, NULL);
	lane->has_thread = pthread_create(&lane->thread, NULL, run_lane, lane) == 0;
	return lane->has_thread ? 0 : -EAGAIN;
}

static int start(struct weir_work *work, const struct weir_ranges *nodes,
                 struct weir_err *err)
{
	size_t nr = weir_ranges_count(nodes);
	int r = 0;

	work->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work->ended < 0)
		return weir_err_sys(err, -errno, "make an eventfd");
	r = weir_loop_add(work->loop, work->ended, EPOLLIN, on_ended, work, &work->source,
	                  err);
	if (r < 0)
		return r;
	work->lanes = calloc(2 * (nr ? nr : 1), sizeof(*work->lanes));
	if (!work->lanes)
		return weir_err_sys(err, -ENOMEM, "make threads");
	if (nr <= 1) { /* nothing to tell apart */
		r = start_lane(work, -1, false);
		if (r == 0)
			r = start_lane(work, -1, true);
	} else {
		weir_ranges_each (node, nodes) {
			if (r == 0)
				r = start_lane(work, (int)node, false);
			if (r == 0)
				r = start_lane(work, (int)node, true);
		}
	}
	return r < 0 ? weir_err_sys(err, r, "start a thread") : 0;
}

int weir_work_new(struct weir_loop *loop, const struct weir_ranges *nodes,
                  const struct weir_work_calls *calls, void *ctx, struct weir_work **out,
                  struct weir_err *err)
{
	struct weir_work *work = calloc(1, sizeof(*work));
	int r;

	if (!work)
		return weir_err_sys(err, -ENOMEM, "make threads");
	work->loop = loop;
	work->calls = *calls;
	work->ctx = ctx;
	work->ended = -1;
	(void)pthread_mutex_init(&work->lock, NULL);
	r = start(work, nodes, err);
	if (r < 0) {
		weir_work_free(work);
		return r;
	}
	*out = work;
	return 0;
}

void weir_work_free(struct weir_work *work)
{
	if (!work)
		return;
	weir_work_stop(work);
	(void)pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->nr_lanes; i++) {
		work->lanes[i].quit = true;
		(void)pthread_cond_signal(&work->lanes[i].given);
	}
	(void)pthread_mutex_unlock(&work->lock);
	for (size_t i = 0; i < work->nr_lanes; i++) {
		if (work->lanes[i].has_thread)
			(void)pthread_join(work->lanes[i].thread, NULL);
		if (work->lanes[i].state == ENDED || work->lanes[i].state == GIVEN)
			(void)close(work->lanes[i].job.fd);
		(void)pthread_cond_destroy(&work->lanes[i].given);
	}
	free(work->lanes);
	weir_source_remove(work->source);
	if (work->ended >= 0)
		(void)close(work->ended);
	(void)pthread_mutex_destroy(&work->lock);
	free(work);
}
