/* who_groups: what cgroups are charged with, behind the table of `weir who --by cgroup`.
 */
#include "cli/who_print.h"

#include "cli/cli.h"

#include "base/size.h"
#include "holders/charges.h"

/* "of 8" pages; nothing without a limit. */
static int say_limit(struct weir_who_print *t, const char *before,
                     struct weir_count bytes, struct weir_count limit,
                     uint64_t page_bytes)
{
	struct weir_count pages = { bytes.known, bytes.n / page_bytes };
	int r = weir_who_say(t, before, pages, page_bytes, "");

	pages = (struct weir_count){ true, limit.n / page_bytes };
	return r == 0 && weir_cgroup_is_limit(limit)
	               ? weir_who_say(t, " of at most ", pages, page_bytes, "")
	               : r;
}

/* Nothing says which group a page is charged to: this is what cannot be of a process in
 * it. */
static int say_beyond(struct weir_who_print *t, const struct weir_charge *c)
{
	int r = 0;

	if (!c || (!c->beyond.n && !c->beyond_reserved.n))
		return 0;
	(void)fputs("    at least ", t->out);
	if (c->beyond.n)
		r = weir_who_say(t, "", c->beyond, c->page_bytes, " in use");
	if (r == 0 && c->beyond.n && c->beyond_reserved.n)
		(void)fputs(" and ", t->out);
	if (r == 0 && c->beyond_reserved.n)
		r = weir_who_say(t, "", c->beyond_reserved, c->page_bytes, " reserved");
	(void)fputs(" by no process in it: charged to a removed group, or moved\n"
	            "    to its parent, or left by a process that ended or moved away\n",
	            t->out);
	return r;
}

static void begin(struct weir_who_print *t, const char *path, uint64_t page_bytes,
                  bool *any)
{
	char name[WEIR_SIZE_TEXT_MAX];

	(void)fputs(*any ? "" : "\nCharged to cgroups, those below counted in\n", t->out);
	*any = true;
	(void)fputs("  ", t->out);
	weir_cli_put(t->out, weir_strz(path));
	(void)fprintf(t->out,
	              "  %s:", weir_format_size(page_bytes, name, sizeof(name)).p);
}

/* v2's root has no files: what it is charged with is what is in use. */
static int print_root(struct weir_who_print *t, const struct weir_charge *c, bool *any)
{
	int r;

	if (!c || c->use || !c->beyond.n)
		return 0;
	begin(t, "/", c->page_bytes, any);
	r = weir_who_say(t, " ", c->own, c->page_bytes, " in use without those below\n");
	return r < 0 ? r : say_beyond(t, c);
}

static int print_group(struct weir_who_print *t, const char *path,
                       const struct weir_cgroup_use *u, const struct weir_charge *c,
                       bool *any)
{
	int r;

	begin(t, path, u->page_bytes, any);
	r = say_limit(t, " ", u->usage, u->limit, u->page_bytes);
	if (r == 0)
		r = say_limit(t, " in use, ", u->reserved, u->reserved_limit,
		              u->page_bytes);
	(void)fputs(" reserved\n", t->out);
	return r < 0 ? r : say_beyond(t, c);
}

static bool is_asked(const struct weir_who_print *t, uint64_t page_bytes)
{
	return !t->style->one_size || page_bytes == t->style->size_bytes;
}

/* What groups are charged with, which is not always what their processes have: charges
 * stay where a page was first touched (mm/hugetlb_cgroup.c). */
int weir_who_print_groups(struct weir_who_print *t)
{
	const struct weir_cgroups *groups = &t->who->snap->cgroups;
	const struct weir_ledger *ledger = &t->who->ledger;
	struct weir_charges charges;
	bool any = false;
	int r = weir_charges_make(ledger, groups, &charges);

	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++)
		if (is_asked(t, ledger->sizes[i].page_bytes))
			r = print_root(t,
			               weir_charge_of(&charges, "/",
			                              ledger->sizes[i].page_bytes),
			               &any);
	for (size_t i = 0; r == 0 && i < groups->nr; i++) {
		for (size_t k = 0; r == 0 && k < groups->v[i].nr; k++) {
			const struct weir_cgroup_use *u = &groups->v[i].v[k];
			const char *path = groups->v[i].path;

			if (weir_cgroup_matters(u) && is_asked(t, u->page_bytes))
				r = print_group(
					t, path, u,
					weir_charge_of(&charges, path, u->page_bytes),
					&any);
		}
	}
	weir_charges_done(&charges);
	return r;
}
