/* clean: `weir clean`: removes leftover files from hugetlbfs mounts, after naming each,
 * and after being told to. What is not sure is shown, and kept unless it is named. */
#include "cli/cli.h"

#include "apply/leftovers.h"
#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "base/span.h"
#include "host/host.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>

#define NAME "clean"

struct options {
	struct weir_leftovers_ask ask;
	bool yes, dry_run, json;
};

enum { OPT_OLDER = 256, OPT_YES, OPT_DRY_RUN };

static const struct option long_options[] = {
	{ "older", required_argument, NULL, OPT_OLDER },
	{ "yes", no_argument, NULL, OPT_YES },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir clean [OPTION]... [PATH]...\n\n"
		"Removes files from hugetlbfs mounts that no process maps or has open "
		"and whose\n"
		"maker is gone, after naming each and asking. Files whose maker may "
		"come back to\n"
		"them are shown, and removed only when PATH is their own. A directory "
		"as PATH:\n"
		"only what lies below it. Needs root, to see all processes.\n\n"
		"      --older AGE  only what was not changed for so long: 90s, 30m, "
		"12h, 7d\n"
		"      --yes        do not ask; needed where there is no terminal\n"
		"      --dry-run    show, and remove nothing\n"
		"  -J, --json       as JSON, see weir-json(5)\n"
		"  -h, --help       this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- options ---- */

static int take_older(const char *arg, uint64_t *out_s)
{
	if (weir_parse_span(weir_strz(arg), out_s) == 0)
		return 0;
	(void)weir_cli_fail(
		NAME, 0, "--older '%s': wants a number with s, m, h or d behind it", arg);
	return weir_cli_usage(NAME);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_OLDER: return take_older(optarg, &opts->ask.older_s);
	case OPT_YES: opts->yes = true; return 0;
	case OPT_DRY_RUN: opts->dry_run = true; return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

/* ---- text ---- */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void put_age(struct weir_count age_s)
{
	char text[WEIR_SPAN_TEXT_MAX];

	if (age_s.known)
		(void)printf("changed %s ago",
		             weir_format_span(age_s.n, text, sizeof(text)));
	else
		(void)fputs("changed at an unknown time", stdout);
}

static void put_owner(uint64_t uid)
{
	const struct passwd *user = getpwuid((uid_t)uid);

	if (!user) {
		(void)printf("user %" PRIu64, uid);
		return;
	}
	(void)fputs("user ", stdout);
	weir_cli_put(stdout, weir_strz(user->pw_name));
}

static void print_one(const struct weir_leftover *left)
{
	char size[WEIR_SIZE_TEXT_MAX] = "?", human[WEIR_SIZE_TEXT_MAX];

	if (left->page_bytes)
		(void)weir_format_size(left->page_bytes, size, sizeof(size));
	weir_cli_put(stdout, weir_strz(left->path));
	(void)printf("\n  size %s, %" PRIu64 " page%s of %s, ",
	             weir_format_human(left->size_bytes, human, sizeof(human)),
	             left->pages, plural(left->pages), size);
	put_age(left->age_s);
	(void)fputs(", ", stdout);
	put_owner(left->uid);
	(void)fputc('\n', stdout);
	weir_cli_wrap(stdout, "  ", left->why ? left->why : "?", 2, weir_cli_width());
}

static void print_part(const struct weir_leftovers *all, const char *heading, bool chosen)
{
	bool any = false;

	for (size_t i = 0; i < all->nr; i++) {
		if (all->v[i].chosen != chosen)
			continue;
		if (!any)
			(void)puts(heading);
		any = true;
		print_one(&all->v[i]);
	}
	if (any)
		(void)fputc('\n', stdout);
}

static uint64_t count_pages(const struct weir_leftovers *all, bool removed)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < all->nr; i++)
		if (removed ? all->v[i].end == WEIR_LEFTOVER_REMOVED : all->v[i].chosen)
			pages += all->v[i].pages;
	return pages;
}

static size_t count_removed(const struct weir_leftovers *all)
{
	size_t nr = 0;

	for (size_t i = 0; i < all->nr; i++)
		nr += all->v[i].end == WEIR_LEFTOVER_REMOVED;
	return nr;
}

static bool has_unsure(const struct weir_leftovers *all)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->v[i].state == WEIR_LEFTOVER_UNSURE && !all->v[i].chosen)
			return true;
	return false;
}

static void print_found(const struct weir_leftovers *all)
{
	print_part(all, "Left behind:", true);
	print_part(all, "Kept:", false);
	if (has_unsure(all))
		(void)puts(
			"To remove one whose maker is not known to be gone, name it as "
			"PATH.");
	if (!all->nr)
		(void)puts("nothing is left behind");
	if (all->nr_elsewhere)
		(void)printf("%zu more in mounts of other mount namespaces: weir who "
		             "--leaks\n",
		             all->nr_elsewhere);
}

static void print_ends(const struct weir_leftovers *all)
{
	for (size_t i = 0; i < all->nr; i++) {
		const struct weir_leftover *left = &all->v[i];

		if (!left->chosen)
			continue;
		if (left->end == WEIR_LEFTOVER_REMOVED) {
			(void)fputs("removed ", stdout);
			weir_cli_put(stdout, weir_strz(left->path));
			(void)printf("%s%s\n", left->end_words ? ": " : "",
			             left->end_words ? left->end_words : "");
			continue;
		}
		(void)weir_cli_fail(NAME, 0, "%s is not removed: %s", left->path,
		                    left->end_words ? left->end_words
		                                    : "it was not come to");
	}
	(void)printf("%zu file%s with %" PRIu64 " page%s removed\n", count_removed(all),
	             plural(count_removed(all)), count_pages(all, true),
	             plural(count_pages(all, true)));
}

/* ---- JSON ---- */

static void json_one(struct weir_json *j, const struct weir_leftover *left)
{
	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "path", left->path);
	if (left->page_bytes)
		weir_json_u64(j, "page_bytes", left->page_bytes);
	else
		weir_json_null(j, "page_bytes");
	weir_json_u64(j, "size_bytes", left->size_bytes);
	weir_json_u64(j, "pages", left->pages);
	if (left->age_s.known)
		weir_json_u64(j, "age_seconds", left->age_s.n);
	else
		weir_json_null(j, "age_seconds");
	weir_json_u64(j, "uid", left->uid);
	if (left->creator_pid)
		weir_json_u64(j, "creator_pid", left->creator_pid);
	else
		weir_json_null(j, "creator_pid");
	weir_json_bool(j, "named", left->named);
	weir_json_strz(j, "state", weir_leftover_state_word(left->state));
	weir_json_strz(j, "why", left->why);
	weir_json_bool(j, "chosen", left->chosen);
	weir_json_strz(j, "end", weir_leftover_end_word(left->end));
	weir_json_strz(j, "end_words", left->end_words);
	weir_json_close(j);
}

static int print_json(const struct weir_leftovers *all, const char *refused)
{
	struct weir_json j = { 0 };
	int r;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	weir_json_open(&j, "files", '[');
	for (size_t i = 0; i < all->nr; i++)
		json_one(&j, &all->v[i]);
	weir_json_close(&j);
	weir_json_u64(&j, "elsewhere", all->nr_elsewhere);
	weir_json_strz(&j, "refused", refused);
	weir_json_u64(&j, "removed", count_removed(all));
	weir_json_u64(&j, "removed_pages", count_pages(all, true));
	weir_json_close(&j);
	r = j.failed;
	if (r == 0)
		(void)fwrite(j.out.p, 1, j.out.n, stdout);
	weir_json_done(&j);
	return r;
}

/* ---- the command ---- */

/* Only "y" and "yes" are a yes; whoever cannot be asked has not said it. */
static bool ask(const struct weir_leftovers *all)
{
	uint64_t pages = count_pages(all, false);
	char line[16];

	(void)fflush(stdout);
	(void)fprintf(stderr, "Remove %zu file%s with %" PRIu64 " page%s? [y/N] ",
	              all->nr_chosen, plural(all->nr_chosen), pages, plural(pages));
	if (!fgets(line, sizeof(line), stdin))
		return false;
	return strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0;
}

static const struct weir_leftover *find_used(const struct weir_leftovers *all)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->v[i].state == WEIR_LEFTOVER_USED)
			return &all->v[i];
	return NULL;
}

/* Why nothing may be removed, in *why; false when it may. */
static bool is_refused(const struct weir_leftovers *all, const struct options *opts,
                       struct weir_err *why)
{
	const struct weir_leftover *used = find_used(all);

	if (used)
		(void)weir_err_set(why, -EBUSY, "%s is in use: %s", used->path,
		                   used->why);
	else if (all->blind && all->nr)
		(void)weir_err_set(why, -EACCES, "%s", all->blind);
	else if (all->nr_chosen && !opts->dry_run && !opts->yes &&
	         (opts->json || !isatty(STDIN_FILENO)))
		(void)weir_err_set(why, -EPERM,
		                   "to be asked takes a terminal: else --yes");
	else if (all->nr_chosen && !opts->dry_run && !opts->yes && !ask(all))
		(void)weir_err_set(why, -ECANCELED, "the answer was no");
	else
		return false;
	return true;
}

static int finish(const struct weir_leftovers *all, const struct options *opts,
                  const char *refused, int status)
{
	if (opts->json && print_json(all, refused) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	return weir_cli_flush(NAME, status);
}

/* What is shown must have reached whoever reads it, before anything goes. */
static int show(const struct weir_leftovers *all, const struct options *opts)
{
	if (opts->json)
		return WEIR_EXIT_DONE;
	print_found(all);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int remove_all(const struct weir_host *host, struct weir_leftovers *all,
                      const struct options *opts)
{
	struct weir_err err = { 0 };
	int status = WEIR_EXIT_DONE;
	int r = weir_leftovers_remove(host, all, &err);

	if (!opts->json)
		print_ends(all);
	if (count_removed(all) < all->nr_chosen)
		status = WEIR_EXIT_PARTLY;
	if (r < 0) {
		if (!count_removed(all))
			status = r == -EACCES ? WEIR_EXIT_REFUSED : WEIR_EXIT_FAILED;
		(void)weir_cli_fail(NAME, 0, "%s", err.msg);
	}
	return finish(all, opts, r == -EACCES ? err.msg : NULL, status);
}

static int clean(const struct options *opts)
{
	weir_auto(weir_leftovers_done) struct weir_leftovers all = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	int r = weir_host_open(NULL, &host, &err);

	if (r == 0)
		r = weir_leftovers_look(host, &opts->ask, &all, &err);
	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -EMEDIUMTYPE || r == -ELOOP ? WEIR_EXIT_REFUSED
		                                                      : WEIR_EXIT_FAILED,
		                     "%s", err.msg);
	if (show(&all, opts) != WEIR_EXIT_DONE)
		return WEIR_EXIT_FAILED;
	if (is_refused(&all, opts, &err)) {
		(void)weir_cli_fail(NAME, 0, "nothing is removed: %s", err.msg);
		return finish(&all, opts, err.msg, WEIR_EXIT_REFUSED);
	}
	if (!all.nr_chosen || opts->dry_run)
		return finish(&all, opts, NULL, WEIR_EXIT_DONE);
	return remove_all(host, &all, opts);
}

int weir_clean_main(int argc, char **argv)
{
	struct options opts = { 0 };
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
	opts.ask.paths = argv + optind;
	opts.ask.nr_paths = (size_t)(argc - optind);
	return clean(&opts);
}
