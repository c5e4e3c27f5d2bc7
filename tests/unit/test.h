/* test: what every unit test includes. Names of tests are <object>_<situation>_<outcome>.
 */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

/* cmocka wants these four before it, in this order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/**/
#include <cmocka.h>

#include "base/own.h"
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Equal, or both sides printed in decimal (cmocka prints hexadecimal) and the test fails.
 */
#define expect_u64_eq(got, want)                                                        \
	do {                                                                            \
		uint64_t got_ = (got), want_ = (want);                                  \
		if (got_ != want_)                                                      \
			fail_msg("%s is %" PRIu64 ", not %" PRIu64, #got, got_, want_); \
	} while (0)

#define expect_int_eq(got, want)                                             \
	do {                                                                 \
		long long got_ = (got), want_ = (want);                      \
		if (got_ != want_)                                           \
			fail_msg("%s is %lld, not %lld", #got, got_, want_); \
	} while (0)

/* A known count of this value; an unknown one. For struct weir_count. */
#define expect_count(got, want)                                                          \
	do {                                                                             \
		if (!(got).known)                                                        \
			fail_msg("%s is unknown, not %" PRIu64, #got, (uint64_t)(want)); \
		expect_u64_eq((got).n, (want));                                          \
	} while (0)

#define expect_unknown(got)                                                        \
	do {                                                                       \
		if ((got).known)                                                   \
			fail_msg("%s is %" PRIu64 ", not unknown", #got, (got).n); \
		expect_u64_eq((got).n, 0);                                         \
	} while (0)

#define expect_str(got, want)                                                          \
	do {                                                                           \
		const char *got_ = (got), *want_ = (want);                             \
		if (!got_ || strcmp(got_, want_) != 0)                                 \
			fail_msg("%s is '%s', not '%s'", #got, got_ ? got_ : "(null)", \
			         want_);                                               \
	} while (0)

/* The slice @got (a struct weir_str) holds exactly the string @want. */
#define expect_text(got, want)                                                        \
	do {                                                                          \
		struct weir_str text_ = (got);                                        \
		const char *want_ = (want);                                           \
		if (!weir_str_eq(text_, want_))                                       \
			fail_msg("%s is '%.*s', not '%s'", #got, WEIR_STR_ARG(text_), \
			         want_);                                              \
	} while (0)

/* Skips the running test; the reason, in words, is shown with the count of skipped ones.
 */
#define skip_because(...)                        \
	do {                                     \
		print_message("# " __VA_ARGS__); \
		print_message("\n");             \
		skip();                          \
	} while (0)

#endif
