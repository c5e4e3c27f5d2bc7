/* script_setup: the lines above the first step, which say what host it is. See script.h.
 */
#include "lab/script_parse.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "model/rules.h"

#include <errno.h>

#define MEMORY_MAX (UINT64_C(1) << 50) /* of a node: 1 PiB, above any that was built */
#define PAGE_MIN   (64 * WEIR_KIB)     /* arm64's smallest */
#define PAGE_MAX   (16 * WEIR_GIB)     /* POWER's largest */

/* What the kernel takes as a distance: LOCAL_DISTANCE up to a byte. */
#define DISTANCE_LOCAL 10
#define DISTANCE_MAX   255

bool weir_parse_mask(struct weir_str s, uint64_t *out)
{
	uint64_t mask = 0, first, last;
	struct weir_str part, a, b;

	if (weir_str_ends(s, ","))
		return false;
	while (weir_str_cut(&s, ',', &part)) {
		a = b = part;
		(void)weir_str_split(part, '-', &a, &b);
		if (!weir_is_number(a, WEIR_MODEL_NODES_MAX - 1, &first) ||
		    !weir_is_number(b, WEIR_MODEL_NODES_MAX - 1, &last) || first > last)
			return false;
		mask |= (UINT64_MAX >> (WEIR_MODEL_NODES_MAX - 1 - (last - first)))
		        << first;
	}
	*out = mask;
	return true;
}

bool weir_parse_is_page(const struct weir_parse *p, uint64_t bytes)
{
	const struct weir_setup *setup = &p->out->setup;

	for (size_t i = 0; i < setup->nr_sizes; i++)
		if (setup->page_bytes[i] == bytes)
			return true;
	return false;
}

const char *weir_parse_pages(const struct weir_parse *p, char *out, size_t cap)
{
	const struct weir_setup *setup = &p->out->setup;
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < setup->nr_sizes && n + WEIR_SIZE_TEXT_MAX < cap; i++) {
		if (i)
			out[n++] = ' ';
		n += weir_format_size(setup->page_bytes[i], out + n, cap - n).n;
	}
	return out;
}

static int setup_kernel(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	struct weir_rules rules;
	struct weir_err why = { 0 };
	size_t kernel;

	if (p->out->setup.kernel.n)
		return weir_parse_bad(p, word, "there is a kernel already");
	if (weir_rules_parse(rest, &rules, &kernel, &why) < 0)
		return weir_err_set(p->err, -EBADMSG, "%s:%zu: %s", p->name, p->line,
		                    why.msg);
	p->out->setup.kernel = rest;
	return 0;
}

static int setup_nodes(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	struct weir_setup *setup = &p->out->setup;
	uint64_t nr;

	if (setup->nr_nodes)
		return weir_parse_bad(p, word, "there are nodes already");
	if (!weir_is_number(rest, WEIR_MODEL_NODES_MAX, &nr) || !nr)
		return weir_parse_bad(p, rest, "how many nodes? 1 to %d",
		                      WEIR_MODEL_NODES_MAX);
	for (unsigned int i = 0; i < nr; i++)
		setup->node[i] = (struct weir_setup_node){
			.id = i,
			.memory_bytes = WEIR_GIB,
			.cpus = UINT64_C(1) << i,
		};
	setup->nr_nodes = (size_t)nr;
	return 0;
}

/* "10,20,..": as many as there are nodes, which is known at the end. */
static int parse_distances(struct weir_parse *p, struct weir_str word,
                           struct weir_str value, struct weir_setup_node *node)
{
	struct weir_str part;
	uint64_t n;
	size_t i = 0;

	if (!value.n || weir_str_ends(value, ","))
		return weir_parse_bad(p, word, "distance=10,20: one for each node");
	while (weir_str_cut(&value, ',', &part)) {
		if (i == WEIR_MODEL_NODES_MAX)
			return weir_parse_bad(p, word, "more than %d distances",
			                      WEIR_MODEL_NODES_MAX);
		if (!weir_is_number(part, DISTANCE_MAX, &n) || n < DISTANCE_LOCAL)
			return weir_parse_bad(p, part, "a distance is %d to %d",
			                      DISTANCE_LOCAL, DISTANCE_MAX);
		node->distance[i++] = (unsigned int)n;
	}
	return 0;
}

static int parse_node_word(struct weir_parse *p, struct weir_str word,
                           struct weir_setup_node *node, unsigned int *seen)
{
	enum { MEMORY = 1, CPUS = 2, DISTANCE = 4 };
	struct weir_str key = word, value = { 0 };
	unsigned int is;

	(void)weir_str_split(word, '=', &key, &value);
	is = weir_str_eq(key, "memory")     ? MEMORY
	     : weir_str_eq(key, "cpus")     ? CPUS
	     : weir_str_eq(key, "distance") ? DISTANCE
	                                    : 0U;
	if (!is)
		return weir_parse_bad(p, word,
		                      "a node has memory=SIZE, cpus=LIST, distance=LIST");
	if (*seen & is)
		return weir_parse_bad(p, word, "said twice");
	*seen |= is;
	if (is == MEMORY && (weir_parse_size(value, &node->memory_bytes) < 0 ||
	                     node->memory_bytes > MEMORY_MAX))
		return weir_parse_bad(p, word, "no size such as 4G, up to 1P");
	if (is == CPUS && !weir_parse_mask(value, &node->cpus))
		return weir_parse_bad(p, word, "no list of CPUs below 64, such as 0-3,8");
	return is == DISTANCE ? parse_distances(p, word, value, node) : 0;
}

static int setup_node(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	struct weir_setup *setup = &p->out->setup;
	struct weir_setup_node node = { .memory_bytes = UINT64_MAX };
	struct weir_str id = { 0 };
	unsigned int seen = 0;
	uint64_t n;
	size_t at;
	int r;

	if (!weir_str_word(&rest, &id) ||
	    !weir_is_number(id, WEIR_MODEL_NODES_MAX - 1, &n))
		return weir_parse_bad(p, id.n ? id : word, "which node? 0 to %d",
		                      WEIR_MODEL_NODES_MAX - 1);
	node.id = (unsigned int)n;
	node.cpus = UINT64_C(1) << n;
	for (at = setup->nr_nodes; at > 0 && setup->node[at - 1].id >= n; at--)
		if (setup->node[at - 1].id == n)
			return weir_parse_bad(p, id, "this node is there already");
	while (weir_str_word(&rest, &word)) {
		r = parse_node_word(p, word, &node, &seen);
		if (r < 0)
			return r;
	}
	if (node.memory_bytes == UINT64_MAX)
		return weir_parse_bad(p, id, "memory=SIZE is missing");
	memmove(&setup->node[at + 1], &setup->node[at],
	        (setup->nr_nodes - at) * sizeof(setup->node[0]));
	setup->node[at] = node;
	setup->nr_nodes++;
	return 0;
}

static int setup_sizes(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	struct weir_setup *setup = &p->out->setup;
	struct weir_str size;
	uint64_t bytes;

	if (setup->nr_sizes)
		return weir_parse_bad(p, word, "the sizes were said already");
	while (weir_str_word(&rest, &size)) {
		if (weir_parse_size(size, &bytes) < 0 || bytes < PAGE_MIN ||
		    bytes > PAGE_MAX || (bytes & (bytes - 1)))
			return weir_parse_bad(p, size,
			                      "no size of huge pages, such as 2M or 1G");
		if (weir_parse_is_page(p, bytes))
			return weir_parse_bad(p, size, "said twice");
		if (setup->nr_sizes == WEIR_NELEM(setup->page_bytes))
			return weir_parse_bad(p, size, "more than %zu sizes",
			                      WEIR_NELEM(setup->page_bytes));
		setup->page_bytes[setup->nr_sizes++] = bytes;
	}
	return setup->nr_sizes ? 0
	                       : weir_parse_bad(p, word, "which sizes? 'sizes 2M 1G'");
}

static int setup_boot(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	if (p->out->setup.boot.n)
		return weir_parse_bad(p, word, "there is a kernel command line already");
	if (!rest.n)
		return weir_parse_bad(p, word, "the kernel command line is missing");
	p->out->setup.boot = rest;
	return 0;
}

static const struct {
	const char *word;
	int (*parse)(struct weir_parse *p, struct weir_str word, struct weir_str rest);
} lines[] = {
	{ "kernel", setup_kernel }, { "nodes", setup_nodes }, { "node", setup_node },
	{ "sizes", setup_sizes },   { "boot", setup_boot },   { "zone", weir_parse_zone },
};

int weir_parse_setup(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	for (size_t i = 0; i < WEIR_NELEM(lines); i++) {
		if (!weir_str_eq(word, lines[i].word))
			continue;
		if (p->begun)
			return weir_parse_bad(
				p, word, "what the host is stands before the first step");
		if (!p->out->setup.line)
			p->out->setup.line = p->line;
		return lines[i].parse(p, word, weir_str_trim(rest));
	}
	return WEIR_PARSE_OTHER;
}

/* Distances are none or one for each node, 10 to itself. They were read in the order of
 * the nodes, which is known now, and go where the nodes' ids say. */
static int place_distances(struct weir_parse *p, struct weir_setup *setup, size_t at)
{
	unsigned int by_id[WEIR_MODEL_NODES_MAX] = { 0 };
	struct weir_setup_node *node = &setup->node[at];
	size_t nr = 0;

	while (nr < WEIR_MODEL_NODES_MAX && node->distance[nr])
		nr++;
	if (nr && nr != setup->nr_nodes)
		return weir_err_set(
			p->err, -EBADMSG,
			"%s:%zu: node %u has %zu distances; there are %zu nodes", p->name,
			setup->line, node->id, nr, setup->nr_nodes);
	if (nr && node->distance[at] != DISTANCE_LOCAL)
		return weir_err_set(p->err, -EBADMSG,
		                    "%s:%zu: node %u is %u away from itself, not %d",
		                    p->name, setup->line, node->id, node->distance[at],
		                    DISTANCE_LOCAL);
	for (size_t i = 0; i < nr; i++)
		by_id[setup->node[i].id] = node->distance[i];
	memcpy(node->distance, by_id, sizeof(by_id));
	return 0;
}

int weir_parse_setup_end(struct weir_parse *p)
{
	struct weir_setup *setup = &p->out->setup;
	uint64_t cpus = 0, memory = 0, nodes = setup->nr_nodes ? 0 : 1;
	int r;

	if (!setup->nr_sizes) {
		setup->page_bytes[0] = 2 * WEIR_MIB;
		setup->page_bytes[1] = WEIR_GIB;
		setup->nr_sizes = 2;
	}
	for (size_t i = 0; i < setup->nr_nodes; i++) {
		if (cpus & setup->node[i].cpus)
			return weir_err_set(
				p->err, -EBADMSG,
				"%s:%zu: node %u has a CPU that is another node's; "
				"without cpus= a node has the CPU of its number",
				p->name, setup->line, setup->node[i].id);
		cpus |= setup->node[i].cpus;
		memory |= setup->node[i].memory_bytes;
		nodes |= UINT64_C(1) << setup->node[i].id;
		r = place_distances(p, setup, i);
		if (r < 0)
			return r;
	}
	if (setup->zoned & ~nodes)
		return weir_err_set(
			p->err, -EBADMSG, "%s:%zu: node %d has zones, and is not there",
			p->name, setup->line, __builtin_ctzll(setup->zoned & ~nodes));
	if (setup->nr_nodes && (!cpus || !memory))
		return weir_err_set(p->err, -EBADMSG, "%s:%zu: no node has %s", p->name,
		                    setup->line, cpus ? "memory" : "a CPU");
	return 0;
}
