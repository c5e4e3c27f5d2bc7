/* size: byte sizes as people and the kernel write them.
 *
 * The units are binary: K = 1024. Exact or refused: "2M" parses, "0.7M", "2MB" and " 2M"
 * do not; the kernel's own "2048kB" does. */
#ifndef WEIR_BASE_SIZE_H
#define WEIR_BASE_SIZE_H

#include "base/str.h"

#define WEIR_KIB (UINT64_C(1) << 10)
#define WEIR_MIB (UINT64_C(1) << 20)
#define WEIR_GIB (UINT64_C(1) << 30)

#define WEIR_SIZE_TEXT_MAX 32 /* any result of the formatters below, with its NUL */

/* Digits with an optional K, M, G, T, P, E (either case), or the kernel's "<n>kB".
 * Returns 0, -EBADMSG, or -ERANGE past 2^64-1. */
int weir_parse_size(struct weir_str s, uint64_t *out_bytes);

/* The shortest exact form: 2097152 -> "2M", 1536 -> "1536". Returns what was written to
 * @out, as a string that weir_parse_size() reads back to @bytes. */
struct weir_str weir_format_size(uint64_t bytes, char *out, size_t cap);

/* For people: at most one decimal, cut and never rounded up, so that what is shown is
 * there: 1610612736 -> "1.5G", 1047527424 -> "999M", 0 -> "0". Returns @out. */
const char *weir_format_human(uint64_t bytes, char *out, size_t cap);

#endif
