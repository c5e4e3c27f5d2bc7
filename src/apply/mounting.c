/* mounting: see mounting.h. */
#include "apply/mounting.h"

#include "apply/affected.h"

#include "base/own.h"
#include "base/size.h"
#include "host/host.h"
#include "plan/mount_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define DIR_MODE 0755

#define SIZE(bytes) \
	weir_format_size((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 }, WEIR_SIZE_TEXT_MAX).p

void weir_mount_look_done(struct weir_mount_look *look)
{
	free(look->dir);
	*look = (struct weir_mount_look){ 0 };
}

const struct weir_hugetlbfs *weir_mount_at(const struct weir_mounts *mounts,
                                           const char *dir)
{
	for (size_t i = mounts->nr; i-- > 0;) /* the last one is on top */
		if (!mounts->v[i].covered && strcmp(mounts->v[i].target, dir) == 0)
			return &mounts->v[i];
	return NULL;
}

/* ---- the directory ---- */

/* Cuts the last name off @path. Returns it; what is before it stays: "" for nothing, "/"
 * for the root. NULL: no memory. */
static char *cut_name(char *path)
{
	size_t end = strlen(path), at;
	char *name;

	while (end > 1 && path[end - 1] == '/')
		end--;
	at = end;
	while (at > 0 && path[at - 1] != '/')
		at--;
	name = strndup(path + at, end - at);
	while (at > 1 && path[at - 1] == '/')
		at--;
	path[at] = '\0';
	return name;
}

/* Names that are not there yet behind the directory that is. Without @parents that one is
 * the last but one: for one directory is made and not many. */
static int resolve_new(const char *dir, bool parents, char **out, struct weir_err *err)
{
	weir_auto(weir_freep) char *rest = strdup(dir), *tail = strdup("");
	weir_auto(weir_freep) char *base = NULL;
	int r = rest && tail ? 0 : -ENOMEM;

	while (r == 0 && !base) {
		weir_auto(weir_freep) char *name = cut_name(rest);
		char *longer = NULL;

		if (!name || asprintf(&longer, "/%s%s", name, tail) < 0)
			return weir_err_sys(err, -ENOMEM, "look at '%s'", dir);
		free(tail);
		tail = longer;
		if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			return weir_err_sys(err, -ENOENT, "look at '%s'", dir);
		base = realpath(*rest ? rest : ".", NULL);
		if (!base && (errno != ENOENT || !parents || !*rest))
			return weir_err_sys(err, -errno, "look at the directory of '%s'",
			                    dir);
	}
	if (r == 0 &&
	    asprintf(out, "%s%s", strcmp(base, "/") == 0 ? "" : base, tail) < 0) {
		*out = NULL;
		r = -ENOMEM;
	}
	return r < 0 ? weir_err_sys(err, r, "look at '%s'", dir) : 0;
}

static int resolve(const char *dir, bool parents, struct weir_mount_look *out,
                   struct weir_err *err)
{
	char *path = realpath(dir, NULL);
	struct stat st;
	int r;

	if (!path) {
		r = errno == ENOENT ? resolve_new(dir, parents, &path, err)
		                    : weir_err_sys(err, -errno, "look at '%s'", dir);
		out->dir = path;
		out->dir_exists = false;
		return r;
	}
	out->dir = path;
	if (stat(path, &st) < 0)
		return weir_err_sys(err, -errno, "look at '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return weir_err_set(err, -ENOTDIR,
		                    "'%s' is no directory: a file system is mounted on "
		                    "one",
		                    path);
	out->dir_exists = true;
	return 0;
}

/* What stands in the directory would be hidden for as long as the mount is there. */
static int check_empty(const char *dir, struct weir_err *err)
{
	const struct dirent *entry;
	size_t nr = 0;
	DIR *d = opendir(dir);

	if (!d)
		return weir_err_sys(err, -errno, "list '%s'", dir);
	while ((entry = readdir(d)))
		nr += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(d);
	if (!nr)
		return 0;
	return weir_err_set(err, -ENOTEMPTY,
	                    "'%s' is not empty: the mount would hide what is in it "
	                    "(%zu name%s)",
	                    dir, nr, nr == 1 ? "" : "s");
}

/* ---- looking ---- */

static int check_size(const struct weir_pools *pools, uint64_t page_bytes,
                      struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf sizes = { 0 };

	if (!pools->known)
		return weir_err_set(err, -ENODEV,
		                    "which huge page sizes this kernel has is not known: "
		                    "no /sys/kernel/mm/hugepages");
	if (weir_pools_size(pools, page_bytes))
		return 0;
	if (weir_mount_sizes(pools, &sizes) < 0)
		return weir_err_sys(err, -ENOMEM, "name the page sizes");
	return weir_err_set(err, -ENODEV,
	                    "this kernel has no huge pages of %s: it has %s",
	                    SIZE(page_bytes), sizes.n ? sizes.p : "none");
}

static int check_there(const struct weir_mounts *mounts, const struct weir_mount_ask *ask,
                       struct weir_mount_look *out, struct weir_err *err)
{
	const struct weir_hugetlbfs *there = weir_mount_at(mounts, out->dir);
	weir_auto(weir_buf_done) struct weir_buf how = { 0 };

	if (!mounts->known)
		return weir_err_set(err, -ENODATA,
		                    "what is mounted is not known: /proc/self/mountinfo "
		                    "cannot be read");
	if (!there)
		return out->dir_exists ? check_empty(out->dir, err) : 0;
	if (weir_mount_differs(ask, there, &how) < 0)
		return weir_err_sys(err, -ENOMEM, "look at '%s'", out->dir);
	if (how.n)
		return weir_err_set(err, -EEXIST,
		                    "a hugetlbfs is mounted at %s, with %s: 'weir "
		                    "unmount' takes it away",
		                    out->dir, how.p);
	out->is_there = true;
	return 0;
}

static int check_room(const struct weir_mount_ask *ask,
                      const struct weir_mount_room *room, struct weir_err *err)
{
	char growth[80] = "";

	if (!room->missing.n)
		return 0;
	if (room->growth.n)
		(void)snprintf(growth, sizeof(growth),
		               " and %" PRIu64 " may be made by overcommit",
		               room->growth.n);
	return weir_err_set(
		err, -ENOSPC,
		"--min-size %s is %" PRIu64 " page%s of %s: %" PRIu64
		" of the pool %s really free%s, so that %" PRIu64 " %s missing",
		SIZE(ask->min_size_bytes.n), room->wanted, room->wanted == 1 ? "" : "s",
		SIZE(ask->page_bytes), room->free.n, room->free.n == 1 ? "is" : "are",
		growth, room->missing.n, room->missing.n == 1 ? "is" : "are");
}

/* As of a mount that is there (plan/checks_users.c): one that is named for what it holds,
 * "vm-1G" with size=1G, is named well. */
static void find_name(const struct weir_snapshot *snap, const struct weir_mount_ask *ask,
                      struct weir_mount_look *out)
{
	struct weir_count named = weir_mount_named_size(&snap->pools, out->dir);

	if (!named.known || named.n == ask->page_bytes ||
	    (ask->size_bytes.known && ask->size_bytes.n == named.n))
		return;
	out->named_bytes = named;
}

int weir_mount_look(const struct weir_snapshot *snap, const struct weir_mount_ask *ask,
                    const char *dir, bool parents, struct weir_mount_look *out,
                    struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf custom = { 0 };
	int r = check_size(&snap->pools, ask->page_bytes, err);

	*out = (struct weir_mount_look){ 0 };
	if (r == 0)
		r = weir_mount_ask_check(ask, err);
	if (r)
		return r;
	if (!dir) {
		r = weir_mount_custom_dir(ask->page_bytes, snap->mem.huge_size, &custom);
		if (r < 0)
			return weir_err_sys(err, r, "name the directory");
		dir = custom.p;
	}
	r = resolve(dir, parents, out, err);
	if (r == 0)
		r = check_there(&snap->mounts, ask, out, err);
	if (r == 0) {
		find_name(snap, ask, out);
		out->room = weir_mount_room(ask, &snap->pools);
		if (!out->is_there) /* has its pages */
			r = check_room(ask, &out->room, err);
	}
	if (r < 0)
		weir_mount_look_done(out);
	return r;
}

/* ---- making ---- */

/* mount(2) says little: what the number means is worked out from what is there now. */
static int explain(const struct weir_host *host, const struct weir_mount_ask *ask,
                   const char *dir, int r, struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	struct weir_mount_room room;

	switch (r) {
	case -EPERM:
		return weir_err_set(err, r,
		                    "mount a hugetlbfs at '%s': not allowed: it takes "
		                    "CAP_SYS_ADMIN, which root has as a rule",
		                    dir);
	case -ENODEV:
		return weir_err_set(
			err, r, "mount a hugetlbfs at '%s': this kernel has none", dir);
	case -ENOMEM:
		if (weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, NULL) < 0)
			break;
		room = weir_mount_room(ask, &snap->pools);
		if (room.missing.n)
			return check_room(ask, &room, err);
		if (room.wanted)
			return weir_err_set(
				err, r,
				"mount a hugetlbfs at '%s': the kernel did not get the "
				"%" PRIu64 " pages of --min-size: overcommitted pages "
				"that memory has no room for, or a cpuset that has too "
				"few",
				dir, room.wanted);
		break;
	default: break;
	}
	return weir_err_sys(err, r, "mount a hugetlbfs at '%s'", dir);
}

/* With the mode that was meant, whatever the umask. 0; 1: it is there already. */
static int make_dir(const char *dir, struct weir_err *err)
{
	if (mkdir(dir, DIR_MODE) == 0)
		return chmod(dir, DIR_MODE) == 0
		               ? 0
		               : weir_err_sys(err, -errno, "set the mode of '%s'", dir);
	if (errno == EEXIST)
		return 1;
	if (errno != EACCES && errno != EPERM)
		return weir_err_sys(err, -errno, "make the directory '%s'", dir);
	return weir_err_sys(err, -errno,
	                    "make the directory '%s' (mounting takes CAP_SYS_ADMIN, "
	                    "which root has as a rule)",
	                    dir);
}

/* Removes @dir and what is above it down to a path of @len bytes, as far as they are
 * empty: what stands in them now is somebody's. */
static void remove_dirs(char *dir, size_t len)
{
	for (size_t n = strlen(dir); len && n >= len && rmdir(dir) == 0;) {
		while (n > 1 && dir[n - 1] != '/')
			n--;
		dir[--n] = '\0';
	}
}

/* @dir and what is above it. *made: of how many bytes the path of the first one is that
 * was made here; 0: none was. */
static int make_dirs(char *dir, size_t *made, struct weir_err *err)
{
	int r = 0;

	*made = 0;
	for (char *at = dir + 1; r >= 0 && at; at++) {
		at = strchr(at, '/');
		if (at)
			*at = '\0';
		r = make_dir(dir, err);
		if (r == 0 && !*made)
			*made = strlen(dir);
		if (!at)
			break;
		*at = '/';
	}
	if (r < 0 && *made)
		remove_dirs(dir, *made);
	return r < 0 ? r : 0;
}

static int read_back(const struct weir_host *host, const char *dir,
                     struct weir_snapshot **out, size_t *out_idx, struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	const struct weir_hugetlbfs *made;
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, err);

	if (r < 0)
		return r;
	made = weir_mount_at(&snap->mounts, dir);
	if (!made)
		return weir_err_set(err, -EIO,
		                    "it was mounted at '%s', and is not in "
		                    "/proc/self/mountinfo: somebody has unmounted it, or "
		                    "mounted something over it",
		                    dir);
	*out_idx = (size_t)(made - snap->mounts.v);
	*out = weir_take(snap);
	return 0;
}

int weir_mount_make(const struct weir_host *host, const struct weir_mount_ask *ask,
                    const struct weir_mount_look *look, struct weir_snapshot **out,
                    size_t *out_idx, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf options = { 0 };
	weir_auto(weir_freep) char *dir = strdup(look->dir);
	size_t made = 0;
	int r = dir ? weir_mount_options(ask, &options) : -ENOMEM;

	if (r < 0)
		return weir_err_sys(err, r, "write the options of the mount");
	r = look->dir_exists ? 0 : make_dirs(dir, &made, err);
	if (r < 0)
		return r;
	/* no programs with more rights and no devices, as systemd mounts it */
	if (mount("hugetlbfs", look->dir, "hugetlbfs", MS_NOSUID | MS_NODEV, options.p) <
	    0) {
		r = explain(host, ask, look->dir, -errno, err);
		remove_dirs(dir, made); /* the failure is the news */
		return r;
	}
	return read_back(host, look->dir, out, out_idx, err);
}

/* ---- who has to be told ---- */

uint64_t weir_mount_watcher(const struct weir_host *host, char name[WEIR_COMM_MAX])
{
	static const char *const daemons[] = { "libvirtd", "virtqemud" };
	size_t which;
	uint64_t pid = weir_process_named(host, daemons, WEIR_NELEM(daemons), &which);

	if (pid)
		(void)snprintf(name, WEIR_COMM_MAX, "%s", daemons[which]);
	return pid;
}
