/* pins: the parent: what is there to be measured, and what came of it; see pins.h. */
#include "probe/pins.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* A page or two could be missing for another reason; with so many free blocks of the
 * page's order a refusal is not for want of memory. */
#define BLOCKS_ENOUGH 8U

static void say(struct weir_probe_pins *out, enum weir_pin_memory memory,
                enum weir_probe_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct weir_probe_pins *out, enum weir_pin_memory memory,
                enum weir_probe_reason reason, const char *fmt, ...)
{
	va_list ap;

	out->memory[memory].reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(out->memory[memory].words, sizeof(out->memory[memory].words), fmt,
	                ap);
	va_end(ap);
}

/* ---- what there is ---- */

/* True when it is known that this host has no memory of the kind. */
static bool is_absent(const struct weir_snapshot *snap, enum weir_pin_memory memory)
{
	if (memory == WEIR_PIN_CMA)
		return snap->placement.cma.known && !snap->placement.cma.nr;
	for (size_t i = 0; i < snap->zones.nr; i++)
		if (strcmp(snap->zones.v[i].name, "Movable") == 0 &&
		    snap->zones.v[i].present.n)
			return false;
	return snap->zones.nr && !snap->zones.damaged;
}

static const struct weir_place *place_in(const struct weir_placed *row,
                                         enum weir_pin_memory memory)
{
	return memory == WEIR_PIN_CMA ? &row->cma : &row->movable;
}

/* The row to work on: of the smallest size that has a page that may be free there, the
 * node that has most of them. NULL: none. */
static const struct weir_placed *choose(const struct weir_placement *placement,
                                        enum weir_pin_memory memory)
{
	const struct weir_placed *best = NULL;

	for (size_t i = 0; i < placement->nr; i++) {
		const struct weir_placed *row = &placement->v[i];
		const struct weir_place *place = place_in(row, memory);

		if (!place->free.max.n || (best && best->size_bytes < row->size_bytes))
			continue;
		if (!best || place->free.min.n > place_in(best, memory)->free.min.n ||
		    (place->free.min.n == place_in(best, memory)->free.min.n &&
		     place->free.max.n > place_in(best, memory)->free.max.n))
			best = row;
	}
	return best;
}

static void say_no_free_page(const struct weir_placement *placement,
                             enum weir_pin_memory memory, struct weir_probe_pins *out)
{
	struct weir_count there = WEIR_COUNT(0);

	for (size_t i = 0; i < placement->nr; i++)
		there = weir_count_add(there, place_in(&placement->v[i], memory)->pages);
	if (!there.known) {
		say(out, memory, WEIR_PROBE_UNKNOWN,
		    "which pages lie there cannot be told: zones overlap");
		return;
	}
	if (!there.n)
		say(out, memory, WEIR_PROBE_NO_FREE_PAGE,
		    "no page of a pool lies there now: with a free page there it can be "
		    "measured (a pool that grows takes some of that memory)");
	else
		say(out, memory, WEIR_PROBE_NO_FREE_PAGE,
		    "%" PRIu64
		    " pages of the pools lie there, all of them in use: with a "
		    "free one it can be measured",
		    there.n);
}

/* False, with the reason said, when there is nothing to measure. */
static bool is_measurable(const struct weir_snapshot *snap, enum weir_pin_memory memory,
                          struct weir_probe_pins *out)
{
	const struct weir_placement *placement = &snap->placement;

	if (is_absent(snap, memory)) {
		say(out, memory, WEIR_PROBE_NO_SUCH_MEMORY, "this host has none");
	} else if (!placement->known) {
		say(out, memory, WEIR_PROBE_UNKNOWN,
		    "where pages of the pools lie cannot be told: it takes "
		    "/proc/kpageflags "
		    "(CONFIG_PROC_PAGE_MONITOR) and /proc/zoneinfo");
	} else if (memory == WEIR_PIN_CMA && !placement->cma.known) {
		say(out, memory, WEIR_PROBE_UNKNOWN,
		    "where the areas lie cannot be told: mount debugfs (mount -t debugfs "
		    "none /sys/kernel/debug), or run this while the kernel's log still "
		    "has "
		    "its beginning");
	} else if (!choose(placement, memory)) {
		say_no_free_page(placement, memory, out);
	} else {
		return true;
	}
	return false;
}

/* Could the node make a fresh huge page outside of CMA and Movable? */
static bool has_memory(const struct weir_snapshot *snap, unsigned int node,
                       uint64_t size_bytes)
{
	uint64_t page_bytes = snap->page_bytes.n, pages = size_bytes / page_bytes;
	uint64_t blocks = 0, cma = 0;

	for (size_t i = 0; i < snap->buddy.nr; i++) {
		const struct weir_buddy_zone *zone = &snap->buddy.v[i];

		if (zone->node != node || strcmp(zone->name, "Movable") == 0)
			continue;
		for (size_t order = 0; order < zone->nr_orders; order++)
			if (UINT64_C(1) << order >= pages)
				blocks += zone->counts[order] *
				          ((UINT64_C(1) << order) / pages);
	}
	for (size_t i = 0; i < snap->zones.nr; i++)
		if (snap->zones.v[i].node == node)
			cma += snap->zones.v[i].free_cma.n / pages;
	return blocks > cma && blocks - cma >= BLOCKS_ENOUGH;
}

/* ---- the child ---- */

/* What was heard so far. */
struct hearing {
	struct weir_probe_word last;
	struct weir_pin_result results[WEIR_PIN_NR_TOUCHES];
	bool timed_out;
	bool is_gone; /* it was reaped, with: */
	int status;
};

static void take_word(struct hearing *h, const struct weir_probe_word *word)
{
	h->last = *word;
	if (word->is_result && word->stage == WEIR_PROBE_STAGE_TOUCHED)
		h->results[WEIR_PIN_TOUCHED] = word->result;
	else if (word->is_result && word->stage == WEIR_PROBE_STAGE_UNTOUCHED)
		h->results[WEIR_PIN_UNTOUCHED] = word->result;
}

/* Until the pipe ends, or nothing came for @timeout_ms. */
static void listen_to(int heard, unsigned int timeout_ms, struct hearing *h)
{
	struct pollfd fd = { .fd = heard, .events = POLLIN };
	struct weir_probe_word word;
	ssize_t n;
	int r;

	for (;;) {
		r = poll(&fd, 1, (int)timeout_ms);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			h->timed_out = true;
			return;
		}
		n = read(heard, &word, sizeof(word));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(word))
			return;
		take_word(h, &word);
	}
}

/* A child that hangs in the kernel cannot be waited for: it is left behind. */
static void reap(pid_t pid, struct hearing *h)
{
	const struct timespec moment = { .tv_nsec = 10L * 1000 * 1000 };

	if (h->timed_out)
		(void)kill(pid, SIGKILL);
	for (int i = 0; i < 200 && !h->is_gone; i++) {
		h->is_gone = waitpid(pid, &h->status, WNOHANG) == pid;
		if (!h->is_gone)
			(void)nanosleep(&moment, NULL);
	}
}

static int run_child(const struct weir_probe_task *task, unsigned int timeout_ms,
                     struct hearing *h)
{
	weir_auto(weir_closep) int heard = -1;
	int ends[2];
	pid_t pid;

	*h = (struct hearing){ 0 };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	heard = ends[0];
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		(void)close(ends[1]);
		return r;
	}
	if (pid == 0) {
		(void)close(ends[0]);
		weir_probe_pins_child(task, ends[1]);
	}
	(void)close(ends[1]);
	listen_to(heard, timeout_ms, h);
	reap(pid, h);
	return 0;
}

/* ---- what it means ---- */

/* Why no ring, or no pin of ordinary memory, could be had. */
static void say_no_pins(const struct weir_host *host, enum weir_pin_memory memory,
                        int error, struct weir_probe_pins *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const char *words = strerrordesc_np(error);
	uint64_t disabled = 0;

	if (weir_host_read(host, "/proc/sys/kernel/io_uring_disabled", WEIR_SMALL_MAX,
	                   &text) == 0)
		(void)weir_parse_u64(weir_str_chomp(weir_buf_str(&text)), &disabled);
	if (disabled)
		say(out, memory, WEIR_PROBE_NO_PINS,
		    "io_uring is off (kernel.io_uring_disabled = %" PRIu64
		    "): it can be measured while that is 0",
		    disabled);
	else if (error == ENOSYS)
		say(out, memory, WEIR_PROBE_NO_PINS,
		    "this kernel has no io_uring, or a filter of system calls hides it: "
		    "run "
		    "it outside of a container");
	else if (error == EPERM || error == EACCES)
		say(out, memory, WEIR_PROBE_NO_PINS,
		    "io_uring may not be used, by a filter of system calls or a security "
		    "module: run it outside of a container");
	else
		say(out, memory, WEIR_PROBE_NO_PINS,
		    "a pin of other memory fails too (%s): is the limit of locked "
		    "memory, "
		    "or that of a control group, too low?",
		    words ? words : "unknown error");
}

static void say_ended_early(const struct weir_host *host,
                            const struct weir_probe_task *task, const struct hearing *h,
                            struct weir_probe_pins *out)
{
	const struct weir_probe_word *last = &h->last;
	const char *words = strerrordesc_np(last->error);

	if (last->reason == WEIR_PROBE_NOT_FOUND && !last->nr_pages)
		say(out, task->memory, WEIR_PROBE_NO_FREE_PAGE,
		    "node %u has no free page that is not reserved: when it has one it "
		    "can "
		    "be measured",
		    task->node);
	else if (last->reason == WEIR_PROBE_NOT_FOUND)
		say(out, task->memory, WEIR_PROBE_NOT_FOUND,
		    "none of %u free pages taken on node %u lies there: %s",
		    last->nr_pages, task->node,
		    last->nr_pages < task->most_pages
		            ? "the others are reserved, or were taken meanwhile"
		            : "--pages lets it take more");
	else if (last->reason == WEIR_PROBE_NO_PINS)
		say_no_pins(host, task->memory, last->error, out);
	else if (last->reason == WEIR_PROBE_FAILED && last->error == EPERM)
		say(out, task->memory, WEIR_PROBE_FAILED,
		    "the place of a page is not shown: CAP_SYS_ADMIN is missing");
	else if (last->reason == WEIR_PROBE_FAILED)
		say(out, task->memory, WEIR_PROBE_FAILED, "it could not begin: %s",
		    words ? words : "unknown error");
	else if (h->timed_out)
		say(out, task->memory, WEIR_PROBE_FAILED,
		    "it did not come to the pin in time");
	else if (h->is_gone && WIFSIGNALED(h->status) && WTERMSIG(h->status) == SIGBUS)
		say(out, task->memory, WEIR_PROBE_FAILED,
		    "a free page could not be had (SIGBUS): somebody else took it, or a "
		    "control group has no more");
	else
		say(out, task->memory, WEIR_PROBE_FAILED,
		    "the process that tried it ended before the pin");
}

/* The stage in which it ended is the one that killed it or hangs. */
static void blame_stage(struct hearing *h)
{
	struct weir_pin_result *result;

	if (h->last.is_result || (h->last.stage != WEIR_PROBE_STAGE_TOUCHED &&
	                          h->last.stage != WEIR_PROBE_STAGE_UNTOUCHED))
		return;
	result = &h->results[h->last.stage == WEIR_PROBE_STAGE_TOUCHED
	                             ? WEIR_PIN_TOUCHED
	                             : WEIR_PIN_UNTOUCHED];
	if (h->timed_out)
		result->outcome = WEIR_PIN_HUNG;
	else if (h->is_gone && WIFSIGNALED(h->status))
		result->outcome = WEIR_PIN_KILLED;
}

static int measure(const struct weir_host *host, const struct weir_snapshot *snap,
                   const struct weir_probe_pins_options *options,
                   enum weir_pin_memory memory, struct weir_probe_pins *out,
                   struct weir_err *err)
{
	const struct weir_placed *row = choose(&snap->placement, memory);
	struct weir_probe_task task = {
		.host = host,
		.zones = &snap->zones,
		.cma = &snap->placement.cma,
		.memory = memory,
		.size_bytes = row->size_bytes,
		.page_bytes = snap->page_bytes.n,
		.node = row->node,
		.most_pages = options->most_pages,
		.has_memory = has_memory(snap, row->node, row->size_bytes),
	};
	struct hearing h;
	bool any = false;
	int r = run_child(&task, options->timeout_ms, &h);

	if (r < 0)
		return weir_err_sys(err, r, "start a process that pins");
	blame_stage(&h);
	for (size_t t = 0; t < WEIR_PIN_NR_TOUCHES; t++)
		any |= h.results[t].outcome != WEIR_PIN_UNMEASURED;
	if (any) {
		memcpy(out->pins.results[memory], h.results, sizeof(h.results));
		out->pins.size_bytes = row->size_bytes;
		out->pins.known = true;
		out->memory[memory].reason = WEIR_PROBE_MEASURED;
	} else if (h.last.stage == WEIR_PROBE_STAGE_DONE) {
		say(out, memory, WEIR_PROBE_FAILED,
		    "the pin was refused, but there was no other free memory to move to, "
		    "and the page did not come back in time for the second try");
	} else {
		say_ended_early(host, &task, &h, out);
	}
	return 0;
}

/* ---- before and after ---- */

/* Kernel 6.1 warns when it refuses. */
static int check_safe(const struct weir_host *host, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	if (geteuid() != 0)
		return weir_err_set(err, -EPERM,
		                    "needs root: only root sees where pages lie");
	if (weir_host_read(host, "/proc/sys/kernel/panic_on_warn", WEIR_SMALL_MAX,
	                   &text) == 0 &&
	    !weir_str_eq(weir_str_chomp(weir_buf_str(&text)), "0"))
		return weir_err_set(
			err, -ECANCELED,
			"kernel.panic_on_warn is set, and some kernels warn when they "
			"refuse a "
			"pin: not tried. With 'sysctl kernel.panic_on_warn=0' it can be");
	return 0;
}

static void name_boot(const struct weir_host *host, const struct weir_snapshot *snap,
                      struct weir_pins *pins)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	pins->at_ns = snap->at_ns;
	if (snap->release)
		(void)weir_str_show(weir_strz(snap->release), pins->release,
		                    sizeof(pins->release));
	if (weir_host_read(host, "/proc/sys/kernel/random/boot_id", WEIR_SMALL_MAX,
	                   &text) == 0)
		(void)weir_str_show(weir_str_chomp(weir_buf_str(&text)), pins->boot_id,
		                    sizeof(pins->boot_id));
}

int weir_probe_pins(const struct weir_host *host,
                    const struct weir_probe_pins_options *options,
                    struct weir_probe_pins *out, struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	struct weir_probe_pins got = { 0 };
	int r = check_safe(host, err);

	if (r == 0)
		r = weir_snapshot_read(host, WEIR_SNAPSHOT_PLACEMENT, &snap, err);
	if (r < 0 || !snap)
		return r;
	name_boot(host, snap, &got.pins);
	for (int m = 0; r == 0 && m < WEIR_PIN_NR_MEMORIES; m++)
		if (is_measurable(snap, (enum weir_pin_memory)m, &got))
			r = measure(host, snap, options, (enum weir_pin_memory)m, &got,
			            err);
	if (r == 0)
		*out = got;
	return r;
}

static int write_all(int fd, struct weir_str text)
{
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text = weir_str_skip(text, (size_t)n);
	}
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int replace_file(int dir, struct weir_str text)
{
	static const char name[] = "pins";
	weir_auto(weir_closep) int fd = -1;
	char aside[32];
	int r;

	(void)snprintf(aside, sizeof(aside), ".%s.%d", name, getpid());
	fd = openat(dir, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	            0644);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0644) < 0 ? -errno : write_all(fd, text); /* whatever the umask */
	if (r == 0 && renameat(dir, aside, dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, aside, 0);
	return r;
}

int weir_probe_pins_save(const struct weir_pins *pins, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_closep) int dir = -1;
	int r = weir_pins_format(pins, &text);

	if (r == 0 && (!*pins->release || !*pins->boot_id))
		return weir_err_set(err, -ENODATA,
		                    "write '" WEIR_PINS_PATH
		                    "': the kernel's release or boot id is not known");
	if (r == 0 && mkdir(WEIR_PINS_DIR, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0) {
		dir = open(WEIR_PINS_DIR,
		           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = dir < 0 ? -errno : replace_file(dir, weir_buf_str(&text));
	}
	return r < 0 ? weir_err_sys(err, r, "write '" WEIR_PINS_PATH "'") : 0;
}
