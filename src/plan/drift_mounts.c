/* drift_mounts: the hugetlbfs mounts that are declared, against those that are there. */
#include "plan/drift_parts.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MODE_DEFAULT 0755U /* fs/hugetlbfs/inode.c, hugetlbfs_init_fs_context() */

/* The topmost at this path: mounts are in the kernel's order, later ones over earlier. */
static const struct weir_hugetlbfs *find(const struct weir_mounts *mounts,
                                         const char *target)
{
	for (size_t i = mounts->nr; i > 0; i--)
		if (strcmp(mounts->v[i - 1].target, target) == 0)
			return &mounts->v[i - 1];
	return NULL;
}

struct option {
	const char *name;
	struct weir_declared_number want;
	struct weir_count got;                /* unknown: not given */
	bool is_size, is_mode, other_is_fine; /* ... where it is not declared */
};

static void value_text(const struct option *o, bool given, uint64_t n, char *out,
                       size_t cap)
{
	char size[WEIR_SIZE_TEXT_MAX];

	if (!given)
		(void)snprintf(out, cap, "no %s", o->name);
	else if (o->is_size)
		(void)snprintf(out, cap, "%s=%s", o->name,
		               weir_format_size(n, size, sizeof(size)).p);
	else if (o->is_mode)
		(void)snprintf(out, cap, "%s=%04o", o->name, (unsigned int)n);
	else
		(void)snprintf(out, cap, "%s=%" PRIu64, o->name, n);
}

static void compare(struct weir_drift_pen *pen, const struct weir_declared_mount *m,
                    const struct option *o)
{
	char want[96], got[96];
	struct weir_drift *d;

	if (!o->want.given && (o->other_is_fine || !o->got.known))
		return;
	if (o->want.given && o->got.known && o->want.n == o->got.n)
		return;
	d = weir_drift_add(pen, "mount-options", WEIR_DRIFT_NOW);
	if (!d)
		return;
	value_text(o, o->want.given, o->want.n, want, sizeof(want));
	value_text(o, o->got.known, o->got.n, got, sizeof(got));
	weir_drift_print(pen, &d->subject, "%s", m->target);
	weir_drift_where(pen, d, o->want.given ? o->want.at : m->at);
	weir_drift_print(pen, &d->declared, "%s", want);
	weir_drift_print(pen, &d->actual, "%s", got);
	weir_drift_print(pen, &d->text, "It is mounted with %s.", got);
	weir_drift_print(pen, &d->help,
	                 "weir persist, and mount it anew when no VM uses it");
}

static struct weir_declared_number id_of(const struct weir_declared_text *text,
                                         struct weir_count id)
{
	return (struct weir_declared_number){ id.known, id.n, text->at };
}

static void check_options(struct weir_drift_pen *pen, const struct weir_declared_mount *m,
                          const struct weir_hugetlbfs *got)
{
	struct weir_count root = WEIR_COUNT(0);
	struct weir_count mode = got->mode.known ? got->mode : WEIR_COUNT(MODE_DEFAULT);
	const struct option options[] = {
		{ "page-size", m->page_bytes, got->page_bytes, true, false, false },
		{ "size", m->size_bytes, got->size_bytes, true, false, false },
		{ "min-size", m->min_size_bytes, got->min_size_bytes, true, false,
		  false },
		{ "inodes", m->nr_inodes, got->nr_inodes, false, false, false },
		{ "mode", m->mode, mode, false, true, true },
		{ "user", id_of(&m->user, m->uid), got->uid.known ? got->uid : root,
		  false, false, true },
		{ "group", id_of(&m->group, m->gid), got->gid.known ? got->gid : root,
		  false, false, true },
	};

	for (size_t i = 0; i < WEIR_NELEM(options); i++)
		compare(pen, m, &options[i]);
}

static void not_there(struct weir_drift_pen *pen, const struct weir_declared_mount *m)
{
	bool known = pen->snap->mounts.known;
	struct weir_drift *d = weir_drift_add(pen, known ? "mount-missing" : "unknown",
	                                      known ? WEIR_DRIFT_NOW : WEIR_DRIFT_NOTE);

	if (!d)
		return;
	weir_drift_print(pen, &d->subject, "%s", m->target);
	weir_drift_where(pen, d, m->at);
	weir_drift_print(pen, &d->declared, "page-size=%s",
	                 WEIR_DRIFT_SIZE(m->page_bytes.n));
	if (!known) {
		weir_drift_print(pen, &d->text, "The mounts of this host are not known.");
		return;
	}
	weir_drift_print(pen, &d->actual, "nothing");
	weir_drift_print(pen, &d->text, "No hugetlbfs is mounted there.");
	weir_drift_print(pen, &d->help, "weir apply; weir persist, for each boot");
}

void weir_drift_mounts(struct weir_drift_pen *pen)
{
	for (size_t i = 0; i < pen->decl->nr_mounts; i++) {
		const struct weir_declared_mount *m = &pen->decl->mounts[i];
		const struct weir_hugetlbfs *got = find(&pen->snap->mounts, m->target);

		if (got)
			check_options(pen, m, got);
		else
			not_there(pen, m);
	}
}
