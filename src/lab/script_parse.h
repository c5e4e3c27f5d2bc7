/* script_parse: what the files of the parser share. Internal; script.h is the contract.
 */
#ifndef WEIR_LAB_SCRIPT_PARSE_H
#define WEIR_LAB_SCRIPT_PARSE_H

#include "lab/names.h"
#include "lab/script.h"
#include "lab/term.h"

struct weir_parse {
	const char *name; /* of the scenario, for messages */
	size_t line;
	struct weir_script *out;
	struct weir_known names;
	bool begun; /* the first step or expectation was seen: no more setup */
	struct weir_err *err;
};

/* "NAME:LINE: 'token': words". Returns -EBADMSG. */
int weir_parse_bad(struct weir_parse *p, struct weir_str token, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "0,2-3" as a mask over nodes or CPUs, all below 64. */
bool weir_parse_mask(struct weir_str s, uint64_t *out);

/* Is @bytes a page size of this host? */
bool weir_parse_is_page(const struct weir_parse *p, uint64_t bytes);

/* "2M 1G", for messages. Returns @out. */
const char *weir_parse_pages(const struct weir_parse *p, char *out, size_t cap);

/* A setup line, which begins with @word. WEIR_PARSE_OTHER when it is none. */
#define WEIR_PARSE_OTHER 1
int weir_parse_setup(struct weir_parse *p, struct weir_str word, struct weir_str rest);

/* "zone NODE NAME managed=PAGES free=PAGES ...", behind its first word. */
int weir_parse_zone(struct weir_parse *p, struct weir_str word, struct weir_str rest);

/* After the last setup line: defaults, and what lines say about each other. */
int weir_parse_setup_end(struct weir_parse *p);

/* The step @text into *out. */
int weir_parse_step(struct weir_parse *p, struct weir_str text, struct weir_step *out);

/* The target of a write into *step. */
int weir_parse_target(struct weir_parse *p, struct weir_str file, struct weir_step *step);

/* May the name of a task be this? Verbs and words of the language may not. */
bool weir_parse_is_word(struct weir_str s);

/* A name of this kind is made; it was made before. */
int weir_parse_define(struct weir_parse *p, struct weir_str name,
                      enum weir_name_kind kind, uint32_t *out_id);
int weir_parse_known(struct weir_parse *p, struct weir_str name,
                     enum weir_name_kind kind);

#endif
