/* left: what nobody uses: whether that can be known, and who may come back to it. A file
 * of huge pages is left behind when whoever made it is gone; one that lives may open it
 * again by its name. Both who shows leftovers and who removes them go by this. */
#ifndef WEIR_HOLDERS_LEFT_H
#define WEIR_HOLDERS_LEFT_H

#include "holders/ledger.h"

/* True when no process that lives maps it, privately neither, or has it open, as far as
 * it is seen, and weird does not keep it. */
bool weir_hold_is_left(const struct weir_hold *hold);

/* Why it cannot be known of any file or segment that nobody uses it: in *out, to be
 * freed, which stays NULL when it can. 0 or -ENOMEM. */
int weir_ledger_blind(const struct weir_host *host, const struct weir_ledger *ledger,
                      char **out);

/* Who may come back to it: the first that is so. */
enum weir_back {
	WEIR_BACK_NOBODY,  /* whoever made it is gone */
	WEIR_BACK_CREATOR, /* a process has the number of its creator */
	WEIR_BACK_NAMES,   /* it has other names, and its pages are free without them only
	                    */
	WEIR_BACK_OWNER,   /* who made it is not told, and its owner has processes */
	WEIR_BACK_UNKNOWN, /* nor whether its owner has any: not all can be seen */
};

struct weir_left {
	uint64_t
		creator_pid; /* by its name, or of a segment by the kernel; 0: not told */
	bool creator_lives;
	struct weir_count uid;       /* the user who owns it */
	enum weir_owner_lives owner; /* has that user any process? */
	uint64_t nr_names;           /* links of a file */
	enum weir_back back;
};

/* The user who owns a file or a segment; unknown of what is neither. */
struct weir_count weir_hold_owner(const struct weir_ledger *ledger,
                                  const struct weir_hold *hold);

/* Of a hold that nobody uses. */
void weir_left_find(const struct weir_host *host, const struct weir_ledger *ledger,
                    const struct weir_hold *hold, struct weir_left *out);

/* In words, as "nobody uses it; ...". 0 or -ENOMEM. */
int weir_left_words(const struct weir_left *left, struct weir_buf *out);

#endif
