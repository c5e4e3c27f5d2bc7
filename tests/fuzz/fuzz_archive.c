/* archive: an archive from anyone is refused with words, or is a tree in which every
 * listed name is a plain one and every file reads the same twice. */
#include "host/archive.h"

#include "fuzz.h"

#include <errno.h>

enum { BLOCK = 512, MAGIC = 257, SUM = 148, DEPTH_MAX = 64 };

/* A header with a wrong checksum ends the reading: makes them right, so that what is
 * tried is what stands behind. */
static void right_checksums(char *p, size_t n)
{
	for (size_t at = 0; n - at >= BLOCK; at += BLOCK) {
		char *h = p + at;
		unsigned int sum = 0;
		char text[8];

		if (memcmp(h + MAGIC, "ustar", 5) != 0)
			continue;
		memset(h + SUM, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += (unsigned char)h[i];
		(void)snprintf(text, sizeof(text), "%06o", sum);
		memcpy(h + SUM, text, 7);
	}
}

static void walk(const struct weir_host *host, const char *path, int depth);

static void look_at(const struct weir_host *host, const char *dir,
                    const struct weir_name *name, int depth)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_buf_done) struct weir_buf again = { 0 };
	int r;

	must(name->name[0] && !strchr(name->name, '/'));
	must(strcmp(name->name, ".") != 0 && strcmp(name->name, "..") != 0);
	must(weir_buf_printf(&path, "%s/%s", dir[1] ? dir : "", name->name) == 0);
	r = weir_host_read(host, path.p, WEIR_MEMBER_MAX, &text);
	must(r <= 0 && r != -ENOMEM);
	must(weir_host_read(host, path.p, WEIR_MEMBER_MAX, &again) == r);
	must(text.n == again.n && (!text.n || memcmp(text.p, again.p, text.n) == 0));
	if (name->is_dir && depth < DEPTH_MAX)
		walk(host, path.p, depth + 1);
}

static void walk(const struct weir_host *host, const char *path, int depth)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	if (weir_host_list(host, path, &names) < 0)
		return;
	for (size_t i = 0; i < names.nr; i++) {
		must(i == 0 || strcmp(names.v[i - 1].name, names.v[i].name) < 0);
		look_at(host, path, &names.v[i], depth);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_freep) char *copy = malloc(size + 1);
	struct weir_err err = { 0 };
	int r;

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	right_checksums(copy, size);
	r = weir_archive_new_bytes(weir_str(copy, size), &host, &err);
	must(r <= 0 && (r == 0 || (err.msg[0] && !host)));
	if (r == 0)
		walk(host, "/", 0);
	return 0;
}
