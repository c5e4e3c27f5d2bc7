/* ladder: a pool grows, with what helps when it does not: compaction of the node, the
 * page cache given back, pressure. See steps.h.
 *
 * The kernel itself reclaims and compacts for each page (mm/hugetlb.c
 * alloc_buddy_hugetlb_folio(), __GFP_RETRY_MAYFAIL), but gives up at the first that does
 * not come, and then leaves a node alone for the rest of that write. A pool is written in
 * portions, so that a person sees it move and can stop it. A rung that helped is begun
 * again from below; what does not come after the last is a shortfall. */
#include "apply/steps.h"

#include "apply/readback.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PORTION_BYTES (UINT64_C(4) << 30) /* 2,000 pages of 2M take some 4 ms */
#define PORTION_NS    UINT64_C(200000000)
#define PRESS_TICK_NS 20000000

enum rung { PLAIN, COMPACT, DROP_CACHES, PRESSURE, NR_RUNGS };

int weir_step_words(char **to, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	free(*to);
	*to = text;
	return 0;
}

bool weir_applying_is_stopped(const struct weir_applying *a)
{
	return a->options->stop && *a->options->stop;
}

void weir_applying_tell(const struct weir_applying *a, uint64_t now, const char *doing)
{
	const struct weir_op *op = &a->plan->ops[a->op_idx];
	struct weir_progress progress = {
		.op = op,
		.op_idx = a->op_idx,
		.nr_ops = a->plan->nr_ops,
		.from = op->before,
		.now = now,
		.to = op->after,
		.doing = doing,
	};

	if (!a->options->progress)
		return;
	progress.elapsed_ns = weir_host_now_ns(a->host) - a->began_ns;
	a->options->progress(a->options->ctx, &progress);
}

static int write_number(const struct weir_host *host, const char *path, uint64_t n,
                        struct weir_err *err)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64, n);
	int r = weir_host_write(host, path, weir_str(text, (size_t)len));

	return r < 0 ? weir_err_sys(err, r, "write %s to '%s'", text, path) : 0;
}

/* ---- the rungs --------------------------------------------------------------------- */

static int compact(struct weir_applying *a, const struct weir_op *op)
{
	char path[80] = "/proc/sys/vm/compact_memory";

	if (op->node >= 0)
		(void)snprintf(path, sizeof(path),
		               "/sys/devices/system/node/node%d/compact", op->node);
	return weir_host_write(a->host, path, weir_strz("1"));
}

/* Fills memory of the node and lets it go: what can be reclaimed is. In a process of its
 * own, the first that the OOM killer would take. */
static void press(const struct weir_op *op, uint64_t bytes)
{
	uint64_t nodes = op->node >= 0 && op->node < 64 ? UINT64_C(1) << op->node : 0;
	weir_auto(weir_closep) int adj = open("/proc/self/oom_score_adj",
	                                      O_WRONLY | O_CLOEXEC);
	char *at;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it shares the lock */
	if (adj < 0 || write(adj, "1000", 4) != 4)
		_exit(1);
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	          0);
	if (at == MAP_FAILED)
		_exit(1);
	if (nodes) /* MPOL_BIND */
		(void)syscall(SYS_mbind, at, bytes, 2, &nodes, 64, 0);
	for (uint64_t i = 0; i < bytes; i += 4096)
		at[i] = 1;
	_exit(0);
}

static int pressure(const struct weir_applying *a, const struct weir_op *op,
                    uint64_t bytes)
{
	const struct timespec tick = { .tv_nsec = PRESS_TICK_NS };
	bool killed = false;
	pid_t pid = fork(), ended;

	if (pid < 0)
		return -errno;
	if (!pid)
		press(op, bytes);
	while ((ended = waitpid(pid, NULL, WNOHANG)) == 0 ||
	       (ended < 0 && errno == EINTR)) {
		if (!killed && (weir_applying_is_stopped(a) ||
		                weir_host_now_ns(a->host) > a->deadline_ns))
			killed = kill(pid, SIGKILL) == 0;
		(void)nanosleep(&tick, NULL);
	}
	return 0;
}

/* Does what a rung does; false: it may not be used. */
static bool climb(struct weir_applying *a, const struct weir_op *op, enum rung rung,
                  uint64_t now)
{
	switch (rung) {
	case PLAIN: return true;
	case COMPACT:
		weir_applying_tell(a, now, "compacting");
		return compact(a, op) == 0;
	case DROP_CACHES:
		if (!a->options->drop_caches)
			return false;
		weir_applying_tell(a, now, "dropping caches");
		return weir_host_write(a->host, "/proc/sys/vm/drop_caches",
		                       weir_strz("1")) == 0;
	case PRESSURE:
		if (!a->options->pressure)
			return false;
		weir_applying_tell(a, now, "pressing");
		return pressure(a, op, (op->after - now) * op->page_bytes) == 0;
	case NR_RUNGS: break;
	}
	return false;
}

/* ---- the pool ---------------------------------------------------------------------- */

static int fell_short(struct weir_applying *a, const struct weir_op *op, uint64_t now,
                      const char *why)
{
	const char *helps =
		a->options->drop_caches && a->options->pressure
			? "end what uses memory there, or reserve at boot"
		: a->options->drop_caches
			? "--pressure, end what uses memory there, or reserve "
			  "at boot"
			: "--drop-caches, end what uses memory there, or "
			  "reserve at boot";
	char size[WEIR_SIZE_TEXT_MAX];
	int r;

	a->out->wanted = op->after - op->before;
	a->out->got = now > op->before ? now - op->before : 0;
	r = weir_step_words(
		&a->out->reason,
		"of %" PRIu64 " more pages of %s on node %d %" PRIu64 " came: %s",
		a->out->wanted, weir_format_size(op->page_bytes, size, sizeof(size)).p,
		op->node, a->out->got, why);
	if (r == 0)
		r = weir_step_words(&a->out->help, "%s", helps);
	return r < 0 ? r : WEIR_STEP_SHORT;
}

/* What has to be written for @pages in the file: the two go up together. */
static uint64_t value_for(const struct weir_op *op, uint64_t pages)
{
	uint64_t left = op->after - pages;

	/* where older kernels count the surplus of other nodes in: 0 is as near as can be
	 */
	return op->value > left ? op->value - left : 0;
}

int weir_step_grow(struct weir_applying *a, const struct weir_op *op,
                   struct weir_err *err)
{
	uint64_t portion = PORTION_BYTES / op->page_bytes, now = op->before;
	enum rung rung = PLAIN;

	if (!portion)
		portion = 1;
	while (now < op->after) {
		uint64_t next = op->after - now > portion ? now + portion : op->after;
		uint64_t at = weir_host_now_ns(a->host), was = now;
		int r;

		if (weir_applying_is_stopped(a)) {
			a->out->stopped = true;
			return fell_short(a, op, now, "it was stopped");
		}
		r = write_number(a->host, op->path, value_for(op, next), err);
		if (r == 0)
			r = weir_number_read(a->host, op->path, &now, err);
		if (r < 0)
			return r;
		weir_applying_tell(a, now, "writing");
		if (now < op->after && weir_host_now_ns(a->host) > a->deadline_ns)
			return fell_short(a, op, now, "the time was up");
		if (now >= next) {
			rung = PLAIN;
			/* larger portions as long as each is soon over */
			if (weir_host_now_ns(a->host) - at < PORTION_NS / 2)
				portion *= 2;
			else if (weir_host_now_ns(a->host) - at > PORTION_NS &&
			         portion > 1)
				portion /= 2;
			continue;
		}
		if (now > was)
			rung = PLAIN; /* it helped: once more from below */
		do
			rung++;
		while (rung < NR_RUNGS && !climb(a, op, rung, now));
		if (rung == NR_RUNGS)
			return fell_short(a, op, now,
			                  "the node has no more memory in pieces that "
			                  "large");
	}
	return 0;
}

int weir_step_write(struct weir_applying *a, const struct weir_op *op,
                    struct weir_err *err)
{
	if (op->kind == WEIR_OP_MOVE)
		return weir_step_move(a, op, err);
	if (op->kind == WEIR_OP_POOL && op->after > op->before)
		return weir_step_grow(a, op, err);
	return write_number(a->host, op->path, op->value, err);
}
