/* who: `weir who`: who holds each huge page. Looks only; what could be released it names,
 * and releases nothing. */
#include "cli/who.h"

#include "cli/cli.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <getopt.h>

#define NAME "who"

struct options {
	const char *host;
	struct weir_who_style style;
	bool json;
};

enum { OPT_HOST = 256, OPT_NODE, OPT_SIZE, OPT_BY, OPT_TREE, OPT_LEAKS };

static const struct option long_options[] = {
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "by", required_argument, NULL, OPT_BY },
	{ "tree", no_argument, NULL, OPT_TREE },
	{ "leaks", no_argument, NULL, OPT_LEAKS },
	{ "bytes", no_argument, NULL, 'b' },
	{ "json", no_argument, NULL, 'J' },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir who [OPTION]... [PID|PATH|VM]\n\n"
		"Shows who holds each huge page, and what is reserved for whom, so that "
		"it adds\n"
		"up to the pool. What is shared is counted once. Root sees all of it.\n\n"
		"      --by WHAT    one row for each process (default), vm, file, cgroup "
		"or user\n"
		"      --tree       below each row what it is made of\n"
		"      --leaks      only what no process or no VM uses any more, and how "
		"it could\n"
		"                   be released\n"
		"      --size SIZE  only this page size (2M, 1G, 2048kB)\n"
		"      --node N     only what may be on this node\n"
		"  -b, --bytes      bytes, not pages\n"
		"  -J, --json       as JSON, see weir-json(5)\n"
		"      --host PATH  a captured host (directory or archive), not this "
		"one\n"
		"  -h, --help       this help\n\n"
		"Columns: PAGES in use, RESERVED, MAPPED or promised, of PAGES those in "
		"PRIVATE\n"
		"mappings and in SHARED files, NODES, ALSO: other processes that share "
		"it,\n"
		"PINNED: what they have that pins memory, and how much they have "
		"pinned.\n"
		"3-7 is a number that the kernel bounds only; >=3 one that may be "
		"larger.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int take_by(const char *arg, struct weir_who_style *style)
{
	static const char *const words[] = { "process", "vm", "file", "cgroup", "user" };

	for (size_t i = 0; i < WEIR_NELEM(words); i++) {
		if (strcmp(arg, words[i]) == 0) {
			style->by = (enum weir_who_by)i;
			return 0;
		}
	}
	return weir_cli_bad(NAME, "--by", arg, "wants process, vm, file, cgroup or user");
}

static int take_node(const char *arg, struct weir_who_style *style)
{
	uint64_t node = 0;
	int status = weir_cli_take_node(NAME, arg, &node);

	style->one_node = status == 0;
	style->node = (unsigned int)node;
	return status;
}

static int take_size(const char *arg, struct weir_who_style *style)
{
	int status = weir_cli_take_page_size(NAME, arg, &style->size_bytes);

	style->one_size = status == 0;
	return status;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_BY: return take_by(optarg, &opts->style);
	case OPT_NODE: return take_node(optarg, &opts->style);
	case OPT_SIZE: return take_size(optarg, &opts->style);
	case OPT_TREE: opts->style.tree = true; return 0;
	case OPT_LEAKS: opts->style.leaks = true; return 0;
	case 'b': opts->style.bytes = true; return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

/* As for status: a size or a node that is not there is a slip of the finger. */
static int check_asked(const struct weir_who *who, const struct weir_who_style *style)
{
	const struct weir_snapshot *snap = who->snap;
	char size[WEIR_SIZE_TEXT_MAX];

	if (style->one_node && snap->nodes.known &&
	    !weir_nodes_find(&snap->nodes, style->node))
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "this host has no node %u",
		                     style->node);
	if (style->one_size && snap->pools.known &&
	    !weir_pools_size(&snap->pools, style->size_bytes))
		return weir_cli_fail(
			NAME, WEIR_EXIT_FAILED, "this host has no pages of %s",
			weir_format_size(style->size_bytes, size, sizeof(size)).p);
	return WEIR_EXIT_DONE;
}

static bool shows_any(const struct weir_who *who, const struct weir_who_style *style)
{
	for (size_t i = 0; i < who->ledger.nr_holds; i++)
		if (weir_who_shows(who, style, &who->ledger.holds[i]))
			return true;
	return false;
}

/* The plain table is of pages, and the costliest look is spared it. Every other view
 * names users, asks about one, or judges by who they are. */
static enum weir_ledger_want wanted(const struct options *opts)
{
	const struct weir_who_style *style = &opts->style;

	return opts->json || style->tree || style->leaks || style->about ||
	                       style->by != WEIR_WHO_PROCESS
	               ? WEIR_LEDGER_ALL
	               : WEIR_LEDGER_PAGES;
}

static int show(const struct weir_host *host, const struct options *opts)
{
	weir_auto(weir_who_done) struct weir_who who = { 0 };
	struct weir_err err = { 0 };
	int status, r = weir_who_read(host, wanted(opts), &who, &err);

	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	status = check_asked(&who, &opts->style);
	if (status != WEIR_EXIT_DONE)
		return status;
	r = opts->json ? weir_who_json(&who, &opts->style, stdout)
	               : weir_who_text(&who, &opts->style, stdout, &err);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s",
		                     err.code ? err.msg : "out of memory");
	if (opts->style.about && !shows_any(&who, &opts->style)) {
		(void)weir_cli_fail(
			NAME, 0, "'%s' holds no huge pages%s", opts->style.about,
			who.ledger.holdings.nr_forbidden ? ", as far as this user may see"
							 : "");
		return weir_cli_flush(NAME, WEIR_EXIT_NO);
	}
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

int weir_who_main(int argc, char **argv)
{
	struct options opts = { .style.width = weir_cli_width() };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_freep) char *real = NULL;
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "bJh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (argc - optind > 1) {
		(void)weir_cli_fail(NAME, 0, "takes one PID, path or VM, but got '%s'",
		                    argv[optind + 1]);
		return weir_cli_usage(NAME);
	}
	if (optind < argc)
		opts.style.about = argv[optind];
	if (optind < argc && !opts.host && strchr(argv[optind], '/'))
		real = realpath(argv[optind], NULL);
	if (real)
		opts.style.about = real;
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return show(host, &opts);
}
