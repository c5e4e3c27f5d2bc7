/* nodes: see nodes.h. The kernel's own lists say which nodes there are; a tree that was
 * copied without them is asked for its nodeN directories instead. */
#include "facts/nodes.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>

#define DIR           "/sys/devices/system/node"
#define NODE_TEXT_MAX 262144U /* cpulist of 8,192 CPUs, every other one: 40 KB */

void weir_nodes_done(struct weir_nodes *nodes)
{
	for (size_t i = 0; i < nodes->nr; i++) {
		weir_ranges_done(&nodes->v[i].cpus);
		free(nodes->v[i].distances);
	}
	free(nodes->v);
	weir_ranges_done(&nodes->online);
	*nodes = (struct weir_nodes){ 0 };
}

int weir_distances_parse(struct weir_str s, uint64_t **out, size_t *out_nr)
{
	weir_auto(weir_freep) uint64_t *v = NULL;
	struct weir_str word;
	size_t nr = 0, cap = 0;
	int r;

	s = weir_str_trim(s);
	while (weir_str_word(&s, &word)) {
		r = nr <= WEIR_NODE_MAX ? weir_grow(&v, &cap, nr, sizeof(*v))
		                        : WEIR_GARBLED;
		if (r)
			return r;
		if (weir_parse_u64(word, &v[nr]) < 0 || v[nr] > WEIR_COUNT_MAX)
			return WEIR_GARBLED;
		nr++;
	}
	*out = weir_take(v);
	*out_nr = nr;
	return 0;
}

/* A list file such as "0-1,4". True when it was read and understood. */
static bool read_list(struct weir_reader *rd, const char *path, struct weir_ranges *out)
{
	struct weir_str text;
	struct weir_err err;
	int r;

	if (!weir_reader_text(rd, NODE_TEXT_MAX, &text, "%s", path))
		return false;
	r = weir_ranges_parse(text, out);
	if (r == -ENOMEM)
		rd->failed = r;
	else if (r < 0)
		weir_reader_parsed(rd,
		                   weir_err_set(&err, WEIR_GARBLED,
		                                "no list of ids: '%.*s'",
		                                WEIR_STR_ARG(weir_str_trim(text))),
		                   path, &err);
	return r == 0;
}

static void list_directories(struct weir_reader *rd, struct weir_ranges *out)
{
	struct weir_names names = { 0 };

	if (!weir_reader_list(rd, DIR, &names))
		return;
	for (size_t i = 0; i < names.nr && !rd->failed; i++) {
		struct weir_str name = weir_strz(names.v[i].name);
		uint64_t id;

		if (weir_str_starts(name, "node") &&
		    weir_parse_u64(weir_str_skip(name, 4), &id) == 0 &&
		    id <= WEIR_NODE_MAX)
			rd->failed = weir_ranges_add(out, (unsigned int)id);
	}
	weir_names_done(&names);
}

static void read_memory(struct weir_reader *rd, struct weir_node *node)
{
	struct weir_str text;
	struct weir_err err = { 0 };
	char path[96];
	int r;

	(void)snprintf(path, sizeof(path), DIR "/node%u/meminfo", node->id);
	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return;
	r = weir_meminfo_parse(text, &node->mem, &err);
	weir_reader_parsed(rd, r, path, &err);
}

static void read_distances(struct weir_reader *rd, struct weir_node *node)
{
	struct weir_str text;
	struct weir_err err = { 0 };
	char path[96];
	int r;

	(void)snprintf(path, sizeof(path), DIR "/node%u/distance", node->id);
	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return;
	r = weir_distances_parse(text, &node->distances, &node->nr_distances);
	if (r == WEIR_GARBLED)
		(void)weir_err_set(&err, r, "no list of distances: '%.*s'",
		                   WEIR_STR_ARG(weir_str_trim(text)));
	weir_reader_parsed(rd, r, path, &err);
}

void weir_nodes_read_topology(struct weir_reader *rd, struct weir_nodes *nodes)
{
	for (size_t i = 0; i < nodes->nr; i++) {
		struct weir_node *node = &nodes->v[i];
		char path[96];

		(void)snprintf(path, sizeof(path), DIR "/node%u/cpulist", node->id);
		node->cpus_known = read_list(rd, path, &node->cpus);
		read_distances(rd, node);
	}
}

void weir_nodes_read(struct weir_reader *rd, struct weir_nodes *out)
{
	struct weir_ranges memory = { 0 };
	bool memory_known;

	*out = (struct weir_nodes){ 0 };
	if (!read_list(rd, DIR "/online", &out->online) && !rd->failed)
		list_directories(rd, &out->online);
	for (size_t i = 0; i < out->online.nr; i++)
		if (out->online.v[i].last > WEIR_NODE_MAX) { /* a list no kernel writes */
			weir_ranges_done(&out->online);
			rd->failed = weir_gaps_add(rd->gaps, WEIR_GAP_MALFORMED,
			                           DIR "/online", "node ids past 1023");
		}
	out->known = out->online.nr > 0;
	if (!out->known)
		return;
	memory_known = read_list(rd, DIR "/has_memory", &memory);
	weir_ranges_each (id, &out->online) {
		struct weir_node *node;

		rd->failed = rd->failed ? rd->failed
		                        : weir_grow(&out->v, &out->cap, out->nr,
		                                    sizeof(*out->v));
		if (rd->failed)
			break;
		node = &out->v[out->nr++];
		node->id = id;
		read_memory(rd, node);
		node->has_memory = memory_known ? weir_ranges_has(&memory, id)
		                                : !node->mem.total.known ||
		                                          node->mem.total.n > 0;
	}
	weir_ranges_done(&memory);
}

const struct weir_node *weir_nodes_find(const struct weir_nodes *nodes, unsigned int id)
{
	for (size_t i = 0; i < nodes->nr; i++)
		if (nodes->v[i].id == id)
			return &nodes->v[i];
	return NULL;
}
