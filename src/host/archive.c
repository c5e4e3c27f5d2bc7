/* archive: a captured host in a .tar.zst, .tar.gz or plain tar, read through libarchive
 * into memory when it is opened.
 *
 * The file comes from somewhere else and is not trusted. A path that could lead out of
 * the tree, or a member past the limits, makes the whole archive refused: it was not made
 * by weir, and guessing what it means would be worse than saying so. Links and devices
 * are kept as failures of their paths: they are never followed. A cut-off archive is
 * refused too, because what is missing from it would read as "this kernel lacks it". */
#include "host/archive.h"

#include "host/manifest.h"

#include "base/dl.h"
#include "base/own.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define SONAME "libarchive.so.13" /* the ABI since libarchive 3.0 */
#define BLOCK  65536U

static struct {
	__typeof__(archive_read_new) *read_new;
	__typeof__(archive_read_free) *read_free;
	__typeof__(archive_read_support_filter_gzip) *filter_gzip;
	__typeof__(archive_read_support_filter_zstd) *filter_zstd;
	__typeof__(archive_read_support_format_tar) *format_tar;
	__typeof__(archive_read_open_filename) *open_filename;
	__typeof__(archive_read_open_memory) *open_memory;
	__typeof__(archive_read_next_header) *next_header;
	__typeof__(archive_read_data) *read_data;
	__typeof__(archive_filter_bytes) *filter_bytes;
	__typeof__(archive_read_header_position) *header_position;
	__typeof__(archive_entry_pathname) *pathname;
	__typeof__(archive_entry_pathname_utf8) *pathname_utf8;
	__typeof__(archive_entry_hardlink) *hardlink;
	__typeof__(archive_entry_filetype) *filetype;
	__typeof__(archive_entry_size) *size;
	__typeof__(archive_error_string) *error_string;
	__typeof__(archive_write_new) *write_new;
	__typeof__(archive_write_free) *write_free;
	__typeof__(archive_write_close) *write_close;
	__typeof__(archive_write_add_filter_zstd) *add_filter_zstd;
	__typeof__(archive_write_add_filter_gzip) *add_filter_gzip;
	__typeof__(archive_write_set_format_gnutar) *set_format;
	__typeof__(archive_write_set_filter_option) *set_filter_option;
	__typeof__(archive_write_open_fd) *open_fd;
	__typeof__(archive_write_header) *write_header;
	__typeof__(archive_write_data) *write_data;
	__typeof__(archive_entry_new) *entry_new;
	__typeof__(archive_entry_free) *entry_free;
	__typeof__(archive_entry_set_pathname) *set_pathname;
	__typeof__(archive_entry_set_size) *set_size;
	__typeof__(archive_entry_set_filetype) *set_filetype;
	__typeof__(archive_entry_set_perm) *set_perm;
	__typeof__(archive_entry_set_mtime) *set_mtime;
} la;

static const struct weir_dl_symbol symbols[] = {
	{ "archive_read_new", &la.read_new },
	{ "archive_read_free", &la.read_free },
	{ "archive_read_support_filter_gzip", &la.filter_gzip },
	{ "archive_read_support_filter_zstd", &la.filter_zstd },
	{ "archive_read_support_format_tar", &la.format_tar },
	{ "archive_read_open_filename", &la.open_filename },
	{ "archive_read_open_memory", &la.open_memory },
	{ "archive_read_next_header", &la.next_header },
	{ "archive_read_data", &la.read_data },
	{ "archive_filter_bytes", &la.filter_bytes },
	{ "archive_read_header_position", &la.header_position },
	{ "archive_entry_pathname", &la.pathname },
	{ "archive_entry_pathname_utf8", &la.pathname_utf8 },
	{ "archive_entry_hardlink", &la.hardlink },
	{ "archive_entry_filetype", &la.filetype },
	{ "archive_entry_size", &la.size },
	{ "archive_error_string", &la.error_string },
	{ "archive_write_new", &la.write_new },
	{ "archive_write_free", &la.write_free },
	{ "archive_write_close", &la.write_close },
	{ "archive_write_add_filter_zstd", &la.add_filter_zstd },
	{ "archive_write_add_filter_gzip", &la.add_filter_gzip },
	{ "archive_write_set_format_gnutar", &la.set_format },
	{ "archive_write_set_filter_option", &la.set_filter_option },
	{ "archive_write_open_fd", &la.open_fd },
	{ "archive_write_header", &la.write_header },
	{ "archive_write_data", &la.write_data },
	{ "archive_entry_new", &la.entry_new },
	{ "archive_entry_free", &la.entry_free },
	{ "archive_entry_set_pathname", &la.set_pathname },
	{ "archive_entry_set_size", &la.set_size },
	{ "archive_entry_set_filetype", &la.set_filetype },
	{ "archive_entry_set_perm", &la.set_perm },
	{ "archive_entry_set_mtime", &la.set_mtime },
};

static int load(struct weir_err *err)
{
	return weir_dl_load(SONAME, symbols, WEIR_NELEM(symbols), "a capture archive",
	                    err);
}

static const char *words(struct archive *a)
{
	const char *s = la.error_string(a);

	return s ? s : "no reason given";
}

struct store {
	struct weir_members files;
	struct weir_manifest manifest;
};

static void store_done(struct store *store)
{
	weir_members_done(&store->files);
	weir_manifest_done(&store->manifest);
}

/* "./proc/meminfo" and "proc/meminfo" -> "/proc/meminfo"; the root itself -> "/". */
static int normal_path(const char *name, struct weir_buf *out)
{
	struct weir_str s = weir_strz(name);
	int r;

	while (weir_str_starts(s, "./"))
		s = weir_str_skip(s, 2);
	if (weir_str_eq(s, "."))
		s.n = 0;
	if (weir_str_ends(s, "/") && s.n > 1)
		s.n--; /* a directory */
	out->n = 0;
	r = weir_buf_addz(out, "/");
	return r < 0 ? r : weir_buf_add(out, s);
}

static int keep_failure(struct store *store, const char *path, int code,
                        struct weir_err *err)
{
	int r = weir_manifest_add_error(&store->manifest, path, code);

	return r < 0 ? weir_err_sys(err, r, "member '%s'", path) : 0;
}

static int read_text(struct archive *a, const char *path, uint64_t size,
                     struct weir_buf *text, struct weir_err *err)
{
	ssize_t n;
	int r;

	text->n = 0;
	r = weir_buf_reserve(text, size + 1); /* one more, to see data past the promise */
	if (r < 0)
		return weir_err_sys(err, r, "member '%s'", path);
	do {
		n = la.read_data(a, text->p + text->n, size + 1 - text->n);
		if (n < 0)
			return weir_err_set(err, -EBADMSG,
			                    "member '%s' cannot be read: %s", path,
			                    words(a));
		text->n += (size_t)n;
	} while (n > 0 && text->n <= size);
	if (text->n !=
	    size) /* tar stores the size ahead: the data must keep that promise */
		return weir_err_set(err, -EBADMSG,
		                    "member '%s' ends after %zu of %" PRIu64
		                    " bytes: the archive is cut off or damaged",
		                    path, text->n, size);
	text->p[text->n] = '\0';
	return 0;
}

static int add_entry(struct archive *a, struct archive_entry *entry, struct store *store,
                     struct weir_buf *path, struct weir_buf *text, struct weir_err *err)
{
	const char *name = la.pathname(entry);
	int64_t size = la.size(entry);
	int r;

	if (!name) /* a pax name, which this locale cannot write */
		name = la.pathname_utf8(entry);
	if (!name)
		return weir_err_set(err, -EBADMSG,
		                    "a member has no name that can be read");
	r = normal_path(name, path);
	if (r < 0)
		return weir_err_sys(err, r, "member '%s'", name);
	if (path->n > 1 && !weir_member_path_ok(path->p))
		return weir_err_set(err, -EBADMSG, "member '%s' points out of the tree",
		                    name);
	if (la.hardlink(entry))
		return keep_failure(store, path->p, -ELOOP, err);
	switch (la.filetype(entry)) {
	case AE_IFREG: break;
	case AE_IFDIR:
		r = weir_members_add(&store->files, path->p, NULL);
		return r < 0 ? weir_err_sys(err, r, "member '%s'", name) : 0;
	case AE_IFLNK: return keep_failure(store, path->p, -ELOOP, err);
	default: return keep_failure(store, path->p, -ENXIO, err);
	}
	if (size < 0 || (uint64_t)size > WEIR_MEMBER_MAX)
		return weir_err_set(err, -EFBIG,
		                    "member '%s' says it holds %" PRId64
		                    " bytes; a capture's files hold at most %u MiB",
		                    name, size, WEIR_MEMBER_MAX >> 20);
	r = read_text(a, name, (uint64_t)size, text, err);
	if (r < 0)
		return r;
	r = weir_members_take(&store->files, path->p, text);
	return r < 0 ? weir_err_sys(err, r,
	                            "member '%s': together more than %u MiB or %u files",
	                            name, WEIR_MEMBERS_MAX >> 20, WEIR_MEMBERS_NR_MAX)
	             : 0;
}

static int read_all(struct archive *a, struct store *store, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct archive_entry *entry;
	int r, got;

	while ((got = la.next_header(a, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
		r = add_entry(a, entry, store, &path, &text, err);
		if (r < 0)
			return r;
		if (store->manifest.nr_errors > WEIR_MEMBERS_NR_MAX)
			return weir_err_set(err, -EFBIG, "more than %u links and devices",
			                    WEIR_MEMBERS_NR_MAX);
	}
	if (got != ARCHIVE_EOF)
		return weir_err_set(err, -EBADMSG, "%s", words(a));
	/* libarchive takes a tar that was cut off between two members in silence. A whole
	 * one has at least a block of zeros where the next header would begin. */
	if (la.filter_bytes(a, 0) <= la.header_position(a))
		return weir_err_set(err, -EBADMSG,
		                    "it has no end mark: the archive is cut off");
	weir_members_sort(&store->files);
	return 0;
}

/* Adds what the manifest says to the failures found on the way. */
static int take_manifest(struct store *store, struct weir_err *err)
{
	const struct weir_member *m = weir_members_find(&store->files,
	                                                WEIR_MANIFEST_PATH);
	struct weir_manifest said = { 0 };
	int r;

	if (!m || !m->text)
		return 0;
	r = weir_manifest_parse(weir_str(m->text, m->n), &said, err);
	if (r < 0)
		return r;
	store->manifest.time_ns = said.time_ns;
	for (size_t i = 0; r == 0 && i < said.nr_errors; i++)
		r = keep_failure(store, said.errors[i].path, said.errors[i].code, err);
	weir_manifest_done(&said);
	return r;
}

static int open_and_read(const char *file, struct weir_str bytes, struct store *store,
                         struct weir_err *err)
{
	struct archive *a = la.read_new();
	int r;

	if (!a)
		return weir_err_sys(err, -ENOMEM, "open");
	(void)la.filter_gzip(a);
	(void)la.filter_zstd(a);
	(void)la.format_tar(a);
	if ((file ? la.open_filename(a, file, BLOCK)
	          : la.open_memory(a, bytes.p, bytes.n)) != ARCHIVE_OK)
		r = weir_err_set(err, -EBADMSG, "%s", words(a));
	else
		r = read_all(a, store, err);
	(void)la.read_free(a);
	if (r == 0)
		r = take_manifest(store, err);
	weir_manifest_sort(&store->manifest);
	return r;
}

static int store_view(void *ctx, const char *path, struct weir_str *out)
{
	const struct store *store = ctx;
	const struct weir_member *m = weir_members_find(&store->files, path);
	int recorded = weir_manifest_error(&store->manifest, path);

	if (!m)
		return recorded ? recorded : -ENOENT;
	if (!m->text)
		return -EISDIR;
	*out = weir_str(m->text, m->n);
	return recorded;
}

static int store_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	struct weir_str text = weir_str("", 0);
	int r = store_view(ctx, path, &text);
	int added = weir_buf_add(out, weir_str(text.p, text.n < max ? text.n : max));

	if (added < 0)
		return added;
	return r == 0 && text.n > max ? -EFBIG : r;
}

static int store_write(void *ctx, const char *path, struct weir_str text)
{
	(void)ctx;
	(void)path;
	(void)text;
	return -EROFS;
}

static int store_list(void *ctx, const char *path, struct weir_names *out)
{
	const struct store *store = ctx;
	int r = weir_members_list(&store->files, path, out);
	int recorded = r == -ENOENT ? weir_manifest_error(&store->manifest, path) : 0;

	return recorded ? recorded : r;
}

static uint64_t store_now_ns(void *ctx)
{
	return ((const struct store *)ctx)->manifest.time_ns;
}

static void store_free(void *ctx)
{
	struct store *store = ctx;

	store_done(store);
	free(store);
}

static const struct weir_host_ops store_ops = {
	.read = store_read,
	.view = store_view,
	.write = store_write,
	.list = store_list,
	.now_ns = store_now_ns,
	.free = store_free,
};

static int new_host(const char *file, struct weir_str bytes, struct weir_host **out,
                    struct weir_err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return weir_err_sys(err, -ENOMEM, "open");
	r = load(err);
	if (r == 0)
		r = open_and_read(file, bytes, store, err);
	if (r < 0) {
		store_free(store);
		return r;
	}
	r = weir_host_new(&store_ops, store, out);
	return r < 0 ? weir_err_sys(err, r, "open") : 0;
}

int weir_archive_new(const char *file, struct weir_host **out, struct weir_err *err)
{
	int r = new_host(file, weir_str(NULL, 0), out, err);

	return r < 0 ? weir_err_wrap(err, r, "capture '%s'", file) : 0;
}

int weir_archive_new_bytes(struct weir_str bytes, struct weir_host **out,
                           struct weir_err *err)
{
	int r = new_host(NULL, bytes, out, err);

	return r < 0 ? weir_err_wrap(err, r, "capture") : 0;
}

static int write_member(struct archive *a, const struct weir_member *m, uint64_t time_ns,
                        struct weir_err *err)
{
	struct archive_entry *entry = la.entry_new();
	int r = 0;

	if (!entry)
		return weir_err_sys(err, -ENOMEM, "member '%s'", m->path);
	la.set_pathname(entry, m->path + 1);
	la.set_filetype(entry, m->text ? AE_IFREG : AE_IFDIR);
	la.set_perm(entry, m->text ? 0644 : 0755);
	la.set_size(entry, (int64_t)m->n); /* <= WEIR_MEMBER_MAX */
	la.set_mtime(entry, (time_t)(time_ns / UINT64_C(1000000000)), 0);
	if (la.write_header(a, entry) != ARCHIVE_OK ||
	    (m->n && la.write_data(a, m->text, m->n) != (ssize_t)m->n))
		r = weir_err_set(err, -EIO, "member '%s': %s", m->path, words(a));
	la.entry_free(entry);
	return r;
}

int weir_archive_write(const struct weir_members *files, uint64_t time_ns,
                       enum weir_archive_kind kind, int fd, struct weir_err *err)
{
	struct archive *a;
	int r = load(err);

	if (r < 0)
		return r;
	a = la.write_new();
	if (!a)
		return weir_err_sys(err, -ENOMEM, "write");
	/* GNU tar keeps names as the bytes they are: pax wants UTF-8. And gzip keeps the
	 * time of writing, unless told not to. */
	if ((kind == WEIR_ARCHIVE_ZSTD && la.add_filter_zstd(a) != ARCHIVE_OK) ||
	    (kind == WEIR_ARCHIVE_GZIP &&
	     (la.add_filter_gzip(a) != ARCHIVE_OK ||
	      la.set_filter_option(a, "gzip", "timestamp", NULL) != ARCHIVE_OK)) ||
	    la.set_format(a) != ARCHIVE_OK || la.open_fd(a, fd) != ARCHIVE_OK)
		r = weir_err_set(err, -EIO, "%s", words(a));
	for (size_t i = 0; r == 0 && i < files->nr; i++)
		r = write_member(a, &files->v[i], time_ns, err);
	if (r == 0 && la.write_close(a) != ARCHIVE_OK)
		r = weir_err_set(err, -EIO, "%s", words(a));
	(void)la.write_free(a);
	return r;
}
