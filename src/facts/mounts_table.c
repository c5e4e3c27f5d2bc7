/* mounts_table: mountinfo lines through libmount; see mounts.h.
 *
 * Of a library that can also find out, resolve and change, only the parser is used, and
 * on text that was read through the host: nothing here looks at this machine. */
#include "facts/mounts.h"

#include "base/dl.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <libmount.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#define SONAME "libmount.so.1" /* the ABI since util-linux 2.18 */

static struct {
	__typeof__(mnt_new_table) *new_table;
	__typeof__(mnt_unref_table) *unref_table;
	__typeof__(mnt_table_parse_stream) *parse_stream;
	__typeof__(mnt_table_get_nents) *get_nents;
	__typeof__(mnt_new_iter) *new_iter;
	__typeof__(mnt_free_iter) *free_iter;
	__typeof__(mnt_table_next_fs) *next_fs;
	__typeof__(mnt_fs_get_id) *get_id;
	__typeof__(mnt_fs_get_devno) *get_devno;
	__typeof__(mnt_fs_get_root) *get_root;
	__typeof__(mnt_fs_get_target) *get_target;
	__typeof__(mnt_fs_get_source) *get_source;
	__typeof__(mnt_fs_get_fstype) *get_fstype;
	__typeof__(mnt_fs_get_vfs_options) *get_vfs_options;
	__typeof__(mnt_fs_get_fs_options) *get_fs_options;
	__typeof__(mnt_optstr_get_option) *get_option;
} mnt;

static const struct weir_dl_symbol symbols[] = {
	{ "mnt_new_table", &mnt.new_table },
	{ "mnt_unref_table", &mnt.unref_table },
	{ "mnt_table_parse_stream", &mnt.parse_stream },
	{ "mnt_table_get_nents", &mnt.get_nents },
	{ "mnt_new_iter", &mnt.new_iter },
	{ "mnt_free_iter", &mnt.free_iter },
	{ "mnt_table_next_fs", &mnt.next_fs },
	{ "mnt_fs_get_id", &mnt.get_id },
	{ "mnt_fs_get_devno", &mnt.get_devno },
	{ "mnt_fs_get_root", &mnt.get_root },
	{ "mnt_fs_get_target", &mnt.get_target },
	{ "mnt_fs_get_source", &mnt.get_source },
	{ "mnt_fs_get_fstype", &mnt.get_fstype },
	{ "mnt_fs_get_vfs_options", &mnt.get_vfs_options },
	{ "mnt_fs_get_fs_options", &mnt.get_fs_options },
	{ "mnt_optstr_get_option", &mnt.get_option },
};

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

/* 0 with *value, 1 when @name is not among the options, negative when they are garbled.
 */
static int find_option(const char *optstr, const char *name, struct weir_str *value)
{
	char *p = NULL;
	size_t n = 0;
	int r = optstr ? mnt.get_option(optstr, name, &p, &n) : 1;

	*value = weir_str(p ? p : "", p ? n : 0);
	return r;
}

static bool has_option(const char *optstr, const char *name)
{
	struct weir_str value;

	return find_option(optstr, name, &value) == 0;
}

static int parse_option(const char *optstr, size_t i, struct weir_hugetlbfs *m,
                        struct weir_err *err)
{
	struct weir_count *slot = (struct weir_count *)(void *)((char *)m +
	                                                        options[i].at);
	struct weir_str value;
	uint64_t n;
	int r = find_option(optstr, options[i].name, &value);

	if (r > 0)
		return 0;
	*slot = (struct weir_count){ 0 }; /* given, so the default is not it */
	if (r < 0 || options[i].parse(value, &n) < 0)
		return weir_err_set(err, WEIR_GARBLED, "no plausible %s= for %s: '%.*s'",
		                    options[i].name, m->target, WEIR_STR_ARG(value));
	*slot = WEIR_COUNT(n);
	return 0;
}

static int add_hugetlbfs(struct libmnt_fs *fs, struct weir_count default_page,
                         struct weir_mounts *out, struct weir_err *err)
{
	const char *source = mnt.get_source(fs), *optstr = mnt.get_fs_options(fs);
	struct weir_hugetlbfs *m;
	int r, result = 0;

	r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
	if (r < 0)
		return r;
	m = &out->v[out->nr++];
	m->target = strdup(mnt.get_target(fs));
	m->source = strdup(source ? source : "");
	if (!m->target || !m->source)
		return -ENOMEM;
	m->id = (unsigned int)mnt.get_id(fs);
	m->major = major(mnt.get_devno(fs));
	m->minor = minor(mnt.get_devno(fs));
	m->read_only = has_option(mnt.get_vfs_options(fs), "ro") ||
	               has_option(optstr, "ro");
	m->has_subpool = has_option(optstr, "size") || has_option(optstr, "min_size");
	m->page_bytes = default_page;
	for (size_t i = 0; i < WEIR_NELEM(options); i++) {
		r = parse_option(optstr, i, m, result ? NULL : err);
		result = result ? result : r;
	}
	return result;
}

/* A container's runtime may mount parts of the tree elsewhere: the first mount of the
 * whole is meant, or the first of a part when there is no other. */
struct cgroup_mounts {
	bool whole2, whole1;
};

static int choose(struct libmnt_fs *fs, char **place, bool *whole)
{
	bool is_whole = strcmp(mnt.get_root(fs), "/") == 0;

	if (*place && (*whole || !is_whole))
		return 0;
	free(*place);
	*place = strdup(mnt.get_target(fs));
	*whole = is_whole;
	return *place ? 0 : -ENOMEM;
}

static int add_fs(struct libmnt_fs *fs, struct weir_count default_page,
                  struct cgroup_mounts *seen, struct weir_mounts *out,
                  struct weir_err *err)
{
	const char *type = mnt.get_fstype(fs), *target = mnt.get_target(fs);

	if (!type || !target || target[0] != '/' || !mnt.get_root(fs))
		return weir_err_set(err, WEIR_GARBLED, "mount %d has no path",
		                    mnt.get_id(fs));
	if (strcmp(type, "hugetlbfs") == 0)
		return add_hugetlbfs(fs, default_page, out, err);
	if (strcmp(type, "cgroup2") == 0)
		return choose(fs, &out->cgroup2, &seen->whole2);
	if (strcmp(type, "cgroup") == 0 && has_option(mnt.get_fs_options(fs), "hugetlb"))
		return choose(fs, &out->cgroup1_hugetlb, &seen->whole1);
	return 0;
}

static int add_table(struct libmnt_table *table, struct libmnt_iter *iter,
                     struct weir_count default_page, struct weir_mounts *out,
                     struct weir_err *err)
{
	struct cgroup_mounts seen = { 0 };
	struct libmnt_fs *fs;
	int r, result = 0;

	while (mnt.next_fs(table, iter, &fs) == 0) {
		r = add_fs(fs, default_page, &seen, out, result ? NULL : err);
		if (r < 0)
			return r;
		result = result ? result : r;
	}
	return result;
}

/* libmount passes over lines that it does not understand. "" as the name of the stream
 * keeps it from resolving one in the current directory (path_to_tid()). */
static int parse_lines(struct libmnt_table *table, struct weir_buf *lines, size_t nr,
                       struct weir_err *err)
{
	FILE *f = fmemopen(lines->p, lines->n, "r");
	int r, got;

	if (!f)
		return -ENOMEM;
	r = mnt.parse_stream(table, f, "");
	(void)fclose(f);
	if (r == -ENOMEM)
		return r;
	got = mnt.get_nents(table);
	if (r == 0 && got >= 0 && (size_t)got == nr)
		return 0;
	return weir_err_set(err, WEIR_GARBLED,
	                    "%d of %zu lines of hugetlbfs and cgroups understood", got,
	                    nr);
}

int weir_mounts_table(struct weir_buf *lines, size_t nr, struct weir_count default_page,
                      struct weir_mounts *out, struct weir_err *err)
{
	struct libmnt_table *table;
	struct libmnt_iter *iter;
	int r, result = -ENOMEM;

	r = weir_dl_load(SONAME, symbols, WEIR_NELEM(symbols),
	                 "looking at mounts of hugetlbfs and cgroups", err);
	if (r < 0)
		return r;
	table = mnt.new_table();
	iter = mnt.new_iter(MNT_ITER_FORWARD);
	if (table && iter)
		result = parse_lines(table, lines, nr, err);
	if (result >= 0) {
		r = add_table(table, iter, default_page, out, result ? NULL : err);
		result = r < 0 || !result ? r : result;
	}
	mnt.free_iter(iter);
	mnt.unref_table(table);
	return result;
}
