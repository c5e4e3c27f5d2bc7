/* checks_users: what the pools are handed out through: mounts and cgroups. */
#include "plan/checks.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the next size that a person wrote into a name off *rest: "1G", "1GB", "2M",
 * "2MiB", "2048kB". A number without a unit, or a unit that goes on as a word, is none.
 */
static bool take_size(struct weir_str *rest, uint64_t *out_bytes)
{
	while (rest->n) {
		size_t digits = 0, letters = 0;
		struct weir_str size, unit;

		if (!is_digit(rest->p[0])) {
			*rest = weir_str_skip(*rest, 1);
			continue;
		}
		while (digits < rest->n && is_digit(rest->p[digits]))
			digits++;
		unit = weir_str_skip(*rest, digits);
		while (letters < unit.n && is_letter(unit.p[letters]))
			letters++;
		unit.n = letters;
		size = weir_str(rest->p, digits + (letters > 0));
		*rest = weir_str_skip(*rest, digits + letters);
		if (letters == 2 && (unit.p[1] | 0x20) != 'b')
			continue;
		if (letters == 3 &&
		    ((unit.p[1] | 0x20) != 'i' || (unit.p[2] | 0x20) != 'b'))
			continue;
		if (letters >= 1 && letters <= 3 && weir_parse_size(size, out_bytes) == 0)
			return true;
	}
	return false;
}

/* The page size that the last part of a path speaks of; unknown without exactly one. */
static struct weir_count named_size(const struct weir_snapshot *snap, const char *target)
{
	struct weir_str rest = weir_strz(strrchr(target, '/') ? strrchr(target, '/')
	                                                      : target);
	struct weir_count found = { 0 };
	uint64_t bytes;

	while (take_size(&rest, &bytes)) {
		if (!weir_pools_size(&snap->pools,
		                     bytes)) /* a name such as "vm-4G": no page */
			continue;
		if (found.known && found.n != bytes)
			return (struct weir_count){ 0 };
		found = WEIR_COUNT(bytes);
	}
	return found;
}

/* Nothing in it means anything to a shell: a command that will be copied may hold it. */
static bool is_plain_path(const char *path)
{
	return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                         "0123456789/_.,+@-")] == '\0';
}

void weir_check_mount_names(struct weir_check *c)
{
	const struct weir_mounts *mounts = &c->snap->mounts;

	for (size_t i = 0; i < mounts->nr; i++) {
		const struct weir_hugetlbfs *m = &mounts->v[i];
		struct weir_count named = named_size(c->snap, m->target);
		struct weir_finding *f;

		if (!named.known || !m->page_bytes.known || named.n == m->page_bytes.n)
			continue;
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
		weir_check_remedy(c, f,
		                  "mount it with the right size, and mend /etc/fstab");
		if (is_plain_path(m->target))
			weir_check_command(
				c, f,
				"umount %s && mount -t hugetlbfs -o pagesize=%s none %s",
				m->target, WEIR_CHECK_SIZE(named.n), m->target);
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

static bool is_limit(struct weir_count n)
{
	return n.known && n.n != WEIR_CGROUP_UNLIMITED;
}

/* With a limit on use alone, mmap succeeds and the touch is killed; with one on
 * reservations mmap says ENOMEM, which programs understand. */
static void limit_without_rsvd(struct weir_check *c, const struct weir_cgroup *g,
                               const struct weir_cgroup_use *u)
{
	char size[WEIR_CGROUP_SIZE_NAME_MAX];
	bool v1 = c->snap->cgroups.version == 1;
	struct weir_finding *f;

	if (!is_limit(u->limit) || !u->reserved_limit.known ||
	    is_limit(u->reserved_limit))
		return;
	f = weir_check_add(c, WEIR_WARNING, "cgroup-without-rsvd-limit");
	if (f)
		f->size_bytes = WEIR_COUNT(u->page_bytes);
	(void)weir_cgroup_size_name(u->page_bytes, size, sizeof(size));
	weir_check_text(
		c, f,
		"cgroup %s is limited to %s of %s pages but may reserve any number: a "
		"process over the limit is killed by SIGBUS instead of being told "
		"ENOMEM.",
		g->path, WEIR_CHECK_HUMAN(u->limit.n), WEIR_CHECK_SIZE(u->page_bytes));
	weir_check_remedy(c, f, "set hugetlb.%s.rsvd.%s to the same limit", size,
	                  v1 ? "limit_in_bytes" : "max");
}

static void refusals(struct weir_check *c, const struct weir_cgroup *g,
                     const struct weir_cgroup_use *u)
{
	struct weir_count n = weir_cgroup_refusals(u);
	struct weir_finding *f;

	if (!n.known || !n.n)
		return;
	f = weir_check_add(c, WEIR_WARNING, "cgroup-limit-hit");
	if (f)
		f->size_bytes = WEIR_COUNT(u->page_bytes);
	weir_check_text(
		c, f, "cgroup %s was refused %s pages %" PRIu64 " %s: its limit is %s.",
		g->path, WEIR_CHECK_SIZE(u->page_bytes), n.n, n.n == 1 ? "time" : "times",
		is_limit(u->limit)            ? WEIR_CHECK_HUMAN(u->limit.n)
		: is_limit(u->reserved_limit) ? WEIR_CHECK_HUMAN(u->reserved_limit.n)
					      : "now none, or that of a group below");
}

void weir_check_cgroups(struct weir_check *c)
{
	const struct weir_cgroups *all = &c->snap->cgroups;

	for (size_t i = 0; i < all->nr; i++)
		for (size_t k = 0; k < all->v[i].nr; k++) {
			limit_without_rsvd(c, &all->v[i], &all->v[i].v[k]);
			refusals(c, &all->v[i], &all->v[i].v[k]);
		}
}
