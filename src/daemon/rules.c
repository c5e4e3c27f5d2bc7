/* rules: see rules.h. */
#include "daemon/rules.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void id_done(struct weir_rule_id *id)
{
	free(id->name);
	*id = (struct weir_rule_id){ 0 };
}

void weir_rules_done(struct weir_rules *rules)
{
	for (size_t i = 0; i < rules->nr; i++) {
		struct weir_rule *rule = &rules->v[i];

		for (size_t k = 0; k < rule->nr_for_users; k++)
			id_done(&rule->for_users[k]);
		free(rule->for_users);
		id_done(&rule->user);
		id_done(&rule->group);
		weir_ranges_done(&rule->nodes);
		free(rule->name);
	}
	free(rules->v);
	*rules = (struct weir_rules){ 0 };
}

static bool is_in_group(const struct weir_rule_caller *caller, uint32_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->nr_groups; i++)
		if (caller->groups[i] == gid)
			return true;
	return false;
}

/* A name that nobody has is about nobody. */
static bool is_about(const struct weir_rule *rule, const struct weir_rule_caller *caller)
{
	if (rule->user.name && !(rule->user.known && rule->user.id == caller->uid))
		return false;
	if (rule->group.name &&
	    !(rule->group.known && is_in_group(caller, rule->group.id)))
		return false;
	return rule->user.name || rule->group.name;
}

const struct weir_rule *weir_rules_find(const struct weir_rules *rules,
                                        const struct weir_rule_caller *caller)
{
	for (size_t i = 0; i < rules->nr; i++)
		if (is_about(&rules->v[i], caller))
			return &rules->v[i];
	return NULL;
}

/* ---- one question each; 0 or -EPERM, -EDQUOT --------------------------------------- */

static int ask_size(const struct weir_rule *rule, const struct weir_rule_ask *ask,
                    char *help, struct weir_err *err)
{
	char size[WEIR_SIZE_TEXT_MAX], first[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; i < rule->nr_sizes; i++)
		if (rule->sizes[i] == ask->page_bytes)
			return 0;
	if (!rule->nr_sizes)
		return 0;
	(void)weir_format_size(ask->page_bytes, size, sizeof(size));
	(void)weir_format_size(rule->sizes[0], first, sizeof(first));
	(void)snprintf(help, WEIR_RULE_HELP_MAX, "ask for pages of %s", first);
	return weir_err_set(err, -EPERM, "rule '%s' does not give pages of %s",
	                    rule->name, size);
}

static int ask_node(const struct weir_rule *rule, struct weir_rule_ask *ask, char *help,
                    struct weir_err *err)
{
	unsigned int first = weir_ranges_next(&rule->nodes, 0);

	if (!rule->nodes.nr ||
	    (ask->node >= 0 && weir_ranges_has(&rule->nodes, (unsigned int)ask->node)))
		return 0;
	if (ask->node < 0 && weir_ranges_count(&rule->nodes) == 1) {
		ask->node = (int)first;
		return 0;
	}
	(void)snprintf(help, WEIR_RULE_HELP_MAX, "ask for one of its nodes, such as %u",
	               first);
	if (ask->node < 0)
		return weir_err_set(err, -EPERM,
		                    "rule '%s' does not give memory of any node",
		                    rule->name);
	return weir_err_set(err, -EPERM, "rule '%s' does not give memory of node %d",
	                    rule->name, ask->node);
}

static int ask_user(const struct weir_rule *rule, const struct weir_rule_caller *caller,
                    const struct weir_rule_ask *ask, struct weir_err *err)
{
	if (ask->file_uid == caller->uid)
		return 0;
	for (size_t i = 0; i < rule->nr_for_users; i++)
		if (rule->for_users[i].known && rule->for_users[i].id == ask->file_uid)
			return 0;
	return weir_err_set(err, -EPERM,
	                    "rule '%s' does not let the file be user %" PRIu32 "'s",
	                    rule->name, ask->file_uid);
}

static int ask_time(const struct weir_rule *rule, struct weir_rule_ask *ask, char *help,
                    struct weir_err *err)
{
	if (!rule->ttl_ns || (ask->ttl_ns && ask->ttl_ns <= rule->ttl_ns))
		return 0;
	if (!ask->ttl_ns) {
		ask->ttl_ns = rule->ttl_ns;
		return 0;
	}
	(void)snprintf(help, WEIR_RULE_HELP_MAX,
	               "ask for %" PRIu64 " s at most, and renew",
	               rule->ttl_ns / UINT64_C(1000000000));
	return weir_err_set(err, -EPERM, "rule '%s' gives no lease for so long",
	                    rule->name);
}

static int ask_quota(const struct weir_rule *rule, const struct weir_rule_ask *ask,
                     char *help, struct weir_err *err)
{
	char most[WEIR_SIZE_TEXT_MAX], has[WEIR_SIZE_TEXT_MAX];
	uint64_t sum;

	if (ask->has_leases >= rule->leases) {
		(void)snprintf(help, WEIR_RULE_HELP_MAX, "release one");
		return weir_err_set(err, -EDQUOT,
		                    "rule '%s' gives %" PRIu64
		                    " leases, and there are as many",
		                    rule->name, rule->leases);
	}
	if (!ckd_add(&sum, ask->has_bytes, ask->bytes) && sum <= rule->most_bytes)
		return 0;
	(void)weir_format_human(rule->most_bytes, most, sizeof(most));
	(void)weir_format_human(ask->has_bytes, has, sizeof(has));
	if (ask->has_bytes)
		(void)snprintf(help, WEIR_RULE_HELP_MAX, "release what is leased");
	return weir_err_set(err, -EDQUOT, "rule '%s' gives %s, of which %s are leased",
	                    rule->name, most, has);
}

int weir_rules_ask(const struct weir_rules *rules, const struct weir_rule_caller *caller,
                   struct weir_rule_ask *ask, char help[WEIR_RULE_HELP_MAX],
                   struct weir_err *err)
{
	const struct weir_rule *rule = weir_rules_find(rules, caller);
	struct weir_rule_ask made = *ask;
	int r;

	help[0] = '\0';
	if (caller->uid == 0)
		return 0;
	if (!rule) {
		(void)snprintf(help, WEIR_RULE_HELP_MAX,
		               "an administrator adds a [rule] to weird.conf(5)");
		return weir_err_set(err, -EPERM, "no rule is about user %" PRIu32,
		                    caller->uid);
	}
	r = ask_size(rule, &made, help, err);
	if (r == 0)
		r = ask_node(rule, &made, help, err);
	if (r == 0)
		r = ask_user(rule, caller, &made, err);
	if (r == 0)
		r = ask_time(rule, &made, help, err);
	if (r == 0)
		r = ask_quota(rule, &made, help, err);
	if (r < 0)
		return r;
	made.warm_only |= rule->no_cold;
	*ask = made;
	return 0;
}
