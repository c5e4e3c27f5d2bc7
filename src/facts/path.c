/* path: see path.h. The texts are host/live.c's: "name value" lines. */
#include "facts/path.h"

#include "base/own.h"
#include "host/host.h"

#include <errno.h>

#define SECTOR 512 /* st_blocks, whatever the file system's block is */

static struct weir_count field(struct weir_str text, const char *name)
{
	struct weir_count n = { 0 };
	struct weir_str line, key, value;

	while (weir_str_line(&text, &line))
		if (weir_str_split(line, ' ', &key, &value) && weir_str_eq(key, name))
			n.known = weir_parse_u64(weir_str_trim(value), &n.n) == 0;
	return n;
}

/* Permissions are octal. */
static uint64_t mode_of(struct weir_str text)
{
	struct weir_str line, key, value;
	uint64_t mode = 0;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ' ', &key, &value) || !weir_str_eq(key, "mode"))
			continue;
		for (size_t i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '7';
		     i++)
			mode = (mode << 3 | (uint64_t)(value.p[i] - '0')) & 07777;
	}
	return mode;
}

static bool has_line(struct weir_str text, const char *wanted)
{
	struct weir_str line;

	while (weir_str_line(&text, &line))
		if (weir_str_eq(line, wanted))
			return true;
	return false;
}

static int ask(const struct weir_host *host, const char *what, struct weir_str path,
               struct weir_buf *out)
{
	weir_auto(weir_buf_done) struct weir_buf name = { 0 };
	int r = weir_buf_printf(&name, "/@/%s/", what);

	while (path.n && path.p[0] == '/')
		path = weir_str_skip(path, 1);
	out->n = 0;
	if (r == 0)
		r = weir_buf_add(&name, path);
	if (r == 0)
		r = weir_buf_addz(&name, path.n ? "/@" : "@");
	return r < 0 ? r : weir_host_read(host, name.p, WEIR_SMALL_MAX, out);
}

static void see(struct weir_str text, struct weir_path *out)
{
	out->exists = true;
	out->is_dir = has_line(text, "type directory");
	out->size_bytes = field(text, "size").n;
	out->allocated_bytes = field(text, "blocks").n * SECTOR;
	out->mode = mode_of(text);
	out->uid = field(text, "uid").n;
	out->gid = field(text, "gid").n;
}

static struct weir_str without_slashes(struct weir_str path)
{
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

static struct weir_str parent_of(struct weir_str path)
{
	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	path = without_slashes(path);
	return path.n ? path : weir_str("/", 1);
}

int weir_path_read(const struct weir_host *host, const char *path, bool is_live,
                   struct weir_path *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str at = without_slashes(weir_strz(path));
	int r;

	*out = (struct weir_path){ .path = path };
	if (*path != '/') /* from where, only who starts it knows */
		return 0;
	r = ask(host, "stat", at, &text);
	if (r == -ENOMEM)
		return r;
	if (r == 0)
		see(weir_buf_str(&text), out);
	/* where a link leads is not followed: that is not known */
	out->known = r == 0 ? !has_line(weir_buf_str(&text), "type link")
	                    : is_live && (r == -ENOENT || r == -ENOTDIR);
	if (r < 0) {
		struct weir_path above = { 0 };

		at = parent_of(at);
		r = ask(host, "stat", at, &text);
		if (r == 0)
			see(weir_buf_str(&text), &above);
		out->parent_exists = r == 0;
		out->mode = above.mode;
		out->uid = above.uid;
		out->gid = above.gid;
	}
	if (r == 0)
		r = ask(host, "statfs", at, &text);
	if (r == 0) {
		struct weir_count block = field(weir_buf_str(&text), "bsize");

		out->fs_free_bytes = weir_count_mul(field(weir_buf_str(&text), "bavail"),
		                                    block.n);
	}
	return r == -ENOMEM ? r : 0;
}
