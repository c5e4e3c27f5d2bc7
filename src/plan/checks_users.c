/* checks_users: what the pools are handed out through: mounts and cgroups. */
#include "plan/checks.h"

#include "plan/mount_name.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>

void weir_check_mount_names(struct weir_check *c)
{
	const struct weir_mounts *mounts = &c->snap->mounts;

	for (size_t i = 0; i < mounts->nr; i++) {
		const struct weir_hugetlbfs *m = &mounts->v[i];
		struct weir_count named = weir_mount_named_size(&c->snap->pools,
		                                                m->target);
		struct weir_finding *f;

		if (m->covered || m->same_as != i || !named.known ||
		    !m->page_bytes.known || named.n == m->page_bytes.n)
			continue;
		if (m->size_bytes.known && m->size_bytes.n == named.n)
			continue; /* named for what it holds: "vm-1G" with size=1G */
		f = weir_check_add(c, WEIR_WARNING, "mount-name-contradicts");
		if (f)
			f->size_bytes = m->page_bytes;
		weir_check_text(c, f,
		                "%s is named for %s pages but mounted with pagesize=%s: "
		                "files there "
		                "take %s pages.",
		                m->target, WEIR_CHECK_SIZE(named.n),
		                WEIR_CHECK_SIZE(m->page_bytes.n),
		                WEIR_CHECK_SIZE(m->page_bytes.n));
		weir_check_remedy(
			c, f,
			"if the name is right, mount it again with pagesize=%s and its "
			"other "
			"options, and mend /etc/fstab; unmounting loses the files in it",
			WEIR_CHECK_SIZE(named.n));
	}
}

/* hugepage_new_subpool() reserves min_size at mount time and keeps it until unmount. */
void weir_check_mount_minimum(struct weir_check *c)
{
	const struct weir_mounts *mounts = &c->snap->mounts;

	for (size_t i = 0; i < mounts->nr; i++) {
		const struct weir_hugetlbfs *m = &mounts->v[i];
		uint64_t pages;
		struct weir_finding *f;

		if (m->same_as != i || !m->min_size_bytes.known || !m->page_bytes.known ||
		    !m->page_bytes.n)
			continue;
		pages = m->min_size_bytes.n / m->page_bytes.n;
		if (!pages)
			continue;
		f = weir_check_add(c, WEIR_NOTE, "mount-keeps-pages");
		if (f) {
			f->size_bytes = m->page_bytes;
			f->pages = WEIR_COUNT(pages);
		}
		weir_check_text(c, f,
		                "the mount %s keeps %" PRIu64
		                " %s %s (min_size=%s) as long as it is "
		                "mounted: they are reserved, in use, or both in part, "
		                "and no shrink "
		                "takes them.",
		                m->target, pages, WEIR_CHECK_SIZE(m->page_bytes.n),
		                pages == 1 ? "page" : "pages",
		                WEIR_CHECK_SIZE(m->min_size_bytes.n));
	}
}

#define NAMES_MAX 3U /* groups that a sentence names; the table has all */

struct named {
	struct weir_buf text; /* "/a, /b, /c" */
	size_t nr;
	const struct weir_cgroup_use *first;
};

static void add_name(struct weir_check *c, struct named *names,
                     const struct weir_cgroup *g, const struct weir_cgroup_use *u)
{
	if (!names->nr)
		names->first = u;
	if (names->nr < NAMES_MAX && !c->failed)
		c->failed = weir_buf_printf(&names->text, "%s%s", names->nr ? ", " : "",
		                            g->path);
	names->nr++;
}

/* "/a, /b, /c and 197 more" */
static void end_names(struct weir_check *c, struct named *names)
{
	if (names->nr > NAMES_MAX && !c->failed)
		c->failed = weir_buf_printf(&names->text, " and %zu more",
		                            names->nr - NAMES_MAX);
}

static bool is_below(const char *path, const char *parent)
{
	size_t n = strlen(parent);

	if (strcmp(parent, "/") == 0)
		return strcmp(path, "/") != 0;
	return strncmp(path, parent, n) == 0 && path[n] == '/';
}

/* The groups come parents first, and what is below one stands right behind it: @above are
 * those that @i is below, the innermost last. */
struct above {
	size_t v[WEIR_CGROUP_DEPTH_MAX + 1], nr;
};

static void move_to(const struct weir_cgroups *all, size_t i, struct above *above)
{
	while (above->nr &&
	       !is_below(all->v[i].path, all->v[above->v[above->nr - 1]].path))
		above->nr--;
}

static void descend(struct above *above, size_t i)
{
	if (above->nr < WEIR_NELEM(above->v))
		above->v[above->nr++] = i;
}

/* Reservations are charged to all groups above too: a limit there bounds them here. */
static bool is_bounded_above(const struct weir_cgroups *all, const struct above *above,
                             size_t k)
{
	for (size_t i = 0; i < above->nr; i++)
		if (weir_cgroup_is_limit(all->v[above->v[i]].v[k].reserved_limit))
			return true;
	return false;
}

/* With a limit on use alone, mmap succeeds and the touch is killed; with one on
 * reservations mmap says ENOMEM, which programs understand. */
static void limits_without_rsvd(struct weir_check *c, size_t k)
{
	const struct weir_cgroups *all = &c->snap->cgroups;
	struct above above = { .nr = 0 };
	struct named names = { .nr = 0 };
	char size[WEIR_CGROUP_SIZE_NAME_MAX];
	struct weir_finding *f;

	for (size_t i = 0; i < all->nr; i++) {
		const struct weir_cgroup_use *u = &all->v[i].v[k];

		move_to(all, i, &above);
		if (weir_cgroup_is_limit(u->limit) && u->reserved_limit.known &&
		    !weir_cgroup_is_limit(u->reserved_limit) &&
		    !is_bounded_above(all, &above, k))
			add_name(c, &names, &all->v[i], u);
		descend(&above, i);
	}
	end_names(c, &names);
	f = NULL;
	if (names.nr)
		f = weir_check_add(c, WEIR_WARNING, "cgroup-without-rsvd-limit");
	if (f) {
		f->size_bytes = WEIR_COUNT(names.first->page_bytes);
		(void)weir_cgroup_size_name(names.first->page_bytes, size, sizeof(size));
		weir_check_text(c, f,
		                "%zu %s a limit on %s pages in use and none on reserved "
		                "ones (%s): "
		                "a process over the limit is killed by SIGBUS instead of "
		                "being told "
		                "ENOMEM.",
		                names.nr, names.nr == 1 ? "cgroup has" : "cgroups have",
		                WEIR_CHECK_SIZE(names.first->page_bytes), names.text.p);
		weir_check_remedy(c, f, "set hugetlb.%s.rsvd.%s to the same limit", size,
		                  all->version == 1 ? "limit_in_bytes" : "max");
	}
	weir_buf_done(&names.text);
}

static bool has_refusals_below(const struct weir_cgroups *all, size_t i, size_t k)
{
	for (size_t j = i + 1; j < all->nr && is_below(all->v[j].path, all->v[i].path);
	     j++)
		if (weir_cgroup_refusals(&all->v[j].v[k]).n)
			return true;
	return false;
}

/* A refusal counts in the group of the task and in all above it, whichever of their
 * limits refused (mm/hugetlb_cgroup.c, hugetlb_event()): the innermost group is named. */
static void refusals(struct weir_check *c, size_t k)
{
	const struct weir_cgroups *all = &c->snap->cgroups;
	struct weir_count sum = WEIR_COUNT(0);
	struct above above = { .nr = 0 }; /* of those with refusals */
	struct named names = { .nr = 0 };
	bool v2 = all->version == 2;
	struct weir_finding *f;

	for (size_t i = 0; i < all->nr; i++) {
		const struct weir_cgroup_use *u = &all->v[i].v[k];
		struct weir_count n = weir_cgroup_refusals(u);

		if (!n.n)
			continue;
		move_to(all, i, &above);
		if (!v2 || !above.nr) /* the outermost count holds those of groups gone */
			sum = weir_count_add(sum, n);
		if (!v2 || !has_refusals_below(all, i, k))
			add_name(c, &names, &all->v[i], u);
		descend(&above, i);
	}
	end_names(c, &names);
	f = NULL;
	if (names.nr)
		f = weir_check_add(c, WEIR_WARNING, "cgroup-limit-hit");
	if (f) {
		f->size_bytes = WEIR_COUNT(names.first->page_bytes);
		weir_check_text(c, f,
		                "%zu %s refused %s pages, %s %s in all (%s), by the "
		                "limit of the "
		                "group or of one above it.",
		                names.nr, names.nr == 1 ? "cgroup was" : "cgroups were",
		                WEIR_CHECK_SIZE(names.first->page_bytes),
		                WEIR_CHECK_N(sum), sum.n == 1 ? "time" : "times",
		                names.text.p);
	}
	weir_buf_done(&names.text);
}

void weir_check_cgroups(struct weir_check *c)
{
	const struct weir_cgroups *all = &c->snap->cgroups;

	for (size_t k = 0; all->nr && k < all->v[0].nr;
	     k++) { /* each group has all sizes */
		limits_without_rsvd(c, k);
		refusals(c, k);
	}
}
