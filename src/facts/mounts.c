/* mounts: see mounts.h. What does not need libmount: which lines are of interest, and
 * what statfs(2) says of the mounts that they tell of. */
#include "facts/mounts.h"

#include "base/own.h"

#include <errno.h>
#include <limits.h>

#define MOUNTINFO "/proc/self/mountinfo"

void weir_mounts_done(struct weir_mounts *mounts)
{
	for (size_t i = 0; i < mounts->nr; i++) {
		free(mounts->v[i].target);
		free(mounts->v[i].source);
	}
	free(mounts->v);
	free(mounts->cgroup2);
	free(mounts->cgroup1_hugetlb);
	*mounts = (struct weir_mounts){ 0 };
}

/* What follows the first " - " of a mountinfo line: type, source, options. The kernel
 * escapes blanks in all fields before it (fs/proc_namespace.c, show_mountinfo(), v6.6),
 * so that no path can hold this separator. */
static bool after_separator(struct weir_str line, struct weir_str *rest)
{
	ptrdiff_t at = weir_str_find(line, " - ");

	if (at < 0)
		return false;
	*rest = weir_str_skip(line, (size_t)at + 3);
	return true;
}

static bool is_wanted(struct weir_str line)
{
	struct weir_str rest;

	return after_separator(line, &rest) &&
	       (weir_str_starts(rest, "hugetlbfs") || weir_str_starts(rest, "cgroup"));
}

static bool is_id(struct weir_str *rest)
{
	struct weir_str word;
	uint64_t n;

	return weir_str_word(rest, &word) && weir_parse_u64(word, &n) == 0 &&
	       n <= INT_MAX;
}

/* Only the escapes that mangle() in fs/proc_namespace.c makes. */
static bool has_kernel_escapes(struct weir_str s)
{
	static const char *const escapes[] = { "\\011", "\\012", "\\040", "\\043",
		                               "\\134" };

	for (size_t i = 0; i < s.n; i++) {
		bool known = s.p[i] != '\\';

		for (size_t e = 0; !known && e < WEIR_NELEM(escapes); e++)
			known = weir_str_starts(weir_str_skip(s, i), escapes[e]);
		if (!known)
			return false;
	}
	return true;
}

/* libmount takes a table that does not begin with two numbers for an fstab, reads a line
 * up to its NUL only, and looks up a source of /dev/root in the command line and the
 * devices of this machine (libmount/src/tab_parse.c, 2.38), which a captured host must
 * not make it do. No such line is from a kernel, so none is handed on. */
static bool is_sound(struct weir_str line)
{
	struct weir_str rest = line, type, source;

	if (memchr(line.p, '\0', line.n) || !is_id(&rest) || !is_id(&rest))
		return false;
	if (!after_separator(line, &rest) || !weir_str_word(&rest, &type))
		return false;
	return !weir_str_word(&rest, &source) ||
	       (!weir_str_eq(source, "/dev/root") && has_kernel_escapes(source));
}

/* Copies the lines of interest to @out. */
static int sift(struct weir_str text, struct weir_buf *out, size_t *out_nr,
                struct weir_err *err)
{
	struct weir_str line;
	int r, result = 0;

	*out_nr = 0;
	while (weir_str_line(&text, &line)) {
		if (!is_wanted(line))
			continue;
		if (!is_sound(line)) {
			if (!result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "not a line of mountinfo: '%.*s'",
				                      WEIR_STR_ARG(line));
			continue;
		}
		if (*out_nr == WEIR_MOUNTS_MAX)
			return weir_err_set(
				err, WEIR_GARBLED,
				"more than %u mounts of hugetlbfs and cgroups",
				WEIR_MOUNTS_MAX);
		r = weir_buf_add(out, line);
		if (r == 0)
			r = weir_buf_addz(out, "\n");
		if (r < 0)
			return r;
		++*out_nr;
	}
	return result;
}

/* Quadratic, but WEIR_MOUNTS_MAX bounds it to a fraction of a second. */
static void find_same(struct weir_mounts *mounts)
{
	for (size_t i = 0; i < mounts->nr; i++) {
		struct weir_hugetlbfs *m = &mounts->v[i];
		size_t first = 0;

		while (mounts->v[first].major != m->major ||
		       mounts->v[first].minor != m->minor)
			first++;
		m->same_as = first;
	}
}

int weir_mounts_parse(struct weir_str text, struct weir_count default_page,
                      struct weir_mounts *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf lines = { 0 };
	struct weir_err table_err = { 0 };
	size_t nr;
	int r, result;

	*out = (struct weir_mounts){ 0 };
	result = sift(text, &lines, &nr, err);
	if (result < 0)
		return result;
	r = nr ? weir_mounts_table(&lines, nr, default_page, out, &table_err) : 0;
	if (r < 0) {
		weir_mounts_done(out);
		return weir_err_set(err, r, "%s", table_err.msg);
	}
	if (!result && r)
		result = weir_err_set(err, r, "%s", table_err.msg);
	find_same(out);
	out->known = true;
	return result;
}

/* -1 is the kernel's "no such limit"; the text may have it signed or not. */
static int parse_limit(struct weir_str s, struct weir_count *out)
{
	uint64_t n;

	*out = (struct weir_count){ 0 };
	if (weir_str_eq(s, "-1"))
		return 0;
	if (weir_parse_u64(s, &n) < 0)
		return WEIR_GARBLED;
	if (n == UINT64_MAX)
		return 0;
	if (n > WEIR_COUNT_MAX)
		return WEIR_GARBLED;
	*out = WEIR_COUNT(n);
	return 0;
}

int weir_statfs_parse(struct weir_str text, bool has_subpool, struct weir_statfs *out,
                      struct weir_err *err)
{
	struct weir_statfs got = { 0 };
	const struct {
		const char *name;
		struct weir_count *slot;
	} fields[] = {
		{ "bsize", &got.page_bytes },  { "blocks", &got.blocks },
		{ "bfree", &got.free_blocks }, { "files", &got.files },
		{ "ffree", &got.free_files },
	};
	struct weir_str line, name, value;
	int result = 0;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ' ', &name, &value))
			continue;
		for (size_t i = 0; i < WEIR_NELEM(fields); i++)
			if (weir_str_eq(name, fields[i].name) &&
			    parse_limit(value, fields[i].slot) != 0 && !result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "no plausible value: '%.*s'",
				                      WEIR_STR_ARG(line));
	}
	*out = (struct weir_statfs){ .page_bytes = got.page_bytes };
	if (!has_subpool)
		return result;
	*out = got;
	out->limited = got.blocks.known && got.free_blocks.known;
	return result;
}

/* "/@/statfs" and "/@/stat" take a path of any length, the reader's own formats do not:
 * a target may have PATH_MAX bytes, all of them escaped or not. */
static bool read_under(struct weir_reader *rd, const char *prefix, const char *target,
                       struct weir_buf *path, struct weir_str *text)
{
	int r;

	path->n = 0;
	r = weir_buf_addz(path, prefix);
	if (r == 0)
		r = weir_buf_addz(path, target);
	if (r < 0)
		rd->failed = r;
	return !rd->failed && weir_reader_head(rd, WEIR_SMALL_MAX, text, path->p);
}

/* The device in "/@/stat" is that of the topmost mount at this path. */
static bool is_other_device(struct weir_str text, const struct weir_hugetlbfs *m)
{
	struct weir_str line, major, minor;
	uint64_t a, b;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_starts(line, "dev ") ||
		    !weir_str_split(weir_str_skip(line, 4), ':', &major, &minor))
			continue;
		if (weir_parse_u64(major, &a) == 0 && weir_parse_u64(minor, &b) == 0)
			return a != m->major || b != m->minor;
	}
	return false;
}

/* A path leads to the topmost mount only: what statfs(2) says is about @m when device and
 * page size agree. */
static void read_statfs(struct weir_reader *rd, struct weir_hugetlbfs *m,
                        struct weir_buf *path)
{
	struct weir_statfs statfs;
	struct weir_str text;
	struct weir_err err;

	if (read_under(rd, "/@/stat", m->target, path, &text) &&
	    is_other_device(text, m)) {
		m->covered = true;
		return;
	}
	if (!read_under(rd, "/@/statfs", m->target, path, &text))
		return;
	weir_reader_parsed(rd, weir_statfs_parse(text, m->has_subpool, &statfs, &err),
	                   path->p, &err);
	if (m->page_bytes.known && statfs.page_bytes.known &&
	    m->page_bytes.n != statfs.page_bytes.n)
		m->covered = true;
	else
		m->statfs = statfs;
	if (!m->page_bytes.known)
		m->page_bytes = m->statfs.page_bytes;
}

void weir_mounts_read(struct weir_reader *rd, struct weir_count default_page,
                      struct weir_mounts *out)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_str text;
	struct weir_err err;
	int r;

	*out = (struct weir_mounts){ 0 };
	if (!weir_reader_text(rd, WEIR_MOUNTINFO_MAX, &text, MOUNTINFO))
		return;
	r = weir_mounts_parse(text, default_page, out, &err);
	if (r < 0 && r != -ENOMEM) /* no libmount: a gap, not a failure of the reading */
		r = weir_gaps_add(rd->gaps, WEIR_GAP_FAILED, MOUNTINFO, err.msg);
	weir_reader_parsed(rd, r, MOUNTINFO, &err);
	for (size_t i = 0; !rd->failed && i < out->nr; i++)
		read_statfs(rd, &out->v[i], &path);
}
