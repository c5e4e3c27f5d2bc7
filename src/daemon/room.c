/* room: see room.h. */
#include "daemon/room.h"

#include "base/ckd.h"
#include "facts/nodes.h"

#include <errno.h>
#include <stdlib.h>

void weir_rooms_done(struct weir_rooms *rooms)
{
	free(rooms->v);
	*rooms = (struct weir_rooms){ 0 };
}

static int add_room(struct weir_rooms *rooms, uint64_t page_bytes, int node,
                    uint64_t bytes)
{
	if (weir_grow(&rooms->v, &rooms->cap, rooms->nr, sizeof(*rooms->v)) < 0)
		return -ENOMEM;
	rooms->v[rooms->nr++] = (struct weir_job_room){ .page_bytes = page_bytes,
		                                        .node = node,
		                                        .bytes = bytes };
	return 0;
}

static struct weir_job_room *find(const struct weir_rooms *rooms, uint64_t page_bytes,
                                  int node)
{
	for (size_t i = 0; i < rooms->nr; i++)
		if (rooms->v[i].page_bytes == page_bytes && rooms->v[i].node == node)
			return &rooms->v[i];
	return NULL;
}

uint64_t weir_rooms_of(const struct weir_rooms *rooms, uint64_t page_bytes, int node)
{
	const struct weir_job_room *room = find(rooms, page_bytes, node);

	return room ? room->bytes : 0;
}

void weir_rooms_bound(struct weir_rooms *rooms, const struct weir_rooms *most)
{
	for (size_t i = 0; i < rooms->nr; i++) {
		uint64_t bytes = weir_rooms_of(most, rooms->v[i].page_bytes,
		                               rooms->v[i].node);

		if (rooms->v[i].bytes > bytes)
			rooms->v[i].bytes = bytes;
	}
}

int weir_rooms_copy(const struct weir_rooms *rooms, struct weir_rooms *out)
{
	int r = 0;

	for (size_t i = 0; i < rooms->nr && r == 0; i++)
		r = add_room(out, rooms->v[i].page_bytes, rooms->v[i].node,
		             rooms->v[i].bytes);
	return r;
}

void weir_rooms_close(struct weir_rooms *rooms, uint64_t page_bytes, int node)
{
	struct weir_job_room *room = find(rooms, page_bytes, node);

	if (room)
		room->bytes = 0;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void weir_rooms_take(struct weir_rooms *rooms, uint64_t page_bytes, int node,
                     uint64_t bytes)
{
	struct weir_job_room *all = find(rooms, page_bytes, -1);
	struct weir_job_room *one = node < 0 ? NULL : find(rooms, page_bytes, node);

	if (all)
		all->bytes = less(all->bytes, bytes);
	if (one)
		one->bytes = less(one->bytes, bytes);
	/* of which node it will be nobody knows: of each, then */
	for (size_t i = 0; node < 0 && i < rooms->nr; i++)
		if (rooms->v[i].page_bytes == page_bytes && rooms->v[i].node >= 0)
			rooms->v[i].bytes = less(rooms->v[i].bytes, bytes);
}

/* ---- what is to be left ------------------------------------------------------------ */

static uint64_t keep_of(const struct weir_conf *conf, uint64_t page_bytes)
{
	for (size_t i = 0; i < conf->budget.nr_keep; i++)
		if (conf->budget.keep[i].page_bytes == page_bytes)
			return conf->budget.keep[i].bytes;
	return 0;
}

static uint64_t needed(const struct weir_needs *needs, uint64_t page_bytes, int node)
{
	for (size_t i = 0; needs && i < needs->nr; i++)
		if (needs->v[i].page_bytes == page_bytes && needs->v[i].node == node)
			return needs->v[i].bytes;
	return 0;
}

static uint64_t add_up(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return ckd_add(&sum, a, b) ? UINT64_MAX : sum;
}

static uint64_t pool_bytes(const struct weir_huge_size *size,
                           const struct weir_pool *pool)
{
	struct weir_count min = weir_pool_really_free(size, pool).min;
	uint64_t bytes;

	if (!min.known || ckd_mul(&bytes, min.n, size->size_bytes))
		return 0;
	return bytes;
}

/* Of @leave so much falls to a node that has @part of @whole: rounded up to pages, for
 * the sum must not fall short. */
static uint64_t share(uint64_t leave, uint64_t part, uint64_t whole, uint64_t page_bytes)
{
	uint64_t bytes;

	if (!whole || leave >= whole)
		return part;
	bytes = (uint64_t)((__extension__(unsigned __int128) leave * part + whole - 1) /
	                   whole);
	return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

static int add_size(const struct weir_huge_size *size, const struct weir_conf *conf,
                    const struct weir_needs *needs, struct weir_rooms *out)
{
	uint64_t page = size->size_bytes, whole = 0, bound = 0;
	uint64_t leave = add_up(keep_of(conf, page), needed(needs, page, -1));
	uint64_t all = pool_bytes(size, &size->all);
	size_t first = out->nr;
	int r = 0;

	for (size_t i = 0; i < size->nr_nodes && r == 0; i++) {
		int node = (int)size->nodes[i].node;
		uint64_t need = needed(needs, page, node);
		uint64_t bytes = less(pool_bytes(size, &size->nodes[i].pool), need);

		bound = add_up(bound, need);
		whole = add_up(whole, bytes);
		r = add_room(out, page, node, bytes);
	}
	for (size_t i = first; i < out->nr; i++)
		out->v[i].bytes = less(out->v[i].bytes,
		                       share(leave, out->v[i].bytes, whole, page));
	return r < 0 ? r : add_room(out, page, -1, less(all, add_up(leave, bound)));
}

int weir_rooms_make(const struct weir_pools *pools, const struct weir_conf *conf,
                    const struct weir_needs *needs, struct weir_rooms *out)
{
	int r = 0;

	out->nr = 0;
	for (size_t i = 0; i < pools->nr && r == 0; i++)
		r = add_size(&pools->sizes[i], conf, needs, out);
	return r;
}

int weir_rooms_read_pools(const struct weir_host *host, struct weir_pools *out)
{
	struct weir_gaps gaps = { 0 };
	struct weir_nodes nodes = { 0 };
	struct weir_reader rd = { .host = host, .gaps = &gaps };
	int r;

	weir_nodes_read(&rd, &nodes);
	weir_pools_read(&rd, &nodes.online, out);
	r = rd.failed;
	weir_nodes_done(&nodes);
	weir_gaps_done(&gaps);
	weir_reader_done(&rd);
	return r;
}
