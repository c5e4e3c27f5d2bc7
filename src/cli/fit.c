/* fit: `weir fit VM`: how many more of this VM a host takes, what stops the next one, and
 * how other kinds of VM with the same memory would fare. Changes nothing. */
#include "plan/fit.h"

#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"
#include "cli/vms.h"
#include "host/host.h"
#include "model/rules.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#define NAME "fit"

struct options {
	const char *host;
	struct weir_fit_options fit;
	struct weir_ask_options ask;
	bool json;
};

enum { OPT_HOST = 256, OPT_KERNEL, OPT_CGROUP, OPT_NODES, OPT_TOTAL };

static const struct option long_options[] = {
	{ "host", required_argument, NULL, OPT_HOST },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "nodes", required_argument, NULL, OPT_NODES },
	{ "total", no_argument, NULL, OPT_TOTAL },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir fit [OPTION]... VM\n\n"
		"Says how many more of this VM fit on this host, each using all of its "
		"memory,\n"
		"what stops the next one, and how many would fit on each node and of "
		"other "
		"kinds.\n"
		"VM is as of 'weir check'. Changes nothing.\n\n"
		"      --host PATH     a captured host or a scenario, not this machine\n"
		"      --kernel RULES  with the rules of this kernel, such as 6.12\n"
		"      --cgroup PATH   started in this cgroup, such as /machine.slice\n"
		"      --nodes LIST    confined to these NUMA nodes\n"
		"      --total         only the one number, not node by node and kind by "
		"kind\n"
		"  -J, --json          as JSON, see weir-json(5)\n"
		"  -h, --help          this help\n\n"
		"Exit status: 0 at least one fits, 3 none does.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_KERNEL: opts->fit.kernel = optarg; return 0;
	case OPT_CGROUP:
		opts->ask.cgroup = optarg;
		if (*optarg == '/')
			return 0;
		(void)weir_cli_fail(NAME, 0,
		                    "--cgroup '%s': wants a path such as /machine.slice",
		                    optarg);
		return weir_cli_usage(NAME);
	case OPT_TOTAL: opts->fit.no_matrix = true; return 0;
	case OPT_NODES:
		if (weir_vms_nodes(optarg, &opts->ask))
			return 0;
		(void)weir_cli_fail(NAME, 0,
		                    "--nodes '%s': wants nodes 0 to 63, such as 0,2-3",
		                    optarg);
		return weir_cli_usage(NAME);
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

/* ---- output ------------------------------------------------------------------------ */

struct cell {
	char text[48];
};

static struct cell cell(const struct weir_fit_count *n)
{
	struct cell c;

	if (n->min == n->max)
		(void)snprintf(c.text, sizeof(c.text), "%" PRIu64, n->min);
	else
		(void)snprintf(c.text, sizeof(c.text), "%" PRIu64 "-%" PRIu64, n->min,
		               n->max);
	return c;
}

static struct cell row_name(const struct weir_fit_row *row)
{
	struct cell c;

	(void)snprintf(c.text, sizeof(c.text), "%s%s%s", weir_vm_kind_word(row->kind),
	               row->vfio ? "+VFIO" : "", row->asked ? "*" : "");
	return c;
}

/* On a node, or (-1) on any: how much CSV memory it has is not known. */
static bool is_untold(const struct weir_fit *fit, const struct weir_fit_row *row,
                      int node)
{
	if (row->kind != WEIR_VM_CSV3)
		return false;
	return node < 0 ? fit->untold != 0 : fit->untold >> node & 1;
}

/* "+2": so many more on warm memory. */
static struct cell warm_cell(const struct weir_fit_row *row)
{
	struct cell number = cell(&row->warm), c = { "-" };

	if (row->warm.max)
		(void)snprintf(c.text, sizeof(c.text), "+%.40s", number.text);
	return c;
}

static void put_matrix(const struct weir_fit *fit, FILE *out)
{
	(void)fprintf(out, "%-12s %8s ", "KIND", "ALL");
	if (fit->has_store)
		(void)fprintf(out, " %7s", "WARM");
	for (size_t i = 0; fit->nr_nodes > 1 && i < fit->nr_nodes; i++) {
		char node[24];

		(void)snprintf(node, sizeof(node), "NODE%u", fit->nodes[i]);
		(void)fprintf(out, " %7s", node);
	}
	(void)fputc('\n', out);
	for (size_t k = 0; k < fit->nr_rows; k++) {
		const struct weir_fit_row *row = &fit->rows[k];

		(void)fprintf(out, "%-12s %8s%c", row_name(row).text,
		              cell(&row->all).text, is_untold(fit, row, -1) ? '+' : ' ');
		if (fit->has_store)
			(void)fprintf(out, " %7s", warm_cell(row).text);
		for (size_t i = 0; fit->nr_nodes > 1 && i < fit->nr_nodes; i++)
			(void)fprintf(out, " %7s",
			              is_untold(fit, row, (int)fit->nodes[i])
			                      ? "?"
			                      : cell(&row->nodes[i]).text);
		(void)fputc('\n', out);
	}
}

static const struct weir_fit_row *asked(const struct weir_fit *fit)
{
	for (size_t i = 0; i < fit->nr_rows; i++)
		if (fit->rows[i].asked)
			return &fit->rows[i];
	return &fit->rows[0];
}

static void put_text(const struct weir_fit *fit, const struct weir_ask *ask,
                     bool no_matrix, FILE *out)
{
	const struct weir_demand *vm = ask->demand;
	unsigned int width = weir_cli_width();
	char size[WEIR_SIZE_TEXT_MAX];

	weir_cli_put(out, weir_strz(vm->name));
	(void)fprintf(out, " (%s%s, %s): %s more fit\n", weir_vm_kind_word(vm->kind),
	              vm->nr_vfio ? "+VFIO" : "",
	              weir_format_human(weir_demand_bytes(vm), size, sizeof(size)),
	              cell(&asked(fit)->all).text);
	if (asked(fit)->warm.max)
		(void)fprintf(out, "  and %s more when they lease warm memory\n",
		              cell(&asked(fit)->warm).text);
	if (fit->limited_by_ids)
		(void)fputs("  the next one finds no address space id\n", out);
	else if (fit->is_cut)
		(void)fputs("  and maybe more: counting ended there\n", out);
	else if (fit->blocks.reason)
		weir_cli_wrap(out, "  the next one: ", fit->blocks.reason, 16, width);
	for (size_t i = 0; !fit->blocks.reason && i < fit->blocks.nr_but; i++)
		weir_cli_wrap(out, "  the next one: ", fit->blocks.but[i], 16, width);
	if (fit->table_left_out)
		(void)fputs("  this host is too large for the table: ask with --nodes, "
		            "or for another "
		            "kind\n",
		            out);
	if (!no_matrix && !ask->refused && !fit->table_left_out) {
		(void)fputc('\n', out);
		put_matrix(fit, out);
	}
}

static void put_count(struct weir_json *j, const struct weir_fit_count *n)
{
	weir_json_u64(j, "min", n->min);
	weir_json_u64(j, "max", n->max);
}

static int put_json(const struct weir_fit *fit, const struct weir_ask *ask,
                    bool no_matrix, FILE *out)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "name", ask->demand->name);
	weir_json_u64(&j, "memory_bytes", weir_demand_bytes(ask->demand));
	weir_json_strz(&j, "blocks", fit->limited_by_ids ? "ids" : fit->blocks.decides);
	weir_json_strz(&j, "reason", fit->blocks.reason);
	weir_json_open(&j, "kinds", '[');
	for (size_t k = 0; k < fit->nr_rows; k++) {
		const struct weir_fit_row *row = &fit->rows[k];

		weir_json_open(&j, NULL, '{');
		weir_json_strz(&j, "kind", weir_vm_kind_word(row->kind));
		weir_json_bool(&j, "vfio", row->vfio);
		weir_json_bool(&j, "asked", row->asked);
		put_count(&j, &row->all);
		weir_json_open(&j, "warm", '{');
		put_count(&j, &row->warm);
		weir_json_close(&j);
		weir_json_open(&j, "nodes", '[');
		for (size_t i = 0; !no_matrix && row->nodes && i < fit->nr_nodes; i++) {
			weir_json_open(&j, NULL, '{');
			weir_json_u64(&j, "node", fit->nodes[i]);
			if (is_untold(fit, row, (int)fit->nodes[i])) {
				weir_json_null(&j, "min");
				weir_json_null(&j, "max");
			} else {
				put_count(&j, &row->nodes[i]);
			}
			weir_json_close(&j);
		}
		weir_json_close(&j);
		weir_json_close(&j);
	}
	weir_json_close(&j);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}

static int run(const struct weir_host *host, char **args, const struct options *opts)
{
	weir_auto(weir_vms_done) struct weir_vms vms = { 0 };
	weir_auto(weir_fit_done) struct weir_fit fit = { 0 };
	struct weir_err err = { 0 };
	int r = weir_vms_read(host, !opts->host, args, 1, &opts->ask, &vms, &err);

	if (r == 0 && vms.nr != 1)
		r = weir_err_set(&err, -EINVAL, "'%s' has %zu VMs: fit is asked of one",
		                 args[0], vms.nr);
	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -ENOMEM ? WEIR_EXIT_FAILED : WEIR_EXIT_USAGE,
		                     "%s", err.msg);
	r = weir_fit(vms.snap, &vms.asks[0], &opts->fit, &fit, &err);
	if (r == 0 && opts->json)
		r = put_json(&fit, &vms.asks[0], opts->fit.no_matrix, stdout);
	else if (r == 0)
		put_text(&fit, &vms.asks[0], opts->fit.no_matrix, stdout);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s",
		                     err.code ? err.msg : "out of memory");
	return weir_cli_flush(NAME, asked(&fit)->all.max || asked(&fit)->warm.max
	                                    ? WEIR_EXIT_DONE
	                                    : WEIR_EXIT_NO);
}

int weir_fit_main(int argc, char **argv)
{
	struct options opts = { .ask.cpu = -1 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_rules rules;
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	size_t kernel;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (argc - optind != 1) {
		(void)weir_cli_fail(NAME, 0,
		                    argc == optind ? "which VM? A file is missing"
		                                   : "it is asked of one VM");
		return weir_cli_usage(NAME);
	}
	if (opts.fit.kernel &&
	    weir_rules_parse(weir_strz(opts.fit.kernel), &rules, &kernel, &err) < 0) {
		(void)weir_cli_fail(NAME, 0, "--kernel: %s", err.msg);
		return weir_cli_usage(NAME);
	}
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return run(host, argv + optind, &opts);
}
