/* unseen: what a ledger could not see, and why something may be missing, in words. */
#include "holders/match.h"

#include "base/own.h"
#include "facts/creators.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static int reason(struct weir_ledger *ledger, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int reason(struct weir_ledger *ledger, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int r = weir_grow(&ledger->reasons, &ledger->cap_reasons, ledger->nr_reasons,
	                  sizeof(*ledger->reasons));

	if (r < 0)
		return r;
	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0)
		return -ENOMEM;
	ledger->reasons[ledger->nr_reasons++] = text;
	return 0;
}

static bool is_missing(const struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_sizes; i++)
		if (ledger->sizes[i].unattributed.n ||
		    ledger->sizes[i].unattributed_reserved.n)
			return true;
	return false;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* What was not seen: said whenever it is so. */
static int say_unseen(struct weir_ledger *ledger)
{
	const struct weir_holdings *all = &ledger->holdings;
	size_t nr_no_numa = 0, nr_cut = weir_holdings_nr_cut(all);
	int r = 0;

	for (size_t i = 0; i < all->nr_tasks; i++)
		nr_no_numa += !all->tasks[i].numa_known && all->tasks[i].huge_bytes.n;
	if (all->nr_forbidden)
		r = reason(ledger,
		           "%zu process%s could not be looked at: no permission, which "
		           "root has as a rule",
		           all->nr_forbidden, all->nr_forbidden == 1 ? "" : "es");
	if (r == 0 && all->files.nr_dirs_refused)
		r = reason(ledger, "%zu director%s of hugetlbfs may not be listed",
		           all->files.nr_dirs_refused,
		           all->files.nr_dirs_refused == 1 ? "y" : "ies");
	if (r == 0 && nr_no_numa)
		r = reason(ledger, "numa_maps of %zu process%s could not be read",
		           nr_no_numa, nr_no_numa == 1 ? "" : "es");
	if (r == 0 && nr_cut)
		r = reason(ledger, "%zu process%s more mappings than are looked at",
		           nr_cut, nr_cut == 1 ? " has" : "es have");
	if (r == 0 && all->nr_unseen_files)
		r = reason(ledger, "%zu open file%s could not be asked about",
		           all->nr_unseen_files, plural(all->nr_unseen_files));
	if (r == 0 && all->files.cut)
		r = reason(ledger, "more than %u files", WEIR_HUGE_FILES_MAX);
	if (r == 0 && !all->mounts.mounts.known)
		r = reason(ledger, "the mounts are not known");
	if (r == 0 && ledger->moved)
		r = reason(ledger,
		           "the pools changed while they were read, %u times: the "
		           "numbers are of different moments",
		           WEIR_LEDGER_READS_MAX);
	return r;
}

/* A pin outlives its mapping: a buffer that is in none of huge pages may be of pages that
 * were unmapped. */
static int say_outside(struct weir_ledger *ledger)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->pinners.nr; i++) {
		const struct weir_pinner *p = &ledger->pinners.v[i];
		uint64_t bytes;

		r = weir_pinner_outside(ledger, p, &bytes);
		if (r == 0 && bytes)
			r = reason(ledger,
			           "process %" PRIu64 " has %" PRIu64
			           " KiB registered with io_uring at addresses without "
			           "huge pages now, perhaps of ordinary memory: what was "
			           "unmapped there stays in use",
			           p->pid, bytes / 1024);
	}
	return r;
}

/* Memory errors and blocks that go offline: said whenever there are some. */
static int say_damage(struct weir_ledger *ledger, const struct weir_snapshot *snap)
{
	const struct weir_blocks *blocks = &ledger->blocks;
	int r = 0;

	if (snap->mem.hardware_corrupted.n)
		r = reason(ledger,
		           "memory errors: the kernel took %" PRIu64 " KiB out of use%s",
		           snap->mem.hardware_corrupted.n / 1024,
		           is_missing(ledger) && !ledger->poison_known
		                   ? ", perhaps of the pools"
		                   : "");
	if (r == 0 && blocks->nr == 1)
		r = reason(ledger,
		           "memory block %" PRIu64
		           " is going offline: its pages are being moved, and the free "
		           "ones taken out of their pools",
		           blocks->v[0]);
	else if (r == 0 && blocks->nr)
		r = reason(ledger,
		           "%zu memory blocks, from %" PRIu64 " to %" PRIu64
		           ", are going offline: their pages are being moved, and the "
		           "free ones taken out of their pools",
		           blocks->nr, blocks->v[0], blocks->v[blocks->nr - 1]);
	return r;
}

/* A file system that nobody has mounted any more lives as long as one of its files is
 * open, with all that are linked in it. */
static bool has_detached(const struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (ledger->holds[i].kind == WEIR_HOLD_FILE &&
		    ledger->holds[i].mount == WEIR_HOLD_NONE)
			return true;
	return false;
}

/* Why something may be missing: said only when it is. */
static int say_missing(const struct weir_host *host, struct weir_ledger *ledger)
{
	const char *unseen;
	int r = 0;

	if (!is_missing(ledger))
		return 0;
	unseen = weir_processes_unseen(host);
	if (*unseen)
		r = reason(ledger, "%s", unseen);
	if (r == 0 && has_detached(ledger))
		r = reason(ledger,
		           "a lazily unmounted hugetlbfs may hold more files than "
		           "those that are open");
	if (r == 0 && !ledger->holdings.shm.known)
		r = reason(ledger, "SysV segments are not known: no /proc/sysvipc/shm");
	if (r == 0 && ledger->holdings.mounts.nr_refused)
		r = reason(ledger,
		           "mount namespaces of %zu process%s may not be looked at",
		           ledger->holdings.mounts.nr_refused,
		           ledger->holdings.mounts.nr_refused == 1 ? "" : "es");
	if (r == 0)
		r = say_outside(ledger);
	/* who may not look at all has that for a likelier reason */
	if (r == 0 && !ledger->holdings.nr_forbidden && !*unseen)
		r = reason(ledger,
		           "what nothing tells of: SysV segments of another IPC "
		           "namespace, files of a mount that no process sees, files on "
		           "their way through a socket or registered with io_uring, "
		           "pins that outlive their mapping, or a leak in the kernel");
	return r;
}

int weir_ledger_say(const struct weir_host *host, const struct weir_snapshot *snap,
                    struct weir_ledger *ledger)
{
	int r = say_unseen(ledger);

	if (r == 0)
		r = say_damage(ledger, snap);
	return r < 0 ? r : say_missing(host, ledger);
}
