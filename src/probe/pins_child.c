/* pins_child: the process that holds the pages and asks for the pins; see pins.h.
 *
 * It has its own process because a kernel may kill the one that pins, or never come back
 * from the call. It tells each step before it is taken, so that the parent knows where it
 * was. What it holds goes back when it ends, in whatever way. */
#include "probe/pins.h"
#include "probe/uring.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#define FRAME_MASK \
	((UINT64_C(1) << 55) - 1) /* Documentation/admin-guide/mm/pagemap.rst */

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

struct page {
	void *at;
	uint64_t pfn;
	bool is_unpinnable; /* in memory of the kind that is looked for */
	bool is_pinnable;   /* in neither kind */
};

struct child {
	const struct weir_probe_task *task;
	int told, pagemap, ring;
	struct page *pages;
	unsigned int nr_pages;
	struct weir_buf text;
};

static void tell(const struct child *c, struct weir_probe_word word)
{
	/* a pipe takes this whole (PIPE_BUF); with nobody to read it all is over */
	_Static_assert(sizeof(word) <= 512, "longer than POSIX's PIPE_BUF");
	if (write(c->told, &word, sizeof(word)) != (ssize_t)sizeof(word))
		_exit(1);
}

static _Noreturn void end(const struct child *c, enum weir_probe_stage stage,
                          enum weir_probe_reason reason, int error)
{
	tell(c, (struct weir_probe_word){ .stage = stage,
	                                  .reason = reason,
	                                  .error = error < 0 ? -error : error,
	                                  .nr_pages = c->nr_pages });
	_exit(0);
}

static void begin_stage(const struct child *c, enum weir_probe_stage stage)
{
	tell(c, (struct weir_probe_word){ .stage = stage, .nr_pages = c->nr_pages });
}

/* ---- pages ---- */

static bool read_count(struct child *c, uint64_t *out, const char *dir, const char *file)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/hugepages-%" PRIu64 "kB/%s", dir,
	               c->task->size_bytes / 1024, file);
	return weir_host_read(c->task->host, path, WEIR_SMALL_MAX, &c->text) == 0 &&
	       weir_parse_u64(weir_str_chomp(weir_buf_str(&c->text)), out) == 0;
}

/* One page may be taken: the node has one free, and not all free ones are promised. With
 * that checked the kernel has no reason to make a surplus page,
 * but for the moment in between. */
static bool may_take(struct child *c)
{
	static const char all[] = "/sys/kernel/mm/hugepages";
	char node[64];
	uint64_t free_, reserved, on_node;

	(void)snprintf(node, sizeof(node), "/sys/devices/system/node/node%u/hugepages",
	               c->task->node);
	return read_count(c, &free_, all, "free_hugepages") &&
	       read_count(c, &reserved, all, "resv_hugepages") &&
	       read_count(c, &on_node, node, "free_hugepages") && free_ > reserved &&
	       on_node > 0;
}

static void *map_page(const struct child *c)
{
	unsigned int shift = (unsigned int)__builtin_ctzll(c->task->size_bytes);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
	            (int)(shift << MAP_HUGE_SHIFT);
	void *at = mmap(NULL, c->task->size_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void unmap_page(const struct child *c, void *at)
{
	(void)munmap(at, c->task->size_bytes);
}

/* The page frame behind a touched address; 0 when it is not there or not shown. */
static uint64_t frame_of(const struct child *c, const void *at)
{
	uint64_t entry = 0, index = (uintptr_t)at / c->task->page_bytes;

	if (pread(c->pagemap, &entry, sizeof(entry), (off_t)(index * sizeof(entry))) !=
	    (ssize_t)sizeof(entry))
		return 0;
	return entry >> 63 ? entry & FRAME_MASK : 0; /* bit 63: present */
}

static bool in_cma(const struct child *c, uint64_t pfn)
{
	return weir_cma_ranges_has(c->task->cma, pfn, pfn + 1);
}

static bool in_movable(const struct child *c, uint64_t pfn)
{
	const struct weir_zone *zone = weir_zone_of_frame(c->task->zones, pfn);

	return zone && strcmp(zone->name, "Movable") == 0;
}

static void name_place(const struct child *c, uint64_t pfn, struct weir_pin_place *out)
{
	const struct weir_zone *zone = weir_zone_of_frame(c->task->zones, pfn);

	*out = (struct weir_pin_place){ .node = zone ? zone->node : c->task->node,
		                        .cma = in_cma(c, pfn) };
	if (zone)
		memcpy(out->zone, zone->name, sizeof(out->zone));
}

/* Takes one more page. False when there is none to be had. */
static bool take_page(struct child *c, struct page *page)
{
	if (!may_take(c))
		return false;
	page->at = map_page(c);
	if (!page->at)
		return false;
	/* the first byte: a SIGBUS here ends the child, and the parent says so */
	*(volatile char *)page->at = 1;
	page->pfn = frame_of(c, page->at);
	if (!page->pfn)
		end(c, WEIR_PROBE_STAGE_LOOK, WEIR_PROBE_FAILED, EPERM);
	page->is_unpinnable = c->task->memory == WEIR_PIN_CMA ? in_cma(c, page->pfn)
	                                                      : in_movable(c, page->pfn);
	page->is_pinnable = c->task->cma->known && !in_cma(c, page->pfn) &&
	                    !in_movable(c, page->pfn) &&
	                    weir_zone_of_frame(c->task->zones, page->pfn);
	return true;
}

/* ---- the measurement ---- */

struct found {
	struct page *unpinnable, *pinnable; /* the latter NULL: none came by */
};

/* A pinnable page is looked for a little longer than the other one: without it there is
 * no control, but a node whose free pages all lie in Movable has none. */
static struct found look(struct child *c)
{
	struct found found = { NULL, NULL };

	while (c->nr_pages < c->task->most_pages &&
	       !(found.unpinnable && found.pinnable)) {
		struct page *page = &c->pages[c->nr_pages];

		if (!take_page(c, page))
			break;
		if (++c->nr_pages % 32 == 0)
			begin_stage(c, WEIR_PROBE_STAGE_LOOK); /* still alive */
		if (page->is_unpinnable && !found.unpinnable)
			found.unpinnable = page;
		if (page->is_pinnable && !found.pinnable)
			found.pinnable = page;
	}
	return found;
}

/* A pin that must work: of the pool's page in other memory, else of ordinary memory. */
static int try_control(const struct child *c, const struct page *pinnable)
{
	void *at = pinnable ? pinnable->at
	                    : mmap(NULL, c->task->page_bytes, PROT_READ | PROT_WRITE,
	                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t bytes = pinnable ? c->task->size_bytes : c->task->page_bytes;
	int r;

	if (at == MAP_FAILED)
		return -errno;
	r = weir_uring_pin(c->ring, at, bytes);
	if (r == 0)
		r = weir_uring_unpin(c->ring);
	if (!pinnable)
		(void)munmap(at, bytes);
	return r;
}

/* Pins the page at @at, of which @pfn was the frame, or would be by an ordinary fault. */
static struct weir_pin_result try_pin(const struct child *c, void *at, uint64_t pfn)
{
	struct weir_pin_result result = { 0 };
	int r = weir_uring_pin(c->ring, at, c->task->size_bytes);
	uint64_t now;

	if (r < 0) {
		result.outcome = WEIR_PIN_REFUSED;
		result.error = -r;
		return result;
	}
	now = frame_of(c, at);
	if (now) {
		result.outcome = now == pfn ? WEIR_PIN_IN_PLACE : WEIR_PIN_MOVED;
		name_place(c, now, &result.to);
	}
	(void)weir_uring_unpin(c->ring);
	return result;
}

static void tell_result(const struct child *c, enum weir_probe_stage stage,
                        struct weir_pin_result result)
{
	tell(c, (struct weir_probe_word){ .stage = stage,
	                                  .is_result = true,
	                                  .nr_pages = c->nr_pages,
	                                  .result = result });
}

static bool is_wanted(const struct page *page, uint64_t pfn)
{
	return pfn ? page->pfn == pfn : page->is_unpinnable;
}

/* Takes the free page with the frame @pfn (0: any of the kind that is looked for), which
 * must be among the first few: it was let go a moment ago, perhaps through a worker that
 * needs another moment. */
static bool take_near(struct child *c, uint64_t pfn, struct page *out)
{
	enum { NEAR = 8, TRIES = 20 };
	const struct timespec moment = { .tv_nsec = 10L * 1000 * 1000 };

	for (int try = 0; try < TRIES; try++) {
		struct page pages[NEAR];
		unsigned int nr = 0;
		bool found = false;

		while (nr < NEAR && !found && take_page(c, &pages[nr]))
			found = is_wanted(&pages[nr++], pfn);
		for (unsigned int i = 0; i + found < nr; i++)
			unmap_page(c, pages[i].at);
		if (found) {
			*out = pages[nr - 1];
			return true;
		}
		(void)nanosleep(&moment, NULL);
	}
	return false;
}

/* Refused is a result here also where the pool has no other page: this one was free, and
 * first in line, and was not taken. */
static void measure_untouched(struct child *c, uint64_t pfn)
{
	struct page page;
	void *at;

	if (!take_near(c, pfn, &page))
		return;
	unmap_page(c, page.at); /* now it is the last that came back */
	if (!may_take(c))
		return;
	begin_stage(c, WEIR_PROBE_STAGE_UNTOUCHED);
	at = map_page(c);
	if (!at)
		return;
	tell_result(c, WEIR_PROBE_STAGE_UNTOUCHED, try_pin(c, at, pfn));
	unmap_page(c, at);
}

/* A refusal for want of another place says nothing about the kernel. */
static void measure_touched(struct child *c, bool had_target)
{
	struct weir_pin_result result;
	struct page page;

	if (!take_near(c, 0, &page))
		return;
	begin_stage(c, WEIR_PROBE_STAGE_TOUCHED);
	result = try_pin(c, page.at, page.pfn);
	if (result.outcome == WEIR_PIN_REFUSED && !had_target)
		result = (struct weir_pin_result){ 0 };
	tell_result(c, WEIR_PROBE_STAGE_TOUCHED, result);
}

/* The touched page comes last: where it moves to fresh memory, the page that it was is no
 * longer in the pool. */
static void measure(struct child *c)
{
	struct found found = look(c);
	bool had_target;
	uint64_t pfn;
	int r;

	if (!found.unpinnable)
		end(c, WEIR_PROBE_STAGE_LOOK, WEIR_PROBE_NOT_FOUND, 0);
	begin_stage(c, WEIR_PROBE_STAGE_CONTROL);
	c->ring = weir_uring_open();
	if (c->ring < 0)
		end(c, WEIR_PROBE_STAGE_CONTROL, WEIR_PROBE_NO_PINS, c->ring);
	r = try_control(c, found.pinnable);
	if (r < 0)
		end(c, WEIR_PROBE_STAGE_CONTROL, WEIR_PROBE_NO_PINS, r);

	had_target = found.pinnable || c->task->has_memory;
	pfn = found.unpinnable->pfn;
	for (unsigned int i = 0; i < c->nr_pages; i++)
		if (&c->pages[i] != found.unpinnable)
			unmap_page(c, c->pages[i].at);
	unmap_page(c, found.unpinnable->at);
	measure_untouched(c, pfn);
	measure_touched(c, had_target);
}

/* ---- beginning ---- */

static void be_the_first_to_go(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "1000", 4); /* without it all works as well */
		(void)close(fd);
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int bind_to(unsigned int node)
{
	unsigned long mask[(WEIR_NODE_MAX + 1) / (8 * sizeof(unsigned long))] = { 0 };
	unsigned int bits = 8 * sizeof(mask[0]);

	mask[node / bits] = 1UL << (node % bits);
	return syscall(SYS_set_mempolicy, MPOL_BIND, mask, sizeof(mask) * 8 + 1) < 0
	               ? -errno
	               : 0;
}

_Noreturn void weir_probe_pins_child(const struct weir_probe_task *task, int told)
{
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };
	struct child c = { .task = task, .told = told, .ring = -1 };
	int r;

	be_the_first_to_go();
	(void)setrlimit(RLIMIT_MEMLOCK, &no_limit); /* the control tells if it matters */
	c.pages = calloc(task->most_pages, sizeof(*c.pages));
	c.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (!c.pages || c.pagemap < 0)
		end(&c, WEIR_PROBE_STAGE_LOOK, WEIR_PROBE_FAILED,
		    c.pages ? errno : ENOMEM);
	r = bind_to(task->node);
	if (r < 0 && r != -ENOSYS) /* a kernel without NUMA has one node */
		end(&c, WEIR_PROBE_STAGE_LOOK, WEIR_PROBE_FAILED, r);
	begin_stage(&c, WEIR_PROBE_STAGE_LOOK);
	measure(&c);
	end(&c, WEIR_PROBE_STAGE_DONE, WEIR_PROBE_MEASURED, 0);
}
