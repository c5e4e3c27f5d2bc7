/* cgroups: see cgroups.h.
 *
 * A host may have 20,000 groups, most of which never saw a huge page, so a group costs
 * one listing and, a page size, the reading of its two limits. What the kernel's rules
 * tell is not read: a parent with a usage of 0 has children with a usage of 0, a group
 * without hugetlb files has no children with any (a controller is handed down level by
 * level), and only a limit refuses. */
#include "facts/cgroups.h"

#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct files { /* by version; NULL: that version has no such file */
	const char *usage, *limit, *reserved, *reserved_limit, *failures,
		*reserved_failures;
};

static const struct files files_v1 = {
	.usage = "usage_in_bytes",
	.limit = "limit_in_bytes",
	.reserved = "rsvd.usage_in_bytes",
	.reserved_limit = "rsvd.limit_in_bytes",
	.failures = "failcnt",
	.reserved_failures = "rsvd.failcnt",
};

static const struct files files_v2 = {
	.usage = "current",
	.limit = "max",
	.reserved = "rsvd.current",
	.reserved_limit = "rsvd.max",
	.failures = "events",
};

struct idle { /* what is 0 in a group, and therefore in those below it */
	bool usage, reserved, failures;
};

struct walk {
	struct weir_reader *rd;
	struct weir_cgroups *out;
	const struct files *files;
	const uint64_t *page_bytes;
	size_t nr_sizes;
	char size_names[WEIR_CGROUP_SIZES_MAX][WEIR_CGROUP_SIZE_NAME_MAX];
	struct weir_buf path; /* of the group, from "/" */
	size_t mount_n;       /* how much of it is the mount */
	bool stopped;         /* a limit was reached */
	bool gap_kept[WEIR_GAP_FAILED + 1];
};

void weir_cgroups_done(struct weir_cgroups *cgroups)
{
	for (size_t i = 0; i < cgroups->nr; i++) {
		free(cgroups->v[i].path);
		free(cgroups->v[i].v);
	}
	free(cgroups->v);
	*cgroups = (struct weir_cgroups){ 0 };
}

struct weir_count weir_cgroup_refusals(const struct weir_cgroup_use *use)
{
	if (!use->reserved_failures.known)
		return use->failures;
	return use->failures.known ? weir_count_add(use->failures, use->reserved_failures)
	                           : use->reserved_failures;
}

static const struct {
	const char *name;
	unsigned int shift;
} units[] = { { "GB", 30 }, { "MB", 20 }, { "KB", 10 } };

const char *weir_cgroup_size_name(uint64_t page_bytes, char *out, size_t cap)
{
	size_t u = 0;
	int n;

	while (u < WEIR_NELEM(units) - 1 && page_bytes >> units[u].shift == 0)
		u++;
	n = snprintf(out, cap, "%" PRIu64 "%s", page_bytes >> units[u].shift,
	             units[u].name);
	assert(n > 0 && (size_t)n < cap);
	(void)n;
	return out;
}

int weir_cgroup_size_parse(struct weir_str name, uint64_t *out_bytes)
{
	char again[WEIR_CGROUP_SIZE_NAME_MAX];
	uint64_t n;

	for (size_t u = 0; u < WEIR_NELEM(units); u++) {
		struct weir_str number = name;

		if (name.n < 3 || !weir_str_ends(name, units[u].name))
			continue;
		number.n -= 2;
		if (weir_parse_u64(number, &n) < 0 || n > UINT64_MAX >> units[u].shift)
			return -EBADMSG;
		n <<= units[u].shift;
		if (!n || (n & (n - 1)) ||
		    !weir_str_eq(name, weir_cgroup_size_name(n, again, sizeof(again))))
			return -EBADMSG;
		*out_bytes = n;
		return 0;
	}
	return -EBADMSG;
}

int weir_cgroup_limit_parse(struct weir_str text, uint64_t page_bytes,
                            struct weir_count *out)
{
	uint64_t n, none;

	assert(page_bytes);
	none = WEIR_COUNT_MAX - WEIR_COUNT_MAX % page_bytes;
	text = weir_str_chomp(text);
	if (weir_str_eq(text, "max"))
		n = WEIR_CGROUP_UNLIMITED;
	else if (weir_parse_u64(text, &n) < 0)
		return WEIR_GARBLED;
	*out = WEIR_COUNT(n >= none ? WEIR_CGROUP_UNLIMITED : n);
	return 0;
}

int weir_cgroup_events_parse(struct weir_str text, struct weir_count *out)
{
	struct weir_str line, key, value;

	while (weir_str_line(&text, &line))
		if (weir_str_split(line, ' ', &key, &value) && weir_str_eq(key, "max"))
			return weir_count_parse(value, out);
	return WEIR_GARBLED;
}

int weir_misc_parse(struct weir_str text, struct weir_misc *out, struct weir_err *err)
{
	struct weir_misc got = { 0 };
	const struct {
		const char *name;
		struct weir_count *slot;
	} fields[] = {
		{ "sev", &got.sev },
		{ "sev_es", &got.sev_es },
		{ "tdx", &got.tdx },
	};
	struct weir_str line, key, value;
	int result = 0;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ' ', &key, &value))
			continue;
		for (size_t i = 0; i < WEIR_NELEM(fields); i++) {
			if (!weir_str_eq(key, fields[i].name))
				continue;
			*fields[i].slot = (struct weir_count){ 0 };
			if (weir_count_parse(value, fields[i].slot) != 0 && !result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "no plausible number: '%.*s'",
				                      WEIR_STR_ARG(line));
		}
	}
	*out = got;
	return result;
}

/* One gap of a kind for the whole tree: what forbids one file forbids thousands. */
static void keep_gap(struct walk *w, enum weir_gap_kind kind, const char *why)
{
	int r;

	if (w->gap_kept[kind])
		return;
	w->gap_kept[kind] = true;
	r = weir_gaps_add(w->rd->gaps, kind, w->path.p, why);
	if (r < 0)
		w->rd->failed = r;
}

static void keep_failure(struct walk *w, int r)
{
	switch (r) {
	case -ENOMEM: w->rd->failed = r; break;
	case -ENOENT: /* the group was removed since its parent was listed; */
	case -ENODEV: /* kernfs says so of files that were open already */ break;
	case -EACCES:
		keep_gap(w, WEIR_GAP_FORBIDDEN, "and perhaps others of this tree");
		break;
	case -EFBIG: keep_gap(w, WEIR_GAP_TOO_LARGE, NULL); break;
	default: keep_gap(w, WEIR_GAP_FAILED, strerrordesc_np(-r));
	}
}

static bool add_path(struct walk *w, const char *name)
{
	int r = weir_buf_addz(&w->path, "/");

	if (r == 0)
		r = weir_buf_addz(&w->path, name);
	if (r < 0)
		w->rd->failed = r;
	return r == 0;
}

static void cut_path(struct walk *w, size_t n)
{
	w->path.n = n;
	w->path.p[n] = '\0';
}

static int by_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct weir_name *)item)->name);
}

static bool has_name(const struct weir_names *names, const char *name)
{
	return names->nr &&
	       bsearch(name, names->v, names->nr, sizeof(*names->v), by_name);
}

typedef int parse_fn(struct weir_str text, uint64_t page_bytes, struct weir_count *out);

static int parse_usage(struct weir_str text, uint64_t page_bytes, struct weir_count *out)
{
	(void)page_bytes;
	return weir_count_parse(weir_str_chomp(text), out);
}

static int parse_events(struct weir_str text, uint64_t page_bytes, struct weir_count *out)
{
	(void)page_bytes;
	return weir_cgroup_events_parse(text, out);
}

/* hugetlb.<size>.<file> of the group, where the listing has it. */
static struct weir_count read_value(struct walk *w, const struct weir_names *names,
                                    size_t size, const char *file, parse_fn *parse)
{
	struct weir_count value = { 0 };
	size_t n = w->path.n;
	char name[64];
	int r;

	if (!file || w->rd->failed)
		return value;
	(void)snprintf(name, sizeof(name), "hugetlb.%s.%s", w->size_names[size], file);
	if (!has_name(names, name) || !add_path(w, name))
		return value;
	r = weir_host_read(w->rd->host, w->path.p, WEIR_SMALL_MAX, &w->rd->text);
	if (r < 0)
		keep_failure(w, r);
	else if (parse(weir_buf_str(&w->rd->text), w->page_bytes[size], &value) != 0)
		keep_gap(w, WEIR_GAP_MALFORMED, "and perhaps others of this tree");
	cut_path(w, n);
	return value;
}

bool weir_cgroup_is_limit(struct weir_count limit)
{
	return limit.known && limit.n != WEIR_CGROUP_UNLIMITED;
}

static bool is_zero(struct weir_count count)
{
	return count.known && !count.n;
}

/* v2 counts a refusal in all groups above too, so that a 0 above settles those below. v1
 * counts it in the group of the limit: looked at where one is set, unknown elsewhere. */
static void read_failures(struct walk *w, const struct weir_names *names, size_t size,
                          bool idle_above, struct weir_cgroup_use *use)
{
	const struct files *f = w->files;

	if (f == &files_v2) {
		use->failures = idle_above ? WEIR_COUNT(0)
		                           : read_value(w, names, size, f->failures,
		                                        parse_events);
		return;
	}
	if (weir_cgroup_is_limit(use->limit))
		use->failures = read_value(w, names, size, f->failures, parse_usage);
	if (weir_cgroup_is_limit(use->reserved_limit))
		use->reserved_failures = read_value(w, names, size, f->reserved_failures,
		                                    parse_usage);
}

static struct weir_cgroup_use read_use(struct walk *w, const struct weir_names *names,
                                       size_t size, struct idle *idle)
{
	const struct files *f = w->files;
	struct weir_cgroup_use use = {
		.page_bytes = w->page_bytes[size],
		.usage = WEIR_COUNT(0),
		.reserved = WEIR_COUNT(0),
	};

	if (!idle->usage)
		use.usage = read_value(w, names, size, f->usage, parse_usage);
	if (!idle->reserved)
		use.reserved = read_value(w, names, size, f->reserved, parse_usage);
	use.limit = read_value(w, names, size, f->limit, weir_cgroup_limit_parse);
	use.reserved_limit = read_value(w, names, size, f->reserved_limit,
	                                weir_cgroup_limit_parse);
	read_failures(w, names, size, idle->failures, &use);
	*idle = (struct idle){
		.usage = is_zero(use.usage),
		.reserved = is_zero(use.reserved),
		.failures = is_zero(use.failures),
	};
	return use;
}

bool weir_cgroup_matters(const struct weir_cgroup_use *use)
{
	return use->usage.n || use->reserved.n || use->failures.n ||
	       use->reserved_failures.n || weir_cgroup_is_limit(use->limit) ||
	       weir_cgroup_is_limit(use->reserved_limit);
}

static int keep_group(struct walk *w, const struct weir_cgroup_use *uses)
{
	struct weir_cgroups *out = w->out;
	struct weir_cgroup group = { .nr = w->nr_sizes };
	size_t bytes = w->nr_sizes * sizeof(*uses);
	int r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));

	if (r < 0)
		return r;
	group.path = strdup(w->path.n > w->mount_n ? w->path.p + w->mount_n : "/");
	group.v = malloc(bytes);
	if (!group.path || !group.v) {
		free(group.path);
		free(group.v);
		return -ENOMEM;
	}
	memcpy(group.v, uses, bytes);
	out->v[out->nr++] = group;
	return 0;
}

static void read_group(struct walk *w, const struct weir_names *names, struct idle *idle)
{
	struct weir_cgroup_use uses[WEIR_CGROUP_SIZES_MAX];
	bool keep = false;

	for (size_t i = 0; i < w->nr_sizes; i++) {
		uses[i] = read_use(w, names, i, &idle[i]);
		keep = keep || weir_cgroup_matters(&uses[i]);
	}
	if (keep && !w->rd->failed)
		w->rd->failed = keep_group(w, uses);
}

static bool has_hugetlb(const struct weir_names *names)
{
	for (size_t i = 0; i < names->nr; i++)
		if (weir_str_starts(weir_strz(names->v[i].name), "hugetlb."))
			return true;
	return false;
}

static bool is_within_limits(struct walk *w, unsigned int depth)
{
	char why[96];

	if (w->out->nr_seen < WEIR_CGROUPS_MAX && depth <= WEIR_CGROUP_DEPTH_MAX)
		return true;
	if (depth > WEIR_CGROUP_DEPTH_MAX)
		(void)snprintf(why, sizeof(why), "deeper than %u levels: not looked at",
		               WEIR_CGROUP_DEPTH_MAX);
	else
		(void)snprintf(why, sizeof(why),
		               "more than %u groups: from here on not looked at",
		               WEIR_CGROUPS_MAX);
	keep_gap(w, WEIR_GAP_TOO_LARGE, why);
	w->stopped = w->out->nr_seen >= WEIR_CGROUPS_MAX;
	return false;
}

/* Recursive: the depth is bounded, and a frame is small. */
static void walk_group(struct walk *w, const struct idle *above, unsigned int depth)
{
	struct idle idle[WEIR_CGROUP_SIZES_MAX];
	struct weir_names names = { 0 };
	size_t n = w->path.n;
	int r;

	if (w->rd->failed || w->stopped || !is_within_limits(w, depth))
		return;
	r = weir_host_list(w->rd->host, w->path.p, &names);
	if (r < 0) {
		if (r == -ENOENT && !depth) /* mounted, but not there: not captured */
			keep_gap(w, WEIR_GAP_ABSENT, NULL);
		keep_failure(w, r);
		return;
	}
	w->out->nr_seen++;
	memcpy(idle, above, sizeof(idle));
	if (has_hugetlb(&names))
		read_group(w, &names, idle);
	else if (depth) /* v2's root has no such file, and children with some */
		weir_names_done(&names);
	for (size_t i = 0; i < names.nr; i++) {
		if (!names.v[i].is_dir || !add_path(w, names.v[i].name))
			continue;
		walk_group(w, idle, depth + 1);
		cut_path(w, n);
	}
	weir_names_done(&names);
}

static void walk_tree(struct weir_reader *rd, const char *mount, unsigned int version,
                      const uint64_t *page_bytes, size_t nr, struct weir_cgroups *out)
{
	static const struct idle unknown[WEIR_CGROUP_SIZES_MAX];
	struct walk w = {
		.rd = rd,
		.out = out,
		.files = version == 1 ? &files_v1 : &files_v2,
		.page_bytes = page_bytes,
		.nr_sizes = nr < WEIR_CGROUP_SIZES_MAX ? nr : WEIR_CGROUP_SIZES_MAX,
		.mount_n = strlen(mount),
	};
	int r = weir_buf_addz(&w.path, mount);

	for (size_t i = 0; i < w.nr_sizes; i++)
		(void)weir_cgroup_size_name(page_bytes[i], w.size_names[i],
		                            sizeof(w.size_names[i]));
	if (r < 0)
		rd->failed = r;
	walk_group(&w, unknown, 0);
	weir_buf_done(&w.path);
	out->known = out->nr_seen > 0;
	out->version = out->known ? version : 0;
}

/* The mount may have a path of any length, which only weir_reader_head() takes. */
static bool read_at_root(struct weir_reader *rd, const char *mount, const char *name,
                         struct weir_buf *path, struct weir_str *text)
{
	int r;

	path->n = 0;
	r = weir_buf_printf(path, "%s/%s", mount, name);
	if (r < 0)
		rd->failed = r;
	return !rd->failed && weir_reader_head(rd, WEIR_SMALL_MAX, text, path->p);
}

static bool has_word(struct weir_str text, const char *name)
{
	struct weir_str word;

	text = weir_str_trim(text);
	while (weir_str_word(&text, &word))
		if (weir_str_eq(word, name))
			return true;
	return false;
}

static void read_misc(struct weir_reader *rd, const char *mount, const char *name,
                      struct weir_buf *path, struct weir_misc *out)
{
	struct weir_str text;
	struct weir_err err;

	if (read_at_root(rd, mount, name, path, &text))
		weir_reader_parsed(rd, weir_misc_parse(text, out, &err), path->p, &err);
}

void weir_cgroups_read(struct weir_reader *rd, const struct weir_mounts *mounts,
                       const uint64_t *page_bytes, size_t nr, struct weir_cgroups *out)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_str controllers;
	bool hugetlb = false, misc = false;

	*out = (struct weir_cgroups){ 0 };
	if (mounts->cgroup2 && read_at_root(rd, mounts->cgroup2, "cgroup.controllers",
	                                    &path, &controllers)) {
		hugetlb = has_word(controllers, "hugetlb");
		misc = has_word(controllers, "misc");
	}
	if (misc) {
		read_misc(rd, mounts->cgroup2, "misc.capacity", &path,
		          &out->misc_capacity);
		read_misc(rd, mounts->cgroup2, "misc.current", &path, &out->misc_usage);
	}
	/* a controller is in one hierarchy only: mounted as v1, it is not in v2 */
	if (mounts->cgroup1_hugetlb)
		walk_tree(rd, mounts->cgroup1_hugetlb, 1, page_bytes, nr, out);
	else if (hugetlb)
		walk_tree(rd, mounts->cgroup2, 2, page_bytes, nr, out);
}
