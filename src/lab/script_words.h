/* script_words: what the verbs of a step are read with. Internal; see script_words.c. */
#ifndef WEIR_LAB_SCRIPT_WORDS_H
#define WEIR_LAB_SCRIPT_WORDS_H

#include "lab/script_parse.h"

/* No mapping or file reaches this: pages times their size, and sums of a few, fit. */
#define WEIR_WORDS_BYTES_MAX (UINT64_C(1) << 62)

struct weir_words { /* of one step, while it is read */
	struct weir_parse *p;
	struct weir_step *step;
	struct weir_str verb, rest; /* rest: what is not read yet */
	const char *usage;
};

/* All return 0 or -EBADMSG with words; those that enter names, -ENOMEM too. The need_
 * functions take words off w->rest, and an end of it is an error; the maybe_ functions
 * take them where they are there. */

int weir_words_need(struct weir_words *w, const char *what, struct weir_str *out);
int weir_words_need_number(struct weir_words *w, const char *what, uint64_t min,
                           uint64_t max, uint64_t *out);
int weir_words_number(struct weir_words *w, const char *what, struct weir_str word,
                      uint64_t min, uint64_t max, uint64_t *out);
int weir_words_need_node(struct weir_words *w, unsigned int *out);
int weir_words_need_pages(struct weir_words *w, uint64_t min); /* into step->pages */

/* START, COUNT; "START [COUNT]" into step->start and count. */
int weir_words_need_start(struct weir_words *w);
int weir_words_need_count(struct weir_words *w);
int weir_words_need_range(struct weir_words *w);
int weir_words_maybe_range(struct weir_words *w);

/* @pages from @first on are a place that a mapping or file can have. */
int weir_words_check_extent(struct weir_words *w, uint64_t first, uint64_t pages);

/* @text, of the word @token, is a page size of this host: into step->page_bytes. */
int weir_words_page_size(struct weir_words *w, struct weir_str token,
                         struct weir_str text);

/* A mapping of step->task, into step->name; a name for a new one. */
int weir_words_need_mapping(struct weir_words *w);
int weir_words_define_mapping(struct weir_words *w, struct weir_str name);

/* A FILE: MOUNT/NAME, or where @plain says so a memfd. */
int weir_words_file_name(struct weir_words *w, struct weir_str word, bool plain);
int weir_words_need_file(struct weir_words *w, bool plain); /* into step->name */

/* A name of this kind, made before, into step->name. */
int weir_words_need_known(struct weir_words *w, const char *what,
                          enum weir_name_kind kind);

/* A list of nodes that is not empty. */
int weir_words_node_mask(struct weir_words *w, struct weir_str token,
                         struct weir_str text, uint64_t *out);
int weir_words_need_policy(struct weir_words *w); /* into step->policy */

/* "KEY=VALUE" or "KEY": which of @keys ("key=" or "key") @word is, with its value; each
 * may occur once, which *seen keeps as bits. *out is -1 when it is none of them. */
int weir_words_option(struct weir_words *w, struct weir_str word, const char *const *keys,
                      size_t nr, unsigned int *seen, struct weir_str *value, int *out);

/* If there is another word it is @flag: sets @bit in step->flags. */
int weir_words_maybe_flag(struct weir_words *w, const char *flag, unsigned int bit);

/* script_vm.c: SIZE into step->size; the words of start; a VM that was started; a node;
 * none. */
int weir_words_need_size(struct weir_words *w);
int weir_words_cache(struct weir_words *w);
int weir_words_start(struct weir_words *w);
int weir_words_vm(struct weir_words *w);
int weir_words_compact(struct weir_words *w);
int weir_words_nothing(struct weir_words *w);

/* "one word too many": -EBADMSG. */
int weir_words_unknown(struct weir_words *w, struct weir_str word);

#endif
