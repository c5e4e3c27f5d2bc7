/* check: `weir check VM...`: will these VMs start on this host? Reads texts, asks plan,
 * prints. Changes nothing. */
#include "cli/check.h"

#include "base/own.h"
#include "cli/cli.h"
#include "cli/vms.h"
#include "host/host.h"
#include "model/rules.h"

#include <errno.h>
#include <getopt.h>

#define NAME "check"

struct options {
	const char *host, *cgroup;
	struct weir_check_options check;
	struct weir_check_style style;
	struct weir_ask_options ask;
	enum weir_emit emit;
	bool json, running;
};

enum {
	OPT_HOST = 256,
	OPT_KERNEL,
	OPT_EXPLAIN,
	OPT_RUNNING,
	OPT_EMIT,
	OPT_CGROUP,
	OPT_MEMLOCK,
	OPT_NODES,
};

static const struct option long_options[] = {
	{ "host", required_argument, NULL, OPT_HOST },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "running", no_argument, NULL, OPT_RUNNING },
	{ "emit", required_argument, NULL, OPT_EMIT },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "memlock", required_argument, NULL, OPT_MEMLOCK },
	{ "nodes", required_argument, NULL, OPT_NODES },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir check [OPTION]... VM...\n\n"
		"Says of each VM, in the order given, whether it will start on this "
		"host, "
		"what\n"
		"decides, and what would help. VM is a file with a QEMU command line, "
		"libvirt's\n"
		"domain XML or a plan (weir-vm(5)), - for standard input, or pid:N for a "
		"QEMU\n"
		"that runs: would another one like it start? Changes nothing.\n\n"
		"      --host PATH      a captured host or a scenario, not this machine\n"
		"      --kernel RULES   with the rules of this kernel, such as 6.12\n"
		"      --cgroup PATH    started in this cgroup, such as /machine.slice\n"
		"      --memlock SIZE   with this RLIMIT_MEMLOCK, or 'unlimited'\n"
		"      --nodes LIST     confined to these NUMA nodes, as by a cpuset\n"
		"      --explain        where the memory comes from, and what was taken "
		"for granted\n"
		"      --emit FORM      the memory part of a command line (qemu) or "
		"domain "
		"XML\n"
		"                       (libvirt) for each VM that starts\n"
		"      --running        instead: the QEMU processes of this host\n"
		"  -J, --json           as JSON, see weir-json(5)\n"
		"  -h, --help           this help\n\n"
		"Exit status: 0 all start, 3 one does not.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int take_emit(const char *arg, struct options *opts)
{
	if (strcmp(arg, "qemu") == 0)
		opts->emit = WEIR_EMIT_QEMU;
	else if (strcmp(arg, "libvirt") == 0)
		opts->emit = WEIR_EMIT_LIBVIRT;
	else
		return weir_cli_bad(NAME, "--emit", arg, "wants qemu or libvirt");
	return 0;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_KERNEL: opts->check.kernel = optarg; return 0;
	case OPT_EXPLAIN: opts->style.explain = true; return 0;
	case OPT_RUNNING: opts->running = true; return 0;
	case OPT_EMIT: return take_emit(optarg, opts);
	case OPT_CGROUP:
		opts->ask.cgroup = optarg;
		if (*optarg == '/')
			return 0;
		return weir_cli_bad(NAME, "--cgroup", optarg,
		                    "wants a path such as /machine.slice");
	case OPT_MEMLOCK:
		if (!weir_vms_memlock(optarg, &opts->ask))
			return weir_cli_bad(NAME, "--memlock", optarg,
			                    "wants a size such as 8M, or 'unlimited'");
		return 0;
	case OPT_NODES:
		if (!weir_vms_nodes(optarg, &opts->ask))
			return weir_cli_bad(NAME, "--nodes", optarg,
			                    "wants nodes 0 to 63, such as 0,2-3");
		return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

/* ---- the whole --------------------------------------------------------------------- */

static int show(const struct weir_verdicts *verdicts, const struct weir_vms *vms,
                const struct options *opts, struct weir_err *err)
{
	int r = 0;

	if (opts->json)
		return weir_check_json(verdicts, stdout, err);
	if (!opts->emit) {
		weir_check_print(verdicts, vms->asks, &opts->style, stdout);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < verdicts->nr; i++)
		r = weir_check_emit(&verdicts->v[i], &vms->asks[i], opts->emit, stdout);
	return r < 0 ? weir_err_sys(err, r, "write") : 0;
}

static int run(const struct weir_host *host, char **args, int nr,
               const struct options *opts)
{
	weir_auto(weir_vms_done) struct weir_vms vms = { 0 };
	weir_auto(weir_verdicts_done) struct weir_verdicts verdicts = { 0 };
	struct weir_err err = { 0 };
	int status = WEIR_EXIT_DONE;
	int r = weir_vms_read(host, !opts->host, args, nr, &opts->ask, &vms, &err);

	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -ENOMEM ? WEIR_EXIT_FAILED : WEIR_EXIT_USAGE,
		                     "%s", err.msg);
	r = weir_check(vms.snap, vms.asks, vms.nr, &opts->check, &verdicts, &err);
	if (r == 0)
		r = show(&verdicts, &vms, opts, &err);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	for (size_t i = 0; i < verdicts.nr; i++)
		if (verdicts.v[i].word == WEIR_VERDICT_NO)
			status = WEIR_EXIT_NO;
	return weir_cli_flush(NAME, status);
}

static int check_options(const struct options *opts, int nr)
{
	struct weir_rules rules;
	struct weir_err err = { 0 };
	size_t kernel;

	if (opts->running && (nr || opts->emit || opts->style.explain)) {
		(void)weir_cli_fail(NAME, 0,
		                    "--running is a question of its own: it "
		                    "takes no VM");
		return weir_cli_usage(NAME);
	}
	if (!opts->running && !nr) {
		(void)weir_cli_fail(NAME, 0, "which VM? A file is missing");
		return weir_cli_usage(NAME);
	}
	if (opts->emit && opts->json) {
		(void)weir_cli_fail(NAME, 0,
		                    "--emit has its own form: it takes no "
		                    "--json");
		return weir_cli_usage(NAME);
	}
	if (opts->check.kernel &&
	    weir_rules_parse(weir_strz(opts->check.kernel), &rules, &kernel, &err) < 0) {
		(void)weir_cli_fail(NAME, 0, "--kernel: %s", err.msg);
		return weir_cli_usage(NAME);
	}
	return 0;
}

int weir_check_main(int argc, char **argv)
{
	struct options opts = { .ask.cpu = -1, .style.width = weir_cli_width() };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
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
	status = check_options(&opts, argc - optind);
	if (status)
		return status;
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return opts.running ? weir_check_running(host, opts.json)
	                    : run(host, argv + optind, argc - optind, &opts);
}
