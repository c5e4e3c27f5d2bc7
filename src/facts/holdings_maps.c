/* holdings_maps: files and mappings of the processes that holdings.c walks over; each
 * file is asked about once, and the page size of each device. See holdings_parts.h. */
#include "facts/holdings_parts.h"

#include "base/ckd.h"
#include "base/own.h"
#include "facts/task_maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* --- page sizes of devices: each hugetlbfs has one ---------------------------------- */

struct weir_device_pages *weir_holdings_pages(struct weir_holdings_reading *rd,
                                              uint64_t device)
{
	for (size_t i = 0; i < rd->nr_sizes; i++)
		if (rd->sizes[i].device == device)
			return &rd->sizes[i];
	return NULL;
}

int weir_holdings_note_pages(struct weir_holdings_reading *rd, uint64_t device,
                             uint64_t page_bytes)
{
	struct weir_device_pages *size = weir_holdings_pages(rd, device);
	int r;

	if (!size) {
		r = weir_grow(&rd->sizes, &rd->cap_sizes, rd->nr_sizes,
		              sizeof(*rd->sizes));
		if (r < 0)
			return r;
		size = &rd->sizes[rd->nr_sizes++];
		size->device = device;
	}
	if (!size->page_bytes)
		size->page_bytes = page_bytes;
	return 0;
}

/* /proc/TID/@what, or a text below "/@" about it: "/@/file", "fd/3", "/@". */
static int ask(struct weir_holdings_reading *rd, const char *prefix, uint64_t tid,
               struct weir_str what, const char *suffix)
{
	int r;

	rd->path.n = 0;
	r = weir_buf_printf(&rd->path, "%s/proc/%" PRIu64 "/", prefix, tid);
	if (r == 0)
		r = weir_buf_add(&rd->path, what);
	if (r == 0)
		r = weir_buf_addz(&rd->path, suffix);
	return r < 0 ? r
	             : weir_host_read(rd->details, rd->path.p, WEIR_SMALL_MAX, &rd->text);
}

static int ask_size(struct weir_holdings_reading *rd, uint64_t tid, struct weir_str what,
                    uint64_t device)
{
	struct weir_statfs statfs;
	struct weir_err garbled;
	int r = ask(rd, "/@/statfs", tid, what, "/@");

	if (r < 0)
		return r == -ENOMEM ? r : weir_holdings_note_pages(rd, device, 0);
	(void)weir_statfs_parse(weir_buf_str(&rd->text), false, &statfs, &garbled);
	return weir_holdings_note_pages(rd, device, statfs.page_bytes.n);
}

/* --- files -------------------------------------------------------------------------- */

/* Asks once about each file. @what leads to it: "fd/3", "map_files/7f...-7f...". */
static int see_file(struct weir_holdings_reading *rd, uint64_t tid, struct weir_str what,
                    struct weir_huge_file *file)
{
	struct weir_file_stat st;
	int r;

	if (file->known)
		return 0;
	r = ask(rd, "/@/file", tid, what, "/@");
	if (r == 0 && weir_file_stat_parse(weir_buf_str(&rd->text), &st) == 0 &&
	    st.device == file->device && st.inode == file->inode) {
		file->st = st;
		file->known = true;
	}
	return r == -ENOMEM ? r : 0;
}

/* The file of an open descriptor. In an old capture nothing is told of it but its name:
 * then it is the mapped file with this name, or none. 1: no such file. */
static int file_of_link(struct weir_holdings_reading *rd, uint64_t tid,
                        struct weir_str what, struct weir_str target, size_t *out)
{
	struct weir_huge_files *files = &rd->out->files;
	struct weir_file_stat st;
	int r = ask(rd, "/@/file", tid, what, "/@");

	if (r == -ENOMEM)
		return r;
	if (r < 0 || weir_file_stat_parse(weir_buf_str(&rd->text), &st) != 0) {
		for (size_t i = 0; i < files->nr; i++) {
			*out = i;
			if (files->v[i].path && weir_str_eq(target, files->v[i].path))
				return 0;
		}
		rd->out->nr_unseen_files++;
		return 1;
	}
	if (st.is_dir) /* which has no pages */
		return 1;
	r = weir_huge_files_get(files, st.device, st.inode, out);
	if (r < 0)
		return r == -E2BIG ? 1 : r;
	if (!files->v[*out].known)
		files->v[*out].st = st;
	files->v[*out].known = true;
	return weir_huge_file_name(&files->v[*out], target, true);
}

int weir_holdings_add_link(struct weir_holdings_reading *rd, size_t task,
                           const struct weir_task_link *link)
{
	struct weir_holdings *out = rd->out;
	uint64_t tid = out->tasks[task].tid, fd;
	struct weir_str target = weir_strz(link->target), what;
	char name[32];
	size_t file;
	int r;

	if (!link->huge || weir_parse_u64(weir_strz(link->fd), &fd) < 0)
		return 0;
	(void)snprintf(name, sizeof(name), "fd/%" PRIu64, fd);
	what = weir_strz(name);
	r = file_of_link(rd, tid, what, target, &file);
	if (r != 0)
		return r < 0 ? r : 0;
	/* a replay asks this where no mount explains the path, to know what it is */
	if (!weir_holdings_pages(rd, out->files.v[file].device) ||
	    !weir_huge_places_has(&rd->walk.places, target))
		r = ask_size(rd, tid, what, out->files.v[file].device);
	if (r == 0)
		r = weir_grow(&out->links, &out->cap_links, out->nr_links,
		              sizeof(*out->links));
	if (r < 0)
		return r;
	out->links[out->nr_links++] =
		(struct weir_holding_link){ .task = task, .file = file, .fd = fd };
	return 0;
}

/* --- mappings ----------------------------------------------------------------------- */

static int add_nodes(struct weir_holdings *out, struct weir_str words,
                     struct weir_holding_map *map)
{
	unsigned int node;
	uint64_t pages;

	map->first_node = out->nr_nodes;
	while (weir_numa_node(&words, &node, &pages)) {
		int r = weir_grow(&out->nodes, &out->cap_nodes, out->nr_nodes,
		                  sizeof(*out->nodes));

		if (r < 0)
			return r;
		out->nodes[out->nr_nodes++] = (struct weir_holding_node){ node, pages };
		map->nr_nodes++;
		if (ckd_add(&map->resident, map->resident, pages))
			map->resident = WEIR_COUNT_MAX;
	}
	return 0;
}

/* The line of numa_maps for the mapping at @start. Both texts are in the order of
 * addresses, but were read one after the other: what is only in one is passed over. */
static int join_numa(struct weir_holdings *out, struct weir_str *numa,
                     struct weir_holding_map *map)
{
	struct weir_str rest = *numa, line;
	struct weir_numa_mapping parsed;

	while (weir_str_line(&rest, &line)) {
		if (!weir_numa_mapping_parse(line, &parsed) || !parsed.huge) {
			*numa = rest;
			continue;
		}
		if (parsed.start > map->start)
			return 0;
		*numa = rest;
		if (parsed.start < map->start)
			continue;
		map->pages_known = true;
		map->anon = parsed.anon;
		map->mapmax = parsed.mapmax;
		map->page_bytes = parsed.page_bytes;
		return add_nodes(out, parsed.words, map);
	}
	return 0;
}

/* "ipc:[4026531839]"; unknown where it is not told. */
static int ask_ipc(struct weir_holdings_reading *rd, const char *who,
                   struct weir_count *out)
{
	struct weir_str id;
	uint64_t n;
	int r;

	*out = (struct weir_count){ 0 };
	rd->path.n = 0;
	r = weir_buf_printf(&rd->path, "/@/link/proc/%s/ns/ipc", who);
	if (r == 0)
		r = weir_host_read(rd->details, rd->path.p, WEIR_SMALL_MAX, &rd->text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	id = weir_str_trim(weir_buf_str(&rd->text));
	if (weir_str_starts(id, "ipc:[") && weir_str_ends(id, "]") &&
	    weir_parse_u64(weir_str(id.p + 5, id.n - 6), &n) == 0)
		*out = WEIR_COUNT(n);
	return 0;
}

/* The IPC namespace of a task; 0: our own, or it is not told. */
static int find_ipc(struct weir_holdings_reading *rd, size_t task, uint64_t *out)
{
	struct weir_ipc_of *ipc = &rd->ipc;
	char who[24];
	int r = 0;

	if (!ipc->own_asked)
		r = ask_ipc(rd, "self", &ipc->own);
	ipc->own_asked = true;
	if (r == 0 && ipc->task != task + 1) {
		(void)snprintf(who, sizeof(who), "%" PRIu64, rd->out->tasks[task].tid);
		r = ask_ipc(rd, who, &ipc->its);
		ipc->task = task + 1;
	}
	*out = ipc->own.known && ipc->its.known && ipc->own.n != ipc->its.n ? ipc->its.n
	                                                                    : 0;
	return r;
}

static int file_of_map(struct weir_holdings_reading *rd, size_t task,
                       const struct weir_mapping *mapping, size_t *out)
{
	uint64_t ipc = 0;
	int r = weir_str_starts(mapping->path, "/SYSV") ? find_ipc(rd, task, &ipc) : 0;

	return r < 0 ? r
	             : weir_huge_files_get_segment(&rd->out->files, mapping->device,
	                                           mapping->inode, ipc, out);
}

static int add_map(struct weir_holdings_reading *rd, size_t task,
                   const struct weir_mapping *mapping, struct weir_str *numa)
{
	struct weir_holdings *out = rd->out;
	weir_auto(weir_buf_done) struct weir_buf what = { 0 };
	struct weir_holding_map map = { .task = task,
		                        .start = mapping->start,
		                        .end = mapping->end,
		                        .offset_bytes = mapping->offset_bytes,
		                        .shared = mapping->shared,
		                        .mapmax = 1 };
	const struct weir_device_pages *size;
	int r = file_of_map(rd, task, mapping, &map.file);

	if (r < 0)
		return r == -E2BIG ? 0 : r;
	r = weir_huge_file_name(&out->files.v[map.file], mapping->path, false);
	if (r == 0)
		r = join_numa(out, numa, &map);
	if (r == 0 && map.page_bytes)
		r = weir_holdings_note_pages(rd, mapping->device, map.page_bytes);
	if (r == 0)
		r = weir_buf_addz(&what, "map_files/");
	if (r == 0)
		r = weir_buf_add(&what, mapping->range);
	if (r == 0)
		r = see_file(rd, out->tasks[task].tid, weir_buf_str(&what),
		             &out->files.v[map.file]);
	size = weir_holdings_pages(rd, mapping->device);
	/* as for links: what no mount explains */
	if (r == 0 && (!size || !size->page_bytes ||
	               !weir_huge_places_has(&rd->walk.places, mapping->path)))
		r = ask_size(rd, out->tasks[task].tid, weir_buf_str(&what),
		             mapping->device);
	if (r == 0)
		r = weir_grow(&out->maps, &out->cap_maps, out->nr_maps, sizeof(map));
	if (r < 0)
		return r;
	out->maps[out->nr_maps++] = map;
	return 0;
}

int weir_holdings_add_maps(struct weir_holdings_reading *rd, size_t task,
                           struct weir_str maps, struct weir_str numa)
{
	struct weir_mapping mapping;
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&maps, &line))
		if (weir_mapping_parse(line, &mapping))
			r = add_map(rd, task, &mapping, &numa);
	return r;
}
