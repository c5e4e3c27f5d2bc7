/* advise: see advise.h. Source: mm/madvise.c, mm/mlock.c, mm/gup.c
 * populate_vma_page_range(), faultin_page_range(), v5.10 to v6.18. */
#include "model/advise.h"

#include "model/fault.h"
#include "model/file.h"
#include "model/vma.h"

#include <errno.h>

/* The part of a mapping from @addr up to @end, in pages of it. */
struct part {
	struct weir_vma *vma;
	uint32_t from, to;
};

/* The next part at or behind *addr, which moves behind it. *hole: addresses were passed
 * over where nothing is. False at the end. */
static bool next_part(const struct weir_model *m, const struct weir_task *task,
                      uint64_t *addr, uint64_t end, struct part *part, bool *hole)
{
	uint64_t bytes, stop;
	size_t i;

	if (*addr >= end)
		return false;
	part->vma = weir_vma_at(m, task, *addr);
	if (!part->vma) {
		*hole = true;
		i = weir_vma_from(task, *addr);
		if (i == task->nr_vmas || task->vmas[i]->start >= end)
			return false;
		part->vma = task->vmas[i];
		*addr = part->vma->start;
	}
	bytes = m->pools[part->vma->pool].page_bytes;
	stop = weir_vma_end(m, part->vma);
	if (stop > end)
		stop = end;
	part->from = (uint32_t)((*addr - part->vma->start) / bytes);
	part->to = (uint32_t)((stop - part->vma->start) / bytes);
	*addr = stop;
	return true;
}

static void discard(struct weir_model *m, const struct part *part)
{
	struct weir_gather gather = { 0 };

	weir_zap(m, part->vma, part->from, part->to, &gather);
	weir_gather_finish(m, &gather);
}

static int populate(struct weir_model *m, const struct part *part, bool write)
{
	return weir_populate(m, part->vma, part->from, part->to, write);
}

static int advise_part(struct weir_model *m, const struct part *part,
                       enum weir_advice advice)
{
	const struct weir_vma *vma = part->vma;
	bool shared = vma->flags & WEIR_VMA_SHARED,
	     writable = vma->flags & WEIR_VMA_WRITE;

	switch (advice) {
	case WEIR_ADVICE_DONTNEED: discard(m, part); return 0;
	case WEIR_ADVICE_REMOVE:
		if (!shared)
			return -EACCES;
		weir_file_punch(m, vma->file, vma->pgoff + part->from,
		                part->to - part->from);
		return 0;
	case WEIR_ADVICE_POPULATE_READ: return populate(m, part, false);
	case WEIR_ADVICE_POPULATE_WRITE:
		return writable ? populate(m, part, true) : -EINVAL;
	case WEIR_ADVICE_LOCK:
		/* as MAP_POPULATE: private pages are taken for writing */
		return populate(m, part, writable && !shared);
	}
	return -EINVAL;
}

static bool has_hole(const struct weir_model *m, const struct weir_task *task,
                     uint64_t addr, uint64_t end)
{
	struct part part;
	bool hole = false;

	while (next_part(m, task, &addr, end, &part, &hole))
		;
	return hole;
}

int weir_advise(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
                uint64_t page_bytes, enum weir_advice advice)
{
	uint64_t end = addr + nr * page_bytes;
	bool is_populate = advice == WEIR_ADVICE_POPULATE_READ ||
	                   advice == WEIR_ADVICE_POPULATE_WRITE;
	struct part part;
	bool hole = false;
	int r = 0;

	if ((advice == WEIR_ADVICE_DONTNEED && !m->rules.dontneed) ||
	    (is_populate && !m->rules.populate))
		return -EINVAL;
	if (advice == WEIR_ADVICE_LOCK && has_hole(m, task, addr, end))
		return -ENOMEM;
	while (next_part(m, task, &addr, end, &part, &hole)) {
		if (hole && is_populate)
			return -ENOMEM; /* stops there; the others go on, and say so at
			                   the end */
		r = advise_part(m, &part, advice);
		if (r < 0)
			break;
	}
	weir_files_evict(m);
	if (r < 0)
		return advice == WEIR_ADVICE_LOCK && r == -EFAULT ? -ENOMEM : r;
	return hole ? -ENOMEM : 0;
}
