/* readback: see readback.h. */
#include "apply/readback.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBER_MAX 64U  /* of digits and a newline */
#define LOOKS_MAX  100U /* until two in a row say the same */

int weir_number_read(const struct weir_host *host, const char *path, uint64_t *out,
                     struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, path, NUMBER_MAX, &text);

	if (r < 0)
		return weir_err_sys(err, r, "read '%s'", path);
	if (weir_parse_u64(weir_str_chomp(weir_buf_str(&text)), out) < 0)
		return weir_err_set(err, -EBADMSG, "'%s' has no number", path);
	return 0;
}

static int look_at(const struct weir_host *host, const char *dir, const char *file,
                   uint64_t *out, struct weir_err *err)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	return weir_number_read(host, path, out, err);
}

static int look_at_node(const struct weir_host *host, unsigned int node, uint64_t kib,
                        struct weir_tally_node *out, struct weir_err *err)
{
	char dir[128];
	int r;

	(void)snprintf(dir, sizeof(dir),
	               "/sys/devices/system/node/node%u/hugepages/hugepages-%" PRIu64
	               "kB",
	               node, kib);
	r = look_at(host, dir, "nr_hugepages", &out->total, err);
	if (r == 0)
		r = look_at(host, dir, "free_hugepages", &out->free, err);
	return r < 0 ? r : look_at(host, dir, "surplus_hugepages", &out->surplus, err);
}

static int look_at_size(const struct weir_host *host, uint64_t nodes,
                        struct weir_tally *out, struct weir_err *err)
{
	uint64_t kib = out->page_bytes / 1024;
	char dir[96];
	int r;

	(void)snprintf(dir, sizeof(dir),
	               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB", kib);
	r = look_at(host, dir, "nr_hugepages", &out->total, err);
	if (r == 0)
		r = look_at(host, dir, "free_hugepages", &out->free, err);
	if (r == 0)
		r = look_at(host, dir, "resv_hugepages", &out->reserved, err);
	if (r == 0)
		r = look_at(host, dir, "surplus_hugepages", &out->surplus, err);
	if (r == 0)
		r = look_at(host, dir, "nr_overcommit_hugepages", &out->overcommit, err);
	for (; r == 0 && nodes; nodes &= nodes - 1) {
		unsigned int node = (unsigned int)__builtin_ctzll(nodes);

		r = look_at_node(host, node, kib, &out->node[node], err);
		/* a kernel without NUMA has no such files, and one node */
		if (r == -ENOENT && !(nodes & (nodes - 1))) {
			out->node[node] = (struct weir_tally_node){ out->total, out->free,
				                                    out->surplus };
			r = 0;
		}
	}
	return r;
}

static int look_once(const struct weir_host *host, const struct weir_tallies *like,
                     struct weir_tallies *out, struct weir_err *err)
{
	int r = 0;

	*out = (struct weir_tallies){ .nodes = like->nodes, .nr = like->nr };
	for (size_t i = 0; i < like->nr && r == 0; i++) {
		out->v[i].page_bytes = like->v[i].page_bytes;
		r = look_at_size(host, like->nodes, &out->v[i], err);
	}
	return r;
}

int weir_tallies_look(const struct weir_host *host, const struct weir_tallies *like,
                      struct weir_tallies *out, struct weir_err *err)
{
	struct weir_tallies seen, again;
	int r = look_once(host, like, &seen, err);

	/* Each counter is a file of its own: a surplus page that goes between two of them
	 * looks like a page of the pool that somebody took. */
	for (unsigned int i = 0; i < LOOKS_MAX && r == 0; i++) {
		r = look_once(host, like, &again, err);
		if (r == 0 && !weir_tallies_differ(&seen, &again))
			break;
		seen = again;
	}
	if (r == 0)
		*out = seen;
	return r;
}
