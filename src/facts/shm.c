/* shm: see shm.h. The columns are found by their headings, as kernels added some. */
#include "facts/shm.h"

#include "base/own.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define COLUMNS_MAX 32
#define SHM_DEST    01000

enum column_kind { COLUMN_OTHER, COLUMN_NUMBER, COLUMN_OCTAL, COLUMN_KEY, COLUMN_RSS };

#define AT(field) offsetof(struct weir_shm_segment, field)

static const struct {
	const char *name;
	enum column_kind kind;
	size_t at;
} columns[] = {
	{ "key", COLUMN_KEY, AT(key) },
	{ "shmid", COLUMN_NUMBER, AT(id) },
	{ "perms", COLUMN_OCTAL, AT(mode) },
	{ "size", COLUMN_NUMBER, AT(size_bytes) },
	{ "cpid", COLUMN_NUMBER, AT(creator_pid) },
	{ "lpid", COLUMN_NUMBER, AT(last_pid) },
	{ "nattch", COLUMN_NUMBER, AT(nr_attached) },
	{ "uid", COLUMN_NUMBER, AT(uid) },
	{ "cuid", COLUMN_NUMBER, AT(creator_uid) },
	{ "ctime", COLUMN_NUMBER, AT(changed_at) },
	{ "rss", COLUMN_RSS, 0 },
};

void weir_shm_done(struct weir_shm *shm)
{
	free(shm->v);
	*shm = (struct weir_shm){ 0 };
}

static bool parse_octal(struct weir_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (!s.n || s.n > 7)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return false;
		n = n << 3 | (uint64_t)(s.p[i] - '0');
	}
	*out = n;
	return true;
}

/* A key is printed as a signed number. */
static bool parse_key(struct weir_str s, uint64_t *out)
{
	bool minus = weir_str_starts(s, "-");
	uint64_t n;

	if (weir_parse_u64(weir_str_skip(s, minus), &n) < 0 || n > UINT32_MAX)
		return false;
	*out = minus ? (UINT32_MAX & (UINT64_C(0) - n)) : n;
	return true;
}

static bool parse_cell(struct weir_str word, size_t column, struct weir_shm_segment *seg)
{
	uint64_t *slot = (uint64_t *)(void *)((char *)seg + columns[column].at);
	uint64_t n;

	switch (columns[column].kind) {
	case COLUMN_KEY: return parse_key(word, slot);
	case COLUMN_OCTAL: return parse_octal(word, slot);
	case COLUMN_RSS:
		seg->rss_bytes.known = weir_parse_u64(word, &n) == 0 &&
		                       n <= WEIR_COUNT_MAX;
		seg->rss_bytes.n = seg->rss_bytes.known ? n : 0;
		return seg->rss_bytes.known;
	case COLUMN_NUMBER:
	case COLUMN_OTHER: break;
	}
	if (weir_parse_u64(word, &n) < 0 || n > WEIR_COUNT_MAX)
		return false;
	*slot = n;
	return true;
}

struct header {
	int column[COLUMNS_MAX]; /* index into columns[], -1: another one */
	size_t nr;
};

static void parse_header(struct weir_str line, struct header *out)
{
	struct weir_str word;

	out->nr = 0;
	while (out->nr < COLUMNS_MAX && weir_str_word(&line, &word)) {
		int found = -1;

		for (size_t i = 0; i < WEIR_NELEM(columns); i++)
			if (weir_str_eq(word, columns[i].name))
				found = (int)i;
		out->column[out->nr++] = found;
	}
}

static bool parse_segment(struct weir_str line, const struct header *header,
                          struct weir_shm_segment *out)
{
	struct weir_shm_segment seg = { 0 };
	struct weir_str word;
	bool has_id = false;

	for (size_t i = 0; i < header->nr; i++) {
		int column = header->column[i];

		if (!weir_str_word(&line, &word) ||
		    (column >= 0 && !parse_cell(word, (size_t)column, &seg)))
			return false;
		has_id |= column >= 0 && columns[column].at == AT(id) &&
		          columns[column].kind == COLUMN_NUMBER;
	}
	seg.destroyed = seg.mode & SHM_DEST;
	*out = seg;
	return has_id;
}

static int by_id(const void *a, const void *b)
{
	const struct weir_shm_segment *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int weir_shm_parse(struct weir_str text, struct weir_shm *out, struct weir_err *err)
{
	struct header header = { .nr = 0 };
	struct weir_str line;
	int r, result = 0;

	*out = (struct weir_shm){ 0 };
	if (weir_str_line(&text, &line))
		parse_header(line, &header);
	while (weir_str_line(&text, &line)) {
		struct weir_shm_segment seg;

		if (!parse_segment(line, &header, &seg)) {
			if (!result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "not a segment: '%.*s'",
				                      WEIR_STR_ARG(line));
			continue;
		}
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r < 0) {
			weir_shm_done(out);
			return r;
		}
		out->v[out->nr++] = seg;
	}
	if (out->nr)
		qsort(out->v, out->nr, sizeof(*out->v), by_id);
	out->known = true;
	return result;
}

const struct weir_shm_segment *weir_shm_find(const struct weir_shm *shm, uint64_t id)
{
	struct weir_shm_segment key = { .id = id };

	return shm->nr ? bsearch(&key, shm->v, shm->nr, sizeof(key), by_id) : NULL;
}
