/* release: `weir release`: ends leases, by number, name or path. What somebody still has
 * is not taken from him: its memory waits for him, and weird names who it is. */
#include "cli/cli.h"
#include "cli/lease_rows.h"

#include "base/own.h"
#include "facts/warm.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>

#define NAME       "release"
#define TIMEOUT_MS 30000U

enum { OPT_SOCKET = 256, OPT_TIMEOUT };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir release [OPTION]... LEASE|NAME|PATH...\n\n"
		"Ends leases of warm memory, by their number, their name or the path of "
		"their\n"
		"file. Memory that somebody still has goes back to weird when he has let "
		"go.\n\n"
		"      --socket PATH   where weird listens (/run/weir/weird.sock)\n"
		"      --timeout TIME  how long it may take to answer (30s)\n"
		"  -h, --help          this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- which one is meant ---- */

struct meant {
	uint64_t lease;   /* where name is NULL */
	const char *name; /* borrowed */
};

/* Only root and the lessee are told a path, and only they may release it. A link is
 * followed: what was leased is behind it. */
static int find_path(struct weir_client *client, const char *path, struct meant *out,
                     struct weir_refusal *no, struct weir_err *err)
{
	weir_auto(weir_lease_rows_done) struct weir_lease_rows rows = { 0 };
	weir_auto(weir_freep) char *real = realpath(path, NULL);
	int r = weir_lease_rows_read(client, &rows, no, err);

	if (r)
		return r;
	for (size_t i = 0; i < rows.nr; i++) {
		if (!rows.v[i].path || strcmp(rows.v[i].path, real ? real : path) != 0)
			continue;
		out->lease = rows.v[i].lease;
		return 0;
	}
	return weir_err_set(err, -ENOENT, "'%s' is the file of none of your leases",
	                    path);
}

static int find(struct weir_client *client, const char *arg, struct meant *out,
                struct weir_refusal *no, struct weir_err *err)
{
	*out = (struct meant){ 0 };
	if (strchr(arg, '/'))
		return find_path(client, arg, out, no, err);
	if (weir_parse_u64(weir_strz(arg), &out->lease) < 0)
		out->name = arg; /* names of digits only weir lease does not give */
	if (out->name ? !*arg || !weir_warm_name_is_valid(weir_strz(arg))
	              : !out->lease || out->lease > WEIR_COUNT_MAX)
		return weir_err_set(err, -ENOENT, "'%s' is no lease", arg);
	return 0;
}

/* ---- doing it ---- */

static void print_done(const struct weir_tree *reply, const char *arg)
{
	const struct weir_tree_node *top = &reply->v[0];
	struct weir_str holders = weir_reply_text(reply, top, "holders");
	struct weir_count lease = weir_reply_u64(reply, top, "lease");

	(void)fputs("released ", stdout);
	weir_cli_put(stdout, weir_strz(arg));
	if (lease.known)
		(void)printf(" (lease %" PRIu64 ")", lease.n);
	if (weir_str_eq(weir_reply_text(reply, top, "state"), "waiting")) {
		(void)fputs("; its memory is waited for: ", stdout);
		weir_cli_put(stdout,
		             holders.n ? holders : weir_strz("somebody still has it"));
	}
	(void)fputc('\n', stdout);
}

/* 0, or the exit status. -ECONNRESET and the like in *lost: no use to go on. */
static int release(struct weir_client *client, const char *arg, bool *lost)
{
	weir_auto(weir_json_done) struct weir_json request = { 0 };
	weir_auto(weir_tree_done) struct weir_tree reply = { 0 };
	struct weir_refusal no;
	struct weir_err err = { 0 };
	struct meant meant;
	int r = find(client, arg, &meant, &no, &err);

	if (r == 0) {
		weir_client_begin(client, "release", &request);
		if (meant.name)
			weir_json_strz(&request, "name", meant.name);
		else
			weir_json_u64(&request, "lease", meant.lease);
		r = weir_client_call(client, &request, &reply, &no, &err);
	}
	if (r > 0)
		return weir_client_tell(NAME, arg, &no);
	if (r < 0) {
		*lost = r != -ENOENT;
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	}
	print_done(&reply, arg);
	return 0;
}

static int release_all(const struct weir_client_options *options, char **args, size_t nr)
{
	weir_auto(weir_client_done) struct weir_client client = { .fd = -1 };
	struct weir_err err = { 0 };
	int status = WEIR_EXIT_DONE;
	size_t nr_done = 0;
	bool lost = false;

	if (weir_client_open(options, &client, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	for (size_t i = 0; i < nr && !lost; i++) {
		int failed = release(&client, args[i], &lost);

		if (failed)
			status = failed;
		else
			nr_done++;
	}
	if (status != WEIR_EXIT_DONE && nr_done)
		status = WEIR_EXIT_PARTLY;
	return weir_cli_flush(NAME, status);
}

int weir_release_main(int argc, char **argv)
{
	struct weir_client_options options = { .timeout_ms = TIMEOUT_MS };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_SOCKET: options.socket = optarg; break;
		case OPT_TIMEOUT:
			status = weir_client_timeout(NAME, optarg, &options);
			if (status)
				return status;
			break;
		case 'h': return help();
		default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
		}
	}
	if (optind == argc) {
		(void)weir_cli_fail(NAME, 0, "which LEASE, NAME or PATH?");
		return weir_cli_usage(NAME);
	}
	return release_all(&options, argv + optind, (size_t)(argc - optind));
}
