/* explain: `weir explain [SUBJECT]`: what the counters mean, in sentences. Looks only. */
#include "plan/explain.h"

#include "base/json.h"
#include "base/own.h"
#include "base/ranges.h"
#include "base/size.h"
#include "cli/cli.h"
#include "facts/snapshot.h"
#include "holders/ledger.h"
#include "host/host.h"

#include <errno.h>
#include <getopt.h>

#define NAME "explain"

/* Where the buddy allocator has no blocks as large, which is another question, pages are
 * made of ranges; to look at these takes time. */
#define GIGANTIC_MIN (UINT64_C(16) << 20)

enum subject { COUNTERS, POOL, PROCESS, WRITE };

struct question {
	enum subject subject;
	uint64_t size_bytes, number; /* number: a process, or what would be written */
	int node;
	uint64_t policy; /* nodes of who writes to nr_hugepages_mempolicy, or 0 */
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
		"  write SIZE N [nodeN] what writing N to nr_hugepages would do now, to "
		"the "
		"file of\n"
		"                       all nodes or of one\n"
		"  write SIZE N mempolicy NODES\n"
		"                       the same of nr_hugepages_mempolicy, by a process "
		"whose policy\n"
		"                       has these nodes, such as 1 or 0,2-3\n\n"
		"      --host PATH      a captured host or a scenario, not this machine\n"
		"      --kernel RULES   of pool and write: with the rules of this "
		"kernel, "
		"such as 6.12\n"
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

/* "1", "0,2-3", and "node1" as elsewhere. */
static int take_policy(const char *word, struct question *q)
{
	weir_auto(weir_ranges_done) struct weir_ranges nodes = { 0 };
	struct weir_str list = weir_strz(word);

	if (weir_str_starts(list, "node"))
		list = weir_str_skip(list, 4);
	if (weir_ranges_parse(list, &nodes) < 0 || !nodes.nr)
		return bad("no list of nodes such as 1 or 0,2-3", word);
	weir_ranges_each (node, &nodes) {
		if (node >= WEIR_EXPLAIN_NODES_MAX)
			return bad("a policy has nodes 0 to 63 here", word);
		q->policy |= UINT64_C(1) << node;
	}
	return 0;
}

static int take_number(const char *word, struct question *q)
{
	switch (weir_parse_u64(weir_strz(word), &q->number)) {
	case 0: return 0;
	case -ERANGE: return bad("larger than any number the kernel takes", word);
	default: return bad("no number", word);
	}
}

/* What stands behind the subject's word: SIZE, for a write N, and where. */
static int take_pool(char **words, int nr, struct question *q)
{
	bool writes = q->subject == WRITE;
	int named = writes ? 2 : 1;
	int status = take_size(words[0], q);

	if (!status && writes)
		status = take_number(words[1], q);
	if (status || nr == named)
		return status;
	if (!writes || strcmp(words[named], "mempolicy") != 0)
		return nr > named + 1 ? bad("too many words", words[named + 1])
		                      : take_node(words[named], q);
	if (nr == named + 1)
		return bad("the nodes of the policy are missing", words[named]);
	return take_policy(words[named + 1], q);
}

/* 0, or the exit status. */
static int take_subject(char **words, int nr, struct question *q)
{
	static const struct {
		const char *word;
		enum subject subject;
		int min, max;     /* words behind it */
		const char *what; /* these are */
	} subjects[] = {
		{ "counters", COUNTERS, 0, 0, "no words" },
		{ "pool", POOL, 1, 2, "SIZE [nodeN]" },
		{ "process", PROCESS, 1, 1, "PID" },
		{ "write", WRITE, 2, 4, "SIZE N [nodeN | mempolicy NODES]" },
	};

	*q = (struct question){ .node = -1 };
	if (!nr)
		return 0;
	for (size_t i = 0; i < WEIR_NELEM(subjects); i++) {
		if (strcmp(words[0], subjects[i].word) != 0)
			continue;
		q->subject = subjects[i].subject;
		if (nr - 1 < subjects[i].min || nr - 1 > subjects[i].max) {
			(void)weir_cli_fail(NAME, 0, "too %s words behind '%s': %s",
			                    nr - 1 < subjects[i].min ? "few" : "many",
			                    words[0], subjects[i].what);
			return weir_cli_usage(NAME);
		}
		switch (q->subject) {
		case COUNTERS: return 0;
		case PROCESS: return take_number(words[1], q);
		case POOL:
		case WRITE: return take_pool(words + 1, nr - 1, q);
		}
	}
	return bad("not a subject: counters, pool, process, write", words[0]);
}

struct answer {
	struct weir_sentences said;
	struct weir_explain_outcome came; /* of a write */
};

static void answer_done(struct answer *answer)
{
	weir_sentences_done(&answer->said);
}

static int ask(const struct weir_host *host, const struct options *opts,
               const struct question *q, struct answer *out, struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	const struct weir_explain_write write = {
		.size_bytes = q->size_bytes,
		.node = q->node,
		.policy = q->policy,
		.target = q->number,
		.kernel = opts->kernel,
	};
	struct weir_ledger ledger = { 0 };
	unsigned int parts = WEIR_SNAPSHOT_DETAILS;
	int r;

	if ((q->subject == POOL || q->subject == WRITE) && q->size_bytes >= GIGANTIC_MIN)
		parts |= WEIR_SNAPSHOT_CONTIG;
	r = weir_snapshot_read(host, parts, &snap, err);
	if (r < 0)
		return r;
	r = weir_ledger_read(host, snap, WEIR_LEDGER_ALL, &ledger, err);
	if (r < 0)
		return r;
	switch (q->subject) {
	case COUNTERS: r = weir_explain_counters(snap, &ledger, &out->said); break;
	case POOL: r = weir_explain_pool(snap, &ledger, &write, &out->said, err); break;
	case PROCESS: r = weir_explain_process(&ledger, q->number, &out->said); break;
	case WRITE:
		r = weir_explain_write(snap, &ledger, &write, &out->said, &out->came,
		                       err);
		break;
	}
	weir_ledger_done(&ledger);
	return r;
}

/* @by_size: with a blank line between sizes. */
static void put_text(const struct weir_sentences *all, bool by_size, FILE *out)
{
	uint64_t size = 0;

	for (size_t i = 0; i < all->nr; i++) {
		if (i && by_size && all->v[i].size_bytes != size)
			(void)fputc('\n', out);
		size = all->v[i].size_bytes;
		weir_cli_wrap(out, all->v[i].topic == WEIR_TOPIC_PAGES ? "" : "- ",
		              all->v[i].text, all->v[i].topic == WEIR_TOPIC_PAGES ? 0 : 2,
		              weir_cli_width());
	}
}

static void put_counts(struct weir_json *j, const char *key,
                       const struct weir_explain_outcome *came, bool after)
{
	const struct weir_explain_counts *c = after ? &came->is : &came->was;

	weir_json_open(j, key, '{');
	weir_json_u64(j, "total", c->total);
	weir_json_u64(j, "total_min", after ? came->total_min : c->total);
	weir_json_u64(j, "free", c->free);
	weir_json_u64(j, "reserved", c->reserved);
	weir_json_u64(j, "surplus", c->surplus);
	weir_json_open(j, "nodes", '[');
	for (unsigned int n = 0; n < WEIR_EXPLAIN_NODES_MAX; n++) {
		if (!(came->nodes >> n & 1))
			continue;
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "id", n);
		weir_json_u64(j, "total_min",
		              after ? came->node_min[n] : c->node[n].total);
		weir_json_u64(j, "total_max",
		              after ? came->node_max[n] : c->node[n].total);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_close(j);
}

static void put_write(struct weir_json *j, const struct question *q,
                      const struct weir_explain_outcome *came)
{
	if (q->subject != WRITE) {
		weir_json_null(j, "write");
		return;
	}
	weir_json_open(j, "write", '{');
	weir_json_strz(j, "file", q->policy ? "nr_hugepages_mempolicy" : "nr_hugepages");
	weir_json_u64(j, "size_bytes", q->size_bytes);
	if (q->node >= 0)
		weir_json_u64(j, "node", (uint64_t)q->node);
	else
		weir_json_null(j, "node");
	weir_json_u64(j, "value", q->number);
	put_counts(j, "before", came, false);
	put_counts(j, "after", came, true);
	weir_json_close(j);
}

static int put_json(const struct answer *answer, const struct question *q, FILE *out)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	const struct weir_sentences *all = &answer->said;

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
	put_write(&j, q, &answer->came);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}

static int run(const struct weir_host *host, const struct options *opts,
               const struct question *q)
{
	weir_auto(answer_done) struct answer answer = { 0 };
	struct weir_err err = { 0 };
	int r = ask(host, opts, q, &answer, &err);

	if (r == -ENOENT && !err.code)
		return weir_cli_fail(NAME, WEIR_EXIT_NO,
		                     "process %ju holds no huge pages, as far as this "
		                     "user may see, or is not there",
		                     (uintmax_t)q->number);
	if (r == 0 && opts->json)
		r = put_json(&answer, q, stdout);
	else if (r == 0)
		put_text(&answer.said, q->subject != PROCESS, stdout);
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
	if (opts.kernel && q.subject != POOL && q.subject != WRITE)
		return bad("--kernel is for pool and write", opts.kernel);
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return run(host, &opts, &q);
}
