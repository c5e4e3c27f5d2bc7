/* lease: `weir lease`: asks weird for memory that is already zeroed, and says where it
 * is.
 *
 * Standard output has the path, or QEMU's option, and nothing else, so that it can stand
 * in another command's line. What could not be written there is released again: nobody
 * would know of it. */
#include "cli/lease.h"

#include "base/own.h"
#include "base/size.h"
#include "base/span.h"
#include "cli/cli.h"
#include "facts/warm.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#define NAME       "lease"
#define QEMU_ID    "ram"
#define RELEASE_MS 5000U /* of what could not be told */

struct options {
	struct weir_client_options client;
	uint64_t bytes;
	struct weir_count page_bytes, node, ttl_s, uid;
	const char *name, *owner;
	const char *qemu; /* the object's name; NULL: no QEMU */
	bool warm_only, hold, json;
};

enum {
	OPT_SIZE = 256,
	OPT_NODE,
	OPT_NAME,
	OPT_OWNER,
	OPT_TTL,
	OPT_WARM_ONLY,
	OPT_USER,
	OPT_QEMU,
	OPT_HOLD,
	OPT_SOCKET,
	OPT_TIMEOUT,
};

static const struct option long_options[] = {
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "ttl", required_argument, NULL, OPT_TTL },
	{ "warm-only", no_argument, NULL, OPT_WARM_ONLY },
	{ "user", required_argument, NULL, OPT_USER },
	{ "qemu", optional_argument, NULL, OPT_QEMU },
	{ "hold", no_argument, NULL, OPT_HOLD },
	{ "json", no_argument, NULL, 'J' },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir lease [OPTION]... SIZE\n\n"
		"Asks weird for SIZE of memory that is already zeroed, and prints the "
		"path of the\n"
		"hugetlbfs file that it is. The lease ends by weir release, by its owner "
		"or by its\n"
		"time.\n\n"
		"      --size SIZE     of pages of this size (2M, 1G); else the smallest "
		"that weird\n"
		"                      keeps\n"
		"      --node N        on this node\n"
		"      --name NAME     a name for it: letters, digits and ._:@-\n"
		"      --owner OWNER   what ends it: a PID's end, 'use' (it was opened, "
		"and nobody\n"
		"                      has it any more), 'connection' (as --hold), "
		"'none', "
		"or the end\n"
		"                      of all processes of a systemd unit, by its name\n"
		"      --ttl TIME      it ends after so long: 90s, 30m, 12h, 7d\n"
		"      --warm-only     rather none than one that must be zeroed first\n"
		"      --user USER     whose file it is to be, by name or number\n"
		"      --qemu[=ID]     print QEMU's -object option for it (named ram); "
		"its owner is\n"
		"                      'use' then, unless --owner says other\n"
		"      --hold          stay until standard input or this command ends, "
		"and the lease\n"
		"                      with it\n"
		"  -J, --json          as JSON, see weir-json(5)\n"
		"      --socket PATH   where weird listens (/run/weir/weird.sock)\n"
		"      --timeout TIME  how long it may take (as long as zeroing takes)\n"
		"  -h, --help          this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- options ---- */

static int take_size(const char *arg, struct weir_count *out)
{
	int status = weir_cli_take_page_size(NAME, arg, &out->n);

	out->known = status == 0;
	return status;
}

static int take_node(const char *arg, struct weir_count *out)
{
	int status = weir_cli_take_node(NAME, arg, &out->n);

	out->known = status == 0;
	return status;
}

static int take_ttl(const char *arg, struct weir_count *out)
{
	uint64_t seconds;

	if (weir_parse_span(weir_strz(arg), &seconds) < 0)
		return weir_cli_bad(NAME, "--ttl", arg,
		                    "wants a time such as 90s, 30m, 12h or 7d");
	*out = WEIR_COUNT(seconds);
	return 0;
}

/* A name of digits would be taken for a lease's number later on. */
static int take_name(const char *arg, const char **out)
{
	uint64_t n;

	if (!*arg || weir_parse_u64(weir_strz(arg), &n) != -EBADMSG ||
	    !weir_warm_name_is_valid(weir_strz(arg)))
		return weir_cli_bad(
			NAME, "--name", arg,
			"wants letters, digits and ._:@- , 64 at most, and not only "
			"digits");
	*out = arg;
	return 0;
}

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

static int take_qemu(const char *arg, const char **out)
{
	*out = arg ? arg : QEMU_ID;
	if (!weir_lease_id_is_fine(*out))
		return weir_cli_bad(
			NAME, "--qemu", *out,
			"wants a letter, then letters, digits and -._ , as QEMU does");
	return 0;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_SIZE: return take_size(optarg, &opts->page_bytes);
	case OPT_NODE: return take_node(optarg, &opts->node);
	case OPT_NAME: return take_name(optarg, &opts->name);
	case OPT_OWNER: opts->owner = optarg; return 0;
	case OPT_TTL: return take_ttl(optarg, &opts->ttl_s);
	case OPT_WARM_ONLY: opts->warm_only = true; return 0;
	case OPT_USER: return take_user(optarg, &opts->uid);
	case OPT_QEMU: return take_qemu(optarg, &opts->qemu);
	case OPT_HOLD: opts->hold = true; return 0;
	case OPT_SOCKET: opts->client.socket = optarg; return 0;
	case OPT_TIMEOUT: return weir_client_timeout(NAME, optarg, &opts->client);
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

static int take_bytes(char **args, int nr, struct options *opts)
{
	if (nr != 1) {
		(void)weir_cli_fail(NAME, 0,
		                    nr ? "'%s' is too much: one SIZE a lease"
		                       : "how much memory?",
		                    nr ? args[1] : "");
		return weir_cli_usage(NAME);
	}
	if (weir_parse_size(weir_strz(args[0]), &opts->bytes) < 0 || !opts->bytes ||
	    opts->bytes > WEIR_COUNT_MAX)
		return weir_cli_bad(NAME, "SIZE", args[0],
		                    "wants a size such as 4G, 512M or 2048kB");
	if (opts->page_bytes.known && opts->bytes % opts->page_bytes.n)
		return weir_cli_bad(NAME, "SIZE", args[0],
		                    "is not in whole pages of that --size");
	return 0;
}

/* Who ends it: connection and --hold are the same. */
static int check_owner(struct options *opts)
{
	uint64_t pid = 0;

	if (opts->owner && !*opts->owner)
		return weir_cli_bad(NAME, "--owner", "",
		                    "wants a PID, 'use', 'connection', 'none' or a unit");
	if (opts->owner && weir_parse_u64(weir_strz(opts->owner), &pid) != -EBADMSG &&
	    (!pid || pid > INT32_MAX))
		return weir_cli_bad(NAME, "--owner", opts->owner, "is no process");
	if (opts->hold && opts->owner && strcmp(opts->owner, "connection") != 0)
		return weir_cli_bad(NAME, "--owner", opts->owner,
		                    "does not go with --hold");
	if (opts->hold)
		opts->owner = "connection";
	else if (opts->owner && strcmp(opts->owner, "connection") == 0)
		opts->hold = true;
	else if (!opts->owner)
		opts->owner = opts->qemu ? "use" : "none";
	return 0;
}

/* ---- asking ---- */

static void put_owner(struct weir_json *j, const char *owner)
{
	uint64_t pid;

	if (strcmp(owner, "none") == 0)
		return;
	weir_json_open(j, "owner", '{');
	if (strcmp(owner, "use") == 0 || strcmp(owner, "connection") == 0)
		weir_json_bool(j, owner, true);
	else if (weir_parse_u64(weir_strz(owner), &pid) == 0)
		weir_json_u64(j, "pid", pid);
	else
		weir_json_strz(j, "unit", owner);
	weir_json_close(j);
}

static void put_request(struct weir_json *j, const struct options *opts)
{
	weir_json_u64(j, "bytes", opts->bytes);
	if (opts->page_bytes.known)
		weir_json_u64(j, "page_bytes", opts->page_bytes.n);
	if (opts->node.known)
		weir_json_u64(j, "node", opts->node.n);
	if (opts->name)
		weir_json_strz(j, "name", opts->name);
	put_owner(j, opts->owner);
	if (opts->ttl_s.known)
		weir_json_u64(j, "ttl_ms", opts->ttl_s.n * 1000);
	if (opts->warm_only)
		weir_json_bool(j, "warm_only", true);
	if (opts->uid.known)
		weir_json_u64(j, "user", opts->uid.n);
}

static int ask(struct weir_client *client, const struct options *opts,
               struct weir_lease_got *got, struct weir_refusal *no, struct weir_err *err)
{
	weir_auto(weir_json_done) struct weir_json request = { 0 };
	weir_auto(weir_tree_done) struct weir_tree reply = { 0 };
	int r;

	weir_client_begin(client, "lease", &request);
	put_request(&request, opts);
	r = weir_client_call(client, &request, &reply, no, err);
	return r ? r : weir_lease_got_take(&reply, got, err);
}

/* ---- what came ---- */

static int print(const struct options *opts, const struct weir_lease_got *got)
{
	weir_auto(weir_buf_done) struct weir_buf qemu = { 0 };
	int r = 0;

	if (opts->qemu)
		r = weir_lease_qemu(got, opts->qemu, opts->node.known, &qemu);
	if (r == 0 && opts->json)
		r = weir_lease_json(got, opts->qemu ? qemu.p : NULL, stdout);
	else if (r == 0)
		(void)puts(opts->qemu ? qemu.p : got->path);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static void print_words(const struct options *opts, const struct weir_lease_got *got)
{
	weir_auto(weir_buf_done) struct weir_buf words = { 0 };

	if (opts->json || !isatty(STDERR_FILENO))
		return;
	weir_lease_words(got, &words);
	(void)weir_cli_fail(NAME, 0, "%s", words.p ? words.p : "");
}

static void give_back(struct weir_client *client, const struct weir_lease_got *got)
{
	weir_auto(weir_json_done) struct weir_json request = { 0 };
	weir_auto(weir_tree_done) struct weir_tree reply = { 0 };
	struct weir_refusal no;
	struct weir_err err = { 0 };
	int r;

	client->timeout_ms = RELEASE_MS;
	weir_client_begin(client, "release", &request);
	weir_json_u64(&request, "lease", got->lease);
	r = weir_client_call(client, &request, &reply, &no, &err);
	if (r)
		(void)weir_cli_fail(NAME, 0,
		                    "nobody was told of lease %" PRIu64
		                    ", and it stays: weir release %" PRIu64,
		                    got->lease, got->lease);
	else
		(void)weir_cli_fail(NAME, 0, "lease %" PRIu64 " is released again",
		                    got->lease);
}

/* Until nobody writes to standard input any more; what is written is of no interest. */
static int hold(struct weir_client *client)
{
	struct weir_err err = { 0 };
	char text[4096];
	ssize_t n;

	do {
		if (weir_client_wait(client, STDIN_FILENO, &err) < 0)
			return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
		n = read(STDIN_FILENO, text, sizeof(text));
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	return WEIR_EXIT_DONE;
}

static int lease(const struct options *opts)
{
	weir_auto(weir_client_done) struct weir_client client = { .fd = -1 };
	weir_auto(weir_lease_got_done) struct weir_lease_got got = { 0 };
	struct weir_refusal no;
	struct weir_err err = { 0 };
	int status, r = weir_client_open(&opts->client, &client, &err);

	if (r == 0)
		r = ask(&client, opts, &got, &no, &err);
	if (r > 0)
		return weir_client_tell(NAME, NULL, &no);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	status = print(opts, &got);
	if (status != WEIR_EXIT_DONE) {
		give_back(&client, &got);
		return status;
	}
	print_words(opts, &got);
	return opts->hold ? hold(&client) : WEIR_EXIT_DONE;
}

int weir_lease_main(int argc, char **argv)
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
	status = take_bytes(argv + optind, argc - optind, &opts);
	if (status == 0)
		status = check_owner(&opts);
	if (status)
		return status;
	(void)signal(SIGPIPE, SIG_IGN); /* a closed pipe must not lose the lease */
	return lease(&opts);
}
