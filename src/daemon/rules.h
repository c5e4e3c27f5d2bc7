/* rules: who may lease how much of what. Pure: the rules of a configuration, who asks,
 * what he has and what he wants in; yes or no with words out.
 *
 * Rules are looked at in their order, and the first that is about the caller counts; whom
 * none is about gets nothing. Root may do all. */
#ifndef WEIR_DAEMON_RULES_H
#define WEIR_DAEMON_RULES_H

#include "base/err.h"
#include "base/ranges.h"

#define WEIR_RULE_SIZES_MAX 8U
#define WEIR_RULE_USERS_MAX 64U
#define WEIR_RULE_LEASES    1024U /* of one user, unless the rule says otherwise */

/* A user or a group as the configuration has it: a number, or a name whose number is
 * filled in by who can look it up. Not known: nobody. */
struct weir_rule_id {
	char *name; /* NULL: not given */
	bool known;
	uint32_t id;
};

struct weir_rule {
	char *name;
	struct weir_rule_id user, group; /* one of them at least */
	uint64_t most_bytes;
	uint64_t leases;
	uint64_t sizes[WEIR_RULE_SIZES_MAX]; /* page sizes; none: all */
	size_t nr_sizes;
	struct weir_ranges nodes; /* none: all */
	uint64_t ttl_ns;          /* at most; 0: as long as he likes */
	bool no_cold;             /* only what is warm already */
	struct weir_rule_id *for_users;
	size_t nr_for_users, cap_for_users;
};

struct weir_rules {
	struct weir_rule *v;
	size_t nr, cap;
};

void weir_rules_done(struct weir_rules *rules);

struct weir_rule_caller {
	uint32_t uid, gid;
	const uint32_t *groups; /* all that the user database has him in */
	size_t nr_groups;
};

struct weir_rule_ask {
	uint64_t bytes, page_bytes;
	int node; /* -1: any */
	bool warm_only;
	uint64_t ttl_ns; /* 0: no end by time */
	uint32_t file_uid;
	uint64_t has_bytes, has_leases; /* of the caller: leased, growing, waited for */
};

/* NULL: none is about him. */
const struct weir_rule *weir_rules_find(const struct weir_rules *rules,
                                        const struct weir_rule_caller *caller);

/* 0, and what the rule makes of it is in @ask: its time where none was asked for, only
 * warm memory, the one node that he may have. -EPERM, or -EDQUOT; @err has words, and
 * @help what would help, or "". */
#define WEIR_RULE_HELP_MAX 160
int weir_rules_ask(const struct weir_rules *rules, const struct weir_rule_caller *caller,
                   struct weir_rule_ask *ask, char help[WEIR_RULE_HELP_MAX],
                   struct weir_err *err);

#endif
