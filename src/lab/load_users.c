/* load_users: mounts and cgroups of a snapshot, as numbers. See load.h and load_host.h.
 */
#include "lab/load_host.h"

#include "base/own.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <stdio.h>

/* ---- mounts ---- */

static bool is_taken(const struct weir_load *load, const char *name)
{
	for (size_t i = 0; i < load->nr_mounts; i++)
		if (strcmp(load->mounts[i].name, name) == 0)
			return true;
	return false;
}

/* A name as weir-scenario(5) has them. */
static void name_mount(const struct weir_load *load, const char *target,
                       struct weir_load_mount *mount)
{
	const char *slash = strrchr(target, '/');
	char base[WEIR_LOAD_NAME_MAX - 8] = "";
	size_t n = 0;

	for (const char *p = slash ? slash + 1 : target; *p && n + 1 < sizeof(base);
	     p++) {
		bool digit = weir_is_digit(*p) || *p == '-';
		bool fits = digit || *p == '_' || (*p >= 'a' && *p <= 'z') ||
		            (*p >= 'A' && *p <= 'Z');

		if (!n && (digit || !fits))
			base[n++] = '_';
		if (fits && n + 1 < sizeof(base))
			base[n++] = *p;
	}
	(void)snprintf(mount->name, sizeof(mount->name), "%s", n ? base : "mount");
	/* from the mount's own number on: a host may have thousands of one name */
	for (size_t i = load->nr_mounts + 1; is_taken(load, mount->name); i++)
		(void)snprintf(mount->name, sizeof(mount->name), "%s-%zu",
		               n ? base : "mount", i);
}

static bool find_size(const struct weir_load *load, struct weir_count page_bytes,
                      size_t *out)
{
	for (size_t i = 0; page_bytes.known && i < load->nr_sizes; i++)
		if (load->sizes[i].page_bytes == page_bytes.n) {
			*out = i;
			return true;
		}
	return false;
}

static void add_mount(struct weir_load *load, const struct weir_hugetlbfs *m)
{
	struct weir_load_mount *to = &load->mounts[load->nr_mounts];

	*to = (struct weir_load_mount){
		.has_size = m->size_bytes.known,
		.has_min_size = m->min_size_bytes.known,
		.has_nr_inodes = m->nr_inodes.known,
		.size_bytes = m->size_bytes.n,
		.min_size_bytes = m->min_size_bytes.n,
		.nr_inodes = m->nr_inodes.n,
		.used_known = m->statfs.limited &&
		              m->statfs.blocks.n >= m->statfs.free_blocks.n,
	};
	to->host_idx = m->same_as;
	if (!find_size(load, m->page_bytes, &to->size_idx)) {
		weir_load_note(load,
		               "the mount %s is left out: its page size is not known",
		               m->target);
		return;
	}
	if (to->has_nr_inodes && m->statfs.free_files.known)
		to->free_inodes = m->statfs.free_files.n;
	else if (to->has_nr_inodes)
		to->free_inodes = to->nr_inodes ? to->nr_inodes - 1
		                                : 0; /* the root directory */
	if (to->used_known)
		to->used = m->statfs.blocks.n - m->statfs.free_blocks.n;
	else if (m->has_subpool)
		weir_load_note(load,
		               "what is in use of the limits of %s is not known: "
		               "taken as little as can be",
		               m->target);
	name_mount(load, m->target, to);
	load->nr_mounts++;
}

int weir_load_read_mounts(struct weir_load *load, const struct weir_snapshot *snap)
{
	if (!snap->mounts.known)
		weir_load_note(load, "the mounts are not known: taken as none");
	if (!snap->mounts.nr)
		return 0;
	load->mounts = calloc(snap->mounts.nr, sizeof(*load->mounts));
	if (!load->mounts)
		return -ENOMEM;
	for (size_t i = 0; i < snap->mounts.nr; i++)
		if (snap->mounts.v[i].same_as == i)
			add_mount(load, &snap->mounts.v[i]);
	return 0;
}

/* ---- cgroups ---- */

static uint64_t limit_of(struct weir_count limit)
{
	return limit.known ? limit.n : UINT64_MAX;
}

static void add_group(struct weir_load *load, const struct weir_cgroup *group)
{
	struct weir_load_group *to = &load->groups[load->nr_groups++];

	to->path = group->path;
	for (size_t k = 0; k < load->nr_sizes; k++)
		to->v[k].limit_bytes = to->v[k].rsvd_limit_bytes = UINT64_MAX;
	for (size_t i = 0; i < group->nr; i++) {
		const struct weir_cgroup_use *use = &group->v[i];
		size_t k;

		if (!find_size(load, WEIR_COUNT(use->page_bytes), &k))
			continue;
		to->v[k] = (struct weir_load_charge){
			.usage = use->usage.n / use->page_bytes,
			.rsvd = use->reserved.n / use->page_bytes,
			.limit_bytes = limit_of(use->limit),
			.rsvd_limit_bytes = limit_of(use->reserved_limit),
			.events = weir_cgroup_refusals(use).n,
		};
		if (!use->usage.known)
			weir_load_note(load,
			               "usage of cgroup %s is not known: taken as 0",
			               group->path);
	}
}

int weir_load_read_groups(struct weir_load *load, const struct weir_snapshot *snap)
{
	const struct weir_cgroups *from = &snap->cgroups;

	if (!from->known)
		weir_load_note(load, "hugetlb cgroups are not known: taken as none");
	if (!from->nr)
		return 0;
	load->groups = calloc(from->nr, sizeof(*load->groups));
	if (!load->groups)
		return -ENOMEM;
	for (size_t i = 0; i < from->nr; i++)
		if (strcmp(from->v[i].path, "/") != 0)
			add_group(load, &from->v[i]);
	return 0;
}
