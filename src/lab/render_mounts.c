/* render_mounts: hugetlbfs mounts and what statfs(2) says of them. kernel-rules.md 5.
 * Source: fs/hugetlbfs/inode.c hugetlbfs_show_options(), fs/proc_namespace.c, v6.6. */
#include "lab/render_files.h"

#include "base/own.h"
#include "model/mount.h"

#include <inttypes.h>

/* Minors that the other file systems below do not have. */
#define OWN_DEVICE   15U
#define MOUNT_DEVICE 40U
#define MOUNT_ID     40U

unsigned int weir_render_own_device(const struct weir_pool *pool)
{
	return OWN_DEVICE + pool->idx;
}

unsigned int weir_render_mount_device(const struct weir_world *world,
                                      const struct weir_mount *mount)
{
	size_t i = 0;

	/* one that was unmounted lazily has the number behind all others */
	while (i < world->nr_mounts && world->mounts[i].mount != mount)
		i++;
	return MOUNT_DEVICE + (unsigned int)i;
}

static int add_options(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_world_mount *mount = s->mount;
	uint64_t kib = s->world->model->pools[mount->mount->pool].page_bytes / 1024;
	int r = weir_buf_addz(out, "rw");

	if (r == 0 && mount->nr_inodes != UINT64_MAX)
		r = weir_buf_printf(out, ",nr_inodes=%" PRIu64, mount->nr_inodes);
	if (r == 0)
		r = weir_buf_printf(out, ",pagesize=%" PRIu64 "%c",
		                    kib < 1024 ? kib : kib / 1024,
		                    kib < 1024 ? 'K' : 'M');
	if (r == 0 && mount->size_bytes != UINT64_MAX)
		r = weir_buf_printf(out, ",size=%" PRIu64, mount->size_bytes);
	if (r == 0 && mount->min_size_bytes != UINT64_MAX)
		r = weir_buf_printf(out, ",min_size=%" PRIu64, mount->min_size_bytes);
	return r;
}

static int show_mountinfo(const struct weir_subject *s, struct weir_buf *out)
{
	struct weir_subject each = *s;
	int r = weir_buf_addz(out,
	                      "1 1 0:2 / / rw - rootfs rootfs rw\n"
	                      "22 1 0:20 / /proc rw,relatime - proc proc rw\n"
	                      "23 1 0:21 / /sys rw,relatime - sysfs sysfs rw\n"
	                      "24 23 0:22 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 "
	                      "rw\n");

	for (size_t i = 0; r == 0 && i < s->world->nr_mounts; i++) {
		each.mount = &s->world->mounts[i];
		r = weir_buf_printf(out,
		                    "%zu 1 0:%u / /mnt/%s rw,relatime - hugetlbfs none ",
		                    MOUNT_ID + i,
		                    weir_render_mount_device(s->world, each.mount->mount),
		                    each.mount->name);
		if (r == 0)
			r = add_options(&each, out);
		if (r == 0)
			r = weir_buf_addz(out, "\n");
	}
	return r;
}

static int show_mounts(const struct weir_subject *s, struct weir_buf *out)
{
	struct weir_subject each = *s;
	int r = weir_buf_addz(out, "rootfs / rootfs rw 0 0\n"
	                           "proc /proc proc rw,relatime 0 0\n"
	                           "sysfs /sys sysfs rw,relatime 0 0\n"
	                           "cgroup2 /sys/fs/cgroup cgroup2 rw,relatime 0 0\n");

	for (size_t i = 0; r == 0 && i < s->world->nr_mounts; i++) {
		each.mount = &s->world->mounts[i];
		r = weir_buf_printf(out, "none /mnt/%s hugetlbfs ", each.mount->name);
		if (r == 0)
			r = add_options(&each, out);
		if (r == 0)
			r = weir_buf_addz(out, " 0 0\n");
	}
	return r;
}

int weir_render_statfs(const struct weir_pool *pool, const struct weir_mount *mount,
                       struct weir_buf *out)
{
	struct weir_statfs st = { 0 };

	if (mount)
		st = weir_mount_statfs(mount);
	return weir_buf_printf(
		out,
		"bsize %" PRIu64 "\nblocks %" PRIu64 "\nbfree %" PRIu64
		"\nbavail %" PRIu64 "\nfiles %" PRIu64 "\nffree %" PRIu64 "\n",
		pool->page_bytes, st.blocks, st.bfree, st.bfree, st.files, st.ffree);
}

static int show_statfs(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_mount *mount = s->mount->mount;

	return weir_render_statfs(&s->world->model->pools[mount->pool], mount, out);
}

static int show_stat(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(
		out,
		"type directory\nmode 0755\nuid 0\ngid 0\nsize 0\nblocks 0\n"
		"dev 0:%u\n",
		weir_render_mount_device(s->world, s->mount->mount));
}

static const struct weir_render_file files[] = {
	{ "/proc/mounts", show_mounts, NULL, false, 0 },
	{ "/proc/self/mounts", show_mounts, NULL, false, 0 },
	{ "/proc/self/mountinfo", show_mountinfo, NULL, false, 0 },
	{ "/@/statfs/mnt/%m/@", show_statfs, NULL, false, 0 },
	{ "/@/stat/mnt/%m/@", show_stat, NULL, false, 0 },
};

const struct weir_render_files weir_render_mounts = { files, WEIR_NELEM(files) };
