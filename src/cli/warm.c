/* warm: `weir warm`: what weird keeps ready, how fast it comes, and what is in the way;
 * and how much it shall keep, until it is started again. */
#include "cli/cli.h"
#include "cli/warm_options.h"
#include "cli/warm_rows.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#define NAME   "warm"
#define SCHEMA 1

static const char usage[] =
	"Usage: weir warm [OPTION]... [SIZE[/nodeN]=BYTES]...\n\n"
	"Shows the memory that weird keeps zeroed, how fast it comes and what is in the\n"
	"way. With 2M/node0=16G: so much is kept ready from now on, until weird is "
	"started\n"
	"again or reads its configuration; that needs root.\n\n";

/* ---- targets ---- */

struct target {
	uint64_t page_bytes, bytes;
	struct weir_count node; /* unknown: any */
};

static int bad_target(const char *arg, const char *why)
{
	(void)weir_cli_fail(NAME, 0, "'%s': %s", arg, why);
	return weir_cli_usage(NAME);
}

/* "2M/node0=16G", "2M=16G". 0, or the usage status, said. */
static int parse_target(const char *arg, struct target *out)
{
	struct weir_str where, size, node, value;

	if (!weir_str_split(weir_strz(arg), '=', &where, &value))
		return bad_target(arg, "wants SIZE=BYTES or SIZE/nodeN=BYTES, such as "
		                       "2M/node0=16G");
	*out = (struct target){ 0 };
	size = where;
	if (weir_str_split(where, '/', &size, &node)) {
		out->node.known = true;
		if (!weir_str_starts(node, "node") ||
		    weir_parse_u64(weir_str_skip(node, 4), &out->node.n) < 0 ||
		    out->node.n > WEIR_NODE_MAX)
			return bad_target(arg, "wants node0 to node1023 behind the /");
	}
	if (weir_parse_size(size, &out->page_bytes) < 0 || !out->page_bytes)
		return bad_target(arg, "wants a page size such as 2M or 1G in front");
	if (weir_parse_size(value, &out->bytes) < 0 || out->bytes > WEIR_COUNT_MAX)
		return bad_target(arg, "wants an amount such as 16G behind the =");
	if (out->bytes % out->page_bytes)
		return bad_target(arg, "is not in whole pages");
	return 0;
}

static int set_target(struct weir_client *client, const struct target *target,
                      struct weir_refusal *no, struct weir_err *err)
{
	weir_auto(weir_json_done) struct weir_json request = { 0 };
	weir_auto(weir_tree_done) struct weir_tree reply = { 0 };

	weir_client_begin(client, "target", &request);
	weir_json_u64(&request, "page_bytes", target->page_bytes);
	if (target->node.known)
		weir_json_u64(&request, "node", target->node.n);
	weir_json_u64(&request, "bytes", target->bytes);
	return weir_client_call(client, &request, &reply, no, err);
}

/* ---- text ---- */

static void put_place(struct weir_count page, struct weir_count node)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)fputs(page.known ? weir_format_size(page.n, size, sizeof(size)).p : "?",
	            stdout);
	if (node.known)
		(void)printf(" node %" PRIu64, node.n);
}

static void put_blocked(const struct weir_warm_row *row, unsigned int width)
{
	if (!row->blocked)
		return;
	put_place(row->page_bytes, row->node);
	(void)fputs(" is not filled further:\n", stdout);
	weir_cli_wrap(stdout, "  ", row->blocked, 2, width);
}

static void put_flavour(const struct weir_warm_flavour *f)
{
	char size[WEIR_SIZE_TEXT_MAX];

	if (!f->bytes.known || !f->ready.known || !f->wanted.known)
		return;
	put_place(f->page_bytes, f->node);
	(void)printf(": %" PRIu64 " of %" PRIu64 " regions of %s are ready\n", f->ready.n,
	             f->wanted.n, weir_format_human(f->bytes.n, size, sizeof(size)));
}

static void put_counts(const struct weir_warm_rows *rows)
{
	char warm[WEIR_SIZE_TEXT_MAX], cold[WEIR_SIZE_TEXT_MAX];

	if (rows->leases.known && rows->warm_bytes_leased.known &&
	    rows->cold_bytes_leased.known)
		(void)printf(
			"since weird was started: %" PRIu64 " lease%s, %s warm and "
			"%s cold\n",
			rows->leases.n, rows->leases.n == 1 ? "" : "s",
			weir_format_human(rows->warm_bytes_leased.n, warm, sizeof(warm)),
			weir_format_human(rows->cold_bytes_leased.n, cold, sizeof(cold)));
	if (rows->verify_failures.known && rows->verify_failures.n)
		(void)printf("WARNING: %" PRIu64 " times what was zeroed did not read as "
		             "zero: weird's log names the regions\n",
		             rows->verify_failures.n);
}

static int put_text(const struct weir_warm_rows *rows,
                    const struct weir_warm_options *opts, struct weir_err *err)
{
	unsigned int width = weir_cli_width();
	int r;

	if (!rows->nr && !weir_warm_is_table_only(&opts->style)) {
		(void)puts("weird keeps nothing warm: weird.conf(5) says what it is to "
		           "keep, or 'weir warm 2M=4G'");
		return 0;
	}
	r = weir_table_print(&weir_table_warm, rows, &opts->style, stdout, err);
	if (r < 0 || weir_warm_is_table_only(&opts->style))
		return r;
	for (size_t i = 0; i < rows->nr; i++)
		put_blocked(&rows->v[i], width);
	for (size_t i = 0; i < rows->nr_flavours; i++)
		put_flavour(&rows->flavours[i]);
	put_counts(rows);
	return 0;
}

/* ---- JSON ---- */

static void put_stores(struct weir_json *j, const struct weir_warm_rows *rows)
{
	weir_json_open(j, "stores", '[');
	for (size_t i = 0; i < rows->nr; i++) {
		const struct weir_warm_row *row = &rows->v[i];

		weir_json_open(j, NULL, '{');
#define PUT(key) weir_client_json_count(j, #key, row->key);
		WEIR_WARM_NUMBERS(PUT)
#undef PUT
		weir_json_strz(j, "blocked", row->blocked);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void put_flavours(struct weir_json *j, const struct weir_warm_rows *rows)
{
	weir_json_open(j, "flavours", '[');
	for (size_t i = 0; i < rows->nr_flavours; i++) {
		const struct weir_warm_flavour *f = &rows->flavours[i];

		weir_json_open(j, NULL, '{');
		weir_client_json_count(j, "page_bytes", f->page_bytes);
		weir_client_json_count(j, "node", f->node);
		weir_client_json_count(j, "bytes", f->bytes);
		weir_client_json_count(j, "ready", f->ready);
		weir_client_json_count(j, "wanted", f->wanted);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static int put_json(const struct weir_warm_rows *rows)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	put_stores(&j, rows);
	put_flavours(&j, rows);
	weir_client_json_count(&j, "leases", rows->leases);
	weir_client_json_count(&j, "releases", rows->releases);
	weir_client_json_count(&j, "warm_bytes_leased", rows->warm_bytes_leased);
	weir_client_json_count(&j, "cold_bytes_leased", rows->cold_bytes_leased);
	weir_client_json_count(&j, "verify_failures", rows->verify_failures);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, stdout);
	return 0;
}

/* ---- all of it ---- */

/* 0; positive, an exit status, said; negative with words. */
static int set_all(struct weir_client *client, const struct target *targets, size_t nr,
                   struct weir_err *err)
{
	struct weir_refusal no;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		r = set_target(client, &targets[i], &no, err);
		if (r > 0) {
			r = weir_client_tell(NAME, NULL, &no);
			return i ? WEIR_EXIT_PARTLY : r;
		}
	}
	return r;
}

static int show(struct weir_client *client, const struct weir_warm_options *opts,
                struct weir_err *err)
{
	weir_auto(weir_warm_rows_done) struct weir_warm_rows rows = { 0 };
	struct weir_refusal no;
	int r = weir_warm_rows_read(client, &rows, &no, err);

	if (r > 0)
		return weir_client_tell(NAME, NULL, &no);
	if (r < 0)
		return r;
	return opts->json ? put_json(&rows) : put_text(&rows, opts, err);
}

static int warm(const struct weir_warm_options *opts, const struct target *targets,
                size_t nr)
{
	weir_auto(weir_client_done) struct weir_client client = { .fd = -1 };
	struct weir_err err = { 0 };
	int r = weir_client_open(&opts->client, &client, &err);

	if (r == 0)
		r = set_all(&client, targets, nr, &err);
	if (r == 0)
		r = show(&client, opts, &err);
	return weir_warm_ended(NAME, r, opts->style.columns, &err);
}

/* All of them make sense, or nothing is asked. */
static int parse_and_do(const struct weir_warm_options *opts, char **args, size_t nr)
{
	weir_auto(weir_freep) struct target *targets = calloc(nr + 1, sizeof(*targets));
	int status = 0;

	if (!targets)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	for (size_t i = 0; status == 0 && i < nr; i++)
		status = parse_target(args[i], &targets[i]);
	return status ? status : warm(opts, targets, nr);
}

int weir_warm_main(int argc, char **argv)
{
	struct weir_warm_options opts;
	char name[] = "weir " NAME;
	int status;

	argv[0] = name; /* what getopt puts before its messages */
	if (weir_warm_options_take(NAME, usage, &weir_table_warm, argc, argv, &opts,
	                           &status))
		return status;
	return parse_and_do(&opts, argv + optind, (size_t)(argc - optind));
}
