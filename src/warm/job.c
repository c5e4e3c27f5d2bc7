/* job: what takes time: pages are populated, zeroed and looked at. Runs in any thread,
 * and knows nothing of the store: see store.h.
 *
 * The file is mapped shared, so that the kernel reserves all of its pages at once or says
 * that there are not so many, before one is touched. Of a file with holes nobody tells
 * where they are (hugetlbfs has no SEEK_HOLE): all of it is populated and then zeroed,
 * the holes twice. */
#include "warm/guard.h"
#include "warm/store.h"
#include "warm/zeroable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_PAGES 256U

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Where the range begins in the file: what a scrub did before it was stopped is looked at
 * with the rest. */
static uint64_t first_byte(const struct weir_warm_job *job)
{
	return job->kind == WEIR_JOB_SCRUB ? 0 : job->from_bytes;
}

static int map(const struct weir_warm_job *job, struct weir_warm_range *out,
               struct weir_err *err)
{
	uint64_t from = first_byte(job);
	uint64_t bytes = job->bytes - from;
	void *at;

	if (job->fd < 0)
		return weir_err_sys(err, job->fd, "open its file");
	/* before it is mapped, which reserves the pages that are taken instead */
	if (job->renew && job->filled_bytes &&
	    fallocate(job->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	              (off_t)job->bytes) < 0)
		return weir_err_sys(err, -errno, "give its pages back");
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, job->fd, (off_t)from);
	if (at == MAP_FAILED)
		return weir_err_sys(err, -errno, "map %" PRIu64 " bytes", bytes);
	*out = (struct weir_warm_range){
		.at = at, .bytes = bytes, .page_bytes = job->page_bytes, .node = job->node
	};
	return 0;
}

struct looking {
	const struct weir_warm_range *range;
	uint64_t pages, at; /* so many are looked at; 0: all */
	bool is_zero;
};

static int look(void *arg)
{
	struct looking *l = arg;

	l->is_zero = weir_warm_is_zero(l->range, l->pages, &l->at);
	return 0;
}

/* By all threads, in budget; which byte it is is looked for when one is not zero. */
static int verify(const struct weir_warm_job *job, const struct weir_warm_range *range,
                  const struct weir_warm_work *work, struct weir_err *err)
{
	struct looking l = { .range = range, .pages = SAMPLE_PAGES };
	struct weir_warm_work quiet = *work;
	int r;

	quiet.done_bytes = quiet.own_bytes = NULL;
	if (job->verify_full) {
		l.pages = 0;
		r = weir_warm_read_all(range, &quiet, err);
		if (r != -EILSEQ)
			return r;
	}
	r = weir_guard(look, &l);
	if (r < 0)
		return weir_err_sys(err, r, "read what was zeroed");
	if (!l.is_zero)
		return weir_err_set(err, -EILSEQ,
		                    "byte %" PRIu64 " does not read as zero",
		                    first_byte(job) + l.at);
	return job->verify_full ? weir_err_set(err, -EILSEQ,
	                                       "a byte did not read as zero, and does")
	                        : 0;
}

/* On its node, or on one: which one is known then. */
static int check_node(struct weir_warm_job *job, const struct weir_warm_range *range,
                      struct weir_err *err)
{
	struct weir_warm_range one = *range;
	uint64_t there, elsewhere;
	void *first = range->at;
	int where = -1, r;

	if (range->node < 0) {
		/* what is bound to none may lie anywhere; and nobody may know where */
		if (syscall(SYS_move_pages, 0, 1UL, &first, NULL, &where, 0) < 0 ||
		    where < 0)
			return 0;
		one.node = where;
	}
	r = weir_warm_where(&one, &there, &elsewhere, err);
	if (r == -ENOSYS || range->node < 0) {
		if (r == 0 && !elsewhere)
			job->node = where;
		return 0;
	}
	if (r == 0 && elsewhere)
		r = weir_err_set(err, -EXDEV,
		                 "%" PRIu64 " of %" PRIu64 " pages are not on node %d",
		                 elsewhere, there + elsewhere, range->node);
	return r;
}

/* What was zeroed before is brought into our tables, or nobody could tell where it lies.
 */
static int zero_rest(const struct weir_warm_job *job, const struct weir_warm_range *all,
                     const struct weir_warm_work *work, struct weir_err *err)
{
	struct weir_warm_range before = *all, rest = *all;
	struct weir_warm_work quiet = *work;
	int r = 0;

	quiet.done_bytes = quiet.own_bytes = NULL;
	before.bytes = job->from_bytes;
	rest.at += job->from_bytes;
	rest.bytes -= job->from_bytes;
	if (before.bytes)
		r = weir_warm_populate(&before, &quiet, err);
	return r < 0 || !rest.bytes ? r : weir_warm_zero(&rest, work, err);
}

static int scrub(const struct weir_warm_job *job, const struct weir_warm_range *range,
                 const struct weir_warm_work *work, struct weir_err *err)
{
	struct weir_warm_work quiet = *work;
	int r;

	if (job->renew || !job->filled_bytes)
		return weir_warm_populate(range, work, err);
	if (job->filled_bytes == job->bytes)
		return zero_rest(job, range, work, err);
	quiet.done_bytes = quiet.own_bytes = NULL;
	r = weir_warm_populate(range, &quiet, err);
	return r < 0 ? r : weir_warm_zero(range, work, err);
}

static int fill(const struct weir_warm_job *job, const struct weir_warm_range *range,
                const struct weir_warm_work *work, struct weir_err *err)
{
	if (job->host)
		(void)weir_zeroable_ask(job->host, job->page_bytes, job->node,
		                        range->bytes / job->page_bytes);
	return weir_warm_populate(range, work, err);
}

static int run(struct weir_warm_job *job, const struct weir_warm_work *work,
               struct weir_err *err)
{
	struct weir_warm_range range = { 0 };
	int r;

	r = map(job, &range, err);
	if (r < 0)
		return r;
	if (work->reserved)
		atomic_store(work->reserved, true);
	r = job->kind == WEIR_JOB_SCRUB ? scrub(job, &range, work, err)
	                                : fill(job, &range, work, err);
	if (r == 0)
		r = check_node(job, &range, err);
	if (r == 0)
		r = verify(job, &range, work, err);
	(void)munmap(range.at, range.bytes);
	return r;
}

int weir_warm_job_run(struct weir_warm_job *job, const struct weir_warm_work *work,
                      struct weir_err *err)
{
	atomic_uint_fast64_t own = 0;
	struct weir_warm_work counted = *work;
	uint64_t began = now_ns();
	int r;

	counted.own_bytes = &own;
	r = run(job, &counted, err);
	job->done_bytes = atomic_load(&own);
	job->took_ns = now_ns() - began;
	return r;
}
