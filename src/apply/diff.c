/* diff: the longest common run of lines by the textbook's table: quadratic, and the texts
 * are settings of a few dozen lines. What is beyond DIFF_LINES lines is replaced as a
 * whole. */
#include "apply/diff.h"

#include "base/own.h"

#include <assert.h>
#include <errno.h>

#define DIFF_LINES 1500U /* a table of 9 MB at most */
#define CONTEXT    3U

struct lines {
	struct weir_str *v;
	size_t nr, cap;
	bool no_newline; /* the last one has none */
};

static int cut(const struct weir_str *text, struct lines *out)
{
	struct weir_str rest = text ? *text : weir_str("", 0), line;

	out->no_newline = rest.n && !weir_str_ends(rest, "\n");
	while (weir_str_line(&rest, &line)) {
		if (weir_grow(&out->v, &out->cap, out->nr, sizeof(out->v[0])) < 0)
			return -ENOMEM;
		out->v[out->nr++] = line;
	}
	return 0;
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
	bool a_last = a->no_newline && i == a->nr - 1;
	bool b_last = b->no_newline && k == b->nr - 1;

	return a->v[i].n == b->v[k].n && a_last == b_last &&
	       (!a->v[i].n || memcmp(a->v[i].p, b->v[k].p, a->v[i].n) == 0);
}

/* One line of the result: where it stands in either text. */
struct step {
	char sign; /* ' ', '-', '+' */
	size_t i, k;
};

struct steps {
	struct step *v;
	size_t nr, cap;
};

static int step(struct steps *out, char sign, size_t i, size_t k)
{
	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(out->v[0])) < 0)
		return -ENOMEM;
	out->v[out->nr++] = (struct step){ sign, i, k };
	return 0;
}

/* best[i][k]: lines in common of a from i on and b from k on */
static int compare(const struct lines *a, const struct lines *b, struct steps *out)
{
	bool large = a->nr > DIFF_LINES || b->nr > DIFF_LINES;
	size_t width = b->nr + 1, i = 0, k = 0;
	unsigned short *best = large ? NULL : calloc((a->nr + 1) * width, sizeof(*best));
	int r = best || large ? 0 : -ENOMEM;

	for (size_t x = a->nr; best && x-- > 0;)
		for (size_t y = b->nr; y-- > 0;) {
			unsigned short skip_a = best[(x + 1) * width + y];
			unsigned short skip_b = best[x * width + y + 1];

			best[x * width + y] =
				same(a, x, b, y)
					? (unsigned short)(best[(x + 1) * width + y + 1] +
			                                   1)
				: skip_a > skip_b ? skip_a
						  : skip_b;
		}
	while (r == 0 && (i < a->nr || k < b->nr)) {
		if (best && i < a->nr && k < b->nr && same(a, i, b, k)) {
			r = step(out, ' ', i, k);
			i++, k++;
		} else if (i < a->nr &&
		           (k == b->nr || !best ||
		            best[(i + 1) * width + k] >= best[i * width + k + 1])) {
			r = step(out, '-', i++, k);
		} else {
			r = step(out, '+', i, k++);
		}
	}
	free(best);
	return r;
}

/* "12,3", where an empty range names the line before it */
static int range(struct weir_buf *out, char sign, size_t first, size_t nr)
{
	return weir_buf_printf(out, "%c%zu,%zu ", sign, nr ? first + 1 : first, nr);
}

static int print_step(const struct lines *a, const struct lines *b, const struct step *s,
                      struct weir_buf *out)
{
	const struct lines *from = s->sign == '+' ? b : a;
	size_t at = s->sign == '+' ? s->k : s->i;
	int r = weir_buf_printf(out, "%c", s->sign);

	assert(from->v && at < from->nr); /* compare() took it from there */
	if (r == 0)
		r = weir_buf_add(out, from->v[at]);
	if (r == 0)
		r = weir_buf_addz(out, "\n");
	if (r == 0 && from->no_newline && at == from->nr - 1)
		r = weir_buf_addz(out, "\\ No newline at end of file\n");
	return r;
}

/* One hunk, of the steps from @first to before @end. */
static int print_hunk(const struct lines *a, const struct lines *b,
                      const struct steps *steps, size_t first, size_t end,
                      struct weir_buf *out)
{
	size_t nr_a = 0, nr_b = 0;
	int r;

	for (size_t i = first; i < end; i++) {
		nr_a += steps->v[i].sign != '+';
		nr_b += steps->v[i].sign != '-';
	}
	r = weir_buf_addz(out, "@@ ");
	if (r == 0)
		r = range(out, '-', steps->v[first].i, nr_a);
	if (r == 0)
		r = range(out, '+', steps->v[first].k, nr_b);
	if (r == 0)
		r = weir_buf_addz(out, "@@\n");
	for (size_t i = first; r == 0 && i < end; i++)
		r = print_step(a, b, &steps->v[i], out);
	return r;
}

/* Changes with no more than twice the context between them share a hunk. */
static int print_hunks(const struct lines *a, const struct lines *b,
                       const struct steps *steps, struct weir_buf *out)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < steps->nr;) {
		size_t last, first, end;

		while (at < steps->nr && steps->v[at].sign == ' ')
			at++;
		if (at == steps->nr)
			break;
		first = at > CONTEXT ? at - CONTEXT : 0;
		for (last = at; at < steps->nr && at <= last + CONTEXT + CONTEXT; at++)
			if (steps->v[at].sign != ' ')
				last = at;
		end = last + 1 + CONTEXT < steps->nr ? last + 1 + CONTEXT : steps->nr;
		r = print_hunk(a, b, steps, first, end, out);
		at = end;
	}
	return r;
}

static bool is_same(const struct weir_str *a, const struct weir_str *b)
{
	return a && b && a->n == b->n && (!a->n || memcmp(a->p, b->p, a->n) == 0);
}

int weir_diff(const char *path, const struct weir_str *before,
              const struct weir_str *after, struct weir_buf *out)
{
	struct lines a = { 0 }, b = { 0 };
	struct steps steps = { 0 };
	int r = 0;

	if (is_same(before, after) || (!before && !after))
		return 0;
	r = cut(before, &a);
	if (r == 0)
		r = cut(after, &b);
	if (r == 0)
		r = compare(&a, &b, &steps);
	if (r == 0)
		r = weir_buf_printf(out, "--- %s%s\n+++ %s%s\n",
		                    before ? "a" : "/dev/null", before ? path : "",
		                    after ? "b" : "/dev/null", after ? path : "");
	if (r == 0)
		r = print_hunks(&a, &b, &steps, out);
	free(a.v);
	free(b.v);
	free(steps.v);
	return r;
}
