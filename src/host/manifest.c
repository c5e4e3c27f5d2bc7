/* manifest: see manifest.h. */
#include "host/manifest.h"

#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

void weir_manifest_done(struct weir_manifest *m)
{
	for (size_t i = 0; i < m->nr_errors; i++)
		free(m->errors[i].path);
	free(m->errors);
	*m = (struct weir_manifest){ 0 };
}

int weir_manifest_add_error(struct weir_manifest *m, const char *path, int code)
{
	size_t at = m->nr_errors;
	char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;

	if (r == 0)
		r = weir_grow(&m->errors, &m->cap_errors, m->nr_errors,
		              sizeof(*m->errors));
	if (r < 0) {
		free(copy);
		return r;
	}
	m->errors[m->nr_errors++] = (struct weir_manifest_error){ copy, code, at };
	m->sorted = false;
	return 0;
}

/* The errors that reading a host can end in, by name: their numbers differ between
 * architectures. A name from elsewhere becomes EIO: it failed, and that is what counts.
 */
static const int codes[] = { EACCES, EFBIG,  EINVAL, EIO,     ELOOP, EISDIR,
	                     ENXIO,  ENODEV, EAGAIN, ENODATA, ESRCH, EOPNOTSUPP };

static int code_by_name(struct weir_str name)
{
	for (size_t i = 0; i < WEIR_NELEM(codes); i++)
		if (weir_str_eq(name, strerrorname_np(codes[i])))
			return -codes[i];
	return -EIO;
}

static const char *name_by_code(int code)
{
	for (size_t i = 0; i < WEIR_NELEM(codes); i++)
		if (codes[i] == -code)
			return strerrorname_np(codes[i]);
	return "EIO";
}

static int parse_error(struct weir_str rest, struct weir_manifest *m)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_str name, escaped;
	int r;

	if (!weir_str_split(rest, ' ', &name, &escaped) || !escaped.n)
		return -EBADMSG;
	r = weir_buf_add_unescaped(&path, escaped);
	if (r < 0)
		return r;
	if (memchr(path.p, '\0', path.n))
		return -EBADMSG;
	return weir_manifest_add_error(m, path.p, code_by_name(name));
}

static int parse_line(struct weir_str line, struct weir_manifest *m)
{
	if (weir_str_starts(line, "time_ns "))
		return weir_parse_u64(weir_str_skip(line, 8), &m->time_ns);
	if (weir_str_starts(line, "error "))
		return parse_error(weir_str_skip(line, 6), m);
	return 0;
}

int weir_manifest_parse(struct weir_str text, struct weir_manifest *out,
                        struct weir_err *err)
{
	struct weir_manifest m = { 0 };
	struct weir_str line = { 0 };
	unsigned int nr = 1;
	uint64_t version;
	int r;

	if (!weir_str_line(&text, &line) || !weir_str_starts(line, "weir-capture ") ||
	    weir_parse_u64(weir_str_skip(line, 13), &version) < 0)
		return weir_err_set(err, -EBADMSG,
		                    "its manifest does not begin with 'weir-capture 1'");
	if (version != 1)
		return weir_err_set(
			err, -EPROTONOSUPPORT,
			"capture format %" PRIu64 ": this weir reads format 1", version);
	while (weir_str_line(&text, &line)) {
		nr++;
		r = parse_line(line, &m);
		if (r < 0) {
			weir_manifest_done(&m);
			if (r == -ENOMEM)
				return weir_err_sys(err, r, "manifest line %u", nr);
			return weir_err_set(err, r,
			                    "manifest line %u is not understood: '%.*s'",
			                    nr, WEIR_STR_ARG(line));
		}
	}
	weir_manifest_sort(&m);
	*out = m;
	return 0;
}

int weir_manifest_format(const struct weir_manifest *m, struct weir_buf *out)
{
	int r = weir_buf_printf(out, "weir-capture 1\ntime_ns %" PRIu64 "\n", m->time_ns);

	for (size_t i = 0; r == 0 && i < m->nr_errors; i++) {
		r = weir_buf_printf(out, "error %s ", name_by_code(m->errors[i].code));
		if (r == 0)
			r = weir_buf_add_escaped(out, weir_strz(m->errors[i].path));
		if (r == 0)
			r = weir_buf_addz(out, "\n");
	}
	return r;
}

static int by_path_and_seq(const void *a, const void *b)
{
	const struct weir_manifest_error *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

void weir_manifest_sort(struct weir_manifest *m)
{
	size_t kept = 0;

	if (m->nr_errors)
		qsort(m->errors, m->nr_errors, sizeof(*m->errors), by_path_and_seq);
	for (size_t i = 0; i < m->nr_errors; i++) {
		if (kept && strcmp(m->errors[kept - 1].path, m->errors[i].path) == 0)
			free(m->errors[i].path);
		else
			m->errors[kept++] = m->errors[i];
	}
	m->nr_errors = kept;
	m->sorted = true;
}

static int by_path(const void *path, const void *error)
{
	return strcmp(path, ((const struct weir_manifest_error *)error)->path);
}

int weir_manifest_error(const struct weir_manifest *m, const char *path)
{
	const struct weir_manifest_error *hit;

	assert(m->sorted || !m->nr_errors);
	if (!m->nr_errors)
		return 0;
	hit = bsearch(path, m->errors, m->nr_errors, sizeof(*m->errors), by_path);
	return hit ? hit->code : 0;
}
