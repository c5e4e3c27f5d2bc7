/* model_bench: random steps a second, and bytes a huge page.
 *
 *	model_bench NODES PAGES [SECONDS]
 *
 * A host of NODES nodes and PAGES huge pages of 2M, half of them in use by tasks of the
 *size of VMs; then random steps on it: maps, touches, unmaps, forks, copies, files,
 *holes, pool writes of a few pages, by a fixed seed. Prints nodes pages steps_per_second
 *pages_per_second_of_resizing bytes_per_page seconds_to_fill
 */
#include "base/own.h"
#include "base/rng.h"
#include "model/advise.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/migrate.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAGE_BYTES (UINT64_C(2) << 20)
#define TASKS      24
#define MAPS       6

struct slot {
	uint64_t addr, nr;
};

struct actor {
	struct weir_task *task;
	struct slot maps[MAPS];
};

struct bench {
	struct weir_model *m;
	struct weir_pool *pool;
	struct weir_mount *mount;
	struct weir_file *files[8];
	struct actor actors[TASKS];
	struct weir_rng rng;
	unsigned int nr_nodes;
	uint64_t per_node;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t below(struct bench *b, uint64_t n)
{
	return weir_rng_below(&b->rng, n);
}

static struct weir_task *start(struct bench *b)
{
	struct weir_task_config config = { .cpu = (unsigned int)below(b, b->nr_nodes) };

	return weir_task_new(b->m, &config);
}

static void resize(struct bench *b, int node, uint64_t target)
{
	struct weir_resize how = { .target = target, .node = node };

	weir_pool_resize(b->m, b->pool, &how);
}

static void map(struct bench *b, struct actor *a, struct slot *s)
{
	struct weir_map_config config = {
		.pool = b->pool,
		.pages = 1 + below(b, 8),
		.noreserve = below(b, 4) == 0,
		.shared = below(b, 2) == 0,
	};

	if (below(b, 3) == 0)
		config.file = b->files[below(b, WEIR_NELEM(b->files))];
	if (weir_map(b->m, a->task, &config, &s->addr) == 0)
		s->nr = config.pages;
}

static void step(struct bench *b)
{
	struct actor *a = &b->actors[below(b, TASKS)];
	struct slot *s = &a->maps[below(b, MAPS)];
	uint64_t first, nr, kind = below(b, 100);
	struct weir_file *file = b->files[below(b, WEIR_NELEM(b->files))];

	if (kind < 2) { /* a VM's threads come and go */
		weir_task_exit(b->m, a->task);
		*a = (struct actor){ .task = start(b) };
		return;
	}
	if (kind < 4) {
		struct actor *heir = &b->actors[below(b, TASKS)];

		if (heir == a)
			return;
		weir_task_exit(b->m, heir->task);
		*heir = *a;
		(void)weir_task_fork(b->m, a->task, &heir->task);
		return;
	}
	if (kind < 8) {
		resize(b, (int)below(b, b->nr_nodes), b->per_node - 2 + below(b, 5));
		return;
	}
	if (kind < 10) {
		weir_file_truncate(b->m, file, below(b, 8));
		return;
	}
	if (kind < 12) {
		weir_file_punch(b->m, file, below(b, 8), 1 + below(b, 3));
		return;
	}
	if (kind < 14) {
		(void)weir_file_allocate(b->m, a->task, file, below(b, 8),
		                         1 + below(b, 3));
		return;
	}
	if (!s->nr) {
		map(b, a, s);
		return;
	}
	first = below(b, s->nr);
	nr = 1 + below(b, s->nr - first);
	if (kind < 60) {
		(void)weir_touch(b->m, a->task, s->addr + first * PAGE_BYTES, nr,
		                 PAGE_BYTES, kind < 50);
	} else if (kind < 75) {
		weir_unmap(b->m, a->task, s->addr, s->nr, PAGE_BYTES);
		s->nr = 0;
	} else if (kind < 85) {
		weir_unmap(b->m, a->task, s->addr + first * PAGE_BYTES, nr, PAGE_BYTES);
	} else if (kind < 95) {
		(void)weir_advise(b->m, a->task, s->addr + first * PAGE_BYTES, nr,
		                  PAGE_BYTES, WEIR_ADVICE_DONTNEED);
	} else {
		(void)weir_move_pages(b->m, a->task, s->addr + first * PAGE_BYTES, 1,
		                      PAGE_BYTES, (unsigned int)below(b, b->nr_nodes));
	}
}

/* Half of the pool in use, in mappings of 8 GiB, as VMs have them. */
static void fill(struct bench *b, uint64_t pages)
{
	uint64_t vm = pages / 2 < 4096 ? pages / 2 : 4096;

	for (uint64_t done = 0; vm && done + vm <= pages / 2; done += vm) {
		struct weir_task_config config = {
			.cpu = (unsigned int)(done / vm % b->nr_nodes),
		};
		struct weir_map_config how = { .pool = b->pool, .pages = vm };
		struct weir_task *task = weir_task_new(b->m, &config);
		uint64_t addr;

		if (weir_map(b->m, task, &how, &addr) == 0)
			(void)weir_touch(b->m, task, addr, vm, PAGE_BYTES, true);
	}
}

static int run(unsigned int nr_nodes, uint64_t pages, double seconds)
{
	struct weir_node_config nodes[WEIR_MODEL_NODES_MAX] = { 0 };
	uint64_t size = PAGE_BYTES, steps = 0, before, moved;
	struct bench b = { .nr_nodes = nr_nodes, .per_node = pages / nr_nodes };
	struct weir_mount_config mount = { 0 };
	struct weir_model_config config = {
		.nodes = nodes,
		.nr_nodes = nr_nodes,
		.page_bytes = &size,
		.nr_sizes = 1,
	};
	double t, filled, resized;
	size_t kernel;
	struct weir_rules rules;

	if (weir_rules_parse(weir_strz("6.12"), &rules, &kernel, NULL) < 0)
		return 1;
	config.rules = &rules;
	for (unsigned int i = 0; i < nr_nodes; i++)
		nodes[i] = (struct weir_node_config){
			.id = i,
			.memory_bytes = (pages / nr_nodes + 4096) * 2 * PAGE_BYTES,
			.cpus = UINT64_C(1) << i,
		};
	weir_rng_seed(&b.rng, 1);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	if (weir_model_new(&config, &b.m, NULL) < 0)
		return 1;
	b.pool = weir_model_pool(b.m, 0);
	mount.pool = b.pool;
	t = now();
	resize(&b, -1, pages);
	fill(&b, pages);
	filled = now() - t;
	before = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	if (weir_mount(b.m, NULL, &mount, &b.mount) < 0)
		return 1;
	for (size_t i = 0; i < WEIR_NELEM(b.files); i++)
		if (weir_mount_create(b.m, b.mount, &b.files[i]) < 0)
			return 1;
	for (size_t i = 0; i < TASKS; i++)
		b.actors[i].task = start(&b);
	(void)weir_pool_overcommit(b.m, b.pool, 16);
	for (t = now(); now() - t < seconds;)
		for (unsigned int i = 0; i < 1000; i++, steps++)
			step(&b);
	t = (double)steps / (now() - t);

	/* what a write costs by the page it moves */
	resized = now();
	for (moved = 0; now() - resized < seconds / 4; moved += 2 * (pages / 4)) {
		uint64_t total = b.pool->total - b.pool->surplus;

		resize(&b, -1, total + pages / 4);
		resize(&b, -1, total);
	}
	resized = now() - resized;
	printf("%u %" PRIu64 " %.0f %.0f %.1f %.3f\n", nr_nodes, pages, t,
	       (double)moved / resized, (double)before / (double)pages, filled);
	weir_model_free(b.m);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: model_bench NODES PAGES [SECONDS]\n", stderr);
		return 2;
	}
	return run((unsigned int)strtoul(argv[1], NULL, 10), strtoull(argv[2], NULL, 10),
	           argc > 3 ? strtod(argv[3], NULL) : 1.0);
}
