/* advise: madvise(2) and mlock(2) on huge pages. kernel-rules.md 4.12, 4.13, 4.8. */
#ifndef WEIR_MODEL_ADVISE_H
#define WEIR_MODEL_ADVISE_H

#include "model/model.h"
#include "model/task.h"

enum weir_advice {
	WEIR_ADVICE_DONTNEED,
	WEIR_ADVICE_REMOVE,
	WEIR_ADVICE_POPULATE_READ,
	WEIR_ADVICE_POPULATE_WRITE,
	WEIR_ADVICE_LOCK, /* mlock(2) */
};

/* On @nr pages from @addr on. 0, -EINVAL where the kernel lacks it, -EFAULT when a page
 * could not be had, -EHWPOISON, -EACCES, -ENOMEM for a hole or, of mlock, a lacking page.
 */
int weir_advise(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
                uint64_t page_bytes, enum weir_advice advice);

#endif
