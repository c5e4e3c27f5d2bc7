/* span: spans of time as people write them: "90s", "30m", "12h", "7d". Exact or refused:
 * one number, one unit; neither "1h30m" nor "1.5h". */
#ifndef WEIR_BASE_SPAN_H
#define WEIR_BASE_SPAN_H

#include "base/str.h"

#define WEIR_SPAN_TEXT_MAX 24 /* any result of the formatter, with its NUL */

/* Seconds, 1 or more, of a number with s, m, h or d behind it. 0; -EBADMSG; -ERANGE past
 * UINT32_MAX of the unit. */
int weir_parse_span(struct weir_str s, uint64_t *out_seconds);

/* For people: in the largest unit of which there is one, cut and never rounded up.
 * Returns @out. */
const char *weir_format_span(uint64_t seconds, char *out, size_t cap);

#endif
