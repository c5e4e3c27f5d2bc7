/* warm_seen: see warm_seen.h. Whether weird runs is asked of its process: the number and
 * the time of its start must both be those that the state has, for numbers are used
 * again. What its socket would tell is not asked: a state and two files of /proc are in a
 * capture, too. */
#include "facts/warm_seen.h"

#include "base/ckd.h"
#include "base/own.h"
#include "facts/creators.h"
#include "facts/holdings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void weir_warm_seen_done(struct weir_warm_seen *seen)
{
	weir_warm_state_done(&seen->state);
	*seen = (struct weir_warm_seen){ 0 };
}

const char *weir_weird_word(enum weir_weird weird)
{
	switch (weird) {
	case WEIR_WEIRD_RUNS: return "runs";
	case WEIR_WEIRD_GONE: return "gone";
	case WEIR_WEIRD_UNKNOWN: break;
	}
	return "unknown";
}

/* ---- does weird run? --------------------------------------------------------------- */

/* "811 (a name) with )) (weird) S 1 811 ...": the name may have anything in it, and what
 * is behind the last bracket has not (fs/proc/array.c, do_task_stat(), v6.6). */
struct weir_count weir_stat_start(struct weir_str text, bool *ended)
{
	enum { STATE = 3, START = 22 };
	struct weir_count start = { 0 };
	struct weir_str word;
	size_t at = text.n;

	*ended = false;
	while (at && text.p[at - 1] != ')')
		at--;
	text = weir_str_skip(text, at);
	for (int field = STATE; at && field <= START; field++) {
		if (!weir_str_word(&text, &word))
			return start;
		if (field == STATE)
			*ended = weir_str_eq(word, "Z") || weir_str_eq(word, "X");
		if (field == START)
			start.known = weir_parse_u64(word, &start.n) == 0;
	}
	return start;
}

static enum weir_weird find_weird(struct weir_reader *rd,
                                  const struct weir_warm_state *state)
{
	struct weir_count start;
	struct weir_str text;
	bool ended;
	char path[64];
	int r;

	if (!state->pid.known || !state->pid_start.known)
		return WEIR_WEIRD_UNKNOWN;
	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", state->pid.n);
	r = weir_host_text(rd->host, path, WEIR_SMALL_MAX, &rd->text, &text);
	if (r == -ENOMEM)
		rd->failed = r;
	/* with processes of others hidden nobody is seen to run */
	if (r == -ENOENT)
		return weir_process_lives(rd->host, 1) ? WEIR_WEIRD_GONE
		                                       : WEIR_WEIRD_UNKNOWN;
	if (r < 0)
		return WEIR_WEIRD_UNKNOWN;
	start = weir_stat_start(text, &ended);
	if (!start.known)
		return WEIR_WEIRD_UNKNOWN;
	return start.n == state->pid_start.n && !ended ? WEIR_WEIRD_RUNS
	                                               : WEIR_WEIRD_GONE;
}

/* ---- reading ----------------------------------------------------------------------- */

static void keep_gap(struct weir_reader *rd, int r, const struct weir_err *err)
{
	enum weir_gap_kind kind = WEIR_GAP_FAILED;

	if (r == -EACCES || r == -EPERM)
		kind = WEIR_GAP_FORBIDDEN;
	else if (r == -EFBIG)
		kind = WEIR_GAP_TOO_LARGE;
	else if (r == -EBADMSG)
		kind = WEIR_GAP_MALFORMED;
	r = weir_gaps_add(rd->gaps, kind, WEIR_WARM_STATE, err->msg);
	if (r < 0)
		rd->failed = r;
}

void weir_warm_seen_read(struct weir_reader *rd, struct weir_warm_seen *out)
{
	struct weir_err err = { 0 };
	int r;

	*out = (struct weir_warm_seen){ 0 };
	if (rd->failed)
		return;
	r = weir_warm_state_read(rd->host, &out->state, &err);
	if (r == -ENOMEM)
		rd->failed = r;
	else if (r < 0)
		keep_gap(rd, r, &err);
	out->hidden = r < 0;
	if (out->state.known)
		out->weird = find_weird(rd, &out->state);
}

/* ---- questions --------------------------------------------------------------------- */

bool weir_warm_has_device(const struct weir_warm_state *state, uint64_t device)
{
	for (size_t i = 0; i < state->nr_dirs; i++)
		if (state->dirs[i].device == device)
			return true;
	return false;
}

bool weir_region_is_leased(const struct weir_warm_region *region)
{
	return region->state == WEIR_REGION_LEASED ||
	       region->state == WEIR_REGION_GROWING ||
	       region->state == WEIR_REGION_WAITING;
}

const char *weir_lease_text(const struct weir_warm_region *region,
                            char out[WEIR_LEASE_TEXT_MAX])
{
	const struct weir_warm_lease *lease = &region->lease;

	*out = '\0';
	if (!weir_region_is_leased(region))
		return out;
	if (*lease->name || !lease->id) /* one that is being made may have neither */
		(void)snprintf(out, WEIR_LEASE_TEXT_MAX, "lease%s%s",
		               *lease->name ? " " : "", lease->name);
	else
		(void)snprintf(out, WEIR_LEASE_TEXT_MAX, "lease %" PRIu64, lease->id);
	return out;
}

/* ---- places --------------------------------------------------------------------------
 */

static struct weir_warm_place *place_of(struct weir_warm_places *places,
                                        uint64_t page_bytes, int node)
{
	size_t i = 0;

	while (i < places->nr &&
	       (places->v[i].page_bytes < page_bytes ||
	        (places->v[i].page_bytes == page_bytes && places->v[i].node < node)))
		i++;
	if (i < places->nr && places->v[i].page_bytes == page_bytes &&
	    places->v[i].node == node)
		return &places->v[i];
	if (weir_grow(&places->v, &places->cap, places->nr, sizeof(*places->v)) < 0)
		return NULL;
	memmove(&places->v[i + 1], &places->v[i], (places->nr - i) * sizeof(*places->v));
	places->v[i] = (struct weir_warm_place){ .page_bytes = page_bytes, .node = node };
	places->nr++;
	return &places->v[i];
}

/* The text is not the kernel's: a sum that no memory has is a large one. */
static void add_bytes(uint64_t *sum, uint64_t bytes)
{
	if (ckd_add(sum, *sum, bytes))
		*sum = UINT64_MAX;
}

static void add_region(struct weir_warm_place *place,
                       const struct weir_warm_region *region)
{
	switch (region->state) {
	case WEIR_REGION_READY:
		add_bytes(&place->ready_bytes, region->filled_bytes);
		place->nr_ready++;
		break;
	case WEIR_REGION_GROWING:
	case WEIR_REGION_LEASED:
		add_bytes(&place->leased_bytes, region->filled_bytes);
		place->nr_leased++;
		break;
	case WEIR_REGION_WAITING:
		add_bytes(&place->waiting_bytes, region->filled_bytes);
		place->nr_waiting++;
		break;
	case WEIR_REGION_FILLING:
	case WEIR_REGION_DIRTY:
	case WEIR_REGION_SCRUBBING:
		add_bytes(&place->coming_bytes, region->filled_bytes);
		add_bytes(&place->due_bytes, region->bytes);
		place->nr_coming++;
		break;
	}
}

int weir_warm_places_make(const struct weir_warm_state *state,
                          struct weir_warm_places *out)
{
	struct weir_warm_place *place;

	*out = (struct weir_warm_places){ 0 };
	for (size_t i = 0; i < state->nr_targets; i++) {
		place = place_of(out, state->targets[i].page_bytes,
		                 state->targets[i].node);
		if (!place)
			goto failed;
		add_bytes(&place->target_bytes, state->targets[i].bytes);
	}
	for (size_t i = 0; i < state->nr_regions; i++) {
		place = place_of(out, state->regions[i].page_bytes,
		                 state->regions[i].node);
		if (!place)
			goto failed;
		add_region(place, &state->regions[i]);
	}
	return 0;
failed:
	weir_warm_places_done(out);
	return -ENOMEM;
}

void weir_warm_places_done(struct weir_warm_places *places)
{
	free(places->v);
	*places = (struct weir_warm_places){ 0 };
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t there(const struct weir_warm_place *place)
{
	uint64_t sum = place->ready_bytes;

	add_bytes(&sum, place->due_bytes);
	return sum;
}

uint64_t weir_warm_place_lacks(const struct weir_warm_places *places, size_t place)
{
	const struct weir_warm_place *of = &places->v[place];
	uint64_t have = there(of);

	for (size_t i = 0; of->node < 0 && i < places->nr; i++)
		if (i != place && places->v[i].page_bytes == of->page_bytes)
			add_bytes(&have,
			          less(there(&places->v[i]), places->v[i].target_bytes));
	return less(of->target_bytes, have);
}
