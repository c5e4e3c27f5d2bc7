/* observe: a world into a view. Of each list the room is kept and used again. */
#include "lab/observe.h"

#include "base/own.h"
#include "lab/world_names.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>

struct weir_observed {
	unsigned int node_ids[WEIR_MODEL_NODES_MAX];
	int64_t mem_kib[WEIR_MODEL_NODES_MAX];
	struct weir_view_pool pools[WEIR_MODEL_POOLS_MAX];
	struct weir_view_node nodes[WEIR_MODEL_POOLS_MAX][WEIR_MODEL_NODES_MAX];
	struct weir_view_zone zones[WEIR_MODEL_NODES_MAX * WEIR_ZONE_NR];
	struct weir_view_mount *mounts;
	struct weir_view_group *groups;
	struct weir_view_group_size *sizes;
	struct weir_view_task *tasks;
	struct weir_view_map *maps;
	struct weir_view_file *files;
	unsigned char *bytes; /* nodes of pages */
	size_t cap_mounts, cap_groups, cap_sizes, cap_tasks, cap_maps, cap_files,
		cap_bytes;
};

void weir_observed_free(struct weir_observed *o)
{
	if (!o)
		return;
	free(o->mounts);
	free(o->groups);
	free(o->sizes);
	free(o->tasks);
	free(o->maps);
	free(o->files);
	free(o->bytes);
	free(o);
}

/* Room for @nr elements; for none too, so that the array has an address. */
static bool room(void *array, size_t *cap, size_t nr, size_t size)
{
	void **p = array;
	size_t wanted = (nr + 1) * 2;
	void *more;

	if (*cap && nr <= *cap)
		return true;
	more = realloc(*p, wanted * size);
	if (!more)
		return false;
	*p = more;
	*cap = wanted;
	return true;
}

static void see_pools(const struct weir_world *w, struct weir_observed *o,
                      struct weir_view *view)
{
	const struct weir_model *m = w->model;

	for (unsigned int i = 0; i < m->nr_pools; i++) {
		const struct weir_pool *pool = &m->pools[i];
		struct weir_view_pool *seen = &o->pools[i];

		*seen = (struct weir_view_pool){
			.page_bytes = pool->page_bytes,
			.total = pool->total,
			.free = pool->free,
			.reserved = pool->reserved,
			.surplus = pool->surplus,
			/* only of the default size the kernel shows it (/proc/sys/vm) */
			.max = i ? pool->total - pool->surplus : pool->max,
			.overcommit = pool->overcommit,
			.nodes = o->nodes[i],
		};
		weir_each_node (n, m->memory.nodes)
			seen->nodes[seen->nr_nodes++] = (struct weir_view_node){
				.id = n,
				.total = pool->nr[n],
				.free = pool->nr_free[n],
				.surplus = pool->nr_surplus[n],
			};
	}
	view->pools = o->pools;
	view->nr_pools = m->nr_pools;
	weir_each_node (n, m->memory.nodes) {
		o->mem_kib[view->nr_nodes] =
			(int64_t)(m->memory.total_bytes[n] - w->start_total[n]) / 1024;
		o->node_ids[view->nr_nodes++] = n;
	}
	view->node_ids = o->node_ids;
	view->mem_kib = o->mem_kib;
}

/* The zones that the setup told, and where the pages of the default pool lie in them. A
 * look at each page: setups with zones are small hosts. */
static void see_zones(const struct weir_world *w, struct weir_observed *o,
                      struct weir_view *view)
{
	const struct weir_model *m = w->model;
	struct weir_view_zone *of[WEIR_MODEL_NODES_MAX][WEIR_ZONE_NR] = { 0 };

	weir_each_node (n, w->zoned)
		for (unsigned int k = 0; k < WEIR_ZONE_NR; k++) {
			const struct weir_memory_zone *zone = &m->memory.zones[n][k];

			if (!zone->there)
				continue;
			of[n][k] = &o->zones[view->nr_zones++];
			*of[n][k] = (struct weir_view_zone){
				.node = n,
				.kind = (enum weir_zone_kind)k,
				.free = zone->free[0] + zone->free[1],
				.free_cma = zone->free[1],
			};
		}
	for (weir_page_id id = 1; w->zoned && id < m->pages.nr; id++) {
		const struct weir_page *page = &m->pages.v[id];
		struct weir_view_zone *zone;

		if (!(page->flags & WEIR_PAGE_USED) || page->pool != 0)
			continue;
		zone = of[page->node][weir_site_zone(page->site)];
		if (zone) {
			zone->huge++;
			zone->huge_cma += weir_site_is_cma(page->site);
		}
	}
	view->zones = o->zones;
}

static bool see_mounts(const struct weir_world *w, struct weir_observed *o,
                       struct weir_view *view)
{
	if (!room(&o->mounts, &o->cap_mounts, w->nr_mounts, sizeof(o->mounts[0])))
		return false;
	for (size_t i = 0; i < w->nr_mounts; i++) {
		struct weir_statfs st = weir_mount_statfs(w->mounts[i].mount);

		o->mounts[i] = (struct weir_view_mount){
			.name = weir_strz(w->mounts[i].name),
			.blocks = st.blocks,
			.bfree = st.bfree,
			.files = st.files,
			.ffree = st.ffree,
		};
	}
	view->mounts = o->mounts;
	view->nr_mounts = w->nr_mounts;
	return true;
}

/* numa_stat is in bytes and wraps there: pages below 0 come out as a large number. */
static uint64_t in_bytes(uint64_t pages, uint64_t page_bytes)
{
	return pages * page_bytes / page_bytes;
}

static void see_group(const struct weir_model *m, uint32_t id,
                      struct weir_view_group_size *seen)
{
	for (unsigned int p = 0; p < m->nr_pools; p++) {
		const struct weir_group_size *size =
			&weir_group(&m->groups, id)->sizes[p];
		size_t k = 0;

		seen[p] = (struct weir_view_group_size){
			.page_bytes = m->pools[p].page_bytes,
			.usage = (uint64_t)size->charged[WEIR_CHARGE_USAGE],
			.rsvd = (uint64_t)size->charged[WEIR_CHARGE_RSVD],
			.events = size->events,
			.has_nodes = m->rules.cgroup_numa_stat,
		};
		weir_each_node (n, m->memory.nodes)
			seen[p].node[k++] = in_bytes(
				weir_group_node_usage(m, id, &m->pools[p], n),
				m->pools[p].page_bytes);
	}
}

static bool see_groups(const struct weir_world *w, struct weir_observed *o,
                       struct weir_view *view)
{
	unsigned int nr_pools = w->model->nr_pools;

	if (!room(&o->groups, &o->cap_groups, w->nr_groups, sizeof(o->groups[0])) ||
	    !room(&o->sizes, &o->cap_sizes, w->nr_groups * nr_pools, sizeof(o->sizes[0])))
		return false;
	for (size_t i = 0; i < w->nr_groups; i++) {
		see_group(w->model, w->groups[i].id, &o->sizes[i * nr_pools]);
		o->groups[i] = (struct weir_view_group){
			.name = weir_strz(w->groups[i].name),
			.sizes = &o->sizes[i * nr_pools],
			.nr_sizes = nr_pools,
		};
	}
	view->groups = o->groups;
	view->nr_groups = w->nr_groups;
	return true;
}

static uint64_t see_map(const struct weir_model *m, const struct weir_task *task,
                        const struct weir_world_map *map, unsigned char *bytes)
{
	uint64_t pinnable = 0;

	for (uint64_t i = 0; i < map->nr; i++) {
		uint64_t addr = map->addr + i * map->page_bytes;
		const struct weir_vma *vma = weir_vma_at(m, task, addr);
		weir_page_id id = 0;

		if (vma)
			id = weir_pte(vma,
			              (uint32_t)((addr - vma->start) / map->page_bytes));
		bytes[i] = WEIR_VIEW_UNMAPPED;
		if (id && id != WEIR_PTE_POISON) {
			weir_site site = m->pages.v[id].site;

			bytes[i] = m->pages.v[id].node;
			pinnable += weir_site_zone(site) != WEIR_ZONE_MOVABLE &&
			            !weir_site_is_cma(site);
		}
	}
	return pinnable;
}

/* A mapping longer than this, 32 TiB of 2M pages, is left out of the view, which costs a
 * byte a page. weir-scenario(5) says so. */
#define SHOWN_PAGES_MAX (UINT64_C(1) << 24)

static bool see_tasks(const struct weir_world *w, struct weir_observed *o,
                      struct weir_view *view)
{
	const struct weir_model *m = w->model;
	size_t nr_maps = 0, nr_bytes = 0;

	for (size_t i = 0; i < w->nr_tasks; i++)
		for (size_t k = 0; k < w->tasks[i]->nr_maps; k++, nr_maps++)
			if (w->tasks[i]->maps[k].nr <= SHOWN_PAGES_MAX)
				nr_bytes += w->tasks[i]->maps[k].nr;
	if (!room(&o->tasks, &o->cap_tasks, w->nr_tasks, sizeof(o->tasks[0])) ||
	    !room(&o->maps, &o->cap_maps, nr_maps, sizeof(o->maps[0])) ||
	    !room(&o->bytes, &o->cap_bytes, nr_bytes, 1))
		return false;
	nr_maps = nr_bytes = 0;
	for (size_t i = 0; i < w->nr_tasks; i++) {
		const struct weir_world_task *task = w->tasks[i];
		struct weir_view_task *seen = &o->tasks[i];

		*seen = (struct weir_view_task){
			.name = weir_strz(task->name),
			.maps = &o->maps[nr_maps],
		};
		for (unsigned int p = 0; p < m->nr_pools; p++)
			seen->mapped_bytes += task->task->mapped[p] *
			                      m->pools[p].page_bytes;
		for (size_t k = 0; k < task->nr_maps; k++) {
			const struct weir_world_map *map = &task->maps[k];

			if (map->nr > SHOWN_PAGES_MAX)
				continue;
			o->maps[nr_maps++] = (struct weir_view_map){
				.pinnable = see_map(m, task->task, map,
				                    &o->bytes[nr_bytes]),
				.name = weir_strz(map->name),
				.nr_pages = map->nr,
				.node = &o->bytes[nr_bytes],
			};
			seen->nr_maps++;
			nr_bytes += map->nr;
		}
	}
	view->tasks = o->tasks;
	view->nr_tasks = w->nr_tasks;
	return true;
}

static bool see_files(const struct weir_world *w, struct weir_observed *o,
                      struct weir_view *view)
{
	if (!room(&o->files, &o->cap_files, w->nr_files, sizeof(o->files[0])))
		return false;
	for (size_t i = 0; i < w->nr_files; i++) {
		const struct weir_world_file *file = w->files[i];

		if (file->file->kind == WEIR_FILE_SEGMENT ||
		    (!weir_world_file_is_linked(file) && !file->file->openers))
			continue;
		o->files[view->nr_files++] = (struct weir_view_file){
			.name = weir_strz(file->name),
			.size = file->file->size,
			.allocated = file->file->cache.used,
		};
	}
	view->files = o->files;
	return true;
}

int weir_world_view(struct weir_world *w, struct weir_view *out)
{
	struct weir_view view = { 0 };

	if (!w->observed && !(w->observed = calloc(1, sizeof(*w->observed))))
		return -ENOMEM;
	see_pools(w, w->observed, &view);
	see_zones(w, w->observed, &view);
	if (!see_mounts(w, w->observed, &view) || !see_groups(w, w->observed, &view) ||
	    !see_tasks(w, w->observed, &view) || !see_files(w, w->observed, &view))
		return -ENOMEM;
	*out = view;
	return 0;
}
