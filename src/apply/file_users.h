/* file_users: which processes have a file, in any way: mapped, shared or private, or
 * open. A ledger's hold of the file has those that count for its pages; a private mapping
 * is a hold of its own there, and uses the file all the same. */
#ifndef WEIR_APPLY_FILE_USERS_H
#define WEIR_APPLY_FILE_USERS_H

#include "holders/ledger.h"

struct weir_file_user {
	size_t task; /* of ledger.holdings.tasks */
	bool maps, is_open;
};

struct weir_file_users {
	struct weir_file_user *v; /* each process once, in the order of /proc */
	size_t nr, cap;
};

void weir_file_users_done(struct weir_file_users *users);

/* Adds those of @file, of ledger.holdings.files. 0 or -ENOMEM. */
int weir_file_users_add(const struct weir_ledger *ledger, size_t file,
                        struct weir_file_users *out);

/* "qemu (4242) maps it, bash (7) has it open and 3 more": 0 or -ENOMEM. */
int weir_file_users_text(const struct weir_ledger *ledger,
                         const struct weir_file_users *users, struct weir_buf *out);

#endif
