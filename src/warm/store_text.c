/* store_text: what the store writes down: see store_parts.h and log.h. */
#include "warm/state.h"
#include "warm/store_parts.h"

#include "base/own.h"

#include <errno.h>

/* A line that could not be noted is in the next base. */
static void noted(struct weir_store *store, int r, size_t before)
{
	if (r == 0)
		return;
	store->changes.n = before;
	store->stale = true;
}

void weir_store_note_region(struct weir_store *store, size_t at)
{
	size_t before = store->changes.n;

	noted(store, weir_warm_put_region(&store->state.regions[at], &store->changes),
	      before);
}

void weir_store_note_gone(struct weir_store *store, uint64_t region)
{
	size_t before = store->changes.n;

	noted(store, weir_warm_put_gone(region, &store->changes), before);
}

void weir_store_note_target(struct weir_store *store,
                            const struct weir_warm_target *target)
{
	size_t before = store->changes.n;

	noted(store, weir_warm_put_target(target, &store->changes), before);
}

void weir_store_note_dir(struct weir_store *store, const struct weir_warm_dir *dir)
{
	size_t before = store->changes.n;

	noted(store, weir_warm_put_dir(dir, &store->changes), before);
}

static int write_base(struct weir_store *store, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_warm_state_put(&store->state, &text);

	if (r < 0)
		return weir_err_sys(err, r, "write '%s'", store->state_path);
	if (text.n > WEIR_WARM_STATE_MAX / 2)
		return weir_err_set(err, -EFBIG, "'%s' would be too long",
		                    store->state_path);
	return weir_log_base(&store->log, weir_buf_str(&text), err);
}

static int write_changes(struct weir_store *store, struct weir_err *err)
{
	int r = weir_warm_put_end(&store->state, &store->changes);

	if (r < 0)
		return weir_err_sys(err, r, "write '%s'", store->state_path);
	if (store->log.bytes + store->changes.n > WEIR_WARM_STATE_MAX)
		return weir_err_set(err, -EFBIG, "'%s' would be too long",
		                    store->state_path);
	return weir_log_change(&store->log, weir_buf_str(&store->changes), err);
}

int weir_store_must(struct weir_store *store, struct weir_err *err)
{
	bool whole = store->stale || store->log.torn || store->log.fd < 0;
	int r = -EAGAIN;

	if (whole || weir_log_is_due(&store->log))
		r = write_base(store, err);
	/* one that was only due can be written another time */
	if (r < 0 && !whole)
		r = write_changes(store, err);
	store->changes.n = 0;
	store->stale = r < 0;
	return r;
}

void weir_store_may(struct weir_store *store)
{
	if (store->changes.n || store->stale)
		(void)weir_store_must(store, NULL);
}
