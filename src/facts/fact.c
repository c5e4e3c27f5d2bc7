/* fact: see fact.h. */
#include "facts/fact.h"

#include "base/ckd.h"
#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_CAP 512 /* longer than any path of kernel text that is put together here */

static struct weir_count bounded(bool overflow, uint64_t n)
{
	return overflow || n > WEIR_COUNT_MAX ? (struct weir_count){ 0 } : WEIR_COUNT(n);
}

struct weir_count weir_count_add(struct weir_count a, struct weir_count b)
{
	uint64_t n = 0;
	bool bad = !a.known || !b.known || ckd_add(&n, a.n, b.n);

	return bounded(bad, n);
}

struct weir_count weir_count_sub(struct weir_count a, struct weir_count b)
{
	uint64_t n = 0;
	bool bad = !a.known || !b.known || ckd_sub(&n, a.n, b.n);

	return bounded(bad, n);
}

struct weir_count weir_count_mul(struct weir_count a, uint64_t by)
{
	uint64_t n = 0;
	bool bad = !a.known || ckd_mul(&n, a.n, by);

	return bounded(bad, n);
}

int weir_count_parse(struct weir_str s, struct weir_count *out)
{
	uint64_t n;

	if (weir_parse_u64(s, &n) < 0 || n > WEIR_COUNT_MAX)
		return WEIR_GARBLED;
	*out = WEIR_COUNT(n);
	return 0;
}

const char *weir_gap_word(enum weir_gap_kind kind)
{
	switch (kind) {
	case WEIR_GAP_ABSENT: return "absent";
	case WEIR_GAP_FORBIDDEN: return "forbidden";
	case WEIR_GAP_TOO_LARGE: return "too large";
	case WEIR_GAP_MALFORMED: return "malformed";
	case WEIR_GAP_FAILED: return "failed";
	}
	return "failed";
}

void weir_gaps_done(struct weir_gaps *gaps)
{
	for (size_t i = 0; i < gaps->nr; i++) {
		free(gaps->v[i].path);
		free(gaps->v[i].why);
	}
	free(gaps->v);
	*gaps = (struct weir_gaps){ 0 };
}

int weir_gaps_add(struct weir_gaps *gaps, enum weir_gap_kind kind, const char *path,
                  const char *why)
{
	struct weir_gap gap = { .kind = kind };
	int r;

	for (size_t i = 0; i < gaps->nr; i++)
		if (strcmp(gaps->v[i].path, path) == 0)
			return 0;
	r = weir_grow(&gaps->v, &gaps->cap, gaps->nr, sizeof(*gaps->v));
	if (r < 0)
		return r;
	gap.path = strdup(path);
	gap.why = why ? strdup(why) : NULL;
	if (!gap.path || (why && !gap.why)) {
		free(gap.path);
		free(gap.why);
		return -ENOMEM;
	}
	gaps->v[gaps->nr++] = gap;
	return 0;
}

void weir_reader_done(struct weir_reader *rd)
{
	weir_buf_done(&rd->text);
}

static void keep(struct weir_reader *rd, enum weir_gap_kind kind, const char *path,
                 const char *why)
{
	int r = weir_gaps_add(rd->gaps, kind, path, why);

	if (r < 0)
		rd->failed = r;
}

static void keep_failure(struct weir_reader *rd, int r, const char *path)
{
	switch (r) {
	case -ENOMEM: rd->failed = r; break;
	case -ENOENT: keep(rd, WEIR_GAP_ABSENT, path, NULL); break;
	case -EACCES: keep(rd, WEIR_GAP_FORBIDDEN, path, NULL); break;
	case -EFBIG: keep(rd, WEIR_GAP_TOO_LARGE, path, NULL); break;
	default: keep(rd, WEIR_GAP_FAILED, path, strerrordesc_np(-r));
	}
}

static bool read_text(struct weir_reader *rd, size_t max, struct weir_str *text,
                      const char *path, bool head)
{
	int r;

	if (rd->failed)
		return false;
	r = weir_host_text(rd->host, path, max, &rd->text, text);
	if (r < 0 && !(head && r == -EFBIG)) {
		keep_failure(rd, r, path);
		return false;
	}
	return true;
}

bool weir_reader_text(struct weir_reader *rd, size_t max, struct weir_str *text,
                      const char *fmt, ...)
{
	char path[PATH_CAP];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return read_text(rd, max, text, path, false);
}

bool weir_reader_head(struct weir_reader *rd, size_t max, struct weir_str *text,
                      const char *path)
{
	return read_text(rd, max, text, path, true);
}

bool weir_reader_list(struct weir_reader *rd, const char *path, struct weir_names *out)
{
	int r = rd->failed ? rd->failed : weir_host_list(rd->host, path, out);

	if (r < 0)
		keep_failure(rd, r, path);
	return r == 0;
}

/* Why the text of a number was not taken. */
static void explain(struct weir_str text, char *why, size_t cap)
{
	char shown[48];
	uint64_t n;

	(void)weir_str_show(text, shown, sizeof(shown));
	if (!text.n)
		(void)snprintf(why, cap, "empty");
	else if (weir_parse_u64(text, &n) == 0 && n > WEIR_COUNT_MAX)
		(void)snprintf(why, cap,
		               "%s, which is -%" PRIu64 ": the counter went below zero",
		               shown, UINT64_MAX - n + 1);
	else
		(void)snprintf(why, cap, "no plausible number: '%s'", shown);
}

struct weir_count weir_reader_count(struct weir_reader *rd, uint64_t most,
                                    const char *fmt, ...)
{
	struct weir_str text;
	char path[PATH_CAP], why[128];
	uint64_t n;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (!read_text(rd, WEIR_SMALL_MAX, &text, path, false))
		return (struct weir_count){ 0 };
	if (weir_parse_u64(weir_str_chomp(text), &n) == 0 && n <= most)
		return WEIR_COUNT(n);
	explain(weir_str_chomp(text), why, sizeof(why));
	keep(rd, WEIR_GAP_MALFORMED, path, why);
	return (struct weir_count){ 0 };
}

char *weir_reader_line(struct weir_reader *rd, const char *fmt, ...)
{
	struct weir_str text;
	char path[PATH_CAP];
	char *copy;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (!read_text(rd, WEIR_SMALL_MAX, &text, path, false))
		return NULL;
	text = weir_str_chomp(text);
	if (text.n && (memchr(text.p, '\0', text.n) || memchr(text.p, '\n', text.n))) {
		keep(rd, WEIR_GAP_MALFORMED, path, "not one line of text");
		return NULL;
	}
	copy = strndup(text.p, text.n);
	if (!copy)
		rd->failed = -ENOMEM;
	return copy;
}

void weir_reader_parsed(struct weir_reader *rd, int r, const char *path,
                        const struct weir_err *err)
{
	if (r == WEIR_GARBLED)
		keep(rd, WEIR_GAP_MALFORMED, path, err->msg);
	else if (r < 0)
		rd->failed = r;
}
