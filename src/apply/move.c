/* move: free pages of a node's pool move to where they may be pinned for long, out of the
 * CMA and ZONE_MOVABLE. See steps.h.
 *
 * A process of its own takes the node's free pages, has what else is free promised to it,
 * so that no page of the pool is a target, and pins one page after the other: the kernel
 * moves each that lies where nothing may be pinned to memory that it takes from the buddy
 * allocator. When the process ends, by itself or not, all go back to the pool, in their
 * new places; the pool is as large as before. It is the first that the OOM killer would
 * take, and it stops before the host has less memory than the floor. */
#include "apply/steps.h"

#include "base/least.h"
#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"
#include "probe/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MPOL_BIND_MODE 2
#define MAP_SHIFT      26 /* MAP_HUGE_SHIFT */
#define TICK_MS        200

struct moving {
	uint64_t page_bytes, floor_bytes;
	unsigned int node;
	uint64_t take; /* free pages that are pinned, one by one */
	uint64_t rest; /* that are kept from being targets */
	int told;
};

static void *map_pages(const struct moving *m, uint64_t pages)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
	            (int)((unsigned int)__builtin_ctzll(m->page_bytes) << MAP_SHIFT);
	void *at = mmap(NULL, pages * m->page_bytes, PROT_READ | PROT_WRITE, flags, -1,
	                0);

	return at == MAP_FAILED ? NULL : at;
}

/* MemAvailable, without anything of ours: this is another process. */
static bool is_above_floor(const struct moving *m)
{
	weir_auto(weir_closep) int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[512], *at;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	struct weir_str rest, word;
	uint64_t kib;

	if (n <= 0)
		return true; /* the plan was within it */
	text[n] = '\0';
	at = strstr(text, "MemAvailable:");
	if (!at)
		return true;
	rest = weir_strz(at + strlen("MemAvailable:"));
	if (!weir_str_word(&rest, &word) || weir_parse_u64(word, &kib) < 0)
		return true;
	return kib * 1024 > m->floor_bytes + m->page_bytes;
}

/* Tells each page with a byte: '.', or a letter why it ends. */
static _Noreturn void child(const struct moving *m)
{
	weir_auto(weir_closep) int adj = open("/proc/self/oom_score_adj",
	                                      O_WRONLY | O_CLOEXEC);
	uint64_t nodes[2] = { UINT64_C(1) << m->node, 0 };
	int ring = weir_uring_open();
	char *at, c = '.';

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (adj >= 0)
		(void)!write(adj, "1000", 4);
	at = ring < 0 ? NULL : map_pages(m, m->take);
	if (!at)
		_exit(2);
	if (syscall(SYS_mbind, at, m->take * m->page_bytes, MPOL_BIND_MODE, nodes, 65,
	            0) < 0)
		_exit(2);
	for (uint64_t i = 0; i < m->take; i++) /* a page that went is a SIGBUS */
		at[i * m->page_bytes] = 0;
	if (m->rest && !map_pages(m, m->rest))
		_exit(2);
	for (uint64_t i = 0; i < m->take && c == '.'; i++) {
		if (!is_above_floor(m))
			c = 'f';
		else if (weir_uring_pin(ring, at + i * m->page_bytes, m->page_bytes) < 0)
			c = 'n';
		else
			(void)weir_uring_unpin(ring);
		if (write(m->told, &c, 1) != 1)
			_exit(3);
	}
	_exit(0);
}

/* Reads what the child tells until it ends, and ends it when asked to. */
static void attend(struct weir_applying *a, const struct weir_op *op, int told, pid_t pid,
                   char *last)
{
	uint64_t pages = 0;

	for (;;) {
		struct pollfd p = { .fd = told, .events = POLLIN };
		char text[256];
		ssize_t n;
		int r = poll(&p, 1, TICK_MS);

		if (weir_applying_is_stopped(a) ||
		    weir_host_now_ns(a->host) > a->deadline_ns) {
			a->out->stopped = weir_applying_is_stopped(a);
			*last = 't';
			(void)kill(pid, SIGKILL);
			return;
		}
		if (r <= 0)
			continue;
		n = read(told, text, sizeof(text));
		if (n <= 0)
			return;
		pages += (uint64_t)n;
		*last = text[n - 1];
		weir_applying_tell(
			a, op->before + (pages > op->before ? pages - op->before : 0),
			"moving");
	}
}

/* Free pages of the node that may be pinned, and all its free ones; looks at each page of
 * the pools. */
static int look(struct weir_applying *a, const struct weir_op *op, uint64_t *pinnable,
                struct weir_snapshot **out, struct weir_err *err)
{
	int r = weir_snapshot_read(a->host, WEIR_SNAPSHOT_PLACEMENT, out, err);

	*pinnable = 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < (*out)->placement.nr; i++) {
		const struct weir_placed *p = &(*out)->placement.v[i];

		if (p->size_bytes == op->page_bytes && (int)p->node == op->node)
			*pinnable = p->pinnable.free.min.n;
	}
	return 0;
}

static int fell_short(struct weir_applying *a, const struct weir_op *op, uint64_t got,
                      char last)
{
	const char *why = last == 'f'
	                          ? "the host would have had less memory than the floor"
	                  : last == 'n' ? "the kernel found no place for the next, or "
	                                  "refuses such pins"
	                  : last == 't' ? "it was stopped, or the time was up"
	                                : "others took free pages meanwhile";
	int r;

	a->out->wanted = op->value;
	a->out->got = got;
	r = weir_step_words(&a->out->reason,
	                    "of %" PRIu64 " pages on node %d %" PRIu64 " were moved: %s",
	                    op->value, op->node, got, why);
	return r < 0 ? r : WEIR_STEP_SHORT;
}

static int run(struct weir_applying *a, const struct weir_op *op, struct moving *m,
               char *last, struct weir_err *err)
{
	int pipe_fds[2], status;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return weir_err_sys(err, -errno, "move pages");
	m->told = pipe_fds[1];
	pid = fork();
	if (pid == 0) {
		(void)close(pipe_fds[0]);
		child(m);
	}
	(void)close(pipe_fds[1]);
	if (pid > 0)
		attend(a, op, pipe_fds[0], pid, last);
	(void)close(pipe_fds[0]);
	if (pid < 0)
		return weir_err_sys(err, -errno, "move pages");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

int weir_step_move(struct weir_applying *a, const struct weir_op *op,
                   struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *before = NULL, *after = NULL;
	const struct weir_huge_size *size;
	struct moving m = {
		.page_bytes = op->page_bytes,
		.floor_bytes = a->plan->cost.floor_bytes,
		.node = (unsigned int)op->node,
	};
	uint64_t was = 0, is = 0, left, on_node = 0;
	char last = '.';
	int r = look(a, op, &was, &before, err);

	if (r < 0)
		return r;
	size = weir_pools_size(&before->pools, op->page_bytes);
	for (size_t i = 0; size && i < size->nr_nodes; i++)
		if ((int)size->nodes[i].node == op->node)
			on_node = size->nodes[i].pool.free.n;
	left = size ? weir_less(size->all.free.n, size->all.reserved.n) : 0;
	m.take = was + op->value;
	if (m.take > on_node)
		m.take = on_node;
	if (m.take > left)
		m.take = left;
	m.rest = left - m.take;
	if (m.take)
		r = run(a, op, &m, &last, err);
	if (r == 0)
		r = look(a, op, &is, &after, err);
	if (r < 0)
		return r;
	return weir_less(is, was) >= op->value
	               ? 0
	               : fell_short(a, op, weir_less(is, was), last);
}
