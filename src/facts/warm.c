/* warm: see warm.h.
 *
 * The text is a base and what changed since, so that a lease costs a line and not all of
 * them. What a killed weird left of a change stands behind the last "end", and is not
 * looked at. Everything before it was written whole: a line there that is not understood
 * makes all of it void, because a region that is taken for another one is worse than one
 * that is scrubbed once too often. */
#include "facts/warm.h"

#include "base/own.h"
#include "facts/warm_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

static const char *const state_words[] = {
	[WEIR_REGION_FILLING] = "filling",     [WEIR_REGION_READY] = "ready",
	[WEIR_REGION_GROWING] = "growing",     [WEIR_REGION_LEASED] = "leased",
	[WEIR_REGION_WAITING] = "waiting",     [WEIR_REGION_DIRTY] = "dirty",
	[WEIR_REGION_SCRUBBING] = "scrubbing",
};

static const char *const owner_words[] = {
	[WEIR_OWNER_NONE] = "none",
	[WEIR_OWNER_PID] = "pid",
	[WEIR_OWNER_UNIT] = "unit",
	[WEIR_OWNER_USE] = "use",
	[WEIR_OWNER_CONNECTION] = "connection",
};

const char *weir_region_state_word(enum weir_region_state state)
{
	return state_words[state];
}

const char *weir_owner_word(enum weir_owner_kind kind)
{
	return owner_words[kind];
}

void weir_warm_state_done(struct weir_warm_state *state)
{
	for (size_t i = 0; i < state->nr_dirs; i++)
		free(state->dirs[i].path);
	free(state->dirs);
	free(state->targets);
	free(state->regions);
	*state = (struct weir_warm_state){ 0 };
}

/* ---- the whole --------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Does one of @v, which are sorted by this, stand there twice? */
static bool has_twice(uint64_t *v, size_t nr)
{
	if (nr)
		qsort(v, nr, sizeof(*v), by_number);
	for (size_t i = 1; i < nr; i++)
		if (v[i] == v[i - 1])
			return true;
	return false;
}

/* No lease of two regions, and no number that was given already is the next. */
static int check_leases(struct weir_warm_parse *p)
{
	const struct weir_warm_state *out = p->out;
	weir_auto(weir_freep) uint64_t *ids = NULL;
	size_t nr = 0;

	if (out->nr_regions > WEIR_WARM_REGIONS_MAX)
		return weir_warm_refuse(p, "too many regions");
	ids = calloc(out->nr_regions + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < out->nr_regions; i++) {
		if (out->regions[i].id >= out->next_region ||
		    out->regions[i].lease.id >= out->next_lease)
			return weir_warm_refuse(p, "a number is not below the next one");
		if (out->regions[i].lease.id)
			ids[nr++] = out->regions[i].lease.id;
	}
	return has_twice(ids, nr) ? weir_warm_refuse(p, "a lease has two regions") : 0;
}

/* No two regions are one file. */
static int check_files(struct weir_warm_parse *p)
{
	const struct weir_warm_state *out = p->out;
	weir_auto(weir_freep)
		uint64_t *inodes = calloc(out->nr_regions + 1, sizeof(*inodes));

	if (!inodes)
		return -ENOMEM;
	for (size_t d = 0; d < out->nr_dirs; d++) {
		size_t nr = 0;

		for (size_t i = 0; i < out->nr_regions; i++)
			if (out->regions[i].page_bytes == out->dirs[d].page_bytes)
				inodes[nr++] = out->regions[i].inode;
		if (has_twice(inodes, nr))
			return weir_warm_refuse(p, "a file is two regions");
	}
	return 0;
}

/* Up to the newline of the last line that is "end"; empty where there is none. */
static struct weir_str up_to_end(struct weir_str text)
{
	while (text.n) {
		const char *newline = memrchr(text.p, '\n', text.n), *before;
		struct weir_str line;

		if (!newline)
			break;
		text.n = (size_t)(newline - text.p);
		before = text.n ? memrchr(text.p, '\n', text.n) : NULL;
		line = before ? weir_str(before + 1, (size_t)(newline - before - 1))
		              : text;
		if (weir_str_eq(line, "end"))
			return weir_str(text.p, text.n + 1);
	}
	return weir_str("", 0);
}

static int read_lines(struct weir_str text, struct weir_warm_parse *p, size_t *line_nr)
{
	struct weir_str line;
	int r = 0;

	*line_nr = 1;
	if (!weir_str_line(&text, &line))
		return weir_warm_refuse(p, "it has no end");
	r = weir_warm_read_head(line, p);
	while (r == 0 && weir_str_line(&text, &line)) {
		++*line_nr;
		r = weir_warm_read_line(line, p);
	}
	if (r == 0 && !p->has_next)
		r = weir_warm_refuse(p, "it does not say what is next");
	if (r == 0)
		weir_warm_sweep(p);
	if (r == 0)
		r = check_leases(p);
	return r < 0 ? r : check_files(p);
}

int weir_warm_state_parse(struct weir_str text, struct weir_warm_state *out,
                          struct weir_err *err)
{
	struct weir_warm_state state = { 0 };
	struct weir_warm_parse p = { .out = &state };
	size_t line_nr;
	int r = read_lines(up_to_end(text), &p, &line_nr);

	free(p.gone);
	if (r == 0) {
		state.known = true;
		*out = state;
		return 0;
	}
	weir_warm_state_done(&state);
	if (r == -ENOMEM)
		return weir_err_sys(err, r, "read the state of warm memory");
	return weir_err_set(err, r, "line %zu: %s", line_nr, p.what ? p.what : "garbled");
}

/* 0 when the text is of this boot; 1 when it is not, or nobody knows. */
static int is_other_boot(const struct weir_host *host, const char *boot_id)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, BOOT_ID_PATH, WEIR_SMALL_MAX, &text);

	if (r < 0)
		return r == -ENOENT ? 0 : r; /* of a capture that lacks it */
	return weir_str_eq(weir_str_chomp(weir_buf_str(&text)), boot_id) ? 0 : 1;
}

int weir_warm_state_read(const struct weir_host *host, struct weir_warm_state *out,
                         struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, WEIR_WARM_STATE, WEIR_WARM_STATE_MAX, &text);

	*out = (struct weir_warm_state){ 0 };
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return weir_err_sys(err, r, "read '" WEIR_WARM_STATE "'");
	r = weir_warm_state_parse(weir_buf_str(&text), out, err);
	if (r < 0)
		return weir_err_wrap(err, r, WEIR_WARM_STATE);
	r = is_other_boot(host, out->boot_id);
	if (r == 0)
		return 0;
	weir_warm_state_done(out);
	return r < 0 ? weir_err_sys(err, r, "read '" BOOT_ID_PATH "'") : 0;
}

/* ---- questions --------------------------------------------------------------------- */

const struct weir_warm_region *weir_warm_find(const struct weir_warm_state *state,
                                              uint64_t device, uint64_t inode)
{
	for (size_t d = 0; d < state->nr_dirs; d++)
		for (size_t i = 0;
		     state->dirs[d].device == device && i < state->nr_regions; i++)
			if (state->regions[i].inode == inode &&
			    state->regions[i].page_bytes == state->dirs[d].page_bytes)
				return &state->regions[i];
	return NULL;
}

uint64_t weir_warm_sum(const struct weir_warm_state *state, enum weir_region_state which,
                       uint64_t page_bytes, int node)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		/* 65,536 regions of 2^63 bytes would not fit; real ones do */
		if (r->state == which && r->page_bytes == page_bytes &&
		    (node < 0 || r->node == node) &&
		    __builtin_add_overflow(sum, r->filled_bytes, &sum))
			return UINT64_MAX;
	}
	return sum;
}
