/* affected: see affected.h. */
#include "apply/affected.h"

#include "base/own.h"
#include "base/size.h"
#include "holders/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HOLDERS_MAX 3 /* named; the rest is for 'weir who' */
#define COMM_MAX    64U

uint64_t weir_process_named(const struct weir_host *host, const char *const *names,
                            size_t nr, size_t *which)
{
	weir_auto(weir_names_done) struct weir_names pids = { 0 };
	weir_auto(weir_buf_done) struct weir_buf comm = { 0 };
	char path[64];
	uint64_t pid;

	if (weir_host_list(host, "/proc", &pids) < 0)
		return 0;
	for (size_t i = 0; i < pids.nr; i++) {
		if (weir_parse_u64(weir_strz(pids.v[i].name), &pid) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/comm", pid);
		if (weir_host_read(host, path, COMM_MAX, &comm) < 0)
			continue;
		for (*which = 0; *which < nr; ++*which)
			if (weir_str_eq(weir_str_chomp(weir_buf_str(&comm)),
			                names[*which]))
				return pid;
	}
	return 0;
}

/* They read the pools once (docs: kubelet's --system-reserved, nova's NUMA cells). */
static int say_counters(const struct weir_host *host, const struct weir_plan *plan,
                        struct weir_buf *notes)
{
	static const char *const daemons[] = { "kubelet", "nova-compute" };
	bool pools = false;
	size_t which;
	uint64_t pid;

	for (size_t i = 0; i < plan->nr_ops; i++)
		pools = pools || plan->ops[i].kind == WEIR_OP_POOL ||
		        plan->ops[i].kind == WEIR_OP_DEMOTE;
	if (!pools)
		return 0;
	pid = weir_process_named(host, daemons, WEIR_NELEM(daemons), &which);
	if (!pid)
		return 0;
	return weir_buf_printf(notes,
	                       "%s (process %" PRIu64 ") counted the pools when it "
	                       "started: it sees the change once it is started again\n",
	                       daemons[which], pid);
}

static uint64_t trapped_of(const struct weir_plan *plan, uint64_t page_bytes)
{
	const struct weir_tally *was = weir_tally_of(&plan->before, page_bytes);
	const struct weir_tally *is = weir_tally_of(weir_plan_end(plan), page_bytes);

	return was && is && is->surplus > was->surplus ? is->surplus - was->surplus : 0;
}

/* "qemu-system-x86 (4242): 512 in use, 30 reserved" */
static int say_hold(const struct weir_ledger *ledger, const struct weir_hold *hold,
                    struct weir_buf *notes)
{
	struct weir_str name = weir_hold_name(ledger, hold);
	const struct weir_holding_task *task = NULL;
	char shown[128], lease[WEIR_LEASE_TEXT_MAX] = "";
	int r;

	if (weir_hold_is_warm(hold))
		(void)weir_lease_text(hold->region, lease);
	if (hold->nr_users)
		task = &ledger->holdings.tasks[hold->users[0].task];
	if (task)
		r = weir_buf_printf(
			notes, "of them %s (process %" PRIu64 "%s)",
			weir_str_show(weir_strz(task->name), shown, sizeof(shown)),
			task->pid, hold->nr_users > 1 ? " and others" : "");
	else if (weir_hold_is_warm(hold))
		r = weir_buf_printf(notes, "of them %s memory of weird%s%s",
		                    weir_hold_kind_word(hold->kind), *lease ? ", " : "",
		                    lease);
	else
		r = weir_buf_printf(notes, "of them %s",
		                    name.n ? weir_str_show(name, shown, sizeof(shown))
		                           : weir_hold_kind_word(hold->kind));
	if (r == 0)
		r = weir_buf_printf(notes, " has %" PRIu64 " in use", hold->pages);
	if (r == 0 && hold->reserved.known && hold->reserved.n)
		r = weir_buf_printf(notes, " and %" PRIu64 " reserved", hold->reserved.n);
	return r < 0 ? r : weir_buf_addz(notes, "\n");
}

/* Whose pages would be surplus, and gone when they are freed: anybody's of that size. */
static int say_trapped(const struct weir_host *host, const struct weir_snapshot *snap,
                       const struct weir_plan *plan, struct weir_buf *notes)
{
	struct weir_ledger ledger;
	char size[WEIR_SIZE_TEXT_MAX];
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < plan->before.nr; i++)
		any = any || trapped_of(plan, plan->before.v[i].page_bytes);
	if (!any)
		return 0;
	r = weir_ledger_read(host, snap, WEIR_LEDGER_USERS, &ledger, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < plan->before.nr && r == 0; i++) {
		uint64_t bytes = plan->before.v[i].page_bytes, left = HOLDERS_MAX;
		uint64_t trapped = trapped_of(plan, bytes);

		if (!trapped)
			continue;
		r = weir_buf_printf(notes, "%" PRIu64 " pages of %s would be trapped\n",
		                    trapped,
		                    weir_format_size(bytes, size, sizeof(size)).p);
		for (size_t k = 0; k < ledger.nr_holds && left && r == 0; k++)
			if (ledger.holds[k].page_bytes == bytes) {
				r = say_hold(&ledger, &ledger.holds[k], notes);
				left--;
			}
	}
	weir_ledger_done(&ledger);
	return r;
}

int weir_affected_say(const struct weir_host *host, const struct weir_snapshot *snap,
                      const struct weir_plan *plan, struct weir_buf *notes)
{
	int r = say_trapped(host, snap, plan, notes);

	return r < 0 ? r : say_counters(host, plan, notes);
}
