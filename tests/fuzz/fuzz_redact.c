/* redact: whatever a capture holds, redacting it ends, damages no number of maps and
 * mounts, and done twice does nothing more.
 *
 * The input is files, each ended by the byte 1: a letter that says which, and its text.
 */
#include "capture/redact.h"

#include "facts/mounts.h"

#include "fuzz.h"

#include <errno.h>

static const char *const paths[] = {
	"/proc/sys/kernel/hostname",
	"/proc/cmdline",
	"/@/klog",
	"/proc/self/mountinfo",
	"/@/link/proc/7/fd/1",
	"/proc/7/comm",
	"/proc/7/status",
	"/proc/7/cmdline",
	"/proc/7/cgroup",
	"/proc/7/maps",
	"/proc/7/numa_maps",
	"/proc/8/status",
	"/proc/8/cmdline",
	"/proc/8/cgroup",
};

struct capture {
	struct weir_members files;
	struct weir_manifest manifest;
	struct weir_str passwd;
};

static void capture_done(struct capture *c)
{
	weir_members_done(&c->files);
	weir_manifest_done(&c->manifest);
}

/* A cgroup or a mount point: a path that the text gives. */
static void add_path(struct capture *c, const char *prefix, struct weir_str text)
{
	static const struct weir_str empty = { "", 0 };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };

	must(weir_buf_addz(&path, prefix) == 0 && weir_buf_add(&path, text) == 0);
	if (memchr(path.p, '\0', path.n) || !weir_member_path_ok(path.p))
		return;
	must(weir_members_add(&c->files, path.p, &empty) == 0);
	must(weir_manifest_add_error(&c->manifest, path.p, -EACCES) == 0);
}

static void make(struct capture *c, struct weir_str input)
{
	struct weir_str file;

	*c = (struct capture){ .passwd = { "", 0 } };
	while (weir_str_cut(&input, 1, &file)) {
		struct weir_str text = weir_str_skip(file, 1);
		size_t which = file.n ? (size_t)(unsigned char)(file.p[0] - 'a')
		                      : SIZE_MAX;

		if (which < WEIR_NELEM(paths))
			must(weir_members_add(&c->files, paths[which], &text) == 0);
		else if (file.n && file.p[0] == 'P')
			c->passwd = text;
		else if (file.n && file.p[0] == 'C')
			add_path(c, "/sys/fs/cgroup/", text);
		else if (file.n && file.p[0] == 'S')
			add_path(c, "/@/statfs/", text);
	}
	weir_members_sort(&c->files);
}

static struct weir_str text_of(const struct capture *c, const char *path)
{
	const struct weir_member *m = weir_members_find(&c->files, path);

	return m ? weir_str(m->text, m->n) : weir_str("", 0);
}

static size_t count(struct weir_str text, char byte)
{
	size_t nr = 0;

	for (size_t i = 0; i < text.n; i++)
		nr += text.p[i] == byte;
	return nr;
}

static void same_mounts(const struct capture *a, const struct capture *b)
{
	struct weir_mounts x, y;
	struct weir_str from = text_of(a, "/proc/self/mountinfo");

	if (count(from, '\t')) /* no kernel separates by tabs, which the parser takes */
		return;
	if (weir_mounts_parse(from, WEIR_COUNT(2 << 20), &x, NULL) == 0) {
		must(weir_mounts_parse(text_of(b, "/proc/self/mountinfo"),
		                       WEIR_COUNT(2 << 20), &y, NULL) == 0);
		must(x.nr == y.nr && !x.cgroup2 == !y.cgroup2);
		for (size_t i = 0; i < x.nr; i++)
			must(x.v[i].minor == y.v[i].minor &&
			     x.v[i].size_bytes.n == y.v[i].size_bytes.n &&
			     x.v[i].page_bytes.n == y.v[i].page_bytes.n);
		weir_mounts_done(&y);
	}
	weir_mounts_done(&x);
}

static void same_files(const struct capture *a, const struct capture *b)
{
	must(a->files.nr == b->files.nr && a->files.bytes == b->files.bytes);
	for (size_t i = 0; i < a->files.nr; i++) {
		const struct weir_member *x = &a->files.v[i], *y = &b->files.v[i];

		must(strcmp(x->path, y->path) == 0 && x->n == y->n &&
		     memcmp(x->text, y->text, x->n) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str input = weir_str((const char *)data, size);
	weir_auto(capture_done) struct capture before, once, twice;
	struct weir_err err = { 0 };

	make(&before, input);
	make(&once, input);
	make(&twice, input);
	must(weir_redact(&once.files, &once.manifest, once.passwd, &err) == 0);
	must(once.files.nr == before.files.nr);
	must(once.manifest.nr_errors <= before.manifest.nr_errors);
	same_mounts(&before, &once);
	must(weir_redact(&twice.files, &twice.manifest, twice.passwd, &err) == 0);
	same_files(&once, &twice);
	return 0;
}
