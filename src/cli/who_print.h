/* who_print: what the parts of the screen of `weir who` share. Internal to who_*.c. */
#ifndef WEIR_CLI_WHO_PRINT_H
#define WEIR_CLI_WHO_PRINT_H

#include "cli/who.h"

struct weir_who_print {
	const struct weir_who *who;
	const struct weir_who_style *style;
	FILE *out;
	struct weir_buf cell; /* what the functions below add to */
	bool holds;           /* rows are single holds, below others */
};

int weir_who_put(struct weir_who_print *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Text from outside: what a terminal would act on becomes "?". */
int weir_who_put_shown(struct weir_who_print *t, struct weir_str s);

/* A number of pages, or of bytes with --bytes. */
int weir_who_put_pages(struct weir_who_print *t, uint64_t pages, uint64_t page_bytes);

/* A VM's program; of others the arguments, too, as far as there is room. */
int weir_who_put_command(struct weir_who_print *t, size_t task);

/* What a hold is; and what is known of it when no process, or no VM, uses it. */
int weir_who_put_hold(struct weir_who_print *t, const struct weir_hold *hold);
int weir_who_put_hold_name(struct weir_who_print *t, const struct weir_hold *hold);

/* Prints @before, the pages ("?" when unknown), and @after. Uses the cell. */
int weir_who_say(struct weir_who_print *t, const char *before, struct weir_count pages,
                 uint64_t page_bytes, const char *after);

/* What the processes of a row have that pins memory, and how much they have pinned: of
 * these holds alone what is registered with io_uring (@of_holds), else of whatever
 * memory.
 */
int weir_who_put_pinned(struct weir_who_print *t, const struct weir_who_rows *rows,
                        const struct weir_who_row *row, bool of_holds);
bool weir_who_has_pins(const struct weir_who *who, const struct weir_who_rows *rows);

/* who_warm.c. Of a file of weird's store, behind its name: " (leased: vm1)". */
int weir_who_put_region(struct weir_who_print *t, const struct weir_hold *hold);
/* The leases that a row's holds are. */
int weir_who_put_row_leases(struct weir_who_print *t, const struct weir_who_rows *rows,
                            const struct weir_who_row *row);
/* What the row of the store itself is. */
int weir_who_put_store(struct weir_who_print *t, const struct weir_who_rows *rows,
                       const struct weir_who_row *row);
struct weir_json;
int weir_who_json_region(struct weir_json *j, const struct weir_hold *hold);

int weir_who_print_groups(struct weir_who_print *t);
int weir_who_print_release(struct weir_who_print *t, const struct weir_who_rows *rows);

#endif
