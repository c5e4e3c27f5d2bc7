/* redact: see redact.h. What may be touched in a file is decided by its path, by the
 * table kinds[]; a path is touched where it is not the kernel's own. */
#include "capture/redact.h"

#include "base/own.h"
#include "facts/warm.h"

#include <errno.h>

struct redaction {
	struct weir_members *files;
	struct weir_manifest *manifest;
	struct weir_words words;
	struct weir_buf out;
};

static int add(struct redaction *rd, struct weir_str s)
{
	return weir_buf_add(&rd->out, s);
}

static int replace(struct redaction *rd, struct weir_str s)
{
	return weir_words_replace(&rd->words, s, &rd->out);
}

/* The whole of @s is a name. */
static int replace_whole(struct redaction *rd, struct weir_str s)
{
	const char *stands = weir_words_find(&rd->words, s);

	return stands ? weir_buf_addz(&rd->out, stands) : add(rd, s);
}

/* --- files: what may be touched in them -------------------------------------------- */

static int redact_name(struct redaction *rd, struct weir_str text)
{
	int r = replace_whole(rd, weir_str_chomp(text));

	return r < 0 ? r : add(rd, weir_str_skip(text, weir_str_chomp(text).n));
}

static int redact_args(struct redaction *rd, struct weir_str text)
{
	return weir_redact_args(&rd->words, text, &rd->out);
}

static int redact_cmdline(struct redaction *rd, struct weir_str text)
{
	return weir_redact_cmdline(&rd->words, text, &rd->out);
}

/* Calls @redact for each line, and adds the newlines. */
static int each_line(struct redaction *rd, struct weir_str text,
                     int (*redact)(struct redaction *rd, struct weir_str line))
{
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		r = redact(rd, line);
		if (r == 0)
			r = add(rd, weir_str("\n", 1));
	}
	return r;
}

static int status_line(struct redaction *rd, struct weir_str line)
{
	int r;

	if (!weir_str_starts(line, "Name:\t"))
		return add(rd, line);
	r = add(rd, weir_str(line.p, 6));
	return r < 0 ? r : replace_whole(rd, weir_str_skip(line, 6));
}

static int redact_status(struct redaction *rd, struct weir_str text)
{
	return each_line(rd, text, status_line);
}

/* Keeps the first @n fields that @sep ends, and replaces in the rest. */
static int after_fields(struct redaction *rd, struct weir_str line, char sep, int n)
{
	struct weir_str rest = line, part;
	int r;

	while (n-- > 0)
		(void)weir_str_cut(&rest, sep, &part);
	r = add(rd, weir_str(line.p, line.n - rest.n));
	return r < 0 ? r : replace(rd, rest);
}

/* "0::/machine.slice/...", "4:hugetlb:/..." */
static int cgroup_line(struct redaction *rd, struct weir_str line)
{
	return after_fields(rd, line, ':', 2);
}

static int redact_cgroup(struct redaction *rd, struct weir_str text)
{
	return each_line(rd, text, cgroup_line);
}

/* "7f0000000000-7f0000400000 rw-s 00000000 00:1f 4242    /dev/hugepages/vm" */
static int maps_line(struct redaction *rd, struct weir_str line)
{
	return after_fields(rd, line, ' ', 5);
}

static int redact_maps(struct redaction *rd, struct weir_str text)
{
	return each_line(rd, text, maps_line);
}

/* A path in which blanks and others are escaped: names are looked for in what it means,
 * as they are in paths that are not escaped. */
static int replace_escaped(struct redaction *rd, struct weir_str s)
{
	weir_auto(weir_buf_done) struct weir_buf plain = { 0 };
	weir_auto(weir_buf_done) struct weir_buf replaced = { 0 };
	int r = weir_buf_add_unescaped(&plain, s);

	if (r == 0)
		r = weir_words_replace(&rd->words, weir_buf_str(&plain), &replaced);
	return r < 0 ? r : weir_buf_add_escaped(&rd->out, weir_buf_str(&replaced));
}

/* "7f0000000000 default file=/dev/hugepages/vm huge dirty=2 N0=2 kernelpagesize_kB=2048"
 */
static int numa_maps_line(struct redaction *rd, struct weir_str line)
{
	ptrdiff_t at = weir_str_find(line, " file=");
	struct weir_str path;
	int r;

	if (at < 0)
		return add(rd, line);
	path = weir_str_skip(line, (size_t)at + 6);
	r = add(rd, weir_str(line.p, (size_t)at + 6));
	path.n = weir_str_index(path, ' ');
	if (r == 0)
		r = replace_escaped(rd, path);
	return r < 0 ? r : add(rd, weir_str_skip(line, (size_t)at + 6 + path.n));
}

static int redact_numa_maps(struct redaction *rd, struct weir_str text)
{
	return each_line(rd, text, numa_maps_line);
}

/* "id parent major:minor root target options [tags] - type source options" */
static int mountinfo_line(struct redaction *rd, struct weir_str line)
{
	enum { ROOT = 3, TARGET = 4 };
	struct weir_str field;
	int at = 0, after = 0, r = 0;

	while (r == 0 && weir_str_cut(&line, ' ', &field)) {
		if (at == ROOT || at == TARGET)
			r = replace_escaped(rd, field);
		else /* the source is the second field after the dash */
			r = after == 2 ? replace(rd, field) : add(rd, field);
		if (r == 0 && line.n)
			r = add(rd, weir_str(" ", 1));
		after += after || (at > TARGET && weir_str_eq(field, "-"));
		at++;
	}
	return r;
}

static bool is_mount_of_interest(struct weir_str line)
{
	ptrdiff_t at = weir_str_find(line, " - ");
	struct weir_str type = weir_str_skip(line, at < 0 ? line.n : (size_t)at + 3);

	return weir_str_starts(type, "hugetlbfs") || weir_str_starts(type, "cgroup");
}

static int redact_mountinfo(struct redaction *rd, struct weir_str text)
{
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		if (!is_mount_of_interest(line))
			continue;
		r = mountinfo_line(rd, line);
		if (r == 0)
			r = add(rd, weir_str("\n", 1));
	}
	return r;
}

/* What stands before the message where a log daemon wrote the line: the host, too. */
static size_t klog_head_n(struct weir_str line)
{
	ptrdiff_t at = weir_str_find(line, " kernel: ");

	return at < 0 ? 0 : (size_t)at;
}

/* The process that a message names, or nothing. "hugetlbfs: NAME (PID): Using mlock
 * ulimits ..." (fs/hugetlbfs/inode.c), "Memory failure: 0x1: Killing NAME:PID due to ..."
 * and others (mm/memory-failure.c). */
struct weir_str weir_redact_klog_process(struct weir_str line)
{
	static const char *const before[] = { "illing ", "SIGBUS to ", "signal to " };
	struct weir_str none = { line.p, 0 }, s;
	ptrdiff_t at = weir_str_find(line, "hugetlbfs: "),
		  end = weir_str_find(line, " (");

	if (at >= 0 && end > at + 11 && weir_str_find(line, "): ") > end)
		return weir_str(line.p + at + 11, (size_t)(end - at - 11));
	if (weir_str_find(line, "Memory failure: ") < 0)
		return none;
	for (size_t i = 0; i < WEIR_NELEM(before); i++) {
		at = weir_str_find(line, before[i]);
		if (at < 0)
			continue;
		s = weir_str_skip(line, (size_t)at + strlen(before[i]));
		for (size_t n = 0; n + 1 < s.n; n++)
			if (s.p[n] == ':' && weir_is_digit(s.p[n + 1]))
				return weir_str(s.p, n);
	}
	return none;
}

static int klog_line(struct redaction *rd, struct weir_str line)
{
	struct weir_str head = weir_str(line.p, klog_head_n(line)), rest;
	struct weir_str process = weir_redact_klog_process(line);
	int r = replace(rd, head);

	rest = weir_str_skip(line, head.n);
	if (r < 0 || !process.n || process.p < rest.p)
		return r < 0 ? r : add(rd, rest);
	r = add(rd, weir_str(rest.p, (size_t)(process.p - rest.p)));
	if (r == 0)
		r = replace_whole(rd, process);
	return r < 0 ? r
	             : add(rd,
	                   weir_str_skip(rest, (size_t)(process.p + process.n - rest.p)));
}

static int redact_klog(struct redaction *rd, struct weir_str text)
{
	return each_line(rd, text, klog_line);
}

/* "811 (weird) S ...": the name may have brackets, too, what is behind it has none. */
struct weir_str weir_redact_stat_name(struct weir_str text)
{
	size_t from = weir_str_index(text, '('), end = text.n;

	while (end > from && text.p[end - 1] != ')')
		end--;
	if (end <= from + 1)
		return weir_str(text.p, 0);
	return weir_str(text.p + from + 1, end - from - 2);
}

static int redact_stat(struct redaction *rd, struct weir_str text)
{
	struct weir_str name = weir_redact_stat_name(text);
	size_t at = (size_t)(name.p - text.p);
	int r = add(rd, weir_str(text.p, at));

	if (r == 0)
		r = replace_whole(rd, name);
	return r < 0 ? r : add(rd, weir_str_skip(text, at + name.n));
}

bool weir_redact_warm_value(struct weir_str *rest, const char *key,
                            struct weir_str *value)
{
	ptrdiff_t at = weir_str_find(*rest, key);

	if (at < 0)
		return false;
	*rest = weir_str_skip(*rest, (size_t)at + strlen(key));
	*value = weir_str(rest->p, weir_str_index(*rest, '"'));
	*rest = weir_str_skip(*rest, value->n);
	return true;
}

/* One value of the line, up to its quote; what stands before it is added as it is. */
static int warm_value(struct redaction *rd, struct weir_str *line, const char *key,
                      bool is_path)
{
	const char *from = line->p;
	struct weir_str value;
	int r;

	if (!weir_redact_warm_value(line, key, &value))
		return 0;
	r = add(rd, weir_str(from, (size_t)(value.p - from)));
	if (r < 0)
		return r;
	return is_path ? replace_escaped(rd, value) : replace_whole(rd, value);
}

/* A name stands in front of an owner. */
static int warm_line(struct redaction *rd, struct weir_str line)
{
	int r = warm_value(rd, &line, WEIR_REDACT_WARM_DIR, true);

	if (r == 0)
		r = warm_value(rd, &line, WEIR_REDACT_WARM_NAME, false);
	if (r == 0)
		r = warm_value(rd, &line, WEIR_REDACT_WARM_UNIT, true);
	return r < 0 ? r : add(rd, line);
}

static int redact_warm(struct redaction *rd, struct weir_str text)
{
	return each_line(rd, text, warm_line);
}

static int redact_all(struct redaction *rd, struct weir_str text)
{
	return replace(rd, text);
}

static const struct {
	const char *path; /* "/proc/PID" is any process, a '/' at the end all below */
	int (*redact)(struct redaction *rd, struct weir_str text);
} kinds[] = {
	[WEIR_REDACT_HOSTNAME] = { WEIR_REDACT_HOSTNAME_PATH, redact_name },
	[WEIR_REDACT_CMDLINE] = { "/proc/cmdline", redact_cmdline },
	[WEIR_REDACT_KLOG] = { WEIR_REDACT_KLOG_PATH, redact_klog },
	[WEIR_REDACT_MOUNTINFO] = { "/proc/self/mountinfo", redact_mountinfo },
	[WEIR_REDACT_LINK] = { "/@/link/", redact_all },
	[WEIR_REDACT_COMM] = { "/proc/PID/comm", redact_name },
	[WEIR_REDACT_STATUS] = { "/proc/PID/status", redact_status },
	[WEIR_REDACT_ARGS] = { "/proc/PID/cmdline", redact_args },
	[WEIR_REDACT_CGROUP] = { "/proc/PID/cgroup", redact_cgroup },
	[WEIR_REDACT_MAPS] = { "/proc/PID/maps", redact_maps },
	[WEIR_REDACT_NUMA_MAPS] = { "/proc/PID/numa_maps", redact_numa_maps },
	[WEIR_REDACT_TASK_MOUNTS] = { "/proc/PID/mountinfo", redact_mountinfo },
	[WEIR_REDACT_STAT] = { "/proc/PID/stat", redact_stat },
	[WEIR_REDACT_WARM] = { WEIR_WARM_STATE, redact_warm },
};

/* Bytes of "/proc/123" in front of @path, or 0. */
size_t weir_redact_process_n(struct weir_str path)
{
	size_t n = 6;

	if (!weir_str_starts(path, "/proc/"))
		return 0;
	while (n < path.n && weir_is_digit(path.p[n]))
		n++;
	return n > 6 && (n == path.n || path.p[n] == '/') ? n : 0;
}

enum weir_redact_kind weir_redact_kind(const char *path_z)
{
	static const char any[] = "/proc/PID";
	struct weir_str path = weir_strz(path_z);
	size_t pid_n = weir_redact_process_n(path);

	for (size_t i = WEIR_REDACT_HOSTNAME; i < WEIR_NELEM(kinds); i++) {
		const char *want = kinds[i].path;
		bool of_process = strncmp(want, any, sizeof(any) - 1) == 0, is;

		if (of_process != (pid_n > 0))
			continue;
		if (of_process)
			is = weir_str_eq(weir_str_skip(path, pid_n),
			                 want + sizeof(any) - 1);
		else if (want[strlen(want) - 1] == '/')
			is = weir_str_starts(path, want);
		else
			is = weir_str_eq(path, want);
		if (is)
			return (enum weir_redact_kind)i;
	}
	return WEIR_REDACT_NOTHING;
}

/* --- paths ------------------------------------------------------------------------- */

/* The part of a path that can hold names; empty for the kernel's own. */
struct weir_str weir_redact_named_part(const char *path_z)
{
	static const char *const kernels[] = {
		"/proc/",   "/sys/kernel/", "/sys/devices/", "/sys/module/", "/@/link/",
		"/@/klog",  "/@/pagesize",  "/@/capture",    "/@/poolpages", "/run/weir/",
		"/@/file/", "/@/frames/",   "/@/contig/",
	};
	static const char *const heads[] = { "/@/statfs", "/@/stat" };
	struct weir_str path = weir_strz(path_z);
	size_t pid_n = weir_redact_process_n(path);
	const char *slash;

	/* a mount as a process of another mount namespace sees it */
	if (pid_n && weir_str_starts(weir_str_skip(path, pid_n), "/root/"))
		return weir_str_skip(path, pid_n + strlen("/root"));

	for (size_t i = 0; i < WEIR_NELEM(kernels); i++)
		if (weir_str_starts(path, kernels[i]))
			return weir_str_skip(path, path.n);
	for (size_t i = 0; i < WEIR_NELEM(heads); i++)
		if (weir_str_starts(path, heads[i]))
			return weir_str_skip(path, strlen(heads[i]));
	/* files of a cgroup: "hugetlb.2MB.max" */
	slash = strrchr(path_z, '/');
	if (slash &&
	    (strncmp(slash, "/hugetlb.", 9) == 0 || strncmp(slash, "/misc.", 6) == 0 ||
	     strncmp(slash, "/cgroup.", 8) == 0))
		path.n = (size_t)(slash - path_z);
	return path;
}

/* Replaces *path, an allocated string. */
static int redact_path(struct redaction *rd, char **path)
{
	struct weir_str part = weir_redact_named_part(*path), whole = weir_strz(*path);
	char *copy;
	int r;

	if (!part.n)
		return 0;
	rd->out.n = 0;
	r = add(rd, weir_str(*path, (size_t)(part.p - *path)));
	if (r == 0)
		r = replace(rd, part);
	if (r == 0)
		r = add(rd, weir_str_skip(whole, (size_t)(part.p + part.n - *path)));
	copy = r == 0 ? strdup(rd->out.p) : NULL;
	if (!copy)
		return -ENOMEM;
	free(*path);
	*path = copy;
	return 0;
}

/* --- putting it together ----------------------------------------------------------- */

static int rewrite_text(struct redaction *rd, struct weir_member *m)
{
	char *copy;
	int r;

	rd->out.n = 0;
	r = kinds[weir_redact_kind(m->path)].redact(rd, weir_str(m->text, m->n));
	if (r < 0)
		return r;
	if (rd->out.n > WEIR_MEMBER_MAX)
		return -EFBIG;
	copy = malloc(rd->out.n + 1);
	if (!copy)
		return -ENOMEM;
	if (rd->out.n)
		memcpy(copy, rd->out.p, rd->out.n);
	copy[rd->out.n] = '\0';
	rd->files->bytes = rd->files->bytes - m->n + rd->out.n;
	free(m->text);
	m->text = copy;
	m->n = rd->out.n;
	return 0;
}

static int rewrite(struct redaction *rd)
{
	struct weir_members *files = rd->files;
	size_t nr = files->nr;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		struct weir_member *m = &files->v[i];

		if (m->text && weir_redact_kind(m->path) != WEIR_REDACT_NOTHING)
			r = rewrite_text(rd, m);
		if (r == 0)
			r = redact_path(rd, &m->path);
	}
	for (size_t i = 0; r == 0 && i < rd->manifest->nr_errors; i++)
		r = redact_path(rd, &rd->manifest->errors[i].path);
	weir_manifest_sort(rd->manifest);
	weir_members_sort(files);
	return r == 0 && files->nr != nr ? -EEXIST : r;
}

int weir_redact(struct weir_members *files, struct weir_manifest *manifest,
                struct weir_str passwd, struct weir_err *err)
{
	struct redaction rd = { .files = files, .manifest = manifest };
	int r;

	weir_members_sort(files);
	r = weir_redact_collect(files, passwd, &rd.words);
	if (r == 0)
		r = rewrite(&rd);
	weir_words_done(&rd.words);
	weir_buf_done(&rd.out);
	if (r == -EEXIST)
		return weir_err_set(err, r, "redact: two paths became one");
	return r < 0 ? weir_err_sys(err, r, "redact") : 0;
}
