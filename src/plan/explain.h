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

/* All return 0 or -ENOMEM, and what else is said. */

/* Every size that has pages, or promises, or a limit. */
int weir_explain_counters(const struct weir_snapshot *snap,
                          const struct weir_ledger *ledger, struct weir_sentences *out);

/* One size, on @node or (-1) on all. -ENOENT: this host has no such size or node. */
int weir_explain_pool(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                      uint64_t size_bytes, int node, struct weir_sentences *out);

/* One process. -ENOENT: it holds nothing, or is not there. */
int weir_explain_process(const struct weir_ledger *ledger, uint64_t pid,
                         struct weir_sentences *out);

/* What a write of @target to nr_hugepages of a size would do now, played on the model;
 * @node -1: the file of all nodes. explain_write.c. -ENOENT as above; -EINVAL, -EBADMSG
 * with words for a host that cannot be a model. */
struct weir_explain_write {
	uint64_t size_bytes;
	int node;
	uint64_t target;
	const char *kernel; /* NULL: the host's */
};
int weir_explain_write(const struct weir_snapshot *snap,
                       const struct weir_explain_write *what, struct weir_sentences *out,
                       struct weir_err *err);

#endif
