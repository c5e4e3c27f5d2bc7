/* pins: measures what facts/pins.h describes, with one page of a pool that lies in a CMA
 * area or in ZONE_MOVABLE.
 *
 * How it is done, for each of the two kinds of memory that this host has:
 *
 * 1. A process of its own, the first that the OOM killer would take, takes free pages
 *    of the pool one by one on a node where such pages are free, until it has one
 *    there, U, and one in other memory, P. It takes no page that is promised to
 *    somebody, makes no surplus page, and stops at a bound.
 * 2. P is pinned: when that fails, pins fail here for another reason, and nothing is
 *    measured. Then P goes back: now the pool has a free page in other memory, and a
 *    refusal is the kernel's will and not want of memory. (Without a P, free memory of
 *    the node for another huge page does as well; without either, a refusal is no
 *    result.)
 * 3. All have gone back, U last. The pool hands out first what came in last, so the
 *    next page of this node is U (mm/hugetlb.c, enqueue_hugetlb_folio() puts at the
 *    head of the list where dequeue_hugetlb_folio_node_exact() begins; 5.10 to 6.18),
 *    which is tried. Then a mapping that was *not touched* is pinned: does the fault
 *    inside the pin take U, or pass it over for another page, or for none? (Where
 *    overcommit is allowed, the other page may be a surplus one, which goes at the end.)
 * 4. A page like U, *touched* before, is pinned: it stays, or moves, or the pin is
 *    refused. Where it moves to memory that was in no pool, the pool keeps that, and
 *    gives the old place away: one page of it lies elsewhere from then on, and no
 *    number changes.
 *
 * Kernel 6.1 writes a warning to its log when it refuses step 4 (mm/hugetlb.c,
 * follow_hugetlb_page()), once in its life: where a warning is a panic
 * (kernel.panic_on_warn), nothing is tried. */
#ifndef WEIR_PROBE_PINS_H
#define WEIR_PROBE_PINS_H

#include "facts/pins.h"
#include "facts/snapshot.h"

#define WEIR_PROBE_PAGES_DEFAULT 512U
#define WEIR_PROBE_PAGES_MAX     65536U

struct weir_probe_pins_options {
	unsigned int most_pages; /* that it may hold at one time */
	unsigned int timeout_ms;
};

/* Why a kind of memory was not measured. */
enum weir_probe_reason {
	WEIR_PROBE_MEASURED,
	WEIR_PROBE_NO_SUCH_MEMORY, /* the host has none of this kind */
	WEIR_PROBE_NO_FREE_PAGE,   /* no free page of a pool lies there */
	WEIR_PROBE_NOT_FOUND,      /* there is one, but not among the pages taken */
	WEIR_PROBE_UNKNOWN,        /* it cannot be told which pages lie there */
	WEIR_PROBE_NO_PINS,        /* pins of ordinary memory fail too */
	WEIR_PROBE_FAILED,         /* it went wrong on the way */
};

struct weir_probe_pins {
	struct weir_pins pins; /* known when anything was measured */
	struct {
		enum weir_probe_reason reason;
		char words[400]; /* why not, and what would help; "" when measured */
	} memory[WEIR_PIN_NR_MEMORIES];
};

/* @host is the machine that this runs on. 0 with *out, also when nothing could be
 * measured; -EPERM without root; -ECANCELED where it would be dangerous; -ENOMEM. With
 * words. */
int weir_probe_pins(const struct weir_host *host,
                    const struct weir_probe_pins_options *options,
                    struct weir_probe_pins *out, struct weir_err *err);

/* Writes the file that weir_pins_read() reads: aside, then renamed. */
int weir_probe_pins_save(const struct weir_pins *pins, struct weir_err *err);

/* ---- what the parts share: pins.c (parent), pins_child.c ---- */

struct weir_probe_task {
	const struct weir_host *host;
	const struct weir_zones *zones;
	const struct weir_cma_ranges *cma;
	enum weir_pin_memory memory;
	uint64_t size_bytes, page_bytes;
	unsigned int node;
	unsigned int most_pages;
	bool has_memory; /* the node could make another huge page in other memory */
};

enum weir_probe_stage {
	WEIR_PROBE_STAGE_LOOK,
	WEIR_PROBE_STAGE_CONTROL,
	WEIR_PROBE_STAGE_TOUCHED,
	WEIR_PROBE_STAGE_UNTOUCHED,
	WEIR_PROBE_STAGE_DONE,
};

/* What the child tells, one after the other, each in one write. */
struct weir_probe_word {
	enum weir_probe_stage stage; /* that begins, or of which this is the result */
	bool is_result;
	enum weir_probe_reason reason; /* why it ends early */
	int error;                     /* positive errno behind the reason */
	unsigned int nr_pages;         /* taken while it looked */
	struct weir_pin_result result; /* unmeasured: it says nothing about the kernel */
};

/* Runs in the child; never returns. */
_Noreturn void weir_probe_pins_child(const struct weir_probe_task *task, int told);

#endif
