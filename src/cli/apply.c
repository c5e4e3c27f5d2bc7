/* apply: `weir apply [FILE]`: makes this host what is declared for it: pools, limits and
 * mounts. The same plan, guards and journal as `weir set`. */
#include "cli/change.h"

#include "apply/declared.h"
#include "apply/mounting.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"
#include "cli/declared.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>

#define NAME "apply"

/* Memory is fresh at boot, and 1,000 pages of 2M take milliseconds; but a node may have
 * to be compacted, and services wait for it. */
#define BOOT_TIMEOUT_MS 60000U

/* A pool that is lowered leaves memory to another, which may then have more than the plan
 * before said: but for that, once would do. */
#define LOWER_MAX 4

struct options {
	const char *root, *file;
	bool boot;
	struct weir_plan_options plan;
	struct weir_change_options change;
};

enum { OPT_ROOT = 256, OPT_BOOT };

static const struct option long_options[] = {
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "boot", no_argument, NULL, OPT_BOOT },
	WEIR_CHANGE_LONG_ALLOW,
	WEIR_CHANGE_LONG_OPTIONS,
};

static int help(void)
{
	(void)fputs(
		"Usage: weir apply [OPTION]... [FILE]\n\n"
		"Makes the pools and mounts of this host what is declared for it in "
		"/etc/weir\n"
		"(weir-pools(5)), or in FILE alone. Shows the plan and asks first, as "
		"weir "
		"set does.\n\n"
		"      --boot           at boot: do not ask, keep what could be "
		"got\n" WEIR_CHANGE_HELP_ALLOW WEIR_CHANGE_HELP_GROWING
		"      --root DIR       the declaration of the system that lies below "
		"DIR\n" WEIR_CHANGE_HELP_REST
		"Exit status: 0 done, 4 done in part or undone, 5 refused by a guard.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_ROOT: opts->root = optarg; return 0;
	case OPT_BOOT:
		opts->boot = true;
		opts->change.style.yes = true;
		opts->change.apply.keep_partial = true;
		opts->change.apply.timeout_ms = BOOT_TIMEOUT_MS;
		return 0;
	default: return weir_change_take_option(c, optarg, &opts->change);
	}
}

/* ---- mounts ------------------------------------------------------------------------ */

/* A user or group that the file names; unknown when the host has none of that name. */
static struct weir_count id_of(const struct weir_declared_text *text, bool group)
{
	struct weir_count n = { 0 };
	const struct passwd *pw;
	const struct group *gr;

	if (!text->z)
		return n;
	n.known = weir_parse_u64(weir_strz(text->z), &n.n) == 0;
	if (n.known)
		return n;
	pw = group ? NULL : getpwnam(text->z);
	gr = group ? getgrnam(text->z) : NULL;
	if (pw)
		n = (struct weir_count){ true, pw->pw_uid };
	if (gr)
		n = (struct weir_count){ true, gr->gr_gid };
	return n;
}

static struct weir_count number(const struct weir_declared_number *n)
{
	return (struct weir_count){ n->given, n->given ? n->n : 0 };
}

static struct weir_mount_ask ask_of(const struct weir_declared_mount *m)
{
	return (struct weir_mount_ask){
		.page_bytes = m->page_bytes.n,
		.size_bytes = number(&m->size_bytes),
		.min_size_bytes = number(&m->min_size_bytes),
		.nr_inodes = number(&m->nr_inodes),
		.mode = number(&m->mode),
		.uid = id_of(&m->user, false),
		.gid = id_of(&m->group, true),
	};
}

/* 0, or the exit status. What is there with other options is not touched. */
static int mount_one(const struct weir_host *host, const struct weir_declared_mount *m,
                     const struct options *opts)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL, *after = NULL;
	weir_auto(weir_mount_look_done) struct weir_mount_look look = { 0 };
	const struct weir_mount_ask ask = ask_of(m);
	FILE *out = opts->change.style.json ? stderr : stdout;
	struct weir_err err = { 0 };
	char size[WEIR_SIZE_TEXT_MAX];
	size_t idx;
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, &err);

	if (r == 0)
		r = weir_mount_look(snap, &ask, m->target, true, &look, &err);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_PARTLY, "mount at %s: %s", m->target,
		                     err.msg);
	if (look.is_there)
		return 0;
	(void)fprintf(out, "%s pages of %s at ",
	              opts->change.style.dry_run ? "would mount" : "mounts",
	              weir_format_size(m->page_bytes.n, size, sizeof(size)).p);
	weir_cli_put(out, weir_strz(m->target));
	(void)fputc('\n', out);
	if (opts->change.style.dry_run)
		return 0;
	r = weir_mount_make(host, &ask, &look, &after, &idx, &err);
	return r < 0 ? weir_cli_fail(NAME, WEIR_EXIT_PARTLY, "mount at %s: %s", m->target,
	                             err.msg)
	             : 0;
}

static int mount_all(const struct weir_host *host, const struct weir_declaration *decl,
                     const struct options *opts)
{
	int status = 0;

	for (size_t i = 0; i < decl->nr_mounts; i++) {
		int one = mount_one(host, &decl->mounts[i], opts);

		status = one ? one : status;
	}
	return status;
}

/* ---- the whole --------------------------------------------------------------------- */

/* A pool that cannot be had must not keep all others from being set when a host boots:
 * what is wished of it is lowered to what the guard says would pass. The write that comes
 * of it asks for less than is declared; drift tells. Returns whether any was lowered. */
static bool lower(struct weir_wishes *wishes, const struct weir_plan *plan)
{
	bool any = false;

	for (size_t i = 0; i < plan->nr_breaches; i++) {
		const struct weir_breach *b = &plan->breaches[i];

		for (size_t k = 0; b->short_by && k < wishes->nr; k++) {
			struct weir_wish *wish = &wishes->v[k];

			if (wish->kind != WEIR_WISH_POOL ||
			    wish->page_bytes != b->page_bytes ||
			    (wish->node >= 0 && wish->node != (int)b->node) ||
			    wish->pages < b->short_by)
				continue;
			wish->pages -= b->short_by;
			(void)weir_cli_fail(NAME, 0, "%s", b->text);
			any = true;
		}
	}
	return any;
}

/* Plans @wishes and carries that out. *is_less: not all of it was planned. */
static int set_pools(const struct weir_host *host, struct options *opts,
                     const struct weir_cli_declared *declared, struct weir_wishes *wishes,
                     bool *is_less)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_err err = { 0 };
	int r = weir_snapshot_read(host, weir_plan_parts(wishes), &snap, &err);

	if (r == 0)
		r = weir_plan_make(snap, wishes, &opts->plan, &plan, &err);
	for (int i = 0; r == 0 && opts->boot && i < LOWER_MAX && lower(wishes, &plan);
	     i++) {
		*is_less = true;
		weir_plan_done(&plan);
		r = weir_plan_make(snap, wishes, &opts->plan, &plan, &err);
	}
	if (r == 0)
		r = weir_buf_add(&plan.notes, weir_buf_str(&declared->notes));
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return weir_change_run(host, &plan, &opts->change.apply, &opts->change.style);
}

/* One pool after the other, each a change of its own: what one cannot have, or a guard
 * refuses it, keeps no other away. 4 unless all went well. */
static int set_each(const struct weir_host *host, struct options *opts,
                    struct weir_cli_declared *declared)
{
	bool is_less = false;

	for (size_t i = 0; i < declared->wishes.nr; i++) {
		struct weir_wishes one = { .v = &declared->wishes.v[i], .nr = 1 };

		if (set_pools(host, opts, declared, &one, &is_less) != WEIR_EXIT_DONE)
			is_less = true;
	}
	return is_less ? WEIR_EXIT_PARTLY : WEIR_EXIT_DONE;
}

static int run(const struct weir_host *host, struct options *opts)
{
	weir_auto(weir_cli_declared_done) struct weir_cli_declared declared = { 0 };
	struct weir_err err = { 0 };
	int r = weir_cli_declared_read(opts->root, opts->file, host, &declared,
	                               &opts->plan, &err);
	int status, mounts;
	bool is_less = false;

	if (r == WEIR_UNDECLARED)
		return weir_cli_fail(
			NAME, opts->boot ? WEIR_EXIT_DONE : WEIR_EXIT_FAILED,
			"nothing is declared: 'weir persist' writes down what "
			"there is");
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	status = opts->change.style.dry_run
	                 ? 0
	                 : weir_change_recover(host, &opts->change.apply,
	                                       &opts->change.style);
	if (status)
		return status;
	/* pools first: a mount with min_size= takes its pages from them */
	status = opts->boot
	                 ? set_each(host, opts, &declared)
	                 : set_pools(host, opts, &declared, &declared.wishes, &is_less);
	if (status != WEIR_EXIT_DONE && !(opts->boot && status == WEIR_EXIT_PARTLY))
		return status;
	mounts = mount_all(host, &declared.decl, opts);
	return weir_cli_flush(NAME, mounts ? mounts : status);
}

int weir_apply_main(int argc, char **argv)
{
	struct options opts = { .change = { .style = { .command = NAME,
		                                       .width = weir_cli_width() } } };
	weir_auto(weir_freep) char *command = weir_change_command(argc, argv);
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	opts.change.apply.command = command;
	while ((c = getopt_long(argc, argv, WEIR_CHANGE_SHORT_OPTIONS, long_options,
	                        NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (argc - optind > 1 || (argc > optind && opts.root)) {
		(void)weir_cli_fail(NAME, 0, "%s",
		                    argc - optind > 1
		                            ? "more than one FILE"
		                            : "FILE and --root exclude each other");
		return weir_cli_usage(NAME);
	}
	opts.plan.allow = opts.change.allow;
	opts.file = argv[optind];
	if (weir_cli_open_host(NULL, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return run(host, &opts);
}
