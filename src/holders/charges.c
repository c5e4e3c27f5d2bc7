/* charges: see charges.h. The groups are those that facts/cgroups.c lists: others are
 * charged with nothing. A process of a group that is not listed counts with the nearest
 * one above it that is, which makes what is said of that one less, never more. */
#include "holders/charges.h"

#include "base/own.h"

#include <errno.h>
#include <stdlib.h>

void weir_charges_done(struct weir_charges *charges)
{
	free(charges->v);
	*charges = (struct weir_charges){ 0 };
}

/* "/a" is above "/a/b", and "/" above all but itself. */
static bool is_above(const char *group, const char *path)
{
	size_t n = strlen(group);

	if (strcmp(group, "/") == 0)
		return strcmp(path, "/") != 0;
	return strncmp(group, path, n) == 0 && path[n] == '/';
}

/* The nearest one of this page size above @path, or the group itself if @or_itself. The
 * root is there always. */
static struct weir_charge *nearest(const struct weir_charges *charges, const char *path,
                                   uint64_t page_bytes, bool or_itself)
{
	struct weir_charge *best = NULL;

	for (size_t i = 0; i < charges->nr; i++) {
		struct weir_charge *c = &charges->v[i];

		if (c->page_bytes != page_bytes)
			continue;
		if (or_itself && strcmp(c->path, path) == 0)
			return c;
		if (is_above(c->path, path) &&
		    (!best || strlen(c->path) > strlen(best->path)))
			best = c;
	}
	return best;
}

static struct weir_count pages(struct weir_count bytes, uint64_t page_bytes)
{
	return (struct weir_count){ bytes.known, bytes.n / page_bytes };
}

static int add(struct weir_charges *out, const struct weir_charge *charge)
{
	int r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));

	if (r == 0)
		out->v[out->nr++] = *charge;
	return r;
}

/* All that is in use is charged to some group, and so to the root, which v2 has no files
 * of; what is reserved there it does not tell. */
static int add_root(const struct weir_ledger_size *size,
                    const struct weir_cgroups *groups, struct weir_charges *out)
{
	struct weir_charge root = { .path = "/",
		                    .page_bytes = size->page_bytes,
		                    .own = size->in_use };

	for (size_t i = 0; i < groups->nr; i++)
		if (strcmp(groups->v[i].path, "/") == 0)
			return 0; /* v1 */
	return add(out, &root);
}

static int add_groups(const struct weir_ledger_size *size,
                      const struct weir_cgroups *groups, struct weir_charges *out)
{
	int r = add_root(size, groups, out);

	for (size_t i = 0; r == 0 && i < groups->nr; i++) {
		for (size_t k = 0; r == 0 && k < groups->v[i].nr; k++) {
			const struct weir_cgroup_use *u = &groups->v[i].v[k];
			struct weir_charge charge = {
				.path = groups->v[i].path,
				.page_bytes = size->page_bytes,
				.use = u,
				.own = pages(u->usage, size->page_bytes),
				.own_reserved = pages(u->reserved, size->page_bytes),
			};

			if (u->page_bytes == size->page_bytes)
				r = add(out, &charge);
		}
	}
	return r;
}

static void take_from(struct weir_count *of, struct weir_count part)
{
	if (part.known && part.n > of->n)
		part.n = of->n; /* they were read one after the other */
	*of = weir_count_sub(*of, part);
}

/* What those right below it are charged with is not its own. */
static void leave_own(struct weir_charges *out)
{
	for (size_t i = 0; i < out->nr; i++) {
		const struct weir_charge *c = &out->v[i];
		struct weir_charge *above = nearest(out, c->path, c->page_bytes, false);

		if (!above || !c->use)
			continue;
		take_from(&above->own, pages(c->use->usage, c->page_bytes));
		if (above->use)
			take_from(&above->own_reserved,
			          pages(c->use->reserved, c->page_bytes));
	}
}

static void count(struct weir_charge *charge, const struct weir_hold *hold)
{
	charge->held += hold->pages;
	charge->held_reserved += hold->pages + hold->reserved_max;
}

/* @path: the group of a user, "" if that is not known: then it may be any. @last has for
 * each group the last hold that was counted, and 0: each counts once. */
static void add_user(const struct weir_hold *hold, size_t index, const char *path,
                     struct weir_charges *out, size_t *last)
{
	const struct weir_charge *in = nearest(out, path, hold->page_bytes, true);

	for (size_t k = 0; k < out->nr; k++) {
		bool may = *path ? in == &out->v[k]
		                 : out->v[k].page_bytes == hold->page_bytes;

		if (!may || last[k] == index + 1)
			continue;
		count(&out->v[k], hold);
		last[k] = index + 1;
	}
}

/* Each group that has a user of the hold: any of them may be charged. What weird keeps or
 * has leased is charged where it ran when it was populated. */
static void add_hold(const struct weir_ledger *ledger, size_t index,
                     struct weir_charges *out, size_t *last)
{
	const struct weir_hold *hold = &ledger->holds[index];

	for (size_t i = 0; i < hold->nr_users; i++)
		add_user(hold, index, ledger->holdings.tasks[hold->users[i].task].cgroup,
		         out, last);
	if (hold->in_store)
		add_user(hold, index, "", out, last);
}

/* What nobody was found for may be of a process in any group. */
static struct weir_count beyond(struct weir_count own, uint64_t held,
                                struct weir_count unattributed)
{
	uint64_t n = own.n > held ? own.n - held : 0;

	return (struct weir_count){ own.known && unattributed.known,
		                    own.known && unattributed.known && n > unattributed.n
		                            ? n - unattributed.n
		                            : 0 };
}

static void settle(const struct weir_ledger *ledger, struct weir_charge *c)
{
	const struct weir_ledger_size *size = weir_ledger_size(ledger, c->page_bytes);
	struct weir_count both = weir_count_add(size->unattributed,
	                                        size->unattributed_reserved);

	c->beyond = beyond(c->own, c->held, size->unattributed);
	c->beyond_reserved = beyond(c->own_reserved, c->held_reserved, both);
}

int weir_charges_make(const struct weir_ledger *ledger, const struct weir_cgroups *groups,
                      struct weir_charges *out)
{
	weir_auto(weir_freep) size_t *last = NULL;
	int r = 0;

	*out = (struct weir_charges){ 0 };
	for (size_t i = 0; groups->known && r == 0 && i < ledger->nr_sizes; i++)
		r = add_groups(&ledger->sizes[i], groups, out);
	last = calloc(out->nr + 1, sizeof(*last));
	if (r < 0 || !last) {
		weir_charges_done(out);
		return -ENOMEM;
	}
	leave_own(out);
	for (size_t i = 0; i < ledger->nr_holds; i++)
		add_hold(ledger, i, out, last);
	for (size_t i = 0; i < out->nr; i++)
		settle(ledger, &out->v[i]);
	return 0;
}

const struct weir_charge *weir_charge_of(const struct weir_charges *charges,
                                         const char *path, uint64_t page_bytes)
{
	for (size_t i = 0; i < charges->nr; i++)
		if (charges->v[i].page_bytes == page_bytes &&
		    strcmp(charges->v[i].path, path) == 0)
			return &charges->v[i];
	return NULL;
}
