/* file: see file.h. Source: fs/hugetlbfs/inode.c hugetlb_vmtruncate(),
 * remove_inode_hugepages(), hugetlbfs_punch_hole(), hugetlbfs_fallocate(); mm/hugetlb.c
 * hugetlb_reserve_pages(), hugetlb_unreserve_pages(); v5.10 to v6.18. */
#include "model/file.h"

#include "model/fault.h"
#include "model/mount.h"
#include "model/reserve.h"
#include "model/subpool.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct weir_file *weir_file_new(struct weir_model *m, struct weir_pool *pool,
                                enum weir_file_kind kind, struct weir_mount *mount)
{
	struct weir_file *file = calloc(1, sizeof(*file));

	if (!file || !weir_model_grow(m, &m->files, &m->cap_files, m->nr_files,
	                              sizeof(struct weir_file *))) {
		free(file);
		m->failed = true;
		return NULL;
	}
	file->pool = pool->idx;
	file->kind = (uint8_t)kind;
	file->mount = mount;
	file->at = m->nr_files;
	m->files[m->nr_files++] = file;
	return file;
}

struct weir_subpool *weir_file_subpool(const struct weir_file *file)
{
	return file->mount ? file->mount->subpool : NULL;
}

/* ---- what a file's pages and promises do ---- */

struct payer {
	struct weir_model *m;
	struct weir_pool *pool;
};

static void uncharge_part(void *ctx, uint32_t group, uint64_t nr)
{
	struct payer *p = ctx;

	weir_group_uncharge(p->m, group, p->pool, WEIR_CHARGE_RSVD, (int64_t)nr);
}

/* hugetlb_unreserve_pages(): indexes leave the map, @freed of which had a page. */
static void unreserve(struct weir_model *m, struct weir_file *file, uint32_t from,
                      uint32_t to, int64_t freed)
{
	struct payer payer = { m, &m->pools[file->pool] };
	int64_t known = (int64_t)weir_regions_count(&file->map, from, to);

	if (!weir_regions_del(&file->map, from, to, uncharge_part, &payer)) {
		m->failed = true;
		return;
	}
	weir_unreserve(m, payer.pool,
	               weir_subpool_put(m, weir_file_subpool(file), known - freed));
}

int weir_file_reserve(struct weir_model *m, const struct weir_task *task,
                      struct weir_file *file, struct weir_vma *vma, uint32_t from,
                      uint32_t to)
{
	struct weir_pool *pool = &m->pools[file->pool];
	struct weir_subpool *sp = weir_file_subpool(file);
	uint32_t group = task ? task->group : WEIR_GROUP_ROOT;
	int64_t wanted = (int64_t)(to - from), from_pool;

	if (!vma)
		wanted -= (int64_t)weir_regions_count(&file->map, from, to);
	if (weir_group_charge(m, group, pool, WEIR_CHARGE_RSVD, wanted) < 0)
		return -ENOMEM;
	from_pool = weir_subpool_get(sp, wanted);
	if (from_pool < 0)
		goto uncharge;
	if (weir_reserve(m, pool, task, from_pool) < 0) {
		weir_subpool_put_failed(m, sp, wanted, from_pool);
		goto uncharge;
	}
	if (!vma) {
		if (!weir_regions_add(&file->map, from, to, group))
			m->failed = true;
		return 0;
	}
	vma->owner = calloc(1, sizeof(*vma->owner));
	if (!vma->owner) {
		m->failed = true;
		return -ENOMEM;
	}
	vma->owner->nr_users = 1;
	vma->owner->group = group;
	return 0;
uncharge:
	weir_group_uncharge(m, group, pool, WEIR_CHARGE_RSVD, wanted);
	return -ENOMEM;
}

/* Unmaps [from, to) from every mapping of the file, private copies too: 3.10, 4.7. */
static void unmap_everywhere(struct weir_model *m, struct weir_file *file, uint32_t from,
                             uint64_t to)
{
	for (uint32_t i = 0; i < file->nr_vmas; i++) {
		struct weir_vma *vma = file->vmas[i];
		uint64_t end = (uint64_t)vma->pgoff + vma->nr;
		struct weir_gather gather = { 0 };

		if (vma->pgoff >= to)
			break; /* they stand by first index */
		if (end <= from)
			continue;
		weir_zap(m, vma, from > vma->pgoff ? from - vma->pgoff : 0,
		         (uint32_t)((end < to ? end : to) - vma->pgoff), &gather);
		weir_gather_finish(m, &gather);
	}
}

/* remove_inode_single_folio(): frees the page when nothing else has it. */
static void remove_page(struct weir_model *m, struct weir_file *file, uint32_t idx)
{
	weir_page_id id = weir_slots_get(&file->cache, idx);

	(void)weir_slots_set(&file->cache, idx, 0, UINT32_MAX);
	weir_page(&m->pages, id)->flags &= (uint8_t)~WEIR_PAGE_CACHED;
	weir_page_put(m, id);
}

void weir_file_drop(struct weir_model *m, struct weir_file *file, uint32_t idx)
{
	unreserve(m, file, idx, idx + 1, 1);
	remove_page(m, file, idx);
}

static void remove_from(struct weir_model *m, struct weir_file *file, uint32_t from)
{
	int64_t freed = 0;

	for (uint32_t i = weir_slots_next(&file->cache, from, UINT32_MAX); i < UINT32_MAX;
	     i = weir_slots_next(&file->cache, i + 1, UINT32_MAX)) {
		remove_page(m, file, i);
		freed++;
	}
	unreserve(m, file, from, UINT32_MAX, freed);
}

void weir_file_truncate(struct weir_model *m, struct weir_file *file, uint64_t pages)
{
	uint32_t from = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;

	/* the same path when the file grows: promises past the new end go as well */
	file->size = pages;
	unmap_everywhere(m, file, from, UINT64_MAX);
	remove_from(m, file, from);
	weir_files_evict(m);
}

void weir_file_punch(struct weir_model *m, struct weir_file *file, uint64_t start,
                     uint64_t nr)
{
	uint32_t from = start < UINT32_MAX ? (uint32_t)start : UINT32_MAX;
	uint32_t to = nr < UINT32_MAX - from ? from + (uint32_t)nr : UINT32_MAX;

	unmap_everywhere(m, file, from, to);
	for (uint32_t i = weir_slots_next(&file->cache, from, to); i < to;
	     i = weir_slots_next(&file->cache, i + 1, to))
		weir_file_drop(m, file, i);
}

/* New pages for indexes from @at on that have none, below @end: how many. */
static uint32_t allocate(struct weir_model *m, const struct weir_task *task,
                         struct weir_file *file, uint32_t at, uint32_t end)
{
	const struct weir_want want = { .task = task, .file = file, .pgoff = at };
	weir_page_id ids[WEIR_RUN_MAX];
	uint32_t n = end - at < WEIR_RUN_MAX ? end - at : WEIR_RUN_MAX;

	n = weir_slots_next(&file->cache, at + 1, at + n) - at;
	n = weir_pages_alloc(m, &want, n, ids);
	for (uint32_t i = 0; i < n; i++) {
		struct weir_page *page = weir_page(&m->pages, ids[i]);

		page->flags = (uint8_t)((page->flags & ~WEIR_PAGE_RESTORE) |
		                        WEIR_PAGE_CACHED);
	}
	if (!weir_slots_put(&file->cache, at, ids, n, UINT32_MAX))
		m->failed = true;
	return n;
}

int weir_file_allocate(struct weir_model *m, const struct weir_task *task,
                       struct weir_file *file, uint64_t start, uint64_t nr)
{
	uint32_t at, end;

	if (!nr)
		return -EINVAL;
	if (start + nr >= UINT32_MAX)
		return -EFBIG;
	at = (uint32_t)start;
	end = (uint32_t)(start + nr);
	while (at < end) {
		uint32_t n = 1;

		if (!weir_slots_get(&file->cache, at))
			n = allocate(m, task, file, at, end);
		if (!n)
			return -ENOSPC;
		at += n;
	}
	if (file->size < start + nr)
		file->size = start + nr;
	return 0;
}

/* ---- who holds it ---- */

bool weir_file_add_vma(struct weir_model *m, struct weir_file *file, struct weir_vma *vma,
                       const struct weir_vma *behind)
{
	size_t cap = file->cap_vmas;
	uint32_t at = 0;

	if (!weir_model_grow(m, &file->vmas, &cap, file->nr_vmas,
	                     sizeof(struct weir_vma *)))
		return false;
	file->cap_vmas = (uint32_t)cap;
	/* vma_interval_tree_insert(), and _insert_after() for fork */
	if (behind) {
		while (file->vmas[at] != behind)
			at++;
		at++;
	} else {
		at = file->nr_vmas;
		while (at && file->vmas[at - 1]->pgoff > vma->pgoff)
			at--;
	}
	memmove(&file->vmas[at + 1], &file->vmas[at],
	        (file->nr_vmas - at) * sizeof(struct weir_vma *));
	file->vmas[at] = vma;
	file->nr_vmas++;
	return true;
}

void weir_file_remove_vma(struct weir_model *m, struct weir_file *file,
                          const struct weir_vma *vma)
{
	uint32_t at = 0;

	(void)m;
	while (at < file->nr_vmas && file->vmas[at] != vma)
		at++;
	if (at == file->nr_vmas)
		return;
	file->nr_vmas--;
	memmove(&file->vmas[at], &file->vmas[at + 1],
	        (file->nr_vmas - at) * sizeof(struct weir_vma *));
}

bool weir_file_open(struct weir_model *m, struct weir_task *task, struct weir_file *file)
{
	if (!weir_model_grow(m, &task->open, &task->cap_open, task->nr_open,
	                     sizeof(struct weir_file *)))
		return false;
	task->open[task->nr_open++] = file;
	file->openers++;
	return true;
}

bool weir_file_close(struct weir_model *m, struct weir_task *task, struct weir_file *file)
{
	size_t i = 0;

	while (i < task->nr_open && task->open[i] != file)
		i++;
	if (i == task->nr_open)
		return false;
	task->nr_open--;
	memmove(&task->open[i], &task->open[i + 1],
	        (task->nr_open - i) * sizeof(struct weir_file *));
	file->openers--;
	weir_file_settle(m, file);
	weir_files_evict(m);
	return true;
}

void weir_file_unlink(struct weir_model *m, struct weir_file *file)
{
	file->linked = false;
	weir_file_settle(m, file);
	weir_files_evict(m);
}

static bool is_held(const struct weir_file *file)
{
	return file->openers || file->nr_vmas;
}

static void close_file(struct weir_model *m, struct weir_file *file)
{
	if (file->closing)
		return;
	if (!weir_model_grow(m, &m->closing, &m->cap_closing, m->nr_closing,
	                     sizeof(struct weir_file *)))
		return;
	file->closing = true;
	m->closing[m->nr_closing++] = file;
}

void weir_file_settle(struct weir_model *m, struct weir_file *file)
{
	const struct weir_mount *mount = file->mount;

	if (is_held(file))
		return;
	if (!file->linked)
		close_file(m, file);
	if (!mount || !mount->unmounted)
		return;
	/* a lazily unmounted file system ends with the last user of any of its files */
	for (size_t i = 0; i < m->nr_files; i++)
		if (m->files[i]->mount == mount && is_held(m->files[i]))
			return;
	for (size_t i = m->nr_files; i-- > 0;) {
		if (m->files[i]->mount != mount)
			continue;
		m->files[i]->linked = false;
		close_file(m, m->files[i]);
	}
}

void weir_file_discard(struct weir_file *file)
{
	if (file->ended)
		file->ended(file->tag);
	weir_slots_done(&file->cache);
	weir_regions_done(&file->map);
	free(file->vmas);
	free(file);
}

static void evict(struct weir_model *m, struct weir_file *file)
{
	struct weir_mount *mount = file->mount;
	struct weir_file *last = m->files[m->nr_files - 1];

	remove_from(m, file, 0);
	m->files[file->at] = last;
	last->at = file->at;
	m->nr_files--;
	weir_file_discard(file);
	if (mount)
		weir_mount_lost_file(m, mount);
}

void weir_files_evict(struct weir_model *m)
{
	/* task_work_run() takes what was added last first */
	while (m->nr_closing)
		evict(m, m->closing[--m->nr_closing]);
}

int weir_segment_new(struct weir_model *m, const struct weir_task *task,
                     struct weir_pool *pool, uint64_t pages, bool noreserve,
                     struct weir_file **out)
{
	struct weir_file *file;

	if (!pages || pages > INT32_MAX)
		return -EINVAL;
	file = weir_file_new(m, pool, WEIR_FILE_SEGMENT, NULL);
	if (!file)
		return -ENOMEM;
	file->size = pages;
	if (!noreserve &&
	    weir_file_reserve(m, task, file, NULL, 0, (uint32_t)pages) < 0) {
		weir_file_settle(m, file);
		weir_files_evict(m);
		return -ENOMEM;
	}
	file->linked = true;
	*out = file;
	return 0;
}
