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

/* Replaces *to. 0 or -ENOMEM. */
int weir_answer_words(char **to, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
