/* fact: what is common to all facts: values that may be unknown, and why they are.
 *
 * A parser in this folder is pure: kernel text in, typed facts out. It keeps what it
 * understands and passes over lines that it does not know, because kernels add lines; a
 * line that it knows and that is garbled leaves its fact unknown. It returns
 *	0            all that it knows was in order (much of it may be absent)
 *	WEIR_GARBLED something was not; @err has words for the first such place
 *	-ENOMEM
 * The readers ask a host for the text, run the parser, and keep each failure as a gap. */
#ifndef WEIR_FACTS_FACT_H
#define WEIR_FACTS_FACT_H

#include "base/err.h"
#include "base/str.h"
#include "host/host.h"

enum { WEIR_GARBLED = 1 };

/* A number that the kernel may not have given: absent is not zero. */
struct weir_count {
	bool known;
	uint64_t n; /* 0 unless known */
};

#define WEIR_COUNT(value) ((struct weir_count){ true, (value) })

/* Past this no count of pages or bytes is real: the kernel's counter went below zero and
 * wrapped (as HugePages_Rsvd does on 6.9 to 6.18), or the file is damaged. */
#define WEIR_COUNT_MAX ((uint64_t)INT64_MAX)

/* The largest node id: MAX_NUMNODES is 1024 at most (include/linux/numa.h, v6.6). */
#define WEIR_NODE_MAX 1023U

/* Sums and differences: known when both sides are and the result is in range. */
struct weir_count weir_count_add(struct weir_count a, struct weir_count b);
struct weir_count weir_count_sub(struct weir_count a, struct weir_count b);
struct weir_count weir_count_mul(struct weir_count a, uint64_t by);

enum weir_gap_kind {
	WEIR_GAP_ABSENT,    /* this kernel or this capture has no such file */
	WEIR_GAP_FORBIDDEN, /* it may not be read by this user */
	WEIR_GAP_TOO_LARGE, /* larger than any real one: not read to its end */
	WEIR_GAP_MALFORMED, /* read, but not understood in part or at all */
	WEIR_GAP_FAILED,    /* the kernel or the capture failed to give it */
};

/* What is not known, and why. */
struct weir_gap {
	enum weir_gap_kind kind;
	char *path;
	char *why; /* one line for people; NULL where the kind says it all */
};

struct weir_gaps {
	struct weir_gap *v;
	size_t nr, cap;
};

const char *weir_gap_word(enum weir_gap_kind kind); /* "absent", "forbidden", ... */
void weir_gaps_done(struct weir_gaps *gaps);

/* Copies the words. A path that is there already keeps its first gap. */
int weir_gaps_add(struct weir_gaps *gaps, enum weir_gap_kind kind, const char *path,
                  const char *why);

/* What a reader of facts works with: where from, where failures go, and a buffer that is
 * used again from file to file. */
struct weir_reader {
	const struct weir_host *host;
	struct weir_gaps *gaps;
	struct weir_buf text;
	int failed; /* -ENOMEM, and then nothing more is read */
};

void weir_reader_done(struct weir_reader *rd);

/* A limit for files that the kernel keeps within a page. */
#define WEIR_SMALL_MAX 65536U

/* Reads the file named by @fmt. True when *text (valid until the next call) holds all of
 * it. False after keeping a gap. */
bool weir_reader_text(struct weir_reader *rd, size_t max, struct weir_str *text,
                      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same, but at most the first @max bytes: enough of a long file is not a gap. */
bool weir_reader_head(struct weir_reader *rd, size_t max, struct weir_str *text,
                      const char *path);

/* The names in a directory, in @out, which the caller clears. False after keeping a gap.
 */
bool weir_reader_list(struct weir_reader *rd, const char *path, struct weir_names *out);

/* A file with one decimal number and a newline. Unknown and a gap otherwise; past
 * @most also (WEIR_COUNT_MAX for what counts pages, UINT64_MAX for limits). */
struct weir_count weir_reader_count(struct weir_reader *rd, uint64_t most,
                                    const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One short line as a string of the caller's; NULL and a gap when it cannot be had. */
char *weir_reader_line(struct weir_reader *rd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Keeps the result of a parser over @path: a gap when it is WEIR_GARBLED. */
void weir_reader_parsed(struct weir_reader *rd, int r, const char *path,
                        const struct weir_err *err);

/* "key<blanks>value" parsers share this: the count in @s, a plain decimal number. */
int weir_count_parse(struct weir_str s, struct weir_count *out);

#endif
