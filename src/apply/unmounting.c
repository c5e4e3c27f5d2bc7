/* unmounting: see unmounting.h. */
#include "apply/unmounting.h"

#include "base/own.h"
#include "facts/mountinfo.h"
#include "host/host.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>

#define MOUNTINFO "/proc/self/mountinfo"

void weir_unmount_done(struct weir_unmount *unmount)
{
	free(unmount->dir);
	free(unmount->held);
	*unmount = (struct weir_unmount){ 0 };
}

/* ---- what is mounted there ---- */

static bool is_below(const char *path, const char *parent)
{
	size_t n = strlen(parent);

	if (strcmp(parent, "/") == 0)
		return strcmp(path, "/") != 0;
	return strncmp(path, parent, n) == 0 && path[n] == '/';
}

struct top { /* what mountinfo says of a directory */
	unsigned int id;
	bool found, is_huge;
	char type[32];
	struct weir_buf below; /* the last mount point below it */
};

static int look_at_line(struct weir_str text, const char *dir, struct top *top)
{
	weir_auto(weir_buf_done) struct weir_buf target = { 0 };
	struct weir_mount_line line;
	int r;

	if (!weir_mountinfo_line(text, &line))
		return 0;
	r = weir_buf_add_unescaped(&target, line.target);
	if (r < 0 || !target.p)
		return r;
	if (strcmp(target.p, dir) == 0) { /* the last one is on top */
		top->found = true;
		top->id = line.id;
		top->is_huge = weir_str_eq(line.type, "hugetlbfs");
		(void)weir_str_show(line.type, top->type, sizeof(top->type));
		top->below.n = 0;
	} else if (is_below(target.p, dir)) {
		top->below.n = 0;
		r = weir_buf_add(&top->below, weir_buf_str(&target));
	}
	return r;
}

static int find_top(const struct weir_host *host, const char *dir, struct top *top)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	int r = weir_host_read(host, MOUNTINFO, WEIR_MOUNTINFO_MAX, &text);

	rest = weir_buf_str(&text);
	while (r == 0 && weir_str_line(&rest, &line))
		r = look_at_line(line, dir, top);
	return r;
}

static int check_top(const struct weir_host *host, const char *dir, unsigned int *out_id,
                     struct weir_err *err)
{
	struct top top = { 0 };
	int r = find_top(host, dir, &top);

	if (r < 0)
		r = weir_err_sys(err, r, "read '%s'", MOUNTINFO);
	else if (!top.found)
		r = weir_err_set(err, -EINVAL, "nothing is mounted at '%s'", dir);
	else if (!top.is_huge)
		r = weir_err_set(err, -EMEDIUMTYPE,
		                 "what is mounted at '%s' is %s, and no hugetlbfs", dir,
		                 top.type);
	else if (top.below.n)
		r = weir_err_set(err, -EBUSY,
		                 "another file system is mounted below '%s', at '%s'",
		                 dir, top.below.p);
	*out_id = top.id;
	weir_buf_done(&top.below);
	return r;
}

/* ---- what is in it ---- */

static uint64_t device_of(unsigned int major, unsigned int minor)
{
	return (uint64_t)major << 32 | minor;
}

static int add_held(struct weir_unmount *u, size_t file)
{
	int r = weir_grow(&u->held, &u->cap_held, u->nr_held, sizeof(*u->held));

	if (r == 0)
		u->held[u->nr_held++] = file;
	return r;
}

static int find_files(const struct weir_ledger *ledger, struct weir_unmount *u)
{
	const struct weir_huge_files *files = &ledger->holdings.files;
	uint64_t device = device_of(u->major, u->minor);
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->nr; i++) {
		struct weir_file_users users = { 0 };

		if (files->v[i].device != device || files->v[i].st.is_dir)
			continue;
		r = weir_file_users_add(ledger, i, &users);
		if (r == 0 && users.nr) {
			r = add_held(u, i);
		} else if (r == 0) {
			u->nr_left++;
			if (u->page_bytes)
				u->left_pages += files->v[i].st.allocated_bytes /
				                 u->page_bytes;
		}
		weir_file_users_done(&users);
	}
	return r;
}

/* What weird has there is not lost sight of by its users only because nobody has it open
 * at the moment. */
static int check_store(const struct weir_ledger *ledger, const struct weir_unmount *u,
                       struct weir_err *err)
{
	const struct weir_warm_state *state = &ledger->warm.state;
	size_t nr = 0, nr_leased = 0;

	if (!weir_warm_has_device(state, device_of(u->major, u->minor)))
		return 0;
	for (size_t i = 0; i < state->nr_regions; i++)
		if (state->regions[i].page_bytes == u->page_bytes) {
			nr++;
			nr_leased += weir_region_is_leased(&state->regions[i]);
		}
	return weir_err_set(err, -EBUSY,
	                    "'%s' is weird's: it keeps warm memory there, in %zu "
	                    "file%s, %zu of them leased%s",
	                    u->dir, nr, nr == 1 ? "" : "s", nr_leased,
	                    ledger->warm.weird == WEIR_WEIRD_GONE
	                            ? "; weird does not run, and finds them again when "
	                              "it is started"
	                            : "; weird unmounts it when it has no more use for "
	                              "it");
}

int weir_unmount_look(const struct weir_host *host, const struct weir_ledger *ledger,
                      const char *dir, struct weir_unmount *out, struct weir_err *err)
{
	const struct weir_everywhere *all = &ledger->holdings.mounts;
	int r;

	*out = (struct weir_unmount){ .dir = realpath(dir, NULL) };
	if (!out->dir)
		return weir_err_sys(err, -errno, "look at '%s'", dir);
	r = check_top(host, out->dir, &out->id, err);
	for (size_t i = 0; r == 0 && i < all->mounts.nr; i++) {
		const struct weir_hugetlbfs *m = &all->mounts.v[i];

		if (all->pids[i] || m->id != out->id)
			continue;
		out->major = m->major;
		out->minor = m->minor;
		out->page_bytes = m->page_bytes.n;
		r = check_store(ledger, out, err);
		if (r < 0)
			break;
		r = find_files(ledger, out);
		if (r < 0)
			r = weir_err_sys(err, r, "look at '%s'", dir);
		if (r == 0)
			return 0;
	}
	if (r == 0)
		r = weir_err_set(err, -EBUSY, "the mounts change: '%s' is a new one",
		                 dir);
	weir_unmount_done(out);
	return r;
}

void weir_unmount_count_others(const struct weir_ledger *ledger, struct weir_unmount *v,
                               size_t nr)
{
	const struct weir_everywhere *all = &ledger->holdings.mounts;

	for (size_t i = 0; i < nr; i++) {
		v[i].nr_others = 0;
		for (size_t k = 0; k < all->mounts.nr; k++) {
			const struct weir_hugetlbfs *m = &all->mounts.v[k];
			bool goes = false;

			if (m->major != v[i].major || m->minor != v[i].minor)
				continue;
			for (size_t n = 0; !all->pids[k] && n < nr; n++)
				goes |= v[n].id == m->id;
			v[i].nr_others += !goes;
		}
	}
}

/* ---- doing it ---- */

/* The first process that has its working or its root directory in @dir. */
static uint64_t find_cwd(const struct weir_host *host, const char *dir)
{
	static const char *const links[] = { "cwd", "root" };
	weir_auto(weir_names_done) struct weir_names pids = { 0 };
	weir_auto(weir_buf_done) struct weir_buf where = { 0 };
	char path[64];
	uint64_t pid;

	if (weir_host_list(host, "/proc", &pids) < 0)
		return 0;
	for (size_t i = 0; i < pids.nr * WEIR_NELEM(links); i++) {
		if (weir_parse_u64(weir_strz(pids.v[i / 2].name), &pid) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/@/link/proc/%" PRIu64 "/%s", pid,
		               links[i % 2]);
		if (weir_host_read(host, path, PATH_MAX, &where) == 0 && where.p &&
		    (strcmp(where.p, dir) == 0 || is_below(where.p, dir)))
			return pid;
	}
	return 0;
}

int weir_unmount_do(const struct weir_host *host, const struct weir_unmount *unmount,
                    struct weir_err *err)
{
	unsigned int id;
	uint64_t pid;
	int r = check_top(host, unmount->dir, &id, err);

	if (r < 0)
		return r;
	if (id != unmount->id)
		return weir_err_set(err, -EBUSY,
		                    "unmount '%s': another one was mounted over it",
		                    unmount->dir);
	r = umount2(unmount->dir, UMOUNT_NOFOLLOW) == 0 ? 0 : -errno;
	switch (r) {
	case 0: return 0;
	case -EPERM:
		return weir_err_set(err, r,
		                    "unmount '%s': not allowed: it takes CAP_SYS_ADMIN, "
		                    "which root has as a rule",
		                    unmount->dir);
	case -EBUSY:
		pid = find_cwd(host, unmount->dir);
		if (pid)
			return weir_err_set(err, r,
			                    "unmount '%s': process %" PRIu64
			                    " has its working or root directory in it",
			                    unmount->dir, pid);
		return weir_err_set(err, r,
		                    "unmount '%s': something uses it that cannot be "
		                    "named: a file in a socket's queue or a ring, swap, "
		                    "a loop device, or a process that may not be looked "
		                    "at",
		                    unmount->dir);
	default: return weir_err_sys(err, r, "unmount '%s'", unmount->dir);
	}
}
