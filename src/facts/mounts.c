/* mounts: see mounts.h. */
#include "facts/mounts.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/mountinfo.h"

#include <errno.h>
#include <stddef.h>

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

static int parse_page(struct weir_str s, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_size(s, &n) < 0 || !n || n > WEIR_COUNT_MAX || (n & (n - 1)))
		return -EBADMSG;
	*out = n;
	return 0;
}

/* The kernel prints it without a 0 in front; a person may have given it with one. */
static int parse_mode(struct weir_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (!s.n)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return -EBADMSG;
		n = n * 8 + (uint64_t)(s.p[i] - '0');
		if (n > 07777)
			return -EBADMSG;
	}
	*out = n;
	return 0;
}

static int parse_id(struct weir_str s, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_u64(s, &n) < 0 || n > UINT32_MAX)
		return -EBADMSG;
	*out = n;
	return 0;
}

#define AT(field) offsetof(struct weir_hugetlbfs, field)

static const struct {
	const char *name;
	size_t at;
	int (*parse)(struct weir_str s, uint64_t *out);
} options[] = {
	{ "pagesize", AT(page_bytes), parse_page },
	{ "size", AT(size_bytes), weir_parse_size },
	{ "min_size", AT(min_size_bytes), weir_parse_size },
	{ "nr_inodes", AT(nr_inodes), weir_parse_size },
	{ "mode", AT(mode), parse_mode },
	{ "uid", AT(uid), parse_id },
	{ "gid", AT(gid), parse_id },
};

static int parse_option(struct weir_str given, size_t i, struct weir_hugetlbfs *m,
                        struct weir_err *err)
{
	struct weir_count *slot = (struct weir_count *)(void *)((char *)m +
	                                                        options[i].at);
	struct weir_str value;
	uint64_t n;

	if (!weir_mount_option(given, options[i].name, &value))
		return 0;
	*slot = (struct weir_count){ 0 }; /* given, so the default is not it */
	if (options[i].parse(value, &n) < 0)
		return weir_err_set(err, WEIR_GARBLED, "no plausible %s= for %s: '%.*s'",
		                    options[i].name, m->target, WEIR_STR_ARG(value));
	*slot = WEIR_COUNT(n);
	return 0;
}

/* A path as it is, without the "//deleted" of a mount point that was removed. */
static char *path_of(struct weir_str escaped)
{
	struct weir_buf path = { 0 };

	if (weir_str_ends(escaped, "//deleted") && escaped.n > 9)
		escaped.n -= 9;
	if (weir_buf_add_unescaped(&path, escaped) < 0 ||
	    weir_buf_reserve(&path, 0) < 0) {
		weir_buf_done(&path);
		return NULL;
	}
	return path.p;
}

static bool has_option(struct weir_str given, const char *name)
{
	struct weir_str value;

	return weir_mount_option(given, name, &value);
}

static int add_hugetlbfs(const struct weir_mount_line *line,
                         struct weir_count default_page, struct weir_mounts *out,
                         struct weir_err *err)
{
	struct weir_hugetlbfs *m;
	int r, result = 0;

	r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
	if (r < 0)
		return r;
	m = &out->v[out->nr++];
	m->target = path_of(line->target);
	m->source = path_of(line->source);
	if (!m->target || !m->source)
		return -ENOMEM;
	m->id = line->id;
	m->major = line->major;
	m->minor = line->minor;
	m->read_only = has_option(line->mount_options, "ro") ||
	               has_option(line->fs_options, "ro");
	m->has_subpool = has_option(line->fs_options, "size") ||
	                 has_option(line->fs_options, "min_size");
	m->page_bytes = default_page;
	for (size_t i = 0; i < WEIR_NELEM(options); i++) {
		r = parse_option(line->fs_options, i, m, result ? NULL : err);
		result = result ? result : r;
	}
	return result;
}

/* A container's runtime may mount parts of the tree elsewhere: the first mount of the
 * whole is meant, or the first of a part when there is no other. */
struct cgroup_mounts {
	bool whole2, whole1;
};

static int choose(const struct weir_mount_line *line, char **place, bool *whole)
{
	bool is_whole = weir_str_eq(line->root, "/");

	if (*place && (*whole || !is_whole))
		return 0;
	free(*place);
	*place = path_of(line->target);
	*whole = is_whole;
	return *place ? 0 : -ENOMEM;
}

static int add_line(struct weir_str text, struct weir_count default_page,
                    struct cgroup_mounts *seen, struct weir_mounts *out,
                    struct weir_err *err)
{
	struct weir_mount_line line;

	if (!weir_mountinfo_line(text, &line))
		return weir_err_set(err, WEIR_GARBLED, "not a line of mountinfo: '%.*s'",
		                    WEIR_STR_ARG(text));
	if (weir_str_eq(line.type, "hugetlbfs"))
		return add_hugetlbfs(&line, default_page, out, err);
	if (weir_str_eq(line.type, "cgroup2"))
		return choose(&line, &out->cgroup2, &seen->whole2);
	if (weir_str_eq(line.type, "cgroup") && has_option(line.fs_options, "hugetlb"))
		return choose(&line, &out->cgroup1_hugetlb, &seen->whole1);
	return 0;
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
	struct cgroup_mounts seen = { 0 };
	struct weir_str line;
	size_t nr = 0;
	int r, result = 0;

	*out = (struct weir_mounts){ 0 };
	while (weir_str_line(&text, &line)) {
		if (!is_wanted(line))
			continue;
		if (nr++ == WEIR_MOUNTS_MAX) {
			result = weir_err_set(
				err, WEIR_GARBLED,
				"more than %u mounts of hugetlbfs and cgroups",
				WEIR_MOUNTS_MAX);
			break;
		}
		r = add_line(line, default_page, &seen, out, result ? NULL : err);
		if (r < 0) {
			weir_mounts_done(out);
			return r;
		}
		result = result ? result : r;
	}
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
		if (weir_str_eq(name, "type")) /* hexadecimal, as magic numbers are */
			got.type.known = weir_parse_hex(value, &got.type.n) == 0;
		for (size_t i = 0; i < WEIR_NELEM(fields); i++)
			if (weir_str_eq(name, fields[i].name) &&
			    parse_limit(value, fields[i].slot) != 0 && !result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "no plausible value: '%.*s'",
				                      WEIR_STR_ARG(line));
	}
	*out = (struct weir_statfs){ .type = got.type, .page_bytes = got.page_bytes };
	if (!has_subpool)
		return result;
	*out = got;
	out->limited = got.blocks.known && got.free_blocks.known;
	return result;
}

/* "/@/statfs/" and "/@/stat/" take a path of any length, the reader's own formats do not:
 * a target may have PATH_MAX bytes, all of them escaped or not. */
static bool read_under(struct weir_reader *rd, const char *prefix, const char *target,
                       struct weir_buf *path, struct weir_str *text)
{
	int r;

	path->n = 0;
	r = weir_buf_addz(path, prefix);
	if (r == 0)
		r = weir_buf_addz(path, target);
	if (r == 0)
		r = weir_buf_addz(path,
		                  weir_str_ends(weir_strz(target), "/") ? "@" : "/@");
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

/* A path leads to the topmost mount only: what statfs(2) says is about @m when the page
 * size agrees, and the device that lstat(2) sees there. */
static void read_statfs(struct weir_reader *rd, struct weir_hugetlbfs *m,
                        struct weir_buf *path)
{
	struct weir_statfs statfs;
	struct weir_str text;
	struct weir_err err;

	if (!read_under(rd, "/@/statfs", m->target, path, &text))
		return;
	weir_reader_parsed(rd, weir_statfs_parse(text, m->has_subpool, &statfs, &err),
	                   path->p, &err);
	m->covered = m->page_bytes.known && statfs.page_bytes.known &&
	             m->page_bytes.n != statfs.page_bytes.n;
	if (!m->covered && read_under(rd, "/@/stat", m->target, path, &text))
		m->covered = is_other_device(text, m);
	if (m->covered)
		return;
	m->statfs = statfs;
	if (!m->page_bytes.known)
		m->page_bytes = statfs.page_bytes;
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
	weir_reader_parsed(rd, r, MOUNTINFO, &err);
	for (size_t i = 0; !rd->failed && i < out->nr; i++)
		read_statfs(rd, &out->v[i], &path);
}
