/* mount: see mount.h. Source: fs/hugetlbfs/inode.c hugetlbfs_parse_param(),
 * hugetlbfs_size_to_hpages(), hugetlbfs_statfs(), v5.10 to v6.18. */
#include "model/mount.h"

#include "model/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes or percent of the configured target, rounded down to pages. */
static int64_t pages_of(const struct weir_pool *pool, uint64_t value, bool percent)
{
	uint64_t pages;

	if (!percent)
		return (int64_t)(value / pool->page_bytes);
	if (__builtin_mul_overflow(value, pool->max, &pages))
		return INT64_MAX;
	return (int64_t)(pages / 100);
}

int weir_mount(struct weir_model *m, const struct weir_task *by,
               const struct weir_mount_config *c, struct weir_mount **out)
{
	int64_t max = WEIR_SUBPOOL_NO_LIMIT, min = WEIR_SUBPOOL_NO_LIMIT;
	struct weir_mount *mount;
	int r;

	if (c->has_size)
		max = pages_of(c->pool, c->size, c->size_is_percent);
	if (c->has_min_size)
		min = pages_of(c->pool, c->min_size, c->min_size_is_percent);
	mount = calloc(1, sizeof(*mount));
	if (!mount || !weir_model_grow(m, &m->mounts, &m->cap_mounts, m->nr_mounts,
	                               sizeof(struct weir_mount *))) {
		free(mount);
		m->failed = true;
		return -ENOMEM;
	}
	mount->pool = c->pool->idx;
	mount->max_inodes = c->has_nr_inodes ? (int64_t)c->nr_inodes : -1;
	mount->free_inodes = mount->max_inodes;
	if (max != WEIR_SUBPOOL_NO_LIMIT || min != WEIR_SUBPOOL_NO_LIMIT) {
		r = weir_subpool_new(m, c->pool, max, min, by, &mount->subpool);
		if (r < 0) {
			free(mount);
			return r;
		}
	}
	if (mount->free_inodes > 0)
		mount->free_inodes--; /* the root directory, 5.9 */
	m->mounts[m->nr_mounts++] = mount;
	*out = mount;
	return 0;
}

static void end(struct weir_model *m, struct weir_mount *mount)
{
	size_t i = 0;

	while (m->mounts[i] != mount)
		i++;
	m->nr_mounts--;
	memmove(&m->mounts[i], &m->mounts[i + 1],
	        (m->nr_mounts - i) * sizeof(struct weir_mount *));
	weir_subpool_unmount(m, mount->subpool);
	free(mount);
}

int weir_umount(struct weir_model *m, struct weir_mount *mount, bool lazy, bool *gone)
{
	size_t nr = m->nr_mounts;

	*gone = false;
	for (size_t i = 0; !lazy && i < m->nr_files; i++) {
		const struct weir_file *file = m->files[i];

		if (file->mount == mount && (file->openers || file->nr_vmas))
			return -EBUSY;
	}
	mount->unmounted = true;
	if (!mount->nr_files) {
		end(m, mount);
		*gone = true;
		return 0;
	}
	/* ends the file system if nothing of it is held; else its last user will */
	for (size_t i = 0; i < m->nr_files; i++) {
		if (m->files[i]->mount == mount && !m->files[i]->openers &&
		    !m->files[i]->nr_vmas) {
			weir_file_settle(m, m->files[i]);
			break;
		}
	}
	weir_files_evict(m);
	*gone = m->nr_mounts < nr;
	return 0;
}

void weir_mount_lost_file(struct weir_model *m, struct weir_mount *mount)
{
	mount->nr_files--;
	if (mount->free_inodes >= 0)
		mount->free_inodes++;
	if (mount->unmounted && !mount->nr_files)
		end(m, mount);
}

int weir_mount_create(struct weir_model *m, struct weir_mount *mount,
                      struct weir_file **out)
{
	struct weir_file *file;

	if (mount->free_inodes == 0)
		return -ENOSPC;
	file = weir_file_new(m, &m->pools[mount->pool], WEIR_FILE_NAMED, mount);
	if (!file)
		return -ENOMEM;
	file->linked = true;
	mount->nr_files++;
	if (mount->free_inodes > 0)
		mount->free_inodes--;
	*out = file;
	return 0;
}

struct weir_statfs weir_mount_statfs(const struct weir_mount *mount)
{
	const struct weir_subpool *sp = mount->subpool;

	/* 5.8: without size= and min_size= all is 0, whatever nr_inodes says. With
	 * min_size= alone the difference of "no limit" and 0 is -1, too. */
	if (!sp)
		return (struct weir_statfs){ 0 };
	return (struct weir_statfs){
		.blocks = (uint64_t)sp->max,
		.bfree = (uint64_t)(sp->max - sp->used),
		.files = (uint64_t)mount->max_inodes,
		.ffree = (uint64_t)mount->free_inodes,
	};
}
