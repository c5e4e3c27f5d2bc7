/* host: what is the same for every kind of machine; see host.h. */
#include "host/host.h"

#include "base/own.h"

#include <errno.h>
#include <sys/stat.h>

void weir_names_done(struct weir_names *names)
{
	for (size_t i = 0; i < names->nr; i++)
		free(names->v[i].name);
	free(names->v);
	*names = (struct weir_names){ 0 };
}

int weir_names_add(struct weir_names *names, struct weir_str name, bool is_dir)
{
	char *copy = strndup(name.p, name.n);
	int r;

	if (!copy)
		return -ENOMEM;
	r = weir_grow(&names->v, &names->cap, names->nr, sizeof(*names->v));
	if (r < 0) {
		free(copy);
		return r;
	}
	names->v[names->nr++] = (struct weir_name){ copy, is_dir };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct weir_name *)a)->name,
	              ((const struct weir_name *)b)->name);
}

void weir_names_sort(struct weir_names *names)
{
	size_t kept = 0;

	if (names->nr)
		qsort(names->v, names->nr, sizeof(*names->v), by_name);
	for (size_t i = 0; i < names->nr; i++) {
		if (kept && strcmp(names->v[kept - 1].name, names->v[i].name) == 0) {
			names->v[kept - 1].is_dir |= names->v[i].is_dir;
			free(names->v[i].name);
		} else {
			names->v[kept++] = names->v[i];
		}
	}
	names->nr = kept;
}

int weir_host_new(const struct weir_host_ops *ops, void *ctx, struct weir_host **out)
{
	struct weir_host *host = malloc(sizeof(*host));

	if (!host) {
		ops->free(ctx);
		return -ENOMEM;
	}
	*host = (struct weir_host){ ops, ctx };
	*out = host;
	return 0;
}

/* 0 when there is something of a host, -ENOENT when there is nothing: a slip of the path
 * should not be answered with "this kernel has no huge pages". */
static int look_for_host(const struct weir_host *host)
{
	static const char *const files[] = { "/@/capture", "/proc/meminfo",
		                             "/proc/cmdline", "/proc/zoneinfo" };
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < WEIR_NELEM(files); i++)
		r = weir_host_read(host, files[i], 1, &text);
	if (r == -ENOENT)
		r = weir_host_list(host, "/sys/kernel/mm", &names);
	return r == -ENOENT || r == -ENOMEM ? r : 0;
}

int weir_host_open(const char *spec, struct weir_host **out, struct weir_err *err)
{
	struct weir_host *host;
	struct stat st;
	int r;

	if (!spec)
		return weir_live_new(out, err);
	if (stat(spec, &st) < 0)
		return weir_err_sys(err, -errno, "open host '%s'", spec);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return weir_err_set(
			err, -EINVAL,
			"open host '%s': neither a directory nor a capture file", spec);
	r = S_ISDIR(st.st_mode) ? weir_tree_new(spec, &host, err)
	                        : weir_archive_new(spec, &host, err);
	if (r < 0)
		return r;
	r = look_for_host(host);
	if (r < 0) {
		weir_host_free(host);
		return r == -ENOMEM
		               ? weir_err_sys(err, r, "open host '%s'", spec)
		               : weir_err_set(err, -EINVAL,
		                              "host '%s' holds no kernel files: it is no "
		                              "captured host",
		                              spec);
	}
	*out = host;
	return 0;
}

void weir_host_free(struct weir_host *host)
{
	if (!host)
		return;
	host->ops->free(host->ctx);
	free(host);
}

void weir_host_freep(struct weir_host **host)
{
	weir_host_free(*host);
}

/* One name a meaning: callers tell absent and forbidden apart and need no more. */
static int plain(int r)
{
	switch (r) {
	case -ENOTDIR:
	case -ENAMETOOLONG: /* no kernel file has such a name */ return -ENOENT;
	case -EPERM: return -EACCES;
	default: return r;
	}
}

int weir_host_read(const struct weir_host *host, const char *path, size_t max,
                   struct weir_buf *out)
{
	out->n = 0;
	return plain(host->ops->read(host->ctx, path, max, out));
}

int weir_host_text(const struct weir_host *host, const char *path, size_t max,
                   struct weir_buf *buf, struct weir_str *out)
{
	int r;

	if (!host->ops->view) {
		r = weir_host_read(host, path, max, buf);
		*out = weir_buf_str(buf);
		return r;
	}
	*out = weir_str("", 0);
	r = plain(host->ops->view(host->ctx, path, out));
	if (out->n > max) {
		out->n = max;
		r = r < 0 ? r : -EFBIG;
	}
	return r;
}

int weir_host_write(const struct weir_host *host, const char *path, struct weir_str text)
{
	return plain(host->ops->write(host->ctx, path, text));
}

int weir_host_list(const struct weir_host *host, const char *path, struct weir_names *out)
{
	int r = plain(host->ops->list(host->ctx, path, out));

	if (r < 0)
		weir_names_done(out);
	else
		weir_names_sort(out);
	return r;
}

uint64_t weir_host_now_ns(const struct weir_host *host)
{
	return host->ops->now_ns(host->ctx);
}
