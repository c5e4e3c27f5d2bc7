/* file: inodes of hugetlbfs: files on mounts, memfds, SysV segments, and the unnamed file
 * behind every anonymous mapping. kernel-rules.md 4.7 to 4.16.
 * Source: fs/hugetlbfs/inode.c. */
#ifndef WEIR_MODEL_FILE_H
#define WEIR_MODEL_FILE_H

#include "model/model.h"
#include "model/regions.h"
#include "model/slots.h"

enum weir_file_kind {
	WEIR_FILE_NAMED,   /* on a mount */
	WEIR_FILE_MEMFD,   /* memfd_create(2) */
	WEIR_FILE_SEGMENT, /* shmget(2) */
	WEIR_FILE_UNNAMED, /* of an anonymous mapping */
};

struct weir_file {
	struct weir_mount *mount; /* NULL: the kernel's own mount, without limits */
	uint8_t pool;
	uint8_t kind;
	bool linked;      /* has a name, or a segment its id */
	bool closing;     /* in m->closing */
	uint32_t openers; /* descriptors */
	uint32_t nr_vmas, cap_vmas;
	struct weir_vma **vmas;  /* by first index; among equals the older first, 4.7 */
	uint64_t size;           /* pages */
	struct weir_slots cache; /* its pages */
	struct weir_regions map; /* reserved or present */
	size_t at;               /* in m->files */
	void *tag;               /* the caller's; ended() is told when the file goes */
	void (*ended)(void *tag);
};

/* A file without a name or an opener yet: link or open it, or weir_file_settle() ends it.
 * NULL with m->failed. */
struct weir_file *weir_file_new(struct weir_model *m, struct weir_pool *pool,
                                enum weir_file_kind kind, struct weir_mount *mount);

/* Descriptors. */
bool weir_file_open(struct weir_model *m, struct weir_task *task, struct weir_file *file);
bool weir_file_close(struct weir_model *m, struct weir_task *task,
                     struct weir_file *file); /* false: not open */

/* unlink(2), or IPC_RMID. */
void weir_file_unlink(struct weir_model *m, struct weir_file *file);

/* ftruncate(2), pages. Growing reserves nothing. */
void weir_file_truncate(struct weir_model *m, struct weir_file *file, uint64_t pages);

/* fallocate(2): -ENOSPC with the pages added so far. */
int weir_file_allocate(struct weir_model *m, const struct weir_task *task,
                       struct weir_file *file, uint64_t start, uint64_t nr);
/* ... with FALLOC_FL_PUNCH_HOLE, also MADV_REMOVE. */
void weir_file_punch(struct weir_model *m, struct weir_file *file, uint64_t start,
                     uint64_t nr);

/* shmget(2) with SHM_HUGETLB: *out the segment. 0 or -ENOMEM. */
int weir_segment_new(struct weir_model *m, const struct weir_task *task,
                     struct weir_pool *pool, uint64_t pages, bool noreserve,
                     struct weir_file **out);

/* hugetlb_reserve_pages(): promises [from, to) to a file. @vma: the private mapping that
 * will own them, else NULL. 0 or -ENOMEM. */
int weir_file_reserve(struct weir_model *m, const struct weir_task *task,
                      struct weir_file *file, struct weir_vma *vma, uint32_t from,
                      uint32_t to);

/* Takes the page at an index out of the file, and its promise with it; mappings are left
 * alone. There is one. */
void weir_file_drop(struct weir_model *m, struct weir_file *file, uint32_t idx);

/* The mappings of a file. */
bool weir_file_add_vma(struct weir_model *m, struct weir_file *file, struct weir_vma *vma,
                       const struct weir_vma *behind);
void weir_file_remove_vma(struct weir_model *m, struct weir_file *file,
                          const struct weir_vma *vma);

/* The last reference may be gone: remembers it. weir_files_evict() then ends such files,
 * the last one first, as a task does on its way back from the kernel. */
void weir_file_settle(struct weir_model *m, struct weir_file *file);
void weir_files_evict(struct weir_model *m);

/* Frees it without playing its end: for weir_model_free(). */
void weir_file_discard(struct weir_file *file);

struct weir_subpool *weir_file_subpool(const struct weir_file *file);

#endif
