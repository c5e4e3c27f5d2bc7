/* workload: see workload.h. */
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOLDERS_MAX 6
#define MOUNTS_MAX  2
#define MAP_SHIFT   26
#define POLICY_BIND 2

enum kind {
	PRIVATE,
	SHARED,
	UNRESERVED,
	MEMFD,
	FILE_SHARED,
	FILE_PRIVATE,
	PLAIN,
	NR_KINDS
};

struct holding {
	enum kind kind;
	uint64_t size, pages, touch;
	int node;  /* bound to it; -1: none */
	int mount; /* files: index, or -1: a mount without options */
};

static struct {
	char dir[64];
	pid_t holders[HOLDERS_MAX];
	bool mounted[MOUNTS_MAX + 1]; /* the last is the one without options */
	unsigned int files;
} all;

/* xorshift64*: small, and the same everywhere */
uint64_t chance_of(struct chance *c, uint64_t below)
{
	c->state ^= c->state >> 12;
	c->state ^= c->state << 25;
	c->state ^= c->state >> 27;
	return (c->state * UINT64_C(2685821657736338717) >> 16) % below;
}

void pool_file(char out[128], uint64_t size, int node, const char *file)
{
	if (node < 0)
		(void)snprintf(out, 128,
		               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
		               size / 1024, file);
	else
		(void)snprintf(out, 128,
		               "/sys/devices/system/node/node%d/hugepages/"
		               "hugepages-%" PRIu64 "kB/%s",
		               node, size / 1024, file);
}

int put_number(const char *path, uint64_t n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64, n);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || write(fd, text, (size_t)len) != len ? -1 : 0;

	if (fd >= 0)
		(void)close(fd);
	return r;
}

static void mount_path(char out[96], int at)
{
	(void)snprintf(out, 96, "%s/%d", all.dir, at);
}

void workload_init(const char *dir)
{
	(void)snprintf(all.dir, sizeof(all.dir), "%s", dir);
	for (int i = 0; i <= MOUNTS_MAX; i++) {
		char path[96];

		mount_path(path, i);
		(void)mkdir(path, 0700);
	}
}

/* ---- a holder ---------------------------------------------------------------------- */

/* Memory of small pages, with holes in it or without: what a gigantic page has to move
 * out of its way. */
static void hold_plain(const struct holding *h)
{
	size_t bytes = h->size * h->pages;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                -1, 0);

	if (at == MAP_FAILED)
		_exit(1);
	(void)madvise(at, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += 4096)
		at[i] = 1;
	for (size_t i = 0; h->touch % 2 && i < bytes; i += SIZE_2M)
		(void)madvise(at + i, SIZE_2M / 2, MADV_DONTNEED);
}

static int open_backing(const struct holding *h)
{
	char path[128], at[96];

	if (h->kind == MEMFD)
		return (int)syscall(SYS_memfd_create, "weir-plans",
		                    4U | (unsigned int)__builtin_ctzll(h->size)
		                                    << MAP_SHIFT);
	mount_path(at, h->mount < 0 ? MOUNTS_MAX : h->mount);
	(void)snprintf(path, sizeof(path), "%s/%u", at, all.files);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* In a process of its own; a page that cannot be had ends it. */
static _Noreturn void hold(const struct holding *h, int told)
{
	int flags = h->kind == SHARED || h->kind == MEMFD || h->kind == FILE_SHARED
	                    ? MAP_SHARED
	                    : MAP_PRIVATE;
	bool has_file = h->kind >= MEMFD && h->kind != PLAIN;
	int fd = has_file ? open_backing(h) : -1;
	unsigned long nodes = h->node >= 0 ? 1UL << h->node : 0;
	char *at;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!has_file)
		flags |= MAP_ANONYMOUS | MAP_HUGETLB |
		         (int)((unsigned int)__builtin_ctzll(h->size) << MAP_SHIFT);
	if (h->kind == UNRESERVED)
		flags |= MAP_NORESERVE;
	if (has_file && (fd < 0 || ftruncate(fd, (off_t)(h->size * h->pages)) < 0))
		_exit(1);
	if (nodes)
		(void)syscall(SYS_set_mempolicy, POLICY_BIND, &nodes, 64UL);
	if (h->kind == PLAIN) {
		hold_plain(h);
		goto told;
	}
	at = mmap(NULL, h->size * h->pages, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED)
		_exit(1);
	for (uint64_t i = 0; i < h->touch; i++)
		at[i * h->size] = 1;
told:
	(void)!write(told, "y", 1);
	(void)close(told);
	for (;;)
		(void)pause();
}

static void begin(int slot, const struct holding *h)
{
	int pipe_fds[2];
	char answer;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	all.files++;
	all.holders[slot] = fork();
	if (all.holders[slot] == 0)
		hold(h, pipe_fds[1]);
	(void)close(pipe_fds[1]);
	if (read(pipe_fds[0], &answer, 1) != 1) { /* it could not be */
		(void)waitpid(all.holders[slot], NULL, 0);
		all.holders[slot] = 0;
	}
	(void)close(pipe_fds[0]);
}

static void end(int slot)
{
	(void)kill(all.holders[slot], SIGKILL);
	(void)waitpid(all.holders[slot], NULL, 0);
	all.holders[slot] = 0;
}

static int make_mount(int at, uint64_t min_pages, uint64_t max_pages)
{
	char path[96], options[96];

	mount_path(path, at);
	if (max_pages)
		(void)snprintf(options, sizeof(options),
		               "pagesize=2M,size=%" PRIu64 "M,min_size=%" PRIu64 "M",
		               max_pages * 2, min_pages * 2);
	else
		(void)snprintf(options, sizeof(options), "pagesize=2M");
	if (mount("none", path, "hugetlbfs", 0, options) < 0)
		return -1;
	all.mounted[at] = true;
	return 0;
}

static void remove_files(int at)
{
	char path[96], name[128];

	mount_path(path, at);
	for (unsigned int i = 0; i <= all.files; i++) {
		(void)snprintf(name, sizeof(name), "%s/%u", path, i);
		(void)unlink(name);
	}
}

/* ---- by chance --------------------------------------------------------------------- */

static void step_holder(struct chance *c, const struct limits *limits)
{
	int slot = (int)chance_of(c, HOLDERS_MAX);
	bool large = limits->pages[1] && chance_of(c, 6) == 0;
	struct holding h = {
		/* where nodes are too small for pages of 1G they are for this, too */
		.kind = (enum kind)chance_of(c, limits->pages[1] ? NR_KINDS : PLAIN),
		.size = large ? SIZE_1G : SIZE_2M,
		.node = -1,
		.mount = -1,
	};

	if (all.holders[slot]) {
		end(slot);
		(void)printf("did end %d\n", slot);
		return;
	}
	h.pages = large && h.kind != PLAIN ? 1
	                                   : 1 + chance_of(c, limits->pages[0] / 5 + 1);
	h.touch = chance_of(c, 2) ? chance_of(c, h.pages + 1) : 0;
	if (limits->nodes > 1 && chance_of(c, 3) == 0)
		h.node = (int)chance_of(c, limits->nodes);
	if (h.kind == PLAIN)
		h.size = SIZE_2M;
	if (h.kind == FILE_SHARED || h.kind == FILE_PRIVATE) {
		h.size = SIZE_2M;
		if (all.mounted[0] && chance_of(c, 2))
			h.mount = 0;
	}
	begin(slot, &h);
	(void)printf("did begin %d kind %d size %" PRIu64 " pages %" PRIu64
	             " touch %" PRIu64 " node %d mount %d: %s\n",
	             slot, (int)h.kind, h.size, h.pages, h.touch, h.node, h.mount,
	             all.holders[slot] ? "is there" : "could not be");
}

static void step_mount(struct chance *c, const struct limits *limits)
{
	int at = (int)chance_of(c, MOUNTS_MAX);
	char path[96];

	mount_path(path, at);
	if (all.mounted[at]) {
		remove_files(at);
		all.mounted[at] = umount(path) < 0;
		(void)printf("did umount %d: %s\n", at,
		             all.mounted[at] ? "busy" : "gone");
	} else {
		uint64_t min = chance_of(c, limits->pages[0] / 8 + 1);
		int r = make_mount(at, min, min + chance_of(c, limits->pages[0] / 4) + 1);

		(void)printf("did mount %d min %" PRIu64 ": %s\n", at, min,
		             r < 0 ? "refused" : "is there");
	}
}

/* What others do to pools between plans, the surplus trap too. */
static void step_admin(struct chance *c, const struct limits *limits)
{
	uint64_t pages = chance_of(c, limits->pages[0] / 2 + 1);
	int node = chance_of(c, 2) ? -1 : (int)chance_of(c, limits->nodes);
	bool limit = chance_of(c, 3) == 0;
	char path[128];

	if (limit)
		pages = chance_of(c, 3) ? chance_of(c, limits->pages[0] / 8 + 1) : 0;
	else if (node >= 0)
		pages /= limits->nodes;
	pool_file(path, SIZE_2M, limit ? -1 : node,
	          limit ? "nr_overcommit_hugepages" : "nr_hugepages");
	(void)printf("did write %" PRIu64 " to %s: %s\n", pages, path,
	             put_number(path, pages) < 0 ? "refused" : "ok");
}

void workload_step(struct chance *c, const struct limits *limits)
{
	switch (chance_of(c, 8)) {
	case 0: step_mount(c, limits); break;
	case 1: step_admin(c, limits); break;
	case 2:
		remove_files(MOUNTS_MAX);
		(void)printf("did unlink\n");
		break;
	default:
		if (!all.mounted[MOUNTS_MAX])
			(void)make_mount(MOUNTS_MAX, 0, 0);
		step_holder(c, limits);
	}
}

void workload_done(void)
{
	for (int i = 0; i < HOLDERS_MAX; i++)
		if (all.holders[i])
			end(i);
	for (int i = 0; i <= MOUNTS_MAX; i++) {
		char path[96];

		mount_path(path, i);
		if (all.mounted[i]) {
			remove_files(i);
			(void)umount(path);
		}
		(void)rmdir(path);
	}
}
