/* ini: the lines of a configuration: sections in brackets, keys with values, comments.
 *
 *	[pool 2M]
 *	node0 = 1024            # a comment begins a line, or stands behind a blank
 *
 * What sections and keys mean is the caller's; who reads what, and that an error names
 * file, line and column, is here. Pure. */
#ifndef WEIR_BASE_INI_H
#define WEIR_BASE_INI_H

#include "base/err.h"
#include "base/str.h"

struct weir_ini {
	const char *file; /* its name, for errors */
	struct weir_str rest;
	struct weir_str line; /* the one that was read last, as it stands in the text */
	unsigned int line_nr; /* from 1 */
};

enum weir_ini_kind { WEIR_INI_END, WEIR_INI_SECTION, WEIR_INI_KEY };

/* All of these lie in the text, so that each has a column. */
struct weir_ini_item {
	enum weir_ini_kind kind;
	struct weir_str text;        /* the line without blanks and comment */
	struct weir_str name, value; /* "pool", "2M" of "[pool 2M]"; or key and value */
};

static inline struct weir_ini weir_ini(const char *file, struct weir_str text)
{
	return (struct weir_ini){ .file = file, .rest = text };
}

/* The next section or key. 0; -EBADMSG with words for a control byte, and for what is
 * neither. @section_example is for these words: "[pool 2M]". */
int weir_ini_next(struct weir_ini *ini, const char *section_example,
                  struct weir_ini_item *out, struct weir_err *err);

/* Says what is wrong at @at, which lies in the line: "FILE:LINE:COLUMN: words". Returns
 * -EBADMSG. */
int weir_ini_fail(const struct weir_ini *ini, const char *at, struct weir_err *err,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Where @at stands in its line, from 1. */
unsigned int weir_ini_column(const struct weir_ini *ini, const char *at);

/* Takes the next line off *rest, without its comment and blanks; *line is where it stands
 * in the text. */
bool weir_ini_line(struct weir_str *rest, struct weir_str *line);

/* "[pool 2M]" -> "pool", "2M". Both are empty where it is no such line. */
bool weir_ini_section(struct weir_str line, struct weir_str *kind, struct weir_str *name);

#endif
