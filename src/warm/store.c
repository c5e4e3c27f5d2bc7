/* store: its life, its options and targets: see store.h, and store_parts.h for the order
 * in which things are done. */
#include "warm/store.h"

#include "warm/store_parts.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NAMED_MAX 3 /* of what stays */

static uint64_t kernel_now_ns(void *ctx)
{
	struct timespec t;

	(void)ctx;
	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t weir_store_now(const struct weir_store *store)
{
	return store->options.now_ns(store->options.ctx);
}

/* What may change while it is open: not where it is. */
static void take_options(struct weir_store *store, const struct weir_store_options *new)
{
	store->options = *new;
	store->options.dir = store->dir;
	store->options.state_path = store->state_path;
	if (!store->options.now_ns)
		store->options.now_ns = kernel_now_ns;
}

static int check_options(const struct weir_store_options *options, struct weir_err *err)
{
	if (options->nr_flavours > WEIR_FLAVOURS_MAX ||
	    options->nr_sizes > WEIR_SIZES_MAX)
		return weir_err_set(err, -EINVAL, "too many flavours or page sizes");
	for (size_t i = 0; i < options->nr_sizes; i++)
		if (options->sizes[i].nr_flavours > WEIR_FLAVOURS_MAX)
			return weir_err_set(err, -EINVAL, "too many flavours");
	return 0;
}

static int open_parts(struct weir_store *store, struct weir_err *err)
{
	int r;

	store->root = weir_files_root(store->dir, err);
	if (store->root < 0)
		return store->root;
	r = weir_locks_take(&store->locks, store->root, store->dir, store->state_path,
	                    err);
	if (r == 0)
		r = weir_store_find_all(store, err);
	return r < 0 ? r : weir_locks_tie(&store->locks, err);
}

int weir_store_open(const struct weir_store_options *options, struct weir_store **out,
                    struct weir_err *err)
{
	struct weir_store *store;
	int r = check_options(options, err);

	if (r < 0)
		return r;
	store = calloc(1, sizeof(*store));
	if (!store)
		return weir_err_sys(err, -ENOMEM, "open the store");
	store->root = -1;
	weir_locks_init(&store->locks);
	store->dir = strdup(options->dir);
	store->state_path = strdup(options->state_path);
	weir_log_init(&store->log, store->state_path);
	if (store->dir && store->state_path) {
		take_options(store, options);
		r = open_parts(store, err);
	} else {
		r = weir_err_sys(err, -ENOMEM, "open the store");
	}
	if (r < 0)
		weir_store_free(store);
	else
		*out = store;
	return r;
}

void weir_store_free(struct weir_store *store)
{
	if (!store)
		return;
	if (store->log.fd >= 0)
		weir_store_may(store);
	for (size_t i = 0; i < store->state.nr_dirs; i++)
		if (store->dirs[i].fd >= 0)
			(void)close(store->dirs[i].fd);
	weir_closep(&store->root);
	weir_log_done(&store->log);
	weir_locks_done(&store->locks); /* the last: nobody else writes before */
	weir_buf_done(&store->changes);
	weir_warm_state_done(&store->state);
	free(store->dirs);
	free(store->parts);
	free(store->dir);
	free(store->state_path);
	free(store);
}

const char *weir_store_note(const struct weir_store *store)
{
	return store->note;
}

bool weir_store_has_back(const struct weir_store *store)
{
	return store->has_back;
}

const char *weir_store_trouble(const struct weir_store *store)
{
	return store->trouble;
}

const struct weir_warm_state *weir_store_state(const struct weir_store *store)
{
	return &store->state;
}

void weir_store_counts(const struct weir_store *store, struct weir_store_counts *out)
{
	*out = store->counts;
	out->state_writes = store->log.writes;
}

int weir_store_set_options(struct weir_store *store,
                           const struct weir_store_options *options, struct weir_err *err)
{
	bool plain = store->options.plain;
	int r = check_options(options, err);

	if (r < 0)
		return r;
	take_options(store, options);
	store->options.plain = plain;
	return 0;
}

/* ---- targets ----------------------------------------------------------------------- */

static size_t target_at(const struct weir_store *store, uint64_t page_bytes, int node)
{
	size_t i = 0;

	while (i < store->state.nr_targets &&
	       (store->state.targets[i].page_bytes != page_bytes ||
	        store->state.targets[i].node != node))
		i++;
	return i;
}

struct weir_warm_target weir_store_target(const struct weir_store *store,
                                          uint64_t page_bytes, int node)
{
	size_t at = target_at(store, page_bytes, node);

	return at < store->state.nr_targets
	               ? store->state.targets[at]
	               : (struct weir_warm_target){ .page_bytes = page_bytes,
		                                    .node = node };
}

static int put_target(struct weir_store *store, const struct weir_warm_target *target)
{
	struct weir_warm_state *state = &store->state;
	size_t at = target_at(store, target->page_bytes, target->node);

	if (!target->bytes) {
		if (at < state->nr_targets)
			memmove(&state->targets[at], &state->targets[at + 1],
			        (--state->nr_targets - at) * sizeof(*target));
		return 0;
	}
	if (at == state->nr_targets) {
		if (at >= WEIR_WARM_TARGETS_MAX)
			return -ENFILE;
		if (weir_grow(&state->targets, &state->cap_targets, at,
		              sizeof(*state->targets)) < 0)
			return -ENOMEM;
		state->nr_targets++;
	}
	state->targets[at] = *target;
	return 0;
}

int weir_store_set_target(struct weir_store *store, const struct weir_warm_target *target,
                          struct weir_err *err)
{
	int dir, r = 0;

	if (target->page_bytes < 4096 || (target->page_bytes & (target->page_bytes - 1)))
		return weir_err_set(err, -EINVAL, "%" PRIu64 " is no size of pages",
		                    target->page_bytes);
	if (target->node < -1 || target->node > (int)WEIR_NODE_MAX ||
	    target->bytes > WEIR_COUNT_MAX)
		return weir_err_set(err, -EINVAL, "no such target");
	if (target->bytes)
		r = weir_store_dir(store, target->page_bytes, &dir, err);
	if (r < 0)
		return r;
	r = put_target(store, target);
	if (r < 0)
		return weir_err_sys(err, r, "set a target");
	weir_store_note_target(store, target);
	weir_store_may(store);
	return 0;
}

/* ---- its end ----------------------------------------------------------------------- */

static bool may_go(const struct weir_store *store, size_t at)
{
	enum weir_region_state state = store->state.regions[at].state;

	return !store->parts[at].busy && state != WEIR_REGION_GROWING &&
	       state != WEIR_REGION_LEASED && state != WEIR_REGION_WAITING;
}

static bool is_in_use(const struct weir_store *store, uint64_t page_bytes)
{
	for (size_t i = 0; i < store->state.nr_regions; i++)
		if (store->state.regions[i].page_bytes == page_bytes)
			return true;
	return false;
}

static int close_dirs(struct weir_store *store, struct weir_err *err)
{
	struct weir_warm_state *state = &store->state;

	for (size_t i = state->nr_dirs; i-- > 0;) {
		int r;

		if (is_in_use(store, state->dirs[i].page_bytes))
			continue;
		r = weir_files_close(store->root, store->dir, &store->dirs[i],
		                     store->options.plain, err);
		free(state->dirs[i].path);
		state->nr_dirs--;
		state->dirs[i] = state->dirs[state->nr_dirs];
		store->dirs[i] = store->dirs[state->nr_dirs];
		store->stale = true; /* a change cannot take a directory away */
		if (r < 0)
			return r;
	}
	return 0;
}

struct names {
	char text[200];
};

/* "lease 3 (vm1), lease 7, ..." */
static struct names name_what_stays(const struct weir_store *store)
{
	struct names names = { "" };
	size_t at = 0, nr = 0;

	for (size_t i = 0; i < store->state.nr_regions && at < sizeof(names.text); i++) {
		const struct weir_warm_region *r = &store->state.regions[i];
		char name[WEIR_WARM_NAME_MAX + 4] = "";

		if (++nr > NAMED_MAX) {
			(void)snprintf(names.text + at, sizeof(names.text) - at, ", ...");
			break;
		}
		if (*r->lease.name)
			(void)snprintf(name, sizeof(name), " (%.24s)", r->lease.name);
		at += (size_t)snprintf(
			names.text + at, sizeof(names.text) - at,
			r->lease.id ? "%slease %" PRIu64 "%s" : "%sregion %" PRIu64 "%s",
			at ? ", " : "", r->lease.id ? r->lease.id : r->id, name);
	}
	return names;
}

int weir_store_empty(struct weir_store *store, struct weir_err *err)
{
	uint64_t leased = 0;
	int r = 0;

	for (size_t i = store->state.nr_regions; r == 0 && i-- > 0;)
		if (may_go(store, i))
			r = weir_store_evict(store, i, err);
	if (r == 0)
		r = close_dirs(store, err);
	for (size_t i = 0; i < store->state.nr_regions; i++)
		leased += store->state.regions[i].filled_bytes;
	weir_store_may(store);
	if (r < 0 || !store->state.nr_regions)
		return r;
	return weir_err_set(err, -EBUSY,
	                    "not all is given back: %s of %zu (%" PRIu64
	                    " bytes) stays: leases are ended by 'weir release' while "
	                    "weird runs",
	                    name_what_stays(store).text, store->state.nr_regions, leased);
}
