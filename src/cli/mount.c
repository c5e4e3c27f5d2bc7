/* mount: `weir mount`: mounts a hugetlbfs after a look at what is there, and says what
 * the kernel made of it; or lists the mounts there are. */
#include "cli/cli.h"

#include "apply/mounting.h"
#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/report.h"
#include "host/host.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>

#define NAME "mount"

struct options {
	const char *size, *dir, *host;
	const char *limit, *minimum; /* what was given: their meaning needs SIZE */
	struct weir_mount_ask ask;
	bool list, dry_run, json;
	bool any; /* an option about a mount that is to be made */
};

enum {
	OPT_HOST = 256,
	OPT_SIZE,
	OPT_MIN_SIZE,
	OPT_MODE,
	OPT_USER,
	OPT_GROUP,
	OPT_INODES,
	OPT_DRY_RUN,
	OPT_LIST,
};

static const struct option long_options[] = {
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "min-size", required_argument, NULL, OPT_MIN_SIZE },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "inodes", required_argument, NULL, OPT_INODES },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir mount [OPTION]... SIZE [DIR]\n"
		"       weir mount --list [OPTION]...\n\n"
		"Mounts a hugetlbfs with pages of SIZE (2M, 1G) at DIR, which is made "
		"when it is\n"
		"not there. Without DIR: /dev/hugepages for the default size, else "
		"/dev/hugepages\n"
		"with the size behind. Needs root.\n\n"
		"      --size BYTES|PAGESp      what its files may take at most\n"
		"      --min-size BYTES|PAGESp  what it reserves as long as it is "
		"mounted\n"
		"      --mode OCTAL             of its root directory (0755)\n"
		"      --user USER              its owner, a name or a number\n"
		"      --group GROUP            its group\n"
		"      --inodes N               at most so many files, itself counted "
		"in\n"
		"      --dry-run                look whether it can be, and mount "
		"nothing\n"
		"      --list                   show the hugetlbfs mounts there are\n"
		"      --host PATH              with --list: a captured host, not this "
		"one\n"
		"  -J, --json                   as JSON, see weir-json(5)\n"
		"  -h, --help                   this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- options ---- */

static int take_mode(const char *arg, struct weir_count *out)
{
	uint64_t n;

	if (weir_mount_mode_parse(weir_strz(arg), &n) < 0)
		return weir_cli_bad(NAME, "--mode", arg,
		                    "wants a mode in base 8, such as 1770");
	*out = WEIR_COUNT(n);
	return 0;
}

static int take_number(const char *name, const char *arg, struct weir_count *out)
{
	uint64_t n;

	if (weir_parse_u64(weir_strz(arg), &n) < 0)
		return weir_cli_bad(NAME, name, arg, "wants a number");
	*out = WEIR_COUNT(n);
	return 0;
}

/* A name, else a number; the last number is "none" to the kernel. */
static int take_user(const char *arg, struct weir_count *out)
{
	const struct passwd *user = getpwnam(arg);
	uint64_t n;

	if (user)
		n = user->pw_uid;
	else if (weir_parse_u64(weir_strz(arg), &n) < 0 || n >= UINT32_MAX)
		return weir_cli_bad(NAME, "--user", arg, "no such user");
	*out = WEIR_COUNT(n);
	return 0;
}

static int take_group(const char *arg, struct weir_count *out)
{
	const struct group *group = getgrnam(arg);
	uint64_t n;

	if (group)
		n = group->gr_gid;
	else if (weir_parse_u64(weir_strz(arg), &n) < 0 || n >= UINT32_MAX)
		return weir_cli_bad(NAME, "--group", arg, "no such group");
	*out = WEIR_COUNT(n);
	return 0;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	struct weir_mount_ask *ask = &opts->ask;

	opts->any |= c != OPT_LIST && c != OPT_HOST && c != 'J';
	switch (c) {
	case OPT_SIZE: opts->limit = optarg; return 0;
	case OPT_MIN_SIZE: opts->minimum = optarg; return 0;
	case OPT_MODE: return take_mode(optarg, &ask->mode);
	case OPT_USER: return take_user(optarg, &ask->uid);
	case OPT_GROUP: return take_group(optarg, &ask->gid);
	case OPT_INODES: return take_number("--inodes", optarg, &ask->nr_inodes);
	case OPT_DRY_RUN: opts->dry_run = true; return 0;
	case OPT_LIST: opts->list = true; return 0;
	case OPT_HOST: opts->host = optarg; return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

static int take_amount(const char *name, const char *arg, uint64_t page_bytes,
                       struct weir_count *out)
{
	uint64_t bytes;

	if (!arg)
		return 0;
	if (weir_mount_amount_parse(weir_strz(arg), page_bytes, &bytes) < 0)
		return weir_cli_bad(NAME, name, arg, "wants bytes (1G) or pages (512p)");
	*out = WEIR_COUNT(bytes);
	return 0;
}

static int usage(const char *words)
{
	(void)weir_cli_fail(NAME, 0, "%s", words);
	return weir_cli_usage(NAME);
}

static int take_arguments(int argc, char **argv, struct options *opts)
{
	struct weir_mount_ask *ask = &opts->ask;
	int status;

	if (opts->list)
		return argc || opts->any
		               ? usage("--list takes none of what is for a new mount")
		               : 0;
	if (opts->host)
		return usage("--host goes with --list: nothing can be mounted on a "
		             "captured host");
	if (!argc)
		return usage("pages of which SIZE?");
	if (argc > 2)
		return weir_cli_bad(NAME, "takes SIZE and DIR, but got", argv[2],
		                    "one mount at a time");
	if (weir_parse_size(weir_strz(argv[0]), &ask->page_bytes) < 0 || !ask->page_bytes)
		return weir_cli_bad(NAME, "SIZE", argv[0],
		                    "wants a page size such as 2M, 1G or 2048kB");
	opts->dir = argc > 1 ? argv[1] : NULL;
	status = take_amount("--size", opts->limit, ask->page_bytes, &ask->size_bytes);
	return status ? status
	              : take_amount("--min-size", opts->minimum, ask->page_bytes,
	                            &ask->min_size_bytes);
}

/* ---- the list ---- */

static int list_json(const struct weir_report *report)
{
	const struct weir_mounts *all = &report->snap->mounts;
	struct weir_json j = { 0 };
	int r;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	if (all->known) {
		weir_json_open(&j, "mounts", '[');
		for (size_t i = 0; i < all->nr; i++)
			weir_report_json_mount(&j, NULL, all, i);
		weir_json_close(&j);
	} else {
		weir_json_null(&j, "mounts");
	}
	weir_json_close(&j);
	r = j.failed;
	if (r == 0)
		(void)fwrite(j.out.p, 1, j.out.n, stdout);
	weir_json_done(&j);
	return r;
}

static int list(const struct options *opts)
{
	static const struct weir_report_style style = {
		.table = WEIR_TABLE_MOUNTS,
		.columns = "TARGET,PAGE,LIMIT,MINIMUM,USED,LEFT,INODES,MODE,UID,GID",
	};
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_report_done) struct weir_report report = { 0 };
	struct weir_err err = { 0 };
	int r = weir_cli_open_host(opts->host, &host, &err);

	if (r == 0)
		r = weir_report_make(host, false, &report, &err);
	if (r)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	if (opts->json)
		r = list_json(&report);
	else if (!report.snap->mounts.known)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "the mounts are not known");
	else if (!report.snap->mounts.nr)
		(void)puts("no hugetlbfs is mounted");
	else
		r = weir_report_print(&report, &style, stdout, &err);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s",
		                     err.code ? err.msg : "out of memory");
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- what came of it ---- */

enum done { DONE_MOUNTED, DONE_THERE, DONE_WOULD };

struct result {
	enum done done;
	const struct options *opts;
	const struct weir_mount_look *look;
	const struct weir_mounts *mounts; /* NULL: there is none to show */
	size_t idx;
	struct weir_buf options, warning, differs; /* as asked; empty: none */
	uint64_t watcher_pid;                      /* 0: nobody has to be told */
	char watcher[WEIR_COMM_MAX];
};

static int print_json(const struct result *res)
{
	static const char *const words[] = { "mounted", "there", "would-mount" };
	struct weir_json j = { 0 };
	int r;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	weir_json_strz(&j, "result", words[res->done]);
	weir_json_strz(&j, "directory", res->look->dir);
	weir_json_bool(&j, "made_directory",
	               !res->look->dir_exists && res->done == DONE_MOUNTED);
	weir_json_strz(&j, "options", res->options.p);
	if (res->mounts)
		weir_report_json_mount(&j, "mount", res->mounts, res->idx);
	else
		weir_json_null(&j, "mount");
	weir_json_strz(&j, "warning", res->warning.n ? res->warning.p : NULL);
	weir_json_strz(&j, "differs", res->differs.n ? res->differs.p : NULL);
	weir_json_strz(&j, "restart", res->watcher_pid ? res->watcher : NULL);
	weir_json_close(&j);
	r = j.failed;
	if (r == 0)
		(void)fwrite(j.out.p, 1, j.out.n, stdout);
	weir_json_done(&j);
	return r;
}

static void print_amount(const char *name, struct weir_count bytes, uint64_t page_bytes)
{
	char size[WEIR_SIZE_TEXT_MAX];
	uint64_t pages = page_bytes ? bytes.n / page_bytes : 0;

	if (!bytes.known)
		return;
	(void)printf(", %s %s (%" PRIu64 " page%s)", name,
	             weir_format_size(bytes.n, size, sizeof(size)).p, pages,
	             pages == 1 ? "" : "s");
}

/* What the kernel says it is. */
static void print_mount(const struct weir_hugetlbfs *m)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)printf("%s pages at ",
	             weir_format_size(m->page_bytes.n, size, sizeof(size)).p);
	weir_cli_put(stdout, weir_strz(m->target));
	print_amount("size", m->size_bytes, m->page_bytes.n);
	print_amount("min-size", m->min_size_bytes, m->page_bytes.n);
	if (m->mode.known)
		(void)printf(", mode %04" PRIo64, m->mode.n);
	if (m->uid.known)
		(void)printf(", user %" PRIu64, m->uid.n);
	if (m->gid.known)
		(void)printf(", group %" PRIu64, m->gid.n);
	if (m->nr_inodes.known)
		(void)printf(", at most %" PRIu64 " inodes", m->nr_inodes.n);
	(void)fputc('\n', stdout);
}

static void print_text(const struct result *res)
{
	if (res->done == DONE_WOULD) {
		(void)fputs("would mount at ", stdout);
		weir_cli_put(stdout, weir_strz(res->look->dir));
		(void)printf("%s: %s\n", res->look->dir_exists ? "" : ", which it makes",
		             res->options.p);
	} else {
		(void)fputs(res->done == DONE_THERE ? "already mounted: " : "mounted ",
		            stdout);
		print_mount(&res->mounts->v[res->idx]);
	}
	if (res->watcher_pid)
		(void)printf("%s (%" PRIu64 ") looks for mounts when it starts: restart "
		             "it, so that it sees this one\n",
		             res->watcher, res->watcher_pid);
}

static void result_done(struct result *res)
{
	weir_buf_done(&res->options);
	weir_buf_done(&res->warning);
	weir_buf_done(&res->differs);
}

static int show(struct result *res)
{
	const struct weir_mount_ask *ask = &res->opts->ask;
	char named[WEIR_SIZE_TEXT_MAX], size[WEIR_SIZE_TEXT_MAX];
	int r = weir_mount_options(ask, &res->options);

	if (r == 0 && res->look->named_bytes.known)
		r = weir_buf_printf(
			&res->warning,
			"%s is named for pages of %s: files there take pages of %s",
			res->look->dir,
			weir_format_size(res->look->named_bytes.n, named, sizeof(named))
				.p,
			weir_format_size(ask->page_bytes, size, sizeof(size)).p);
	if (r == 0 && res->done == DONE_MOUNTED)
		r = weir_mount_differs(ask, &res->mounts->v[res->idx], &res->differs);
	if (r == 0 && res->opts->json)
		r = print_json(res);
	else if (r == 0)
		print_text(res);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	if (res->warning.n)
		(void)weir_cli_fail(NAME, 0, "warning: %s", res->warning.p);
	if (res->differs.n)
		return weir_cli_flush(
			NAME, weir_cli_fail(NAME, WEIR_EXIT_PARTLY,
		                            "the kernel made another mount of it: "
		                            "%s",
		                            res->differs.p));
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- the command ---- */

static int status_of(int r)
{
	switch (r) {
	case -EINVAL: return WEIR_EXIT_USAGE;
	case -ENOTEMPTY: return WEIR_EXIT_REFUSED;
	default: return WEIR_EXIT_FAILED;
	}
}

static int mount_it(const struct weir_host *host, const struct options *opts)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *after = NULL;
	weir_auto(weir_mount_look_done) struct weir_mount_look look = { 0 };
	weir_auto(result_done) struct result res = { .opts = opts, .look = &look };
	struct weir_err err = { 0 };
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, &err);

	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	r = weir_mount_look(snap, &opts->ask, opts->dir, false, &look, &err);
	if (r < 0)
		return weir_cli_fail(NAME, status_of(r), "%s", err.msg);
	if (look.is_there) {
		res.done = DONE_THERE;
		res.mounts = &snap->mounts;
		res.idx = (size_t)(weir_mount_at(&snap->mounts, look.dir) -
		                   snap->mounts.v);
	} else if (opts->dry_run) {
		res.done = DONE_WOULD;
	} else {
		r = weir_mount_make(host, &opts->ask, &look, &after, &res.idx, &err);
		if (r < 0)
			return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
		res.mounts = &after->mounts;
		res.watcher_pid = weir_mount_watcher(host, res.watcher);
	}
	return show(&res);
}

int weir_mount_main(int argc, char **argv)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct options opts = { 0 };
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	status = take_arguments(argc - optind, argv + optind, &opts);
	if (status)
		return status;
	if (opts.list)
		return list(&opts);
	if (weir_host_open(NULL, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return mount_it(host, &opts);
}
