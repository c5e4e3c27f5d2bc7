/* owners: see owners.h. What stands for "all processes were looked at" is /proc itself: a
 * live host tells of it, a capture only if it was asked. Where processes of other users
 * are hidden (hidepid=), process 1 is, and then nothing is said. */
#include "facts/owners.h"

#include "base/own.h"
#include "facts/huge_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void weir_owners_done(struct weir_owners *owners)
{
	free(owners->v);
	*owners = (struct weir_owners){ 0 };
}

static struct weir_owner *find(const struct weir_owners *owners, uint64_t uid)
{
	for (size_t i = 0; i < owners->nr; i++) /* a host has some ten of them */
		if (owners->v[i].uid == uid)
			return &owners->v[i];
	return NULL;
}

static int add(struct weir_owners *owners, uint64_t uid, uint64_t pid, bool effective)
{
	struct weir_owner *known = find(owners, uid);
	int r;

	if (known) { /* the better witness: see weir_owners_ask() */
		if (effective && !known->effective)
			*known = (struct weir_owner){ uid, pid, effective };
		return 0;
	}
	r = weir_grow(&owners->v, &owners->cap, owners->nr, sizeof(*owners->v));
	if (r == 0)
		owners->v[owners->nr++] = (struct weir_owner){ uid, pid, effective };
	return r;
}

int weir_owners_add(struct weir_owners *owners, const struct weir_task *task)
{
	const struct weir_count *uids = task->status.uids;
	uint64_t pid;
	int r = 0;

	if (weir_parse_u64(weir_strz(task->pid), &pid) < 0)
		return 0;
	for (size_t i = 0; i < WEIR_TASK_UIDS && r == 0; i++)
		if (uids[i].known)
			r = add(owners, uids[i].n, pid,
			        task->status.uid.known &&
			                uids[i].n == task->status.uid.n);
	return r;
}

/* Of a text "/@/stat/proc/PID/@": the owner of a process's directory is its user. */
static int add_asked(struct weir_owners *owners, const struct weir_host *host,
                     const char *name)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_file_stat st;
	char path[64];
	uint64_t pid;
	int r;

	if (weir_parse_u64(weir_strz(name), &pid) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/@/stat/proc/%" PRIu64 "/@", pid);
	r = weir_host_read(host, path, WEIR_SMALL_MAX, &text);
	if (r < 0 || weir_file_stat_parse(weir_buf_str(&text), &st) != 0)
		return r == -ENOMEM ? r : 0;
	return add(owners, st.uid, pid, true);
}

int weir_owners_finish(struct weir_owners *owners, const struct weir_host *host)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_names_done) struct weir_names asked = { 0 };
	int r = weir_host_read(host, "/@/stat/proc/@", WEIR_SMALL_MAX, &text);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* empty on a live host, where all that there are have been added */
	r = weir_host_list(host, "/@/stat/proc", &asked);
	if (r < 0)
		asked.nr = 0;
	for (size_t i = 0; r == 0 && i < asked.nr; i++)
		r = add_asked(owners, host, asked.v[i].name);
	if (r == -ENOMEM)
		return r;
	text.n = 0;
	r = weir_host_read(host, "/@/stat/proc/1/@", WEIR_SMALL_MAX, &text);
	owners->complete = r == 0;
	return r == -ENOMEM ? r : 0;
}

enum weir_owner_lives weir_owner_lives(const struct weir_owners *owners, uint64_t uid)
{
	if (find(owners, uid))
		return WEIR_OWNER_LIVES;
	return owners->complete ? WEIR_OWNER_GONE : WEIR_OWNER_UNKNOWN;
}

static void ask(const struct weir_host *host, const char *path)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	(void)weir_host_read(host, path, WEIR_SMALL_MAX, &text);
}

void weir_owners_ask(const struct weir_host *host, const struct weir_owners *owners,
                     const uint64_t *uids, size_t nr)
{
	char path[64];

	if (!owners->complete)
		return;
	ask(host, "/@/stat/proc/@");
	ask(host, "/@/stat/proc/1/@");
	for (size_t i = 0; i < nr; i++) {
		const struct weir_owner *owner = find(owners, uids[i]);

		if (!owner)
			continue;
		/* the owner of a process's directory is its effective user */
		(void)snprintf(path, sizeof(path),
		               owner->effective ? "/@/stat/proc/%" PRIu64 "/@"
		                                : "/proc/%" PRIu64 "/status",
		               owner->pid);
		ask(host, path);
	}
}
