/* admin: what the administrator does. See admin.h. */
#include "admin.h"

#include "calls.h"
#include "pins.h"
#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#define RMDIR_TRIES   100 /* a cgroup is busy until its last task is gone for good */
#define RMDIR_WAIT_US 2000

void twin_admin_open(struct twin *t)
{
	static char text[1 << 16];
	char path[512];
	struct weir_str rest, line, word;

	(void)mkdir(TWIN_DIR, 0755);
	if (twin_read_text("/proc/mounts", text, sizeof(text)) < 0)
		return;
	rest = weir_strz(text);
	while (weir_str_line(&rest,
	                     &line)) { /* "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0" */
		struct weir_str at;

		if (weir_str_word(&line, &word) && weir_str_word(&line, &at) &&
		    weir_str_word(&line, &word) && weir_str_eq(word, "cgroup2")) {
			(void)snprintf(t->cgroup_root, sizeof(t->cgroup_root), "%.*s",
			               (int)at.n, at.p);
			break;
		}
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control", t->cgroup_root);
	(void)twin_write_text(path, "+hugetlb");
	(void)twin_write_text(path, "+cpuset");
}

/* "hugetlb.2MB." and @file: the kernel's mem_fmt() of mm/hugetlb_cgroup.c */
static void group_file(const struct twin *t, struct weir_str name, uint64_t page_bytes,
                       const char *file, char *path, size_t cap)
{
	static const char units[] = "KMG";
	uint64_t n = page_bytes / 1024;
	char leaf[64];
	size_t unit = 0;

	for (; unit < 2 && n >= 1024; unit++)
		n /= 1024;
	(void)snprintf(leaf, sizeof(leaf), "hugetlb.%ju%cB.%s", (uintmax_t)n, units[unit],
	               file);
	twin_group_path(t, TWIN_CGROUP, name, leaf, path, cap);
}

static int group_open(const struct twin *t, struct weir_str name, uint64_t page_bytes,
                      const char *file)
{
	char path[TWIN_PATH_MAX];

	group_file(t, name, page_bytes, file, path, sizeof(path));
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int do_cgroup(struct twin *t, const struct weir_step *step)
{
	char path[TWIN_PATH_MAX];
	struct twin_group *group;

	if (twin_group_find(t, step->name))
		return EEXIST;
	twin_group_path(t, TWIN_CGROUP, step->name, "", path, sizeof(path));
	if (mkdir(path, 0755) < 0)
		return errno;
	if (weir_grow(&t->groups, &t->cap_groups, t->nr_groups, sizeof(*group)) < 0)
		return ENOMEM;
	group = &t->groups[t->nr_groups++];
	group->name = step->name;
	group->alive = true;
	for (size_t i = 0; i < t->kernel.nr_sizes; i++) {
		uint64_t bytes = t->kernel.sizes[i].page_bytes;

		group->view[i].page_bytes = bytes;
		group->files[i].usage = group_open(t, step->name, bytes, "current");
		group->files[i].rsvd = group_open(t, step->name, bytes, "rsvd.current");
		group->files[i].events = group_open(t, step->name, bytes, "events");
		group->files[i].numa_stat = group_open(t, step->name, bytes, "numa_stat");
	}
	return 0;
}

static void forget_group(const struct twin *t, struct twin_group *group)
{
	for (size_t i = 0; group->alive && i < t->kernel.nr_sizes; i++) {
		(void)close(group->files[i].usage);
		(void)close(group->files[i].rsvd);
		(void)close(group->files[i].events);
		if (group->files[i].numa_stat >= 0)
			(void)close(group->files[i].numa_stat);
	}
	group->alive = false;
}

/* A dead task may be counted for a moment after it was reaped; a living one is a reason.
 */
static int remove_group(const char *dir)
{
	char path[TWIN_PATH_MAX + 32], text[16];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	for (unsigned int i = 0; rmdir(dir) < 0; i++) {
		if (errno != EBUSY || i == RMDIR_TRIES)
			return errno;
		if (twin_read_text(path, text, sizeof(text)) == 0 && *text)
			return EBUSY;
		(void)usleep(RMDIR_WAIT_US);
	}
	return 0;
}

static int do_rmdir(struct twin *t, const struct weir_step *step)
{
	struct twin_group *group = twin_group_find(t, step->name);
	char path[TWIN_PATH_MAX];
	int err;

	if (!group)
		return ENOENT;
	twin_group_path(t, TWIN_CGROUP, step->name, "", path, sizeof(path));
	err = remove_group(path);
	if (!err)
		forget_group(t, group);
	return err;
}

static int do_mount(struct twin *t, const struct weir_step *step)
{
	char path[TWIN_PATH_MAX], options[256];
	uint64_t page = twin_size_of(t, step->page_bytes);
	struct twin_mount *mount_;
	size_t len;
	int err = 0;

	if (twin_mount_find(t, step->name))
		return EEXIST;
	len = (size_t)snprintf(options, sizeof(options), "pagesize=%ju", (uintmax_t)page);
	if (step->flags & WEIR_STEP_SIZE)
		len += (size_t)snprintf(options + len, sizeof(options) - len,
		                        ",size=%ju%s", (uintmax_t)step->size,
		                        step->flags & WEIR_STEP_SIZE_PERCENT ? "%" : "");
	if (step->flags & WEIR_STEP_MIN_SIZE)
		len += (size_t)snprintf(options + len, sizeof(options) - len,
		                        ",min_size=%ju%s", (uintmax_t)step->min_size,
		                        step->flags & WEIR_STEP_MIN_SIZE_PERCENT ? "%"
		                                                                 : "");
	if (step->flags & WEIR_STEP_NR_INODES)
		(void)snprintf(options + len, sizeof(options) - len, ",nr_inodes=%ju",
		               (uintmax_t)step->nr_inodes);
	twin_mount_path(step->name, path, sizeof(path));
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return errno;
	if (mount("weir-twin", path, "hugetlbfs", 0, options) < 0) {
		err = errno;
		(void)rmdir(path);
		return err;
	}
	if (weir_grow(&t->mounts, &t->cap_mounts, t->nr_mounts, sizeof(*mount_)) < 0)
		return ENOMEM;
	mount_ = &t->mounts[t->nr_mounts++];
	*mount_ = (struct twin_mount){ step->name, page, true };
	return 0;
}

/* Files of a mount that is gone have no name any more. */
static void unlink_all(struct twin *t, struct weir_str mount)
{
	for (size_t i = 0; i < t->nr_files; i++) {
		struct weir_str name = t->files[i].name;

		if (weir_str_index(name, '/') == mount.n &&
		    memcmp(name.p, mount.p, mount.n) == 0)
			t->files[i].linked = false;
	}
}

static int do_umount(struct twin *t, const struct weir_step *step)
{
	struct twin_mount *mount_ = twin_mount_find(t, step->name);
	char path[TWIN_PATH_MAX];

	if (!mount_)
		return ENOENT;
	twin_mount_path(step->name, path, sizeof(path));
	if (umount2(path, step->flags & WEIR_STEP_LAZY ? MNT_DETACH : 0) < 0)
		return errno;
	(void)rmdir(path);
	mount_->mounted = false;
	unlink_all(t, step->name);
	return 0;
}

static int do_create(struct twin *t, const struct weir_step *step)
{
	struct weir_str at = weir_str(step->name.p, weir_str_index(step->name, '/'));
	const struct twin_mount *mount_ = twin_mount_find(t, at);
	char path[TWIN_PATH_MAX];
	int fd;

	if (!mount_ || at.n == step->name.n)
		return ENOENT;
	if (twin_file_find(t, step->name))
		return EEXIST;
	twin_mount_path(step->name, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return twin_file_add(t, step->name, mount_->page_bytes, true) ? 0 : ENOMEM;
}

static int do_unlink(struct twin *t, const struct weir_step *step)
{
	struct twin_file *file = twin_file_find(t, step->name);
	char path[TWIN_PATH_MAX];

	if (!file || !file->linked)
		return ENOENT;
	twin_mount_path(step->name, path, sizeof(path));
	if (unlink(path) < 0)
		return errno;
	file->linked = false;
	return 0;
}

static int do_truncate(struct twin *t, const struct weir_step *step)
{
	const struct twin_file *file = twin_file_find(t, step->name);
	char path[TWIN_PATH_MAX];

	if (!file || !twin_file_path(t, file, path, sizeof(path)))
		return ENOENT;
	return truncate(path, (off_t)(step->pages * file->page_bytes)) < 0 ? errno : 0;
}

static int do_rmid(struct twin *t, const struct weir_step *step)
{
	struct twin_segment *segment = twin_segment_find(t, step->name);

	if (!segment)
		return ENOENT;
	if (shmctl(segment->id, IPC_RMID, NULL) < 0)
		return errno;
	segment->alive = false;
	return 0;
}

static int do_write(struct twin *t, const struct weir_step *step)
{
	bool limit = step->target == WEIR_TARGET_CG_MAX ||
	             step->target == WEIR_TARGET_CG_RSVD_MAX;
	char path[TWIN_PATH_MAX], text[TWIN_PATH_MAX];

	if (limit && !twin_group_find(t, step->name))
		return ENOENT;
	if (limit)
		group_file(t, step->name, twin_size_of(t, step->page_bytes),
		           step->target == WEIR_TARGET_CG_MAX ? "max" : "rsvd.max", path,
		           sizeof(path));
	else
		twin_kernel_path(&t->kernel, step, path, sizeof(path));
	(void)snprintf(text, sizeof(text), "%.*s\n", (int)step->value.n, step->value.p);
	return -twin_write_text(path, text);
}

bool twin_admin_step(struct twin *t, const struct weir_step *step,
                     struct twin_result *result)
{
	int err;

	switch ((unsigned int)step->verb) {
	case WEIR_VERB_WRITE: err = do_write(t, step); break;
	case WEIR_VERB_MOUNT: err = do_mount(t, step); break;
	case WEIR_VERB_UMOUNT: err = do_umount(t, step); break;
	case WEIR_VERB_CREATE: err = do_create(t, step); break;
	case WEIR_VERB_UNLINK: err = do_unlink(t, step); break;
	case WEIR_VERB_TRUNCATE: err = do_truncate(t, step); break;
	case WEIR_VERB_RMID: err = do_rmid(t, step); break;
	case WEIR_VERB_CGROUP: err = do_cgroup(t, step); break;
	case WEIR_VERB_RMDIR: err = do_rmdir(t, step); break;
	default: return false;
	}
	twin_fail(result, err);
	return true;
}

/* Empties a mount point as far as it has files, and removes it. */
static void clean_mount(const char *dir)
{
	char path[TWIN_PATH_MAX + 300];
	const struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		(void)unlink(path);
	}
	if (d)
		(void)closedir(d);
	(void)umount2(dir, MNT_DETACH);
	(void)rmdir(dir);
}

/* All directories in @top whose name begins with @prefix. */
static void clean_dirs(const char *top, const char *prefix, void (*clean)(const char *))
{
	char path[TWIN_PATH_MAX];
	const struct dirent *entry;
	DIR *d = opendir(top);

	while (d && (entry = readdir(d))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
		    entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", top, entry->d_name);
		clean(path);
	}
	if (d)
		(void)closedir(d);
}

static void clean_group(const char *dir)
{
	(void)remove_group(dir);
}

void twin_admin_clean(struct twin *t)
{
	for (size_t i = 0; i < t->nr_tasks; i++) {
		if (t->tasks[i].alive)
			twin_pins_end(&t->tasks[i]);
	}
	for (size_t i = 0; i < t->nr_segments; i++) {
		if (t->segments[i].alive)
			(void)shmctl(t->segments[i].id, IPC_RMID, NULL);
	}
	for (size_t i = 0; i < t->nr_groups; i++)
		forget_group(t, &t->groups[i]);
	clean_dirs(TWIN_DIR, "", clean_mount);
	if (*t->cgroup_root)
		clean_dirs(t->cgroup_root, "weir-twin", clean_group);
	twin_forget(t);
}
