/* verdict: will these VMs start on this host, and if not, what is missing and what would
 * help. Each start is played on a model that is filled from the snapshot (lab/load.h),
 * in the order given; so is each remedy before it is offered. Pure.
 *
 * Where pool pages lie may not be known; then two models are played, one with as few of
 * them as can be in the CMA and ZONE_MOVABLE, one with as many, and numbers have bounds.
 */
#ifndef WEIR_PLAN_VERDICT_H
#define WEIR_PLAN_VERDICT_H

#include "base/buf.h"
#include "base/err.h"
#include "plan/ask.h"
#include "plan/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weir_verdict_word {
	WEIR_VERDICT_YES,
	WEIR_VERDICT_BUT, /* it starts, or may, and something is to be known */
	WEIR_VERDICT_NO,
};
const char *weir_verdict_text(enum weir_verdict_word word); /* "yes", "but", "no" */

/* Where memory of a VM would come from. */
enum weir_source {
	WEIR_SOURCE_POOL,     /* pool pages that may be pinned */
	WEIR_SOURCE_POOL_CMA, /* ... that lie in the CMA */
	WEIR_SOURCE_POOL_MOVABLE,
	WEIR_SOURCE_BASE, /* base pages, of the system */
	WEIR_SOURCE_BASE_CMA,
	WEIR_SOURCE_BASE_MOVABLE,
	WEIR_SOURCE_CSV, /* CSV3's own CMA */
	WEIR_SOURCE_NR,
};
const char *weir_source_text(enum weir_source source); /* "pool", "pool-cma", ... */

struct weir_source_row { /* of one node */
	unsigned int node;
	uint64_t bytes[WEIR_SOURCE_NR];
};

struct weir_remedy {
	char *text;
	char *command; /* shell, or NULL */
};

struct weir_verdict {
	const struct weir_demand *demand;
	enum weir_verdict_word word;
	bool certain;  /* both models say the same */
	char *decides; /* the resource that decides: "pool pages of 2M that may be pinned"
	                */
	bool has_count; /* need and have are known */
	uint64_t unit_bytes, need;
	uint64_t have_min, have_max;
	char *reason;        /* one sentence */
	char *qemu, *kernel; /* what they print when it fails; NULL */
	char **but;          /* what is to be known, a sentence each */
	size_t nr_but, cap_but;
	uint64_t twice_bytes; /* paid a second time, beside the guest's own memory */
	struct weir_source_row *sources; /* of a start that succeeds; ascending */
	size_t nr_sources, cap_sources;
	struct weir_remedy *remedies; /* the cheapest first */
	size_t nr_remedies, cap_remedies;
	struct weir_offer offer; /* what weird could lease it */
	bool by_lease;           /* it starts with that, and not without */
};

struct weir_verdicts {
	struct weir_verdict *v;
	size_t nr;
	struct weir_buf notes; /* what of the host was not known, a line each */
};

struct weir_check_options {
	const char *kernel; /* as weir_rules_parse(); NULL: the snapshot's */
	bool no_remedies;
};

/* 0; -EINVAL, -ENOENT, -EBADMSG with words for a host that cannot be a model; -ENOMEM. */
int weir_check(const struct weir_snapshot *snap, const struct weir_ask *asks, size_t nr,
               const struct weir_check_options *options, struct weir_verdicts *out,
               struct weir_err *err);
void weir_verdict_done(struct weir_verdict *verdict);
void weir_verdicts_done(struct weir_verdicts *verdicts);

#endif
