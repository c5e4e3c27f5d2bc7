/* set: `weir set WISH...`: changes the pools, with a plan first. */
#include "cli/change.h"

#include "apply/affected.h"
#include "apply/declared.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"
#include "cli/declared.h"
#include "cli/vms.h"
#include "facts/snapshot.h"
#include "model/rules.h"

#include <errno.h>
#include <getopt.h>

#define NAME    "set"
#define VMS_MAX 64

struct options {
	const char *host, *root;
	char *vms[VMS_MAX];
	int nr_vms;
	struct weir_plan_options plan;
	struct weir_change_options change;
};

enum {
	OPT_HOST = 256,
	OPT_KERNEL,
	OPT_FOR,
	OPT_FLOOR,
	OPT_ROOT,
};

static const struct option long_options[] = {
	{ "host", required_argument, NULL, OPT_HOST },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "for", required_argument, NULL, OPT_FOR },
	{ "floor", required_argument, NULL, OPT_FLOOR },
	{ "root", required_argument, NULL, OPT_ROOT },
	WEIR_CHANGE_LONG_ALLOW,
	WEIR_CHANGE_LONG_OPTIONS,
};

static int help(void)
{
	(void)fputs(
		"Usage: weir set [OPTION]... WISH...\n"
		"       weir set [OPTION]... --for VM...\n\n"
		"Changes the huge page pools: shows the plan, asks, writes, reads back; "
		"undoes\n"
		"all of it when it does not come to an end. WISH is\n"
		"  2M=4096              so many pages on all nodes together\n"
		"  2M/node1=+512        so many more (-512: fewer) on one node\n"
		"  1G=0:8,1:8           so many on each of these nodes\n"
		"  overcommit.2M=64     how many surplus pages may be made\n"
		"  pinnable.2M/node1=+8 free pages moved to where they may be pinned\n\n"
		"      --for VM         what this VM lacks; a file as of weir check; "
		"repeatable\n" WEIR_CHANGE_HELP_ALLOW
		"      --floor SIZE     leave the host so much available memory (else 1G "
		"or 3 %)\n" WEIR_CHANGE_HELP_GROWING
		"      --host PATH      plan for a captured host or a scenario\n"
		"      --kernel RULES   with the rules of this kernel, such as 6.12\n"
		"      --root DIR       what is declared of the system below "
		"DIR\n" WEIR_CHANGE_HELP_REST
		"Exit status: 0 done, 4 done in part or undone, 5 refused by a guard.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_KERNEL: opts->plan.kernel = optarg; return 0;
	case OPT_FOR:
		if (opts->nr_vms == VMS_MAX)
			return weir_change_bad_option(&opts->change, "for", optarg,
			                              "more VMs than can be planned for");
		opts->vms[opts->nr_vms++] = optarg;
		return 0;
	case OPT_FLOOR:
		opts->plan.floor_given = true;
		return weir_parse_size(weir_strz(optarg), &opts->plan.floor_bytes) == 0
		               ? 0
		               : weir_change_bad_option(&opts->change, "floor", optarg,
		                                        "wants a size such as 2G");
	case OPT_ROOT: opts->root = optarg; return 0;
	default: return weir_change_take_option(c, optarg, &opts->change);
	}
}

/* ---- the whole --------------------------------------------------------------------- */

static int read_wishes(char **args, int nr, struct weir_wishes *out)
{
	struct weir_err err = { 0 };

	for (int i = 0; i < nr; i++)
		if (weir_wish_parse(weir_strz(args[i]), out, &err) < 0) {
			(void)weir_cli_fail(NAME, 0, "%s", err.msg);
			return weir_cli_usage(NAME);
		}
	return 0;
}

/* What the VMs lack, as wishes. 0, or the exit status. */
static int wish_for_vms(const struct weir_host *host, struct options *opts,
                        struct weir_wishes *wishes, struct weir_buf *notes)
{
	const struct weir_ask_options ask = { .cpu = -1 };
	weir_auto(weir_vms_done) struct weir_vms vms = { 0 };
	struct weir_err err = { 0 };
	struct weir_plan_vms of;
	int r = weir_vms_read(host, !opts->host, opts->vms, opts->nr_vms, &ask, &vms,
	                      &err);

	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -ENOMEM ? WEIR_EXIT_FAILED : WEIR_EXIT_USAGE,
		                     "%s", err.msg);
	of = (struct weir_plan_vms){ .asks = vms.asks, .nr = vms.nr };
	r = weir_plan_for_vms(vms.snap, &of, opts->plan.kernel, wishes, notes, &err);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	/* pools that do not help are not made larger */
	return notes->n ? weir_cli_fail(NAME, WEIR_EXIT_NO, "%.*s",
	                                WEIR_STR_ARG(weir_str_chomp(weir_buf_str(notes))))
	                : 0;
}

/* What guards go by. On a captured host only what --root names. 0, or the exit status. */
static int read_declared(const struct weir_host *host, struct options *opts,
                         struct weir_cli_declared *declared)
{
	struct weir_err err = { 0 };
	int r;

	if (opts->host && !opts->root)
		return 0;
	r = weir_cli_declared_read(opts->root, NULL, host, declared, &opts->plan, &err);
	if (r >= 0 || opts->plan.allow >> WEIR_GUARD_DECLARED & 1)
		return 0;
	return weir_cli_fail(NAME, WEIR_EXIT_FAILED,
	                     "what is declared cannot be read, and guards go by it "
	                     "(--allow declared goes on without): %s",
	                     err.msg);
}

static int run(const struct weir_host *host, struct options *opts,
               struct weir_wishes *wishes)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	weir_auto(weir_cli_declared_done) struct weir_cli_declared declared = { 0 };
	struct weir_err err = { 0 };
	int r, status = 0;

	/* what a change that died left behind comes first */
	if (!opts->host && !opts->change.style.dry_run)
		status = weir_change_recover(host, &opts->change.apply,
		                             &opts->change.style);
	if (status == 0)
		status = read_declared(host, opts, &declared);
	if (status == 0 && opts->nr_vms)
		status = wish_for_vms(host, opts, wishes, &notes);
	if (status)
		return status;
	r = weir_snapshot_read(host, weir_plan_parts(wishes), &snap, &err);
	if (r == 0)
		r = weir_plan_make(snap, wishes, &opts->plan, &plan, &err);
	if (r == 0)
		r = weir_buf_add(&plan.notes, weir_buf_str(&declared.notes));
	if (r == 0)
		r = weir_affected_say(host, snap, &plan, &plan.notes);
	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -EINVAL ? WEIR_EXIT_USAGE : WEIR_EXIT_FAILED,
		                     "%s", err.msg);
	return weir_change_run(opts->host ? NULL : host, &plan, &opts->change.apply,
	                       &opts->change.style);
}

static int check_options(const struct options *opts, int nr)
{
	struct weir_rules rules;
	struct weir_err err = { 0 };
	size_t kernel;

	if (!nr && !opts->nr_vms) {
		(void)weir_cli_fail(NAME, 0, "what? A wish such as 2M=4096 is missing");
		return weir_cli_usage(NAME);
	}
	if (opts->plan.kernel &&
	    weir_rules_parse(weir_strz(opts->plan.kernel), &rules, &kernel, &err) < 0) {
		(void)weir_cli_fail(NAME, 0, "--kernel: %s", err.msg);
		return weir_cli_usage(NAME);
	}
	return 0;
}

int weir_set_main(int argc, char **argv)
{
	struct options opts = { .change = { .style = { .command = NAME,
		                                       .width = weir_cli_width() } } };
	weir_auto(weir_freep) char *command = weir_change_command(argc, argv);
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
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
	opts.plan.allow = opts.change.allow;
	status = check_options(&opts, argc - optind);
	if (status == 0)
		status = read_wishes(argv + optind, argc - optind, &wishes);
	if (status)
		return status;
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return run(host, &opts, &wishes);
}
