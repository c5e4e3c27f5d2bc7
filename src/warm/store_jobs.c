/* store_jobs: what is to be done next, and what came of it: see store_parts.h.
 *
 * A job has a descriptor of its own and nothing else of the store. While it runs its
 * region is busy: nothing here touches it. */
#include "warm/store_parts.h"

#include "base/least.h"

#include <errno.h>
#include <unistd.h>

/* ---- the next ---------------------------------------------------------------------- */

static uint64_t room_of(const struct weir_job_wish *wish, uint64_t page_bytes, int node)
{
	for (size_t i = 0; i < wish->nr_rooms; i++)
		if (wish->rooms[i].page_bytes == page_bytes &&
		    wish->rooms[i].node == node)
			return wish->rooms[i].bytes;
	return 0;
}

static bool is_wished(const struct weir_job_wish *wish, int node)
{
	return wish->node < 0 || node < 0 || node == wish->node;
}

static bool is_renewed(const struct weir_store *store, size_t at)
{
	return store->options.renew == WEIR_RENEW_ALL ||
	       (store->options.renew == WEIR_RENEW_OTHERS && store->parts[at].others);
}

/* That a file cannot be opened comes out when the job is done. */
static void hand_out(struct weir_store *store, size_t at, enum weir_job_kind kind,
                     struct weir_warm_job *out)
{
	const struct weir_warm_region *r = &store->state.regions[at];
	struct weir_part *part = &store->parts[at];

	*out = (struct weir_warm_job){
		.kind = kind,
		.region = r->id,
		.page_bytes = r->page_bytes,
		.from_bytes = part->zero_bytes, /* of a fill: 0 */
		.bytes = r->bytes,
		.node = r->node,
		.fd = weir_store_open_file(store, at),
		.verify_full = weir_store_verifies_full(store, r->page_bytes),
		.renew = kind == WEIR_JOB_SCRUB && is_renewed(store, at),
		.filled_bytes = r->filled_bytes,
		.host = store->options.host,
	};
	part->busy = true;
	if (kind != WEIR_JOB_GROW || !part->zero_bytes) /* else it touches what is new */
		part->errors_bytes = weir_errors_bytes(store->options.host);
}

static bool next_grow(struct weir_store *store, const struct weir_job_wish *wish,
                      struct weir_warm_job *out)
{
	for (size_t i = 0; i < store->state.nr_regions; i++)
		if (store->state.regions[i].state == WEIR_REGION_GROWING &&
		    !store->parts[i].busy &&
		    is_wished(wish, store->state.regions[i].node)) {
			hand_out(store, i, WEIR_JOB_GROW, out);
			return true;
		}
	return false;
}

/* A scrub; or the rest of a fill that was stopped. Holes of what is scrubbed take pages
 * from the pool: where it has none for them, the region is given back. What could not be
 * given back would not be scrubbed either, and be chosen again at once. */
static int next_begun(struct weir_store *store, const struct weir_job_wish *wish,
                      enum weir_region_state state, struct weir_warm_job *out)
{
	struct weir_err err = { 0 };

	for (size_t i = 0; i < store->state.nr_regions;) {
		struct weir_warm_region *r = &store->state.regions[i];
		bool scrub = state == WEIR_REGION_DIRTY;

		if (r->state != state || store->parts[i].busy ||
		    !is_wished(wish, r->node)) {
			i++;
			continue;
		}
		if (!store->parts[i].stuck &&
		    r->bytes - r->filled_bytes <= room_of(wish, r->page_bytes, r->node)) {
			if (scrub) {
				r->state = WEIR_REGION_SCRUBBING;
				weir_store_note_region(store, i);
			}
			hand_out(store, i, scrub ? WEIR_JOB_SCRUB : WEIR_JOB_FILL, out);
			return 0;
		}
		if (scrub && weir_store_drop(store, i, &err) == 0)
			continue; /* another one has its place */
		if (scrub)
			weir_store_troubled(store, &err);
		i++;
	}
	return WEIR_JOB_NONE;
}

static int start_fill(struct weir_store *store, const struct weir_warm_target *target,
                      uint64_t bytes, struct weir_warm_job *out, struct weir_err *err)
{
	const struct weir_warm_region like = { .state = WEIR_REGION_FILLING,
		                               .page_bytes = target->page_bytes,
		                               .bytes = bytes,
		                               .node = target->node };
	size_t at;
	int r = weir_store_make_region(store, &like, &at, err);

	if (r < 0)
		return r;
	weir_store_note_region(store, at);
	hand_out(store, at, WEIR_JOB_FILL, out);
	return 0;
}

static int next_fill(struct weir_store *store, const struct weir_job_wish *wish,
                     struct weir_warm_job *out, struct weir_err *err)
{
	for (size_t i = 0; i < store->state.nr_targets; i++) {
		const struct weir_warm_target *t = &store->state.targets[i];
		struct weir_flavours flavours;
		uint64_t bytes;

		if (!is_wished(wish, t->node))
			continue;
		weir_store_wanted(store, t, &flavours);
		bytes = weir_choose_fill(&store->state, t, &flavours,
		                         room_of(wish, t->page_bytes, t->node));
		if (bytes)
			return start_fill(store, t, bytes, out, err);
	}
	return WEIR_JOB_NONE;
}

int weir_store_next_job(struct weir_store *store, const struct weir_job_wish *wish,
                        struct weir_warm_job *out, struct weir_err *err)
{
	int r = next_grow(store, wish, out) ? 0 : WEIR_JOB_NONE;

	if (r == WEIR_JOB_NONE && !wish->no_back)
		weir_store_give_back(store);
	if (r == WEIR_JOB_NONE && !wish->only_grow)
		r = next_begun(store, wish, WEIR_REGION_DIRTY, out);
	if (r == WEIR_JOB_NONE && !wish->only_grow)
		r = next_begun(store, wish, WEIR_REGION_FILLING, out);
	if (r == WEIR_JOB_NONE && !wish->only_grow)
		r = next_fill(store, wish, out, err);
	weir_store_may(store);
	return r;
}

/* ---- results ----------------------------------------------------------------------- */

/* Bound to no node, and all on one: then it is that node's, unless it is kept for any. */
static void learn_node(struct weir_store *store, const struct weir_warm_job *job,
                       struct weir_warm_region *region)
{
	if (region->node < 0 && job->node >= 0 &&
	    !weir_store_target(store, region->page_bytes, -1).bytes)
		region->node = job->node;
}

static void count_job(struct weir_store *store, const struct weir_warm_job *job,
                      int result)
{
	struct weir_store_counts *counts = &store->counts;

	if (job->kind == WEIR_JOB_SCRUB) {
		counts->scrubbed_bytes += job->done_bytes;
		counts->scrub_ns += job->took_ns;
	} else {
		counts->filled_bytes += job->done_bytes;
		counts->fill_ns += job->took_ns;
	}
	counts->verify_failures += result == -EILSEQ;
	counts->poisoned += result == -EHWPOISON;
}

/* What the job has mapped is reserved for the file as long as it has that size
 * (mm/hugetlb.c hugetlb_reserve_pages(), fs/hugetlbfs/inode.c remove_inode_hugepages(),
 * v6.18). It may be long until it is gone on with: others may have these pages. */
static void unreserve_rest(const struct weir_warm_job *job, const struct weir_file *file,
                           uint64_t bytes)
{
	if (file->filled_bytes < bytes &&
	    ftruncate(job->fd, (off_t)file->filled_bytes) == 0)
		(void)!ftruncate(job->fd, (off_t)bytes);
}

/* How far it came: so much is there, and of a scrub so much is zero. */
static void keep_progress(struct weir_store *store, size_t at,
                          const struct weir_warm_job *job)
{
	struct weir_warm_region *region = &store->state.regions[at];
	struct weir_file file;

	if (weir_file_stat(job->fd, &file) == 0)
		unreserve_rest(job, &file, region->bytes);
	if (weir_file_stat(job->fd, &file) == 0)
		region->filled_bytes = weir_min(file.filled_bytes, region->bytes);
	if (job->kind != WEIR_JOB_SCRUB)
		return;
	region->state = WEIR_REGION_DIRTY;
	/* with holes, or renewed, it is not done from its start to its end */
	store->parts[at].zero_bytes = job->filled_bytes == job->bytes && !job->renew
	                                      ? job->from_bytes + job->done_bytes
	                                      : 0;
}

/* A fill or a scrub that came to its end: the last look, with the only descriptor. */
static int make_ready(struct weir_store *store, size_t at,
                      const struct weir_warm_job *job)
{
	struct weir_warm_region *region = &store->state.regions[at];

	region->filled_bytes = region->bytes;
	store->parts[at].zero_bytes = 0;
	if (!weir_store_is_whole(store, at, job->fd))
		return -ESTALE;
	learn_node(store, job, region);
	region->state = WEIR_REGION_READY;
	/* who still had its pages has them for himself now */
	store->parts[at].others = store->parts[at].others && !job->renew;
	if (weir_file_claim(job->fd) < 0) /* root has opened it */
		region->state = WEIR_REGION_WAITING;
	return 0;
}

static int background_done(struct weir_store *store, size_t at,
                           const struct weir_warm_job *job, int result,
                           struct weir_err *err)
{
	int r = result;

	if (r == 0)
		r = make_ready(store, at, job);
	if (r == -ESTALE)
		(void)weir_err_set(err, r, "somebody has changed its file");
	if (r == 0 || r == -ECANCELED) {
		if (r < 0)
			keep_progress(store, at, job);
		weir_store_note_region(store, at);
		return r;
	}
	store->parts[at].zero_bytes = 0;
	if (weir_store_drop(store, at, NULL) < 0) { /* another time */
		store->state.regions[at].state = WEIR_REGION_DIRTY;
		weir_store_note_region(store, at);
	}
	return r;
}

static int grow_done(struct weir_store *store, size_t at, const struct weir_warm_job *job,
                     int result, struct weir_lease *out, struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at];
	struct weir_part *part = &store->parts[at];
	struct weir_lease lease = { 0 };
	int r = result;

	if (r == 0 && part->ending)
		r = weir_err_set(err, -ECANCELED, "it was released while it grew");
	/* what was ready when it began */
	if (r == 0 && !weir_store_is_whole(store, at, job->fd))
		r = weir_err_set(err, -ESTALE, "somebody has changed its file");
	if (r == 0) {
		int bad = weir_store_look_for_errors(store, at, job->fd);

		if (bad < 0)
			r = weir_err_sys(err, bad, "look at its pages");
	}
	if (r < 0) {
		weir_store_ungrow(store, at, result == 0);
		return r;
	}
	learn_node(store, job, region);
	region->state = WEIR_REGION_LEASED;
	region->filled_bytes = region->bytes;
	weir_store_note_region(store, at);
	r = weir_store_must(store, err);
	if (r < 0) {
		weir_store_ungrow(store, at, true);
		return r;
	}
	lease = (struct weir_lease){ .id = region->lease.id,
		                     .region = region->id,
		                     .bytes = region->bytes,
		                     .page_bytes = region->page_bytes,
		                     .warm_bytes = part->zero_bytes,
		                     .node = region->node };
	part->zero_bytes = 0;
	r = weir_store_hand_over(store, at, job->fd, &lease, err);
	if (r == 0 && out)
		*out = lease;
	return r;
}

int weir_store_job_done(struct weir_store *store, struct weir_warm_job *job, int result,
                        struct weir_lease *out, struct weir_err *err)
{
	size_t at = weir_store_region_at(store, job->region);
	struct weir_err why = { 0 };
	int r;

	if (result < 0 && err && err->code == result)
		why = *err;
	else if (result < 0)
		(void)weir_err_sys(&why, result, "work on it");
	if (at == SIZE_MAX || !store->parts[at].busy) {
		r = weir_err_set(err, -ENOENT, "region %" PRIu64 " has no job",
		                 job->region);
	} else {
		store->parts[at].busy = false;
		count_job(store, job, result);
		r = job->kind == WEIR_JOB_GROW
		            ? grow_done(store, at, job, result, out, &why)
		            : background_done(store, at, job, result, &why);
		if (r < 0 && err) {
			*err = why;
			err->code = r;
			(void)weir_err_wrap(err, r, "region %" PRIu64, job->region);
		}
	}
	if (job->fd >= 0)
		(void)close(job->fd);
	job->fd = -1;
	weir_store_may(store);
	return r;
}
