/* record: see record.h.
 *
 * A file read twice keeps its later text: readers that read again do so because the
 * counters moved, and go on with what they read last. A failure is kept even when another
 * try succeeded: a replay then knows less than was known, and nothing wrong. Names that a
 * listing gave are kept when they are directories only: a file that was listed but not
 * read has a text that nobody knows, and an empty one in its place would be a lie. */
#include "host/record.h"

#include "base/own.h"

#include <errno.h>

static void note(struct weir_record *record, int r)
{
	if (r < 0 && record->failed == 0)
		record->failed = r;
}

/* Keeps that @path failed. Absent needs no word; running out of memory is our failure and
 * not the machine's. */
static void note_failure(struct weir_record *record, const char *path, int r)
{
	if (r == -ENOMEM)
		note(record, r);
	else if (r != -ENOENT)
		note(record, weir_manifest_add_error(&record->manifest, path, r));
}

static int record_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	struct weir_record *record = ctx;
	int r = weir_host_read(record->inner, path, max, out);
	struct weir_str text = weir_buf_str(out);

	/* A text is cut at @max, where a replay's reader cuts again. A path that is not
	 * normal cannot be kept: as a member it would lead out of the tree. */
	if ((r == 0 || r == -EFBIG) && weir_member_path_ok(path))
		note(record, weir_members_add(&record->files, path, &text));
	if (r < 0)
		note_failure(record, path, r);
	return r;
}

static int record_write(void *ctx, const char *path, struct weir_str text)
{
	(void)ctx;
	(void)path;
	(void)text;
	return -EROFS; /* a recording is for looking */
}

static int record_list(void *ctx, const char *path, struct weir_names *out)
{
	struct weir_record *record = ctx;
	weir_auto(weir_buf_done) struct weir_buf child = { 0 };
	int r = weir_host_list(record->inner, path, out);

	if (r < 0)
		note_failure(record, path, r);
	if (r < 0 || !weir_member_path_ok(path)) /* as above */
		return r;
	note(record, weir_members_add(&record->files, path, NULL));
	for (size_t i = 0; i < out->nr; i++) {
		if (!out->v[i].is_dir)
			continue;
		child.n = 0;
		r = weir_buf_printf(&child, "%s/%s", path[1] ? path : "", out->v[i].name);
		if (r == 0)
			r = weir_members_add(&record->files, child.p, NULL);
		note(record, r);
	}
	return 0;
}

static uint64_t record_now_ns(void *ctx)
{
	struct weir_record *record = ctx;

	if (!record->manifest
	             .time_ns) /* one capture, one time: a replay shows the same */
		record->manifest.time_ns = weir_host_now_ns(record->inner);
	return record->manifest.time_ns;
}

static void record_free(void *ctx)
{
	(void)ctx; /* the record outlives its host */
}

static const struct weir_host_ops record_ops = {
	.read = record_read,
	.write = record_write,
	.list = record_list,
	.now_ns = record_now_ns,
	.free = record_free,
};

int weir_record_new(struct weir_record *record, const struct weir_host *inner,
                    struct weir_host **out)
{
	*record = (struct weir_record){ .inner = inner };
	return weir_record_more(record, out);
}

int weir_record_more(struct weir_record *record, struct weir_host **out)
{
	return weir_host_new(&record_ops, record, out);
}

void weir_record_done(struct weir_record *record)
{
	weir_members_done(&record->files);
	weir_manifest_done(&record->manifest);
}

int weir_record_finish(struct weir_record *record, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str content;

	weir_manifest_sort(&record->manifest);
	note(record, weir_manifest_format(&record->manifest, &text));
	content = weir_buf_str(&text);
	note(record, weir_members_add(&record->files, WEIR_MANIFEST_PATH, &content));
	if (record->failed < 0)
		return weir_err_sys(err, record->failed,
		                    "remember what was read (%zu files)",
		                    record->files.nr);
	weir_members_sort(&record->files);
	return 0;
}
