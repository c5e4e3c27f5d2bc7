/* members: see members.h. A sorted array: put in order once, then searched by halving.
 * All that is below a directory shares the prefix "dir/" and so lies side by side. */
#include "host/members.h"

#include "base/own.h"

#include <errno.h>

static void member_done(struct weir_member *m)
{
	free(m->path);
	free(m->text);
}

void weir_members_done(struct weir_members *all)
{
	for (size_t i = 0; i < all->nr; i++)
		member_done(&all->v[i]);
	free(all->v);
	*all = (struct weir_members){ 0 };
}

static char *copy_text(struct weir_str s)
{
	char *copy = malloc(s.n + 1); /* s.n <= WEIR_MEMBER_MAX */

	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

static bool fits(const struct weir_members *all, size_t bytes)
{
	return all->nr < WEIR_MEMBERS_NR_MAX && bytes <= WEIR_MEMBER_MAX &&
	       bytes <= WEIR_MEMBERS_MAX - all->bytes;
}

/* Takes over @text, NULL for a directory, also when it fails. */
static int add_member(struct weir_members *all, const char *path, char *text, size_t n)
{
	struct weir_member m = { strdup(path), text, n, all->next_seq };
	int r = m.path ? weir_grow(&all->v, &all->cap, all->nr, sizeof(*all->v))
	               : -ENOMEM;

	if (r < 0) {
		member_done(&m);
		return r;
	}
	all->bytes += n;
	all->next_seq++;
	all->v[all->nr++] = m;
	return 0;
}

int weir_members_add(struct weir_members *all, const char *path,
                     const struct weir_str *text)
{
	char *copy = NULL;

	if (!fits(all, text ? text->n : 0))
		return -EFBIG;
	if (text) {
		copy = copy_text(*text);
		if (!copy)
			return -ENOMEM;
	}
	return add_member(all, path, copy, text ? text->n : 0);
}

int weir_members_take(struct weir_members *all, const char *path, struct weir_buf *text)
{
	struct weir_buf taken;
	int r;

	if (!fits(all, text->n))
		return -EFBIG;
	r = weir_buf_reserve(text, 0); /* an empty file is a text too */
	if (r < 0)
		return r;
	taken = *text;
	*text = (struct weir_buf){ 0 };
	return add_member(all, path, taken.p, taken.n);
}

static int by_path_and_seq(const void *a, const void *b)
{
	const struct weir_member *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

void weir_members_sort(struct weir_members *all)
{
	size_t kept = 0;

	if (all->nr)
		qsort(all->v, all->nr, sizeof(*all->v), by_path_and_seq);
	for (size_t i = 0; i < all->nr; i++) {
		if (i + 1 < all->nr && strcmp(all->v[i].path, all->v[i + 1].path) == 0) {
			all->bytes -= all->v[i].n;
			member_done(&all->v[i]);
		} else {
			all->v[kept++] = all->v[i];
		}
	}
	all->nr = kept;
}

/* Index of the first member whose path is not below @path in order. */
static size_t lower_bound(const struct weir_members *all, const char *path)
{
	size_t lo = 0, hi = all->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(all->v[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct weir_member *weir_members_find(const struct weir_members *all,
                                            const char *path)
{
	size_t at = lower_bound(all, path);

	return at < all->nr && strcmp(all->v[at].path, path) == 0 ? &all->v[at] : NULL;
}

/* Adds the child of "prefix" that member @at belongs to; moves past the child's subtree:
 * '0' is the character after '/', so "prefix child 0" bounds all of "prefix child /". */
static int add_child(const struct weir_members *all, struct weir_str prefix, size_t *at,
                     struct weir_names *out)
{
	weir_auto(weir_buf_done) struct weir_buf end = { 0 };
	const char *rest = all->v[*at].path + prefix.n;
	const char *slash = strchr(rest, '/');
	struct weir_str child = slash ? weir_str(rest, (size_t)(slash - rest))
	                              : weir_strz(rest);
	int r;

	r = weir_names_add(out, child, slash || !all->v[*at].text);
	if (r < 0 || !slash) {
		*at += 1;
		return r;
	}
	r = weir_buf_add(&end, prefix);
	if (r == 0)
		r = weir_buf_add(&end, child);
	if (r == 0)
		r = weir_buf_addz(&end, "0");
	if (r == 0)
		*at = lower_bound(all, end.p);
	return r;
}

int weir_members_list(const struct weir_members *all, const char *path,
                      struct weir_names *out)
{
	weir_auto(weir_buf_done) struct weir_buf prefix = { 0 };
	const struct weir_member *self = weir_members_find(all, path);
	size_t at;
	int r;

	if (self && self->text)
		return -ENOTDIR;
	r = weir_buf_addz(&prefix, path);
	if (r == 0 && !weir_str_ends(weir_buf_str(&prefix), "/"))
		r = weir_buf_addz(&prefix, "/");
	if (r < 0)
		return r;
	at = lower_bound(all, prefix.p);
	if (at < all->nr && strcmp(all->v[at].path, prefix.p) == 0)
		at++; /* "/" itself */
	while (r == 0 && at < all->nr &&
	       strncmp(all->v[at].path, prefix.p, prefix.n) == 0)
		r = add_child(all, weir_buf_str(&prefix), &at, out);
	return r == 0 && !out->nr && !self ? -ENOENT : r;
}

bool weir_member_path_ok(const char *path)
{
	struct weir_str rest = weir_strz(path), part;

	if (!weir_str_starts(rest, "/"))
		return false;
	rest = weir_str_skip(rest, 1);
	if (weir_str_ends(rest, "/"))
		return false;
	while (weir_str_cut(&rest, '/', &part))
		if (!part.n || weir_str_eq(part, ".") || weir_str_eq(part, ".."))
			return false;
	return true;
}
