/* owners: see owners.h.
 *
 * A pidfd names one process for ever, but the number it is opened by may be used again
 * before; so the start of the process is compared after it was opened.
 *
 * cgroup.events says so by EPOLLPRI when it changes (kernel/cgroup/cgroup.c,
 * cgroup_file_notify(), v6.6); it must be read for the next one. That a cgroup is removed
 * is not told, but it cannot be before it is empty, which is. */
#include "daemon/owners.h"

#include "base/own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define TEXT_MAX_BYTES 4096
#define DEPTH_MAX      16U /* systemd's own tree is 4 deep, nested ones 8 */
/* Looking for one unit, others being served meanwhile: a name takes about a microsecond,
 * to open a slice as long as SLICE_NAMES of them, and all that may be looked at 10 ms. */
#define SEARCH_NAMES 10000U
#define SLICE_NAMES  20U

struct end {
	struct end *next;
	struct weir_ends *ends;
	uint64_t lease;
	struct weir_claim claim;
	struct weir_source *source;
};

struct weir_ends {
	struct weir_loop *loop;
	char *cgroup_root;
	void (*ended)(void *ctx, uint64_t lease);
	void *ctx;
	struct end *all;
};

/* ---- texts ------------------------------------------------------------------------- */

static int read_fd(int fd, char *text, size_t cap, struct weir_str *out)
{
	ssize_t n = pread(fd, text, cap, 0);

	if (n < 0)
		return -errno;
	*out = weir_str(text, (size_t)n);
	return 0;
}

static int read_path(const char *path, char *text, size_t cap, struct weir_str *out)
{
	weir_auto(weir_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_fd(fd, text, cap, out);
}

/* The name, in parentheses, may have blanks and parentheses: the last one ends it. */
int weir_pid_start(struct weir_str stat, uint64_t *out)
{
	struct weir_str rest = stat, word;
	size_t at = stat.n;

	while (at && stat.p[at - 1] != ')')
		at--;
	if (!at)
		return -EBADMSG;
	rest = weir_str_chomp(weir_str_skip(stat, at));
	for (int field = 3; weir_str_word(&rest, &word); field++)
		if (field == 22)
			return weir_parse_u64(word, out);
	return -EBADMSG;
}

bool weir_unit_is_populated(struct weir_str text)
{
	struct weir_str line;

	while (weir_str_line(&text, &line))
		if (weir_str_eq(line, "populated 0"))
			return false;
	return true;
}

static int read_start(int pid, uint64_t *out)
{
	char path[64], text[TEXT_MAX_BYTES];
	struct weir_str stat = { "", 0 };
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = read_path(path, text, sizeof(text), &stat);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	return weir_pid_start(stat, out);
}

/* The real user: who started it, whatever it may have become since. */
static int read_uid(int pid, uint32_t *out)
{
	char path[64], text[TEXT_MAX_BYTES];
	struct weir_str status = { "", 0 }, line, word;
	uint64_t uid;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	r = read_path(path, text, sizeof(text), &status);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	while (weir_str_line(&status, &line)) {
		if (!weir_str_starts(line, "Uid:"))
			continue;
		line = weir_str_skip(line, 4);
		if (!weir_str_word(&line, &word) || weir_parse_u64(word, &uid) < 0 ||
		    uid > UINT32_MAX)
			return -EBADMSG;
		*out = (uint32_t)uid;
		return 0;
	}
	return -EBADMSG;
}

/* ---- a process --------------------------------------------------------------------- */

static int no_process(int pid, struct weir_err *err)
{
	return weir_err_set(err, -ESRCH, "there is no process %d", pid);
}

static int check_pid(struct weir_warm_owner *owner, uint32_t uid, struct weir_err *err)
{
	bool anybody = uid == (uint32_t)-1 || uid == 0;
	uint64_t start = 0;
	uint32_t of = uid;
	int r = read_start(owner->pid, &start);

	if (r == 0 && owner->start && owner->start != start)
		r = -ESRCH;
	if (r == 0 && !anybody)
		r = read_uid(owner->pid, &of);
	if (r == -ESRCH)
		return no_process(owner->pid, err);
	if (r < 0)
		return weir_err_sys(err, r, "look at process %d", owner->pid);
	if (of != uid)
		return weir_err_set(err, -EPERM, "process %d is another user's",
		                    owner->pid);
	owner->start = start;
	return 0;
}

/* Looked at when it is held: then it is no other one of the same number. */
static int claim_pid(struct weir_warm_owner *owner, uint32_t uid, int *out,
                     struct weir_err *err)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)owner->pid, 0U), r;

	/* a thread that is not a process: EINVAL, or, seen with v6.18, ENOENT */
	if (fd < 0 && errno != ESRCH && errno != EINVAL && errno != ENOENT)
		return weir_err_sys(err, -errno, "watch process %d", owner->pid);
	if (fd < 0)
		return no_process(owner->pid, err);
	r = check_pid(owner, uid, err);
	if (r < 0)
		(void)close(fd);
	else
		*out = fd;
	return r;
}

/* ---- a unit ------------------------------------------------------------------------ */

static int open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* No such directory, and not only none that could be opened now. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ENODEV;
}

/* The cgroup v2 tree, which older systems have beside others. */
static int open_tree(const struct weir_ends *ends)
{
	static const char *const below[] = { ".", "unified" };
	weir_auto(weir_closep) int root = open(ends->cgroup_root,
	                                       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	for (size_t i = 0; i < WEIR_NELEM(below); i++) {
		int fd = open_dir(root, below[i]);

		if (fd >= 0 && faccessat(fd, "cgroup.procs", F_OK, 0) == 0)
			return fd;
		if (fd >= 0)
			(void)close(fd);
		else if (!is_absent(fd))
			return fd;
	}
	return -ENOENT;
}

struct search {
	const char *name;
	unsigned int nr_names; /* that were looked at */
};

static bool is_slice(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_type == DT_DIR && n > 6 && strcmp(e->d_name + n - 6, ".slice") == 0;
}

/* In the slice @dir, which is taken, and in slices below it. A directory; -ENOENT;
 * -EAGAIN: there are too many; others: one of them could not be looked at. */
static int search_slice(struct search *s, int dir, unsigned int depth)
{
	int fd = open_dir(dir, s->name);
	DIR *list = is_absent(fd) ? fdopendir(dir) : NULL;
	const struct dirent *e;
	int r = -ENOENT;

	if (!list) {
		if (is_absent(fd))
			fd = -errno;
		(void)close(dir);
		return fd;
	}
	while (is_absent(r) && (e = readdir(list))) {
		if (s->nr_names++ >= SEARCH_NAMES)
			r = -EAGAIN;
		else if (is_slice(e) && depth < DEPTH_MAX)
			r = open_dir(dirfd(list), e->d_name);
		if (r >= 0) {
			s->nr_names += SLICE_NAMES;
			r = search_slice(s, r, depth + 1);
		}
	}
	(void)closedir(list);
	return r;
}

/* What a user may make cgroups in is delegated to him: user@1000.service, a scope. So a
 * name counts where only the system's manager makes units. */
static int search_units(int tree, const char *name)
{
	struct search s = { .name = name };
	int root = open_dir(tree, "."); /* of its own: it is taken */

	return root < 0 ? root : search_slice(&s, root, 0);
}

/* "vm.service", or a path from the root of the tree. A directory, or as above. */
static int open_unit(const struct weir_ends *ends, const char *unit)
{
	weir_auto(weir_closep) int tree = open_tree(ends);

	if (tree < 0)
		return tree;
	if (!strchr(unit, '/'))
		return search_units(tree, unit);
	while (*unit == '/')
		unit++;
	return open_dir(tree, *unit ? unit : ".");
}

static bool is_populated(int fd)
{
	char text[TEXT_MAX_BYTES];
	struct weir_str events = { "", 0 };

	int r = read_fd(fd, text, sizeof(text), &events);

	/* a cgroup that was removed gives -ENODEV; else it is not known that it is empty
	 */
	return r < 0 ? r != -ENODEV : weir_unit_is_populated(events);
}

/* Anybody's: whether one is there everybody may see, and what ends is the asker's. */
static int claim_unit(const struct weir_ends *ends, const struct weir_warm_owner *owner,
                      int *out, struct weir_err *err)
{
	weir_auto(weir_closep) int dir = open_unit(ends, owner->unit);
	int fd = dir < 0 ? -1 : openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int r = dir < 0 ? dir : fd < 0 ? -errno : 0;

	if (r == -EAGAIN)
		return weir_err_set(err, r,
		                    "there are too many cgroups to look for '%.80s': "
		                    "give its path below the tree of cgroups",
		                    owner->unit);
	if (r < 0 && !is_absent(r))
		return weir_err_sys(err, r, "look for unit '%.80s'", owner->unit);
	if (r < 0)
		return weir_err_set(err, -ESRCH, "there is no unit '%.80s' with a cgroup",
		                    owner->unit);
	if (!is_populated(fd)) {
		(void)close(fd);
		return weir_err_set(err, -ESRCH, "no process is in unit '%.80s'",
		                    owner->unit);
	}
	*out = fd;
	return 0;
}

/* ---- claims ------------------------------------------------------------------------ */

int weir_claim_make(const struct weir_ends *ends, struct weir_warm_owner *owner,
                    uint32_t uid, struct weir_claim *out, struct weir_err *err)
{
	int r = 0;

	*out = (struct weir_claim){ .fd = -1, .kind = owner->kind };
	if (owner->kind == WEIR_OWNER_PID)
		r = claim_pid(owner, uid, &out->fd, err);
	else if (owner->kind == WEIR_OWNER_UNIT)
		r = claim_unit(ends, owner, &out->fd, err);
	return r;
}

void weir_claim_done(struct weir_claim *claim)
{
	if (claim->fd >= 0)
		(void)close(claim->fd);
	claim->fd = -1;
}

/* ---- the ends ---------------------------------------------------------------------- */

int weir_ends_new(struct weir_loop *loop, const char *cgroup_root,
                  void (*ended)(void *ctx, uint64_t lease), void *ctx,
                  struct weir_ends **out)
{
	struct weir_ends *ends = calloc(1, sizeof(*ends));

	if (!ends)
		return -ENOMEM;
	ends->loop = loop;
	ends->cgroup_root = strdup(cgroup_root);
	ends->ended = ended;
	ends->ctx = ctx;
	if (!ends->cgroup_root) {
		free(ends);
		return -ENOMEM;
	}
	*out = ends;
	return 0;
}

static void remove_at(struct end **link)
{
	struct end *end = *link;

	*link = end->next;
	weir_source_remove(end->source);
	weir_claim_done(&end->claim);
	free(end);
}

void weir_ends_remove(struct weir_ends *ends, uint64_t lease)
{
	for (struct end **link = &ends->all; *link; link = &(*link)->next)
		if ((*link)->lease == lease) {
			remove_at(link);
			return;
		}
}

bool weir_ends_has(const struct weir_ends *ends, uint64_t lease)
{
	for (const struct end *end = ends->all; end; end = end->next)
		if (end->lease == lease)
			return true;
	return false;
}

void weir_ends_free(struct weir_ends *ends)
{
	if (!ends)
		return;
	while (ends->all)
		remove_at(&ends->all);
	free(ends->cgroup_root);
	free(ends);
}

static void on_end(void *ctx, uint32_t events)
{
	struct end *end = ctx;
	struct weir_ends *ends = end->ends;
	uint64_t lease = end->lease;

	(void)events;
	if (end->claim.kind == WEIR_OWNER_UNIT && is_populated(end->claim.fd))
		return;
	weir_ends_remove(ends, lease);
	ends->ended(ends->ctx, lease);
}

int weir_ends_add(struct weir_ends *ends, uint64_t lease, struct weir_claim *claim,
                  struct weir_err *err)
{
	uint32_t events = claim->kind == WEIR_OWNER_PID ? EPOLLIN : EPOLLPRI;
	struct end *end;
	int r;

	if (claim->fd < 0)
		return 0;
	end = calloc(1, sizeof(*end));
	if (!end) {
		weir_claim_done(claim);
		return weir_err_sys(err, -ENOMEM, "watch an owner");
	}
	*end = (struct end){ .ends = ends, .lease = lease, .claim = *claim };
	claim->fd = -1;
	r = weir_loop_add(ends->loop, end->claim.fd, events, on_end, end, &end->source,
	                  err);
	if (r < 0) {
		weir_claim_done(&end->claim);
		free(end);
		return r;
	}
	end->next = ends->all;
	ends->all = end;
	return 0;
}
