/* view_write: what the printers of a view share. Internal; view.h is the contract. */
#ifndef WEIR_LAB_VIEW_WRITE_H
#define WEIR_LAB_VIEW_WRITE_H

#include "lab/term.h"
#include "lab/view.h"

/* Writes into a buffer; the first failure is kept and makes the rest do nothing. */
struct weir_writer {
	struct weir_buf *out;
	int failed; /* 0 or -ENOMEM */
};

void weir_write(struct weir_writer *w, struct weir_str s);
void weir_write_z(struct weir_writer *w, const char *z);
void weir_write_u64(struct weir_writer *w, uint64_t n);
void weir_write_count(struct weir_writer *w, uint64_t n); /* 2^64-1 as -1 and so on */
void weir_write_counts(struct weir_writer *w, const uint64_t *n, size_t nr); /* n/n/n */
void weir_write_size(struct weir_writer *w, uint64_t bytes);
void weir_write_picture(struct weir_writer *w, const struct weir_view_map *map);

/* "ok", "ENOMEM", "SIGBUS", "MCEERR"; @scratch is for errnos without a name. */
const char *weir_result_word(const struct weir_result *result, char *scratch, size_t cap);
bool weir_result_is_signal(const struct weir_result *result);

/* What the task maps, in pages of the host's smallest size. */
uint64_t weir_view_task_pages(const struct weir_view *view,
                              const struct weir_view_task *task);

/* Is any number other than 0? */
bool weir_view_pool_shown(const struct weir_view_pool *pool);
bool weir_view_charges_shown(const struct weir_view_group_size *size);

#endif
