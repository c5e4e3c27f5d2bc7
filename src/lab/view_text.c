/* view_text: a view as one line of text; view.h has the form. Numbers are written by
 * hand: a run of a million steps prints tens of millions of them. */
#include "lab/view_write.h"

#include "base/size.h"

#include <errno.h>

/* Runs longer than this are written c*N: below it the picture itself is as short. */
#define RUN_SHOWN 8

void weir_write(struct weir_writer *w, struct weir_str s)
{
	if (w->failed == 0)
		w->failed = weir_buf_add(w->out, s);
}

void weir_write_z(struct weir_writer *w, const char *z)
{
	weir_write(w, weir_strz(z));
}

void weir_write_u64(struct weir_writer *w, uint64_t n)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	weir_write(w, weir_str(text + at, sizeof(text) - at));
}

void weir_write_count(struct weir_writer *w, uint64_t n)
{
	if (n > INT64_MAX)
		weir_write_z(w, "-");
	weir_write_u64(w, n > INT64_MAX ? 0 - n : n);
}

void weir_write_counts(struct weir_writer *w, const uint64_t *n, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (i)
			weir_write_z(w, "/");
		weir_write_count(w, n[i]);
	}
}

void weir_write_size(struct weir_writer *w, uint64_t bytes)
{
	char text[WEIR_SIZE_TEXT_MAX];

	weir_write(w, weir_format_size(bytes, text, sizeof(text)));
}

void weir_write_picture(struct weir_writer *w, const struct weir_view_map *map)
{
	uint64_t i = 0, run;

	while (i < map->nr_pages) {
		char c[RUN_SHOWN];
		unsigned char node = map->node[i];

		for (run = 1; i + run < map->nr_pages && map->node[i + run] == node;)
			run++;
		i += run;
		memset(c, weir_picture_char(node), sizeof(c));
		if (run <= RUN_SHOWN) {
			weir_write(w, weir_str(c, (size_t)run));
			continue;
		}
		weir_write(w, weir_str(c, 1));
		weir_write_z(w, "*");
		weir_write_u64(w, run);
		if (i < map->nr_pages)
			weir_write_z(w, ",");
	}
}

uint64_t weir_view_task_pages(const struct weir_view *view,
                              const struct weir_view_task *task)
{
	uint64_t least = 0;

	for (size_t i = 0; i < view->nr_pools; i++)
		if (!least || view->pools[i].page_bytes < least)
			least = view->pools[i].page_bytes;
	return least ? task->mapped_bytes / least : 0;
}

bool weir_view_pool_shown(const struct weir_view_pool *pool)
{
	return pool->total || pool->free || pool->reserved || pool->surplus ||
	       pool->max || pool->overcommit;
}

bool weir_view_charges_shown(const struct weir_view_group_size *size)
{
	return size->usage || size->rsvd || size->events;
}

static void labelled(struct weir_writer *w, const char *label, uint64_t n)
{
	weir_write_z(w, label);
	weir_write_count(w, n);
}

static void write_pool(struct weir_writer *w, const struct weir_view_pool *pool)
{
	weir_write_z(w, " | ");
	weir_write_size(w, pool->page_bytes);
	weir_write_z(w, " ");
	weir_write_counts(w,
	                  (const uint64_t[]){ pool->total, pool->free, pool->reserved,
	                                      pool->surplus },
	                  4);
	labelled(w, " max ", pool->max);
	if (pool->overcommit)
		labelled(w, " oc ", pool->overcommit);
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		const struct weir_view_node *node = &pool->nodes[i];

		labelled(w, " n", node->id);
		weir_write_z(w, " ");
		weir_write_counts(
			w, (const uint64_t[]){ node->total, node->free, node->surplus },
			3);
	}
}

static void write_zone(struct weir_writer *w, const struct weir_view_zone *zone)
{
	labelled(w, " | zone n", zone->node);
	weir_write_z(w, ".");
	weir_write_z(w, weir_zone_name(zone->kind));
	weir_write_z(w, " ");
	weir_write_counts(w, (const uint64_t[]){ zone->free, zone->free_cma }, 2);
	weir_write_z(w, " ");
	weir_write_counts(w, (const uint64_t[]){ zone->huge, zone->huge_cma }, 2);
}

static void write_mount(struct weir_writer *w, const struct weir_view_mount *mount)
{
	weir_write_z(w, " | mount ");
	weir_write(w, mount->name);
	weir_write_z(w, " ");
	weir_write_counts(w,
	                  (const uint64_t[]){ mount->blocks, mount->bfree, mount->files,
	                                      mount->ffree },
	                  4);
}

static void write_group(struct weir_writer *w, const struct weir_view *view,
                        const struct weir_view_group *group)
{
	weir_write_z(w, " | cgroup ");
	weir_write(w, group->name);
	for (size_t i = 0; i < group->nr_sizes; i++) {
		const struct weir_view_group_size *size = &group->sizes[i];

		if (!weir_view_charges_shown(size))
			continue;
		weir_write_z(w, " ");
		weir_write_size(w, size->page_bytes);
		weir_write_z(w, " ");
		weir_write_counts(
			w, (const uint64_t[]){ size->usage, size->rsvd, size->events },
			3);
		for (size_t n = 0; size->has_nodes && n < view->nr_nodes; n++) {
			labelled(w, " n", view->node_ids[n]);
			labelled(w, " ", size->node[n]);
		}
	}
}

static void write_file(struct weir_writer *w, const struct weir_view_file *file)
{
	weir_write_z(w, " | file ");
	weir_write(w, file->name);
	weir_write_z(w, " ");
	weir_write_counts(w, (const uint64_t[]){ file->size, file->allocated }, 2);
}

static void write_task(struct weir_writer *w, const struct weir_view *view,
                       const struct weir_view_task *task)
{
	weir_write_z(w, " | ");
	weir_write(w, task->name);
	labelled(w, " ", weir_view_task_pages(view, task));
	for (size_t i = 0; i < task->nr_maps; i++) {
		weir_write_z(w, " ");
		weir_write(w, task->maps[i].name);
		weir_write_z(w, " ");
		weir_write_picture(w, &task->maps[i]);
		if (view->nr_zones)
			labelled(w, "/", task->maps[i].pinnable);
	}
}

const char *weir_result_word(const struct weir_result *result, char *scratch, size_t cap)
{
	switch (result->kind) {
	case WEIR_RESULT_OK: return "ok";
	case WEIR_RESULT_ERRNO: return weir_errno_name(result->err, scratch, cap);
	case WEIR_RESULT_SIGBUS: return "SIGBUS";
	case WEIR_RESULT_MCEERR: break;
	}
	return "MCEERR";
}

bool weir_result_is_signal(const struct weir_result *result)
{
	return result->kind == WEIR_RESULT_SIGBUS || result->kind == WEIR_RESULT_MCEERR;
}

int weir_view_text(const struct weir_view *view, const struct weir_result *result,
                   struct weir_buf *out)
{
	struct weir_writer w = { .out = out };
	size_t before = out->n;
	char scratch[16];

	weir_write_z(&w, weir_result_word(result, scratch, sizeof(scratch)));
	if (weir_result_is_signal(result)) {
		weir_write_z(&w, " after ");
		weir_write_u64(&w, result->after);
	}
	for (size_t i = 0; i < view->nr_pools; i++)
		if (weir_view_pool_shown(&view->pools[i]))
			write_pool(&w, &view->pools[i]);
	for (size_t i = 0; i < view->nr_zones; i++)
		write_zone(&w, &view->zones[i]);
	for (size_t i = 0; i < view->nr_mounts; i++)
		write_mount(&w, &view->mounts[i]);
	for (size_t i = 0; i < view->nr_groups; i++)
		write_group(&w, view, &view->groups[i]);
	for (size_t i = 0; i < view->nr_files; i++)
		write_file(&w, &view->files[i]);
	for (size_t i = 0; i < view->nr_tasks; i++)
		write_task(&w, view, &view->tasks[i]);
	if (w.failed < 0 && out->p) { /* as it was */
		out->n = before;
		out->p[before] = '\0';
	}
	return w.failed;
}
