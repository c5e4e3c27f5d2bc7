/* explain: `weir explain [SUBJECT]`: what the counters mean, in sentences. Looks only. */
#include "plan/explain.h"

#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"
#include "facts/snapshot.h"
#include "holders/ledger.h"
#include "host/host.h"

#include <errno.h>
#include <getopt.h>

#define NAME "explain"

enum subject { COUNTERS, POOL, PROCESS, WRITE };

struct question {
	enum subject subject;
	uint64_t size_bytes, number; /* number: a process, or what would be written */
	int node;
};

struct options {
	const char *host, *kernel;
	bool json;
};

enum { OPT_HOST = 256, OPT_KERNEL };

static const struct option long_options[] = {
	{ "host", required_argument, NULL, OPT_HOST },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir explain [OPTION]... [SUBJECT]\n\n"
		"Says in sentences why huge pages are where they are: who has them, why "
		"free ones\n"
		"are not available, what surplus is and whose, why two files differ. "
		"Changes nothing.\n\n"
		"SUBJECT is one of:\n"
		"  counters             all of it (default)\n"
		"  pool SIZE [nodeN]    one page size, and how many more could be had\n"
		"  process PID          what one process holds\n"
		"  write SIZE N [nodeN] what writing N to nr_hugepages would do now\n\n"
		"      --host PATH      a captured host or a scenario, not this machine\n"
		"      --kernel RULES   of write: with the rules of this kernel, such as "
		"6.12\n"
		"  -J, --json           as JSON, see weir-json(5)\n"
		"  -h, --help           this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int bad(const char *what, const char *word)
{
	(void)weir_cli_fail(NAME, 0, "'%s': %s", word, what);
	return weir_cli_usage(NAME);
}

static int take_size(const char *word, struct question *q)
{
	if (weir_parse_size(weir_strz(word), &q->size_bytes) == 0 && q->size_bytes)
		return 0;
	return bad("no page size such as 2M or 1G", word);
}

static int take_node(const char *word, struct question *q)
{
	uint64_t node;

	if (!weir_str_starts(weir_strz(word), "node") ||
	    weir_parse_u64(weir_str_skip(weir_strz(word), 4), &node) < 0 ||
	    node > WEIR_NODE_MAX)
		return bad("no node such as node1", word);
	q->node = (int)node;
	return 0;
}

static int take_number(const char *word, struct question *q)
{
	if (weir_parse_u64(weir_strz(word), &q->number) == 0)
		return 0;
	return bad("no number", word);
}

/* 0, or the exit status. */
static int take_subject(char **words, int nr, struct question *q)
{
	static const struct {
		const char *word;
		enum subject subject;
		int min, max; /* words behind it */
	} subjects[] = {
		{ "counters", COUNTERS, 0, 0 },
		{ "pool", POOL, 1, 2 },
		{ "process", PROCESS, 1, 1 },
		{ "write", WRITE, 2, 3 },
	};
	int status = 0;

	*q = (struct question){ .node = -1 };
	if (!nr)
		return 0;
	for (size_t i = 0; i < WEIR_NELEM(subjects); i++) {
		if (strcmp(words[0], subjects[i].word) != 0)
			continue;
		q->subject = subjects[i].subject;
		if (nr - 1 < subjects[i].min || nr - 1 > subjects[i].max)
			return bad("too few or too many words behind it", words[0]);
		if (q->subject == PROCESS)
			return take_number(words[1], q);
		if (q->subject != COUNTERS)
			status = take_size(words[1], q);
		if (!status && q->subject == WRITE)
			status = take_number(words[2], q);
		if (!status && nr - 1 == subjects[i].max && q->subject != COUNTERS)
			status = take_node(words[nr - 1], q);
		return status;
	}
	return bad("not a subject: counters, pool, process, write", words[0]);
}

static int ask(const struct weir_host *host, const struct options *opts,
               const struct question *q, struct weir_sentences *out, struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	const struct weir_explain_write write = {
		.size_bytes = q->size_bytes,
		.node = q->node,
		.target = q->number,
		.kernel = opts->kernel,
	};
	struct weir_ledger ledger = { 0 };
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_DETAILS, &snap, err);

	if (r < 0)
		return r;
	if (q->subject == WRITE)
		return weir_explain_write(snap, &write, out, err);
	r = weir_ledger_read(host, snap, &ledger, err);
	if (r < 0)
		return r;
	switch (q->subject) {
	case COUNTERS: r = weir_explain_counters(snap, &ledger, out); break;
	case POOL:
		r = weir_explain_pool(snap, &ledger, q->size_bytes, q->node, out);
		break;
	case PROCESS: r = weir_explain_process(&ledger, q->number, out); break;
	case WRITE: break;
	}
	weir_ledger_done(&ledger);
	return r;
}

static int not_there(const struct question *q)
{
	char size[WEIR_SIZE_TEXT_MAX];

	if (q->subject == PROCESS)
		return weir_cli_fail(NAME, WEIR_EXIT_NO,
		                     "process %ju holds no huge pages, as far as this "
		                     "user may see, or is not there",
		                     (uintmax_t)q->number);
	(void)weir_format_size(q->size_bytes, size, sizeof(size));
	if (q->node >= 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED,
		                     "this host has no pages of %s, or no node %d", size,
		                     q->node);
	return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "this host has no pages of %s",
	                     size);
}

static void put_text(const struct weir_sentences *all, FILE *out)
{
	uint64_t size = 0;

	for (size_t i = 0; i < all->nr; i++) {
		if (i && all->v[i].size_bytes != size)
			(void)fputc('\n', out);
		size = all->v[i].size_bytes;
		weir_cli_wrap(out, all->v[i].topic == WEIR_TOPIC_PAGES ? "" : "- ",
		              all->v[i].text, all->v[i].topic == WEIR_TOPIC_PAGES ? 0 : 2,
		              weir_cli_width());
	}
}

static int put_json(const struct weir_sentences *all, FILE *out)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_open(&j, "sentences", '[');
	for (size_t i = 0; i < all->nr; i++) {
		weir_json_open(&j, NULL, '{');
		weir_json_strz(&j, "topic", weir_topic_word(all->v[i].topic));
		if (all->v[i].size_bytes)
			weir_json_u64(&j, "size_bytes", all->v[i].size_bytes);
		else
			weir_json_null(&j, "size_bytes");
		weir_json_strz(&j, "text", all->v[i].text);
		weir_json_close(&j);
	}
	weir_json_close(&j);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}

static int run(const struct weir_host *host, const struct options *opts,
               const struct question *q)
{
	weir_auto(weir_sentences_done) struct weir_sentences all = { 0 };
	struct weir_err err = { 0 };
	int r = ask(host, opts, q, &all, &err);

	if (r == -ENOENT && !err.code)
		return not_there(q);
	if (r == 0 && opts->json)
		r = put_json(&all, stdout);
	else if (r == 0)
		put_text(&all, stdout);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s",
		                     err.code ? err.msg : "out of memory");
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

int weir_explain_main(int argc, char **argv)
{
	struct options opts = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	struct question q;
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_HOST: opts.host = optarg; break;
		case OPT_KERNEL: opts.kernel = optarg; break;
		case 'J': opts.json = true; break;
		case 'h': return help();
		default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
		}
	}
	status = take_subject(argv + optind, argc - optind, &q);
	if (status)
		return status;
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return run(host, &opts, &q);
}
