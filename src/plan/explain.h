/* explain: what a host's huge page counters mean, in sentences: why free is not
 * available, what surplus is and whose, why two files differ, what a write would do.
 * Pure: the ledger says who, the model what would come. */
#ifndef WEIR_PLAN_EXPLAIN_H
#define WEIR_PLAN_EXPLAIN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_snapshot;
struct weir_ledger;
struct weir_explain_write;

/* What a sentence is about: stable words, for scripts. */
enum weir_topic {
	WEIR_TOPIC_PAGES,    /* how many, in use, free */
	WEIR_TOPIC_HOLDER,   /* who has pages */
	WEIR_TOPIC_RESERVED, /* who has promises */
	WEIR_TOPIC_SURPLUS,
	WEIR_TOPIC_DIFFER, /* two files disagree */
	WEIR_TOPIC_MINIMUM,
	WEIR_TOPIC_BOOT,
	WEIR_TOPIC_GROWTH,
	WEIR_TOPIC_UNKNOWN, /* what is not seen */
	WEIR_TOPIC_WRITE,
	WEIR_TOPIC_RULE, /* what holds on every host, and surprises */
};
const char *weir_topic_word(enum weir_topic topic); /* "pages", "holder", ... */

struct weir_sentence {
	enum weir_topic topic;
	uint64_t size_bytes; /* page size, 0: none */
	char *text;
};

struct weir_sentences {
	struct weir_sentence *v;
	size_t nr, cap;
};

void weir_sentences_done(struct weir_sentences *out);
int weir_sentences_add(struct weir_sentences *out, enum weir_topic topic,
                       uint64_t size_bytes, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* All return 0 or -ENOMEM with or without words, and what else is said. */

/* Every size that has pages, or promises, or a limit. */
int weir_explain_counters(const struct weir_snapshot *snap,
                          const struct weir_ledger *ledger, struct weir_sentences *out);

/* One size, on all nodes or one, and what more could be had (@what without its target).
 * -ENOENT with words: this host has no such size or node. */
int weir_explain_pool(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                      const struct weir_explain_write *what, struct weir_sentences *out,
                      struct weir_err *err);

/* Why this host has no pages of a size, or no such node: -ENOENT with words. */
int weir_explain_missing(const struct weir_snapshot *snap,
                         const struct weir_explain_write *what, struct weir_err *err);

/* One process. -ENOENT: it holds nothing, or is not there. */
int weir_explain_process(const struct weir_ledger *ledger, uint64_t pid,
                         struct weir_sentences *out);

/* What a write of @target to nr_hugepages of a size would do now, played on the model;
 * explain_write.c. -ENOENT as above; -EINVAL, -EBADMSG, -ENODATA with words for a host
 * that cannot be a model or does not tell its pools. @outcome may be NULL. */
#define WEIR_EXPLAIN_NODES_MAX 64 /* as the model's */

struct weir_explain_write {
	uint64_t size_bytes;
	int node;        /* of the file of one node; -1: the file of all nodes */
	uint64_t policy; /* nodes of who writes to nr_hugepages_mempolicy; 0: not that
	                    file */
	uint64_t target;
	const char *kernel; /* NULL: the host's */
};

/* Pages, before the write and after it. */
struct weir_explain_counts {
	uint64_t total, free, reserved, surplus;
	struct {
		uint64_t total, free, surplus;
	} node[WEIR_EXPLAIN_NODES_MAX];
};

struct weir_explain_outcome {
	uint64_t nodes; /* with memory */
	/* @is: at most, of gigantic pages that are to come; at least so many then */
	struct weir_explain_counts was, is;
	uint64_t total_min;
	/* pages of each node afterwards: from which node the kernel goes on is not told
	 */
	uint64_t node_min[WEIR_EXPLAIN_NODES_MAX], node_max[WEIR_EXPLAIN_NODES_MAX];
};

int weir_explain_write(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                       const struct weir_explain_write *what, struct weir_sentences *out,
                       struct weir_explain_outcome *outcome, struct weir_err *err);

#endif
