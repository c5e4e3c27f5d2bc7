/* cmdline: /proc/cmdline cut into parameters, and numbers read, as the kernel does both.
 *
 * The rest of weir refuses what is not exact; here the kernel's own leniency is the fact
 * to be known: "hugepagesz=2MB" is 2 MiB, "cma=abc" is 0, "08" is 0 followed by "8".
 * Source: lib/cmdline.c next_arg() and memparse(), kernel/params.c parse_args(), v6.6. */
#ifndef WEIR_FACTS_CMDLINE_H
#define WEIR_FACTS_CMDLINE_H

#include "base/str.h"

/* COMMAND_LINE_SIZE is 2 to 4 KiB and a boot config adds up to 32 KiB: more is no
 * command line. */
#define WEIR_CMDLINE_MAX (64U << 10)

struct weir_param {
	struct weir_str text;  /* as written, quotes included */
	struct weir_str name;  /* without the quote in front of it */
	struct weir_str value; /* without the quotes around it; empty unless has_value */
	bool has_value;        /* there was a '=': "a=" has a value, which is empty */
};

/* Takes the next parameter off *rest. False at the end, at "--" (what follows is for
 * init) and at a NUL; *rest is empty then. All parts borrow from *rest. */
bool weir_cmdline_next(struct weir_str *rest, struct weir_param *out);

/* Parameter names are equal when they differ in '-' and '_' only. */
bool weir_param_is(struct weir_str name, const char *z);

/* Takes a number off the front of *rest: decimal, 0x hexadecimal, or octal after a 0.
 * No digits are 0, and nothing is taken. False, and nothing changed, past 2^64-1, where
 * the kernel's number wraps and means nothing.
 * Source: lib/vsprintf.c simple_strtoull() with base 0. */
bool weir_kernel_number(struct weir_str *rest, uint64_t *out);

/* The same with an optional K, M, G, T, P or E (either case) behind it. */
bool weir_memparse(struct weir_str *rest, uint64_t *out);

#endif
