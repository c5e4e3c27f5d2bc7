/* view_json: a view as members of a JSON object: what view_text.c prints, under the names
 * of the fields in view.h. The unsigned numbers are the kernel's own: 2^64-1 where the
 * text has -1. */
#include "lab/view_write.h"

static void json_pool(struct weir_json *j, const struct weir_view_pool *pool)
{
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "page_bytes", pool->page_bytes);
	weir_json_u64(j, "total", pool->total);
	weir_json_u64(j, "free", pool->free);
	weir_json_u64(j, "reserved", pool->reserved);
	weir_json_u64(j, "surplus", pool->surplus);
	weir_json_u64(j, "max", pool->max);
	weir_json_u64(j, "overcommit", pool->overcommit);
	weir_json_open(j, "nodes", '[');
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "id", pool->nodes[i].id);
		weir_json_u64(j, "total", pool->nodes[i].total);
		weir_json_u64(j, "free", pool->nodes[i].free);
		weir_json_u64(j, "surplus", pool->nodes[i].surplus);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_close(j);
}

static void json_zone(struct weir_json *j, const struct weir_view_zone *zone)
{
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "node", zone->node);
	weir_json_strz(j, "zone", weir_zone_name(zone->kind));
	weir_json_u64(j, "free", zone->free);
	weir_json_u64(j, "free_cma", zone->free_cma);
	weir_json_u64(j, "huge", zone->huge);
	weir_json_u64(j, "huge_cma", zone->huge_cma);
	weir_json_close(j);
}

static void json_mount(struct weir_json *j, const struct weir_view_mount *mount)
{
	weir_json_open(j, NULL, '{');
	weir_json_str(j, "name", mount->name);
	weir_json_u64(j, "blocks", mount->blocks);
	weir_json_u64(j, "bfree", mount->bfree);
	weir_json_u64(j, "files", mount->files);
	weir_json_u64(j, "ffree", mount->ffree);
	weir_json_close(j);
}

static void json_charges(struct weir_json *j, const struct weir_view *view,
                         const struct weir_view_group_size *size)
{
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "page_bytes", size->page_bytes);
	weir_json_u64(j, "usage", size->usage);
	weir_json_u64(j, "rsvd", size->rsvd);
	weir_json_u64(j, "events", size->events);
	if (size->has_nodes) {
		weir_json_open(j, "nodes", '[');
		for (size_t i = 0; i < view->nr_nodes; i++) {
			weir_json_open(j, NULL, '{');
			weir_json_u64(j, "id", view->node_ids[i]);
			weir_json_u64(j, "usage", size->node[i]);
			weir_json_close(j);
		}
		weir_json_close(j);
	} else {
		weir_json_null(j, "nodes"); /* this kernel does not tell */
	}
	weir_json_close(j);
}

static void json_group(struct weir_json *j, const struct weir_view *view,
                       const struct weir_view_group *group)
{
	weir_json_open(j, NULL, '{');
	weir_json_str(j, "name", group->name);
	weir_json_open(j, "sizes", '[');
	for (size_t i = 0; i < group->nr_sizes; i++)
		if (weir_view_charges_shown(&group->sizes[i]))
			json_charges(j, view, &group->sizes[i]);
	weir_json_close(j);
	weir_json_close(j);
}

static void json_file(struct weir_json *j, const struct weir_view_file *file)
{
	weir_json_open(j, NULL, '{');
	weir_json_str(j, "name", file->name);
	weir_json_u64(j, "size", file->size);
	weir_json_u64(j, "allocated", file->allocated);
	weir_json_close(j);
}

/* The picture goes through a buffer of its own, which all mappings of the view share. */
static void json_map(struct weir_json *j, const struct weir_view_map *map, bool zoned,
                     struct weir_buf *picture)
{
	struct weir_writer w = { .out = picture };

	picture->n = 0;
	weir_write_picture(&w, map);
	if (w.failed < 0 && j->failed == 0)
		j->failed = w.failed;
	weir_json_open(j, NULL, '{');
	weir_json_str(j, "name", map->name);
	weir_json_u64(j, "nr_pages", map->nr_pages);
	weir_json_str(j, "node", weir_buf_str(picture));
	if (zoned)
		weir_json_u64(j, "pinnable", map->pinnable);
	weir_json_close(j);
}

static void json_task(struct weir_json *j, const struct weir_view_task *task, bool zoned,
                      struct weir_buf *picture)
{
	weir_json_open(j, NULL, '{');
	weir_json_str(j, "name", task->name);
	weir_json_u64(j, "mapped_bytes", task->mapped_bytes);
	weir_json_open(j, "maps", '[');
	for (size_t i = 0; i < task->nr_maps; i++)
		json_map(j, &task->maps[i], zoned, picture);
	weir_json_close(j);
	weir_json_close(j);
}

void weir_view_json(const struct weir_view *view, const struct weir_result *result,
                    struct weir_json *j)
{
	struct weir_buf picture = { 0 };
	char scratch[16];

	weir_json_strz(j, "result", weir_result_word(result, scratch, sizeof(scratch)));
	if (weir_result_is_signal(result))
		weir_json_u64(j, "after", result->after);
	weir_json_open(j, "pools", '[');
	for (size_t i = 0; i < view->nr_pools; i++)
		if (weir_view_pool_shown(&view->pools[i]))
			json_pool(j, &view->pools[i]);
	weir_json_close(j);
	if (view->nr_zones) {
		weir_json_open(j, "zones", '[');
		for (size_t i = 0; i < view->nr_zones; i++)
			json_zone(j, &view->zones[i]);
		weir_json_close(j);
	}
	weir_json_open(j, "mounts", '[');
	for (size_t i = 0; i < view->nr_mounts; i++)
		json_mount(j, &view->mounts[i]);
	weir_json_close(j);
	weir_json_open(j, "groups", '[');
	for (size_t i = 0; i < view->nr_groups; i++)
		json_group(j, view, &view->groups[i]);
	weir_json_close(j);
	weir_json_open(j, "files", '[');
	for (size_t i = 0; i < view->nr_files; i++)
		json_file(j, &view->files[i]);
	weir_json_close(j);
	weir_json_open(j, "tasks", '[');
	for (size_t i = 0; i < view->nr_tasks; i++)
		json_task(j, &view->tasks[i], view->nr_zones, &picture);
	weir_json_close(j);
	weir_buf_done(&picture);
}
