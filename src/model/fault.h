/* fault: a page for an address, and freeing it. kernel-rules.md 3.
 * Source: mm/hugetlb.c hugetlb_fault(), hugetlb_no_page(), hugetlb_wp(),
 * alloc_hugetlb_folio(), free_huge_folio(). */
#ifndef WEIR_MODEL_FAULT_H
#define WEIR_MODEL_FAULT_H

#include "model/file.h"
#include "model/vma.h"

/* For whom a page is wanted: a mapping's address, or a file's index in fallocate(). */
struct weir_want {
	const struct weir_task *task;
	struct weir_file *file;
	struct weir_vma *vma; /* NULL: fallocate() */
	uint32_t pgoff;       /* index in the file, of the first page */
	bool copy_by_owner;   /* 3.6.2: must not use the mapping's reservation; alone */
};

/* alloc_hugetlb_folio(): 0 where there is none. */
weir_page_id weir_page_alloc(struct weir_model *m, const struct weir_want *want);

/* The same for up to @max indexes from want->pgoff on, one after the other: how many
 * pages came, into @ids. 0: there is none for the first index. Fewer than @max says
 * nothing of the next one: it may be another matter, and is asked for by itself. */
uint32_t weir_pages_alloc(struct weir_model *m, const struct weir_want *want,
                          uint32_t max, weir_page_id *ids);

/* free_huge_folio(): the last reference is gone. 3.9. */
void weir_page_free(struct weir_model *m, weir_page_id id);

/* Frees a page that neither a mapping nor a file has any more. */
void weir_page_put(struct weir_model *m, weir_page_id id);

/* One touch of page @idx of a mapping. */
enum weir_outcome weir_fault(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                             bool write);

/* The same for @nr pages from @idx on, one after the other, as long as they go the same
 * way: how many were touched. With 0 the outcome is that of the first. More than one were
 * new pages. */
uint32_t weir_fault_run(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                        uint32_t nr, bool write, enum weir_outcome *outcome);

/* Brings in pages [from, to) of a mapping for a system call: 0; -EFAULT at the first page
 * that is not to be had, -EHWPOISON. */
int weir_populate(struct weir_model *m, struct weir_vma *vma, uint32_t from, uint32_t to,
                  bool write);

/* Touches @nr pages from @addr on, until one fails. -EFAULT where nothing is mapped. */
struct weir_answer weir_touch(struct weir_model *m, struct weir_task *task, uint64_t addr,
                              uint64_t nr, uint64_t page_bytes, bool write);

#endif
