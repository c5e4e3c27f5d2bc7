/* anon: see anon.h. */
#include "model/anon.h"

#include "model/task.h"

#include <errno.h>
#include <stdlib.h>

static struct weir_anon *anon_of(struct weir_model *m, struct weir_task *task)
{
	if (!task->anon)
		task->anon = calloc(1, sizeof(*task->anon));
	if (!task->anon)
		m->failed = true;
	return task->anon;
}

static uint64_t take(struct weir_model *m, const struct weir_task *task, uint64_t pages,
                     uint16_t policy, enum weir_request want, struct weir_spread *out)
{
	/* base pages of an interleaved task go to its nodes in turn */
	const struct weir_policy *p = policy ? &m->policies.v[policy]
	                                     : weir_task_policy(m, task);
	uint64_t done = 0;

	if (p->mode == WEIR_POLICY_INTERLEAVE) {
		unsigned int left = (unsigned int)__builtin_popcountll(p->nodes);

		weir_each_node (n, p->nodes) {
			uint64_t part = (pages - done) / left--;

			done += weir_memory_take_pages(&m->memory, n, UINT64_C(1) << n,
			                               part, want, out);
		}
	}
	if (done < pages) {
		struct weir_place place = weir_policy_place(m, task, policy, 0);

		done += weir_memory_take_pages(&m->memory, place.near, place.allowed,
		                               pages - done, want, out);
		if (done < pages && place.prefer_first)
			done += weir_memory_take_pages(&m->memory, place.near,
			                               weir_task_mems(m, task),
			                               pages - done, want, out);
	}
	return done;
}

uint64_t weir_anon_touch(struct weir_model *m, struct weir_task *task, uint64_t pages,
                         uint16_t policy)
{
	struct weir_anon *anon = anon_of(m, task);

	return anon ? take(m, task, pages, policy, WEIR_WANT_MOVABLE, &anon->movable) : 0;
}

uint64_t weir_anon_fix(struct weir_model *m, struct weir_task *task, uint64_t pages,
                       uint16_t policy)
{
	struct weir_anon *anon = anon_of(m, task);

	return anon ? take(m, task, pages, policy, WEIR_WANT_PINNABLE, &anon->fixed) : 0;
}

uint64_t weir_anon_cache(struct weir_model *m, struct weir_task *task, uint64_t pages,
                         bool dirty)
{
	struct weir_spread *got = calloc(1, sizeof(*got));
	uint64_t done;

	if (!got) {
		m->failed = true;
		return 0;
	}
	/* nobody's own: it stays in the zone's count until it is given back */
	done = take(m, task, pages, 0, WEIR_WANT_MOVABLE, got);
	weir_each_node (n, m->memory.all)
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++) {
			struct weir_memory_zone *zone =
				&m->memory.zones[n][s % WEIR_ZONE_NR];

			(dirty ? zone->dirty
			       : zone->cache)[s >= WEIR_SITE_CMA] += got->pages[n][s];
		}
	free(got);
	return done;
}

static void give_back(struct weir_memory *mem, struct weir_spread *from,
                      unsigned int node, weir_site site, uint64_t pages)
{
	from->pages[node][site] -= pages;
	mem->zones[node][weir_site_zone(site)].free[weir_site_is_cma(site)] += pages;
}

int weir_anon_pin(struct weir_model *m, struct weir_task *task)
{
	struct weir_anon *anon = anon_of(m, task);
	uint64_t allowed = weir_task_mems(m, task);

	if (!anon)
		return -ENOMEM;
	weir_each_node (n, m->memory.all)
		for (unsigned int i = 0; i < WEIR_SITE_NR; i++) {
			weir_site s = (weir_site)i;
			uint64_t pages = anon->movable.pages[n][s], got = pages;
			uint64_t near = UINT64_C(1) << n;

			if (!weir_site_is_pinnable(m, s)) {
				got = weir_memory_take_pages(
					&m->memory, n,
					allowed &
						(m->rules.migrate_strict_node ? near
				                                              : allowed),
					pages, WEIR_WANT_PINNABLE, &anon->fixed);
				give_back(&m->memory, &anon->movable, n, s, got);
			} else {
				anon->fixed.pages[n][s] += pages;
				anon->movable.pages[n][s] = 0;
			}
			if (got < pages)
				return -ENOMEM;
		}
	return 0;
}

void weir_anon_lend(struct weir_model *m, struct weir_task *task, unsigned int node,
                    weir_site site, uint64_t pages)
{
	struct weir_anon *anon = anon_of(m, task);

	if (anon)
		anon->movable.pages[node][site] += pages;
}

void weir_anon_free(struct weir_model *m, struct weir_task *task)
{
	if (!task->anon)
		return;
	weir_memory_give_pages(&m->memory, &task->anon->movable);
	weir_memory_give_pages(&m->memory, &task->anon->fixed);
	free(task->anon);
	task->anon = NULL;
}

/* Of one task and site: to the same node if it can, else anywhere. */
static uint64_t leave(struct weir_model *m, struct weir_task *task, unsigned int node,
                      weir_site site, uint64_t pages)
{
	struct weir_spread *movable = &task->anon->movable;
	uint64_t have = movable->pages[node][site], got;

	if (pages > have)
		pages = have;
	got = weir_memory_take_pages(&m->memory, node, m->memory.nodes, pages,
	                             WEIR_WANT_NO_CMA, movable);
	give_back(&m->memory, movable, node, site, got);
	return got;
}

uint64_t weir_anon_leave_cma(struct weir_model *m, unsigned int node, uint64_t pages)
{
	uint64_t done = 0;

	for (size_t i = 0; i < m->nr_tasks && done < pages; i++)
		for (unsigned int s = WEIR_SITE_CMA;
		     m->tasks[i]->anon && s < WEIR_SITE_NR && done < pages; s++)
			done += leave(m, m->tasks[i], node, (weir_site)s, pages - done);
	return done;
}
