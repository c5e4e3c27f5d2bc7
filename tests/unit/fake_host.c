/* fake_host: see fake_host.h. */
#include "fake_host.h"

#include "test.h"

#include <errno.h>

static struct fake_file *find(struct fake_host *fake, const char *path)
{
	for (size_t i = 0; i < fake->nr_files; i++)
		if (strcmp(fake->files[i].path, path) == 0)
			return &fake->files[i];
	return NULL;
}

static int fake_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	struct fake_file *file = find(ctx, path);
	struct weir_str text;
	bool cut;
	int r;

	if (!file || file->error)
		return file ? file->error : -ENOENT;
	text = file->nr_reads++ && file->later ? weir_strz(file->later)
	       : file->size                    ? weir_str(file->text, file->size)
	                                       : weir_strz(file->text);
	cut = text.n > max;
	r = weir_buf_add(out, weir_str(text.p, cut ? max : text.n));
	return r == 0 && cut ? -EFBIG : r;
}

static int fake_write(void *ctx, const char *path, struct weir_str text)
{
	(void)ctx;
	(void)path;
	(void)text;
	return -EROFS;
}

/* "/sys/a/b" in "/sys" is "a", a directory. */
static int add_child(const char *dir, const char *path, struct weir_names *out)
{
	struct weir_str rest = weir_strz(path), name;
	size_t n = strlen(dir);

	if (!weir_str_starts(rest, dir) || rest.n <= n || rest.p[n] != '/')
		return 0;
	rest = weir_str_skip(rest, n + 1);
	(void)weir_str_cut(&rest, '/', &name);
	return weir_names_add(out, name, rest.n > 0);
}

static int fake_list(void *ctx, const char *path, struct weir_names *out)
{
	struct fake_host *fake = ctx;
	const struct fake_file *dir = find(fake, path);
	int r = dir ? dir->error : 0;

	for (size_t i = 0; r == 0 && i < fake->nr_files; i++)
		r = add_child(path, fake->files[i].path, out);
	return r == 0 && !out->nr ? -ENOENT : r;
}

static uint64_t fake_now_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static void fake_free(void *ctx)
{
	(void)ctx; /* the caller's */
}

static const struct weir_host_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
	.list = fake_list,
	.now_ns = fake_now_ns,
	.free = fake_free,
};

void fake_open(struct fake_host *fake, struct fake_file *files, size_t nr)
{
	*fake = (struct fake_host){
		.host = { &fake_ops, fake },
		.reader = { .host = &fake->host, .gaps = &fake->gaps },
		.files = files,
		.nr_files = nr,
	};
	for (size_t i = 0; i < nr; i++)
		files[i].nr_reads = 0;
}

void fake_close(struct fake_host *fake)
{
	weir_reader_done(&fake->reader);
	weir_gaps_done(&fake->gaps);
}

const char *fake_expect_gap(const struct fake_host *fake, enum weir_gap_kind kind,
                            const char *path)
{
	for (size_t i = 0; i < fake->gaps.nr; i++) {
		const struct weir_gap *gap = &fake->gaps.v[i];

		if (strcmp(gap->path, path) != 0)
			continue;
		if (gap->kind != kind)
			fail_msg("%s is %s, not %s", path, weir_gap_word(gap->kind),
			         weir_gap_word(kind));
		return gap->why ? gap->why : "";
	}
	fail_msg("no gap for %s", path);
	return "";
}
