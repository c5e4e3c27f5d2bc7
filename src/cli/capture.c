/* capture: `weir capture`: saves what weir reads of a host, so that --host shows the same
 * of it elsewhere and later. The readers of facts run over a host that remembers what
 * they read; what they would ask for, a capture therefore has. */
#include "cli/cli.h"

#include "capture/keep.h"
#include "capture/redact.h"
#include "capture/save.h"
#include "facts/snapshot.h"
#include "host/record.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define NAME      "capture"
#define READS_MAX 3 /* of a host whose counters move: then it is saved as it is */

struct options {
	const char *host;
	struct weir_save save;
	bool redact;
};

enum { OPT_HOST = 256, OPT_REDACT, OPT_FORCE };

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "redact", no_argument, NULL, OPT_REDACT },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir capture [OPTION]...\n\n"
		"Saves a host's state, for weir --host to read elsewhere and later. "
		"Changes\n"
		"nothing on the host. Root sees the most: what could not be read is "
		"counted.\n\n"
		"  -o, --output PATH  where to: *.tar.zst, *.tar.gz, *.tar, a directory\n"
		"                     (DIR/), or - for standard output\n"
		"                     (default: weir-HOST-TIME.tar.zst)\n"
		"      --redact       other names for users, hosts, processes and VMs\n"
		"      --force        replace an archive that is there\n"
		"      --host PATH    a captured host, not this one: to change its "
		"form,\n"
		"                     or to redact it\n"
		"  -h, --help         this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* What was read, and what is told of it at the end. */
struct capture {
	const struct weir_host *host;
	struct weir_record record;
	struct weir_snapshot *snap;
	struct weir_tasks_kept tasks;
};

static void drop_reading(struct capture *capture)
{
	weir_snapshot_free(weir_take(capture->snap));
	weir_record_done(&capture->record);
	capture->record = (struct weir_record){ 0 };
}

static int read_once(struct capture *capture, struct weir_err *err)
{
	weir_auto(weir_host_freep) struct weir_host *recording = NULL;
	int r;

	drop_reading(capture);
	r = weir_record_new(&capture->record, capture->host, &recording);
	if (r < 0)
		return weir_err_sys(err, r, "record the host");
	return weir_snapshot_read(recording, WEIR_SNAPSHOT_ALL, &capture->snap, err);
}

static int read_host(struct capture *capture, struct weir_err *err)
{
	int r = 0;

	for (int i = 0; i < READS_MAX; i++) {
		r = read_once(capture, err);
		if (r < 0 || capture->snap->consistent)
			return r;
	}
	(void)weir_cli_fail(NAME, 0,
	                    "warning: the pools changed while they were read, %d "
	                    "times: their numbers may not fit together",
	                    READS_MAX);
	return r;
}

/* The log of a host is full of what is nobody's business. */
static int filter_klog(struct weir_members *files, struct weir_err *err)
{
	static const char path[] = "/@/klog";
	weir_auto(weir_buf_done) struct weir_buf kept = { 0 };
	const struct weir_member *m;
	struct weir_str text;
	int r;

	weir_members_sort(files);
	m = weir_members_find(files, path);
	if (!m || !m->text)
		return 0;
	r = weir_klog_filter(weir_str(m->text, m->n), &kept);
	text = weir_buf_str(&kept);
	if (r == 0)
		r = weir_members_add(files, path, &text);
	weir_members_sort(files); /* drops the whole log */
	return r < 0 ? weir_err_sys(err, r, "filter the kernel's log") : 0;
}

static int redact(struct capture *capture, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf passwd = { 0 };

	/* without it, users are known by their homes only */
	if (weir_host_read(capture->host, "/etc/passwd", WEIR_PASSWD_MAX, &passwd) < 0)
		passwd.n = 0;
	return weir_redact(&capture->record.files, &capture->record.manifest,
	                   weir_buf_str(&passwd), err);
}

static int keep_holders(struct capture *capture, struct weir_err *err)
{
	const struct weir_tasks_keep what = { .host = capture->host,
		                              .mounts = &capture->snap->mounts,
		                              .default_page =
		                                      capture->snap->mem.huge_size };

	return weir_tasks_keep(&what, &capture->record, &capture->tasks, err);
}

static int fill(struct capture *capture, bool redacted, struct weir_err *err)
{
	struct weir_record *record = &capture->record;
	int r = read_host(capture, err);

	if (r == 0)
		r = filter_klog(&record->files, err);
	if (r == 0)
		r = keep_holders(capture, err);
	if (r == 0 && redacted)
		r = redact(capture, err);
	return r == 0 ? weir_record_finish(record, err) : r;
}

/* "weir-HOST-20250131T235959Z.tar.zst"; of a captured host the time is that of the
 * capture, and without one there is none in the name. NULL: out of memory. */
static char *default_name(const struct weir_snapshot *snap, bool redacted)
{
	time_t at = (time_t)(snap->at_ns / UINT64_C(1000000000));
	char when[32] = "", host[65] = "host1";
	char *name = NULL;
	struct tm tm;

	if (snap->at_ns && gmtime_r(&at, &tm) &&
	    !strftime(when, sizeof(when), "-%Y%m%dT%H%M%SZ", &tm))
		when[0] = '\0';
	if (!redacted)
		(void)snprintf(host, sizeof(host), "%.64s",
		               snap->hostname && *snap->hostname ? snap->hostname
		                                                 : "unknown");
	for (char *p = host; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
		            "89-_.",
		            *p))
			*p = '_';
	return asprintf(&name, "weir-%s%s.tar.zst", host, when) < 0 ? NULL : name;
}

static size_t nr_texts(const struct weir_members *files)
{
	size_t nr = 0;

	for (size_t i = 0; i < files->nr; i++)
		nr += files->v[i].text != NULL;
	return nr;
}

static size_t nr_forbidden(const struct weir_manifest *manifest)
{
	size_t nr = 0;

	for (size_t i = 0; i < manifest->nr_errors; i++)
		nr += manifest->errors[i].code == -EACCES;
	return nr;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static const char *who_could_not(const struct options *opts)
{
	if (opts->host)
		return " when it was captured";
	return geteuid() ? " as this user: run as root for all" : ", not by root either";
}

static void tell(const struct capture *capture, const struct options *opts,
                 uint64_t bytes)
{
	const struct weir_members *files = &capture->record.files;
	size_t texts = nr_texts(files),
	       forbidden = nr_forbidden(&capture->record.manifest);
	bool to_stdout = opts->save.form == WEIR_SAVE_STDOUT;
	char all[WEIR_SIZE_TEXT_MAX], packed[WEIR_SIZE_TEXT_MAX + 8] = "";

	if (opts->save.form != WEIR_SAVE_DIR)
		(void)snprintf(packed, sizeof(packed), " (%s)",
		               weir_format_human(bytes, all, sizeof(all)));
	(void)fprintf(stderr,
	              "weir " NAME ": saved %zu file%s, %s, with %zu of %zu process%s, ",
	              texts, plural(texts),
	              weir_format_human(files->bytes, all, sizeof(all)),
	              capture->tasks.nr_holders, capture->tasks.nr_seen,
	              capture->tasks.nr_seen == 1 ? "" : "es");
	if (to_stdout)
		(void)fputs("to standard output", stderr);
	else
		weir_cli_put(stderr, weir_strz(opts->save.path));
	(void)fputs(packed, stderr);
	if (forbidden)
		(void)fprintf(stderr, "; %zu path%s could not be read%s", forbidden,
		              plural(forbidden), who_could_not(opts));
	(void)fputc('\n', stderr);
}

static int save(struct capture *capture, struct options *opts)
{
	weir_auto(weir_freep) char *name = NULL;
	struct weir_err err = { 0 };
	uint64_t bytes;
	int r;

	if (!opts->save.path) {
		opts->save.path = name = default_name(capture->snap, opts->redact);
		if (!name)
			return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	}
	r = weir_save_write(&opts->save, &capture->record.files,
	                    capture->record.manifest.time_ns, &bytes, &err);
	if (r == -EEXIST)
		return weir_cli_fail(NAME, WEIR_EXIT_REFUSED, "%s", err.msg);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s%s", err.msg,
		                     r == -ELIBACC ? " (-o DIR/ needs no library)" : "");
	tell(capture, opts, bytes);
	return WEIR_EXIT_DONE;
}

static int capture_and_save(struct options *opts)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct capture capture = { 0 };
	struct weir_err err = { 0 };
	int status;

	if (weir_cli_open_host(opts->host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	capture.host = host;
	status = fill(&capture, opts->redact, &err) < 0
	                 ? weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg)
	                 : save(&capture, opts);
	drop_reading(&capture);
	return status;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case 'o': opts->save.path = optarg; return 0;
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_REDACT: opts->redact = true; return 0;
	case OPT_FORCE: opts->save.force = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

/* What can be refused is refused before the host is read. */
static int check(struct options *opts)
{
	struct weir_err err = { 0 };
	int r;

	if (!opts->save.path)
		return 0;
	if (weir_save_by_path(&opts->save, &err) < 0) {
		(void)weir_cli_fail(NAME, 0, "--output '%s': %s", opts->save.path,
		                    err.msg);
		return weir_cli_usage(NAME);
	}
	r = weir_save_check(&opts->save, &err);
	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -EEXIST ? WEIR_EXIT_REFUSED : WEIR_EXIT_FAILED,
		                     "%s", err.msg);
	return 0;
}

int weir_capture_main(int argc, char **argv)
{
	struct options opts = { .save.kind = WEIR_ARCHIVE_ZSTD };
	char name[] = "weir " NAME;
	int c, status = 0;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (optind < argc) {
		(void)weir_cli_fail(NAME, 0, "takes no argument, but got '%s'",
		                    argv[optind]);
		return weir_cli_usage(NAME);
	}
	status = check(&opts);
	return status ? status : capture_and_save(&opts);
}
