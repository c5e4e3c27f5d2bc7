/* term: see term.h.
 *
 * What stands before the first '=' says what is asked: nothing or a size is a pool, "n1"
 * a node, "A.m" something of A. Names begin with a letter and have no dot, sizes begin
 * with a digit, and a mapping cannot have a name that means something behind a dot
 * already; so no two forms meet. */
#include "lab/term.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "lab/view.h"
#include "model/policy.h"

#include <errno.h>

bool weir_is_name(struct weir_str s)
{
	if (!s.n || s.n > WEIR_NAME_LEN_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		              c == '_';

		if (!letter && (i == 0 || !(weir_is_digit(c) || c == '-')))
			return false;
	}
	return true;
}

bool weir_is_number(struct weir_str s, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_u64(s, &n) < 0 || n > max)
		return false;
	*out = n;
	return true;
}

bool weir_is_node(struct weir_str s, unsigned int *out_node)
{
	uint64_t n;

	if (!weir_str_starts(s, "n") ||
	    !weir_is_number(weir_str_skip(s, 1), WEIR_MODEL_NODES_MAX - 1, &n))
		return false;
	*out_node = (unsigned int)n;
	return true;
}

static const char *const zone_names[WEIR_ZONE_NR] = {
	[WEIR_ZONE_DMA] = "DMA",
	[WEIR_ZONE_DMA32] = "DMA32",
	[WEIR_ZONE_NORMAL] = "Normal",
	[WEIR_ZONE_MOVABLE] = "Movable",
};

const char *weir_zone_name(enum weir_zone_kind kind)
{
	return zone_names[kind];
}

bool weir_zone_find(struct weir_str name, enum weir_zone_kind *out)
{
	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		if (weir_str_eq(name, zone_names[z])) {
			*out = (enum weir_zone_kind)z;
			return true;
		}
	return false;
}

static const char digits[] =
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+_";
_Static_assert(sizeof(digits) == WEIR_MODEL_NODES_MAX + 1, "a character for each node");

char weir_picture_char(unsigned char node)
{
	return node < WEIR_MODEL_NODES_MAX ? digits[node] : '.';
}

bool weir_picture_run(struct weir_str *rest, unsigned char *out_node, uint64_t *out_count)
{
	struct weir_str s = *rest;
	const char *at;
	uint64_t count = 1;
	size_t n = 0;

	if (!s.n)
		return false;
	at = s.p[0] ? strchr(digits, s.p[0]) : NULL;
	if (!at && s.p[0] != '.')
		return false;
	s = weir_str_skip(s, 1);
	if (weir_str_starts(s, "*")) { /* then a comma, for the next may be a digit */
		s = weir_str_skip(s, 1);
		n = weir_str_index(s, ',');
		if (!weir_is_number(weir_str(s.p, n), UINT64_MAX / 2, &count) || !count ||
		    n + 1 == s.n)
			return false;
		s = weir_str_skip(s, n + 1);
	}
	*out_node = at ? (unsigned char)(at - digits) : WEIR_VIEW_UNMAPPED;
	*out_count = count;
	*rest = s;
	return true;
}

static bool is_picture(struct weir_str s)
{
	unsigned char node;
	uint64_t count, sum = 0;

	if (!s.n)
		return false;
	while (weir_picture_run(&s, &node, &count))
		if (ckd_add(&sum, sum, count))
			return false;
	return s.n == 0;
}

/* A count as a kernel may show it: "-1" is what an unsigned counter holds one below 0. */
static bool parse_count(struct weir_str s, uint64_t *out)
{
	if (weir_str_starts(s, "-")) {
		if (!weir_is_number(weir_str_skip(s, 1), INT64_MAX, out) || !*out)
			return false;
		*out = 0 - *out;
		return true;
	}
	return weir_is_number(s, UINT64_MAX, out);
}

/* "10/8/2/0": exactly @nr counts. */
static bool parse_counts(struct weir_str s, size_t nr, uint64_t *out)
{
	struct weir_str part;
	size_t i = 0;

	if (weir_str_ends(s, "/"))
		return false;
	while (weir_str_cut(&s, '/', &part))
		if (i == nr || !parse_count(part, &out[i++]))
			return false;
	return i == nr;
}

static int bad(struct weir_str s, const char *right, struct weir_err *err)
{
	char shown[64];

	return weir_err_set(err, -EBADMSG, "'%s': %s",
	                    weir_str_show(s, shown, sizeof(shown)), right);
}

/* Terms of the pools: KEY=VALUE after the size, if there was one. */
static int parse_pool(struct weir_str s, struct weir_str key, struct weir_str value,
                      struct weir_term *t, struct weir_err *err)
{
	if (!key.n) {
		t->kind = WEIR_TERM_POOL;
		if (!parse_counts(value, 4, t->n))
			return bad(s, "a pool is TOTAL/FREE/RESERVED/SURPLUS", err);
	} else if (weir_str_eq(key, "max")) {
		t->kind = WEIR_TERM_MAX;
		if (!parse_count(value, &t->n[0]))
			return bad(s, "max=N, the configured target in pages", err);
	} else if (weir_is_node(key, &t->node)) {
		t->kind = WEIR_TERM_NODE;
		if (!parse_counts(value, 3, t->n))
			return bad(s, "a node is TOTAL/FREE/SURPLUS", err);
	} else {
		return bad(s,
		           "no such term; of a pool there are T/F/R/S, n0=T/F/S, max=N",
		           err);
	}
	return 0;
}

/* "+64", "-64": kB. */
static int parse_mem(struct weir_str s, struct weir_str key, struct weir_str value,
                     struct weir_term *t, struct weir_err *err)
{
	t->kind = WEIR_TERM_MEM;
	t->negative = weir_str_starts(value, "-");
	if (!weir_is_node(key, &t->node) ||
	    !(t->negative || weir_str_starts(value, "+")) ||
	    !weir_is_number(weir_str_skip(value, 1), INT64_MAX, &t->n[0]))
		return bad(
			s,
			"the change of a node's memory is mem.n0=+N or mem.n0=-N, in kB",
			err);
	return 0;
}

static bool is_one_of(struct weir_str s, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (weir_str_eq(s, words[i]))
			return true;
	return false;
}

/* "N" or "N~M": N, give or take M. */
static bool parse_about(struct weir_str s, uint64_t *n, uint64_t *tolerance)
{
	struct weir_str about = s, by;

	*tolerance = 0;
	if (weir_str_split(s, '~', &about, &by) &&
	    !weir_is_number(by, UINT64_MAX / 2, tolerance))
		return false;
	return weir_is_number(about, UINT64_MAX / 2, n);
}

static const char *const of_zones[] = { "free", "free_cma", "huge", "huge_cma" };

/* "n0.Movable.free": false when it is none, for then it may be something else. */
static bool is_zone(struct weir_str node, struct weir_str key, struct weir_term *t)
{
	struct weir_str zone;

	return weir_is_node(node, &t->node) &&
	       weir_str_split(key, '.', &zone, &t->word) &&
	       weir_zone_find(zone, &t->zone) &&
	       is_one_of(t->word, of_zones, WEIR_NELEM(of_zones));
}

/* "A.m.pinnable": likewise. */
static bool is_pinnable(struct weir_str name, struct weir_str key, struct weir_term *t)
{
	struct weir_str word;

	return weir_is_name(name) && weir_str_split(key, '.', &t->map, &word) &&
	       weir_is_mapping_name(t->map) && weir_str_eq(word, "pinnable");
}

/* Words behind "NAME.", with those that may have them checked by the parser of scripts.
 */
static const char *const of_groups[] = { "usage", "rsvd", "events" };
static const char *const of_files[] = { "size", "blocks", "bfree", "files", "ffree" };

bool weir_is_mapping_name(struct weir_str s)
{
	return weir_is_name(s) && !weir_str_eq(s, "pages") &&
	       !is_one_of(s, of_groups, WEIR_NELEM(of_groups)) &&
	       !is_one_of(s, of_files, WEIR_NELEM(of_files)) &&
	       !(s.p[0] == 'n' && s.n > 1 && weir_is_digit(s.p[1]));
}

/* Of a cgroup, behind a page size or not. */
static bool parse_group(struct weir_str key, struct weir_term *t)
{
	t->word = key;
	t->kind = WEIR_TERM_STAT;
	if (is_one_of(key, of_groups, WEIR_NELEM(of_groups)))
		return true;
	t->kind = WEIR_TERM_GROUP_NODE;
	return weir_is_node(key, &t->node);
}

/* NAME.KEY=VALUE. */
static int parse_named(struct weir_str s, struct weir_str name, struct weir_str key,
                       struct weir_str value, struct weir_term *t, struct weir_err *err)
{
	struct weir_str size, after, mount = { 0 }, file = name;
	bool plain;

	if (weir_str_eq(name, "mem"))
		return parse_mem(s, key, value, t, err);
	if (is_zone(name, key, t)) {
		t->kind = WEIR_TERM_ZONE;
		return parse_about(value, &t->n[0], &t->n[1])
		               ? 0
		               : bad(s, "a zone's count is N, or N~M: give or take M",
		                     err);
	}
	if (is_pinnable(name, key, t)) {
		t->kind = WEIR_TERM_PINNABLE;
		t->name = name;
		return parse_about(value, &t->n[0], &t->n[1])
		               ? 0
		               : bad(s, "pages are N, or N~M: give or take M", err);
	}
	plain = !weir_str_split(name, '/', &mount, &file);
	if (!weir_is_name(file) || !(plain || weir_is_name(mount)))
		return bad(s, "no such term; see weir-scenario(5), EXPECTATIONS", err);
	t->name = name;
	t->word = key;
	if (weir_str_split(key, '.', &size, &after)) {
		if (weir_parse_size(size, &t->page_bytes) < 0 || !t->page_bytes)
			return bad(s, "what stands between two dots is a page size", err);
		if (!plain || !parse_group(after, t))
			return bad(s, "a cgroup has usage, rsvd, events, n0, n1...", err);
	} else if (plain && parse_group(key, t)) {
		;
	} else if (is_one_of(key, of_files, WEIR_NELEM(of_files))) {
		t->kind = WEIR_TERM_STAT;
	} else if (plain && weir_str_eq(key, "pages")) {
		t->kind = WEIR_TERM_PAGES;
	} else if (plain && weir_is_mapping_name(key)) {
		t->kind = WEIR_TERM_MAP;
		t->map = key;
		t->word = value;
		return is_picture(value) ? 0
		                         : bad(s,
		                               "a mapping is a node's digit a page, '.' "
		                               "for none: 0011.",
		                               err);
	} else {
		return bad(s, "no such term; see weir-scenario(5), EXPECTATIONS", err);
	}
	return parse_count(value, &t->n[0])
	               ? 0
	               : bad(s, "a number is missing behind '='", err);
}

int weir_term_parse(struct weir_str s, struct weir_term *out, struct weir_err *err)
{
	struct weir_str left, value, head, key = { 0 };
	struct weir_term t = { 0 };
	int r, e;

	if (!weir_str_split(s, '=', &left, &value)) {
		t.word = s;
		if (s.n && weir_is_digit(s.p[0])) {
			r = parse_pool(s, key, s, &t, err);
		} else if (weir_str_eq(s, "ok") || weir_errno_find(s, &e)) {
			r = 0;
		} else {
			r = bad(s,
			        "neither a result (ok, ENOMEM, SIGBUS=N) nor a state "
			        "(T/F/R/S)",
			        err);
		}
	} else if (weir_str_eq(left, "SIGBUS") || weir_str_eq(left, "MCEERR")) {
		t.word = left;
		r = weir_is_number(value, UINT64_MAX, &t.n[0])
		            ? 0
		            : bad(s, "the pages done before the signal are missing", err);
	} else if (left.n && weir_is_digit(left.p[0])) {
		if (!weir_str_split(left, '.', &head, &key))
			head = left;
		if (weir_parse_size(head, &t.page_bytes) < 0 || !t.page_bytes)
			return bad(s, "what stands before is no page size", err);
		r = parse_pool(s, key, value, &t, err);
	} else if (weir_str_split(left, '.', &head, &key)) {
		r = parse_named(s, head, key, value, &t, err);
	} else if (left.n) {
		r = parse_pool(s, left, value, &t, err);
	} else {
		r = bad(s, "no such term; see weir-scenario(5), EXPECTATIONS", err);
	}
	if (r == 0)
		*out = t;
	return r;
}
