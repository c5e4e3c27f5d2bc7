/* answer: what verdict.c and remedies.c share: two plays and what is made of them. */
#ifndef WEIR_PLAN_ANSWER_H
#define WEIR_PLAN_ANSWER_H

#include "plan/play.h"
#include "plan/verdict.h"

struct weir_answer_in {
	const struct weir_snapshot *snap;
	const struct weir_ask *asks;
	size_t nr;
	struct weir_load_options load;
	const struct weir_change *change; /* NULL: none */
	struct weir_play *few, *most; /* the same one where it is known how pages lie */
	/* what may still be spent on remedies, in starts; 0: some were not tried */
	uint64_t *effort;
};

/* Fills few and most. 0, or as weir_check(). */
int weir_answer_play(struct weir_answer_in *in, struct weir_buf *notes,
                     struct weir_err *err);
void weir_answer_done(struct weir_answer_in *in);

/* The verdict on one VM, without remedies. 0 or -ENOMEM. */
int weir_answer_one(const struct weir_answer_in *in, size_t i, struct weir_verdict *v);

/* Plays what may help, and adds what does. 0 or -ENOMEM. */
int weir_answer_remedies(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v);

int weir_answer_remedy(struct weir_verdict *v, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds where the memory of a VM that started comes from. 0 or -ENOMEM. */
int weir_answer_sources(struct weir_play *play, size_t i, struct weir_verdict *v);

/* Is there effort left for one more play? Takes it. */
bool weir_answer_may_try(const struct weir_answer_in *in);

/* ---- leased.c ---------------------------------------------------------------------- */

struct weir_answer_leases {
	struct weir_offer *v; /* of each VM; NULL: there is no store */
	bool *needed;         /* it starts with it only */
	size_t nr;
	struct weir_load_given *given; /* to those that need it */
	size_t nr_given, cap_given;
	struct weir_answer_in with; /* played so; nothing where none needs any */
};

/* What each VM would lease, and which of them start only then. 0 or -ENOMEM. */
int weir_answer_lease(const struct weir_answer_in *in, struct weir_answer_leases *out);
void weir_answer_leases_done(struct weir_answer_leases *leases);

/* Makes the verdict on one that does not start into that of one that does so. */
int weir_answer_leased(const struct weir_answer_leases *leases, size_t i,
                       struct weir_verdict *v);

/* The regions of an offer as pages that a model is given back. 0 or -ENOMEM. */
int weir_given_add(struct weir_load_given **given, size_t *nr, size_t *cap,
                   const struct weir_offer *offer);

/* ---- words: why.c and known.c; all are 0 or -ENOMEM ---------------------------------
 */

/* What a step needs, as it is called: "free pages of 1G". */
const char *weir_answer_decides(const struct weir_start_end *end);

/* Fills decides and reason, from @v's numbers. */
int weir_answer_reason(const struct weir_answer_in *in, size_t i, struct weir_verdict *v,
                       const struct weir_start_end *end);
/* What QEMU and the kernel print when it ends so. */
int weir_answer_messages(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v, const struct weir_start_end *end);

/* How it dies after its start. */
int weir_answer_death(const struct weir_start_end *end, struct weir_verdict *v);
/* What else is to be known of one that starts, or may. */
int weir_answer_known(const struct weir_answer_in *in, size_t i, struct weir_verdict *v);

/* A sentence more of that kind. */
int weir_answer_but(struct weir_verdict *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "16384 pages of 2M", or "31.5G" for base pages and bytes. */
struct weir_amount {
	char text[80];
};
struct weir_amount weir_answer_amount(uint64_t n, uint64_t unit_bytes);

/* Replaces *to. 0 or -ENOMEM. */
int weir_answer_words(char **to, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
