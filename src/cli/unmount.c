/* unmount: `weir unmount`: takes hugetlbfs mounts away that nobody uses, and the files in
 * them only when told so. All of them are looked at before the first one goes. */
#include "cli/cli.h"

#include "apply/unmounting.h"
#include "base/own.h"
#include "base/size.h"
#include "host/host.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#define NAME      "unmount"
#define FILES_MAX 20U /* that are held and named; the others are counted */

struct options {
	bool with_files, dry_run;
};

enum { OPT_WITH_FILES = 256, OPT_DRY_RUN };

static const struct option long_options[] = {
	{ "with-files", no_argument, NULL, OPT_WITH_FILES },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir unmount [OPTION]... DIR...\n\n"
		"Unmounts the hugetlbfs mounts at these directories, unless a process "
		"has a file\n"
		"of theirs mapped or open. Files that nobody has go with the last mount "
		"of their\n"
		"file system, and are lost: that takes --with-files. Needs root.\n\n"
		"      --with-files  also when files are lost\n"
		"      --dry-run     look whether it can be, and unmount nothing\n"
		"  -h, --help        this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- what speaks against it ---- */

static int print_held(const struct weir_ledger *ledger, const struct weir_unmount *u,
                      size_t file)
{
	const struct weir_huge_file *f = &ledger->holdings.files.v[file];
	weir_auto(weir_buf_done) struct weir_buf who = { 0 };
	struct weir_file_users users = { 0 };
	uint64_t pages = u->page_bytes ? f->st.allocated_bytes / u->page_bytes : 0;
	int r = weir_file_users_add(ledger, file, &users);

	if (r == 0)
		r = weir_file_users_text(ledger, &users, &who);
	weir_file_users_done(&users);
	if (r)
		return r;
	(void)fputs("  ", stderr);
	weir_cli_put(stderr, weir_strz(f->path ? f->path : "?"));
	if (f->known)
		(void)fprintf(stderr, " (%" PRIu64 " page%s)", pages, plural(pages));
	(void)fputs(": ", stderr);
	weir_cli_put(stderr, weir_buf_str(&who));
	(void)fputc('\n', stderr);
	return 0;
}

static bool loses_files(const struct weir_unmount *u)
{
	return u->nr_left && !u->nr_others;
}

static bool is_refused(const struct weir_unmount *u, const struct options *opts)
{
	return u->nr_held || (loses_files(u) && !opts->with_files);
}

static int print_refusal(const struct weir_ledger *ledger, const struct weir_unmount *u)
{
	int r = 0;

	if (!u->nr_held) {
		(void)weir_cli_fail(NAME, 0,
		                    "%s: %zu file%s (%" PRIu64
		                    " page%s) that nobody uses would be lost with it: "
		                    "'weir clean %s' shows them, --with-files unmounts "
		                    "all the same",
		                    u->dir, u->nr_left, plural(u->nr_left), u->left_pages,
		                    plural(u->left_pages), u->dir);
		return 0;
	}
	(void)weir_cli_fail(NAME, 0, "%s: %zu file%s in use:", u->dir, u->nr_held,
	                    u->nr_held == 1 ? " is" : "s are");
	for (size_t i = 0; r == 0 && i < u->nr_held && i < FILES_MAX; i++)
		r = print_held(ledger, u, u->held[i]);
	if (u->nr_held > FILES_MAX)
		(void)fprintf(stderr, "  and %zu more: weir who\n",
		              u->nr_held - FILES_MAX);
	return r;
}

/* ---- doing it ---- */

static void print_done(const struct weir_unmount *u, bool dry_run)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)fputs(dry_run ? "would unmount " : "unmounted ", stdout);
	weir_cli_put(stdout, weir_strz(u->dir));
	if (u->page_bytes)
		(void)printf(" (%s pages)",
		             weir_format_size(u->page_bytes, size, sizeof(size)).p);
	if (loses_files(u))
		(void)printf("; %zu file%s with %" PRIu64 " page%s %s with it",
		             u->nr_left, plural(u->nr_left), u->left_pages,
		             plural(u->left_pages), dry_run ? "would go" : "went");
	else if (u->nr_others)
		(void)printf("; its file system stays mounted in %zu other place%s",
		             u->nr_others, plural(u->nr_others));
	(void)fputc('\n', stdout);
}

struct work {
	const struct weir_host *host;
	const struct options *opts;
	struct weir_snapshot *snap;
	struct weir_ledger ledger;
	struct weir_unmount *v;
	size_t nr;
};

static void work_done(struct work *work)
{
	for (size_t i = 0; work->v && i < work->nr; i++)
		weir_unmount_done(&work->v[i]);
	free(work->v);
	weir_ledger_done(&work->ledger);
	weir_snapshot_free(work->snap);
}

static int unmount_all(struct work *work)
{
	struct weir_err err = { 0 };
	size_t nr_done = 0;
	int failed = WEIR_EXIT_DONE;

	for (size_t i = 0; i < work->nr; i++) {
		int r = work->opts->dry_run
		                ? 0
		                : weir_unmount_do(work->host, &work->v[i], &err);

		if (r == 0) {
			print_done(&work->v[i], work->opts->dry_run);
			nr_done++;
			continue;
		}
		failed = weir_cli_fail(NAME,
		                       r == -EBUSY ? WEIR_EXIT_REFUSED : WEIR_EXIT_FAILED,
		                       "%s", err.msg);
	}
	if (failed != WEIR_EXIT_DONE && nr_done)
		failed = WEIR_EXIT_PARTLY;
	return weir_cli_flush(NAME, failed);
}

/* 0, or the exit status: nothing has been done then. */
static int look_at_all(struct work *work, char **dirs)
{
	struct weir_err err = { 0 };
	int status = 0, r;

	for (size_t i = 0; i < work->nr; i++) {
		r = weir_unmount_look(work->host, &work->ledger, dirs[i], &work->v[i],
		                      &err);
		if (r)
			return weir_cli_fail(NAME,
			                     r == -EBUSY || r == -EMEDIUMTYPE
			                             ? WEIR_EXIT_REFUSED
			                             : WEIR_EXIT_FAILED,
			                     "%s", err.msg);
		for (size_t k = 0; k < i; k++)
			if (work->v[k].id == work->v[i].id)
				return weir_cli_fail(NAME, WEIR_EXIT_USAGE,
				                     "%s is there twice", work->v[i].dir);
	}
	weir_unmount_count_others(&work->ledger, work->v, work->nr);
	for (size_t i = 0; i < work->nr; i++) {
		if (!is_refused(&work->v[i], work->opts))
			continue;
		status = WEIR_EXIT_REFUSED;
		if (print_refusal(&work->ledger, &work->v[i]) < 0)
			return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	}
	if (status && work->nr > 1)
		(void)weir_cli_fail(NAME, 0, "nothing was unmounted");
	return status;
}

static int unmount(const struct options *opts, char **dirs, size_t nr)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(work_done) struct work work = { .opts = opts, .nr = nr };
	struct weir_err err = { 0 };
	int status, r = weir_host_open(NULL, &host, &err);

	work.host = host;
	work.v = calloc(nr, sizeof(*work.v));
	if (!work.v)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	if (r == 0)
		r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &work.snap, &err);
	if (r == 0)
		r = weir_ledger_read(host, work.snap, WEIR_LEDGER_ALL, &work.ledger,
		                     &err);
	if (r)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	status = look_at_all(&work, dirs);
	return status ? status : unmount_all(&work);
}

int weir_unmount_main(int argc, char **argv)
{
	struct options opts = { 0 };
	char name[] = "weir " NAME;
	int c;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_WITH_FILES: opts.with_files = true; break;
		case OPT_DRY_RUN: opts.dry_run = true; break;
		case 'h': return help();
		default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
		}
	}
	if (optind == argc) {
		(void)weir_cli_fail(NAME, 0, "which DIR?");
		return weir_cli_usage(NAME);
	}
	return unmount(&opts, argv + optind, (size_t)(argc - optind));
}
