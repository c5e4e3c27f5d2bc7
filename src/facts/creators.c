/* creators: see creators.h. */
#include "facts/creators.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The PID namespace that the kernel begins with (include/linux/proc_ns.h, v6.6). */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

uint64_t weir_creator_of_name(struct weir_str path)
{
	uint64_t pid = 0;
	ptrdiff_t at;

	while (weir_str_index(path, '/') < path.n)
		path = weir_str_skip(path, weir_str_index(path, '/') + 1);
	while ((at = weir_str_find(path, "pid")) >= 0) {
		struct weir_str digits = weir_str_skip(path, (size_t)at + 3);
		size_t n = 0;

		while (n < digits.n && weir_is_digit(digits.p[n]))
			n++;
		if (n && weir_parse_u64(weir_str(digits.p, n), &pid) == 0 &&
		    pid <= INT32_MAX)
			return pid;
		path = digits;
	}
	return 0;
}

void weir_pids_done(struct weir_pids *pids)
{
	free(pids->v);
	*pids = (struct weir_pids){ 0 };
}

static int add_pid(struct weir_pids *pids, struct weir_str word, uint64_t pid)
{
	uint64_t number;
	int r;

	if (weir_parse_u64(word, &number) < 0)
		return 0;
	r = weir_grow(&pids->v, &pids->cap, pids->nr, sizeof(*pids->v));
	if (r == 0)
		pids->v[pids->nr++] = (struct weir_pid){ number, pid };
	return r;
}

int weir_pids_add(struct weir_pids *pids, const struct weir_task *task)
{
	struct weir_str words = task->status.ns_pids, word;
	uint64_t pid;
	int r;

	if (weir_parse_u64(weir_strz(task->pid), &pid) < 0)
		return 0;
	r = add_pid(pids, weir_strz(task->pid), pid);
	while (r == 0 && weir_str_word(&words, &word))
		r = add_pid(pids, word, pid);
	return r;
}

static int by_number(const void *a, const void *b)
{
	const struct weir_pid *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

void weir_pids_finish(struct weir_pids *pids)
{
	if (pids->nr)
		qsort(pids->v, pids->nr, sizeof(*pids->v), by_number);
}

static const struct weir_pid *find(const struct weir_pids *pids, uint64_t number)
{
	struct weir_pid wanted = { .number = number };

	return pids->nr ? bsearch(&wanted, pids->v, pids->nr, sizeof(*pids->v), by_number)
	                : NULL;
}

bool weir_pids_has(const struct weir_pids *pids, uint64_t number)
{
	return find(pids, number) != NULL;
}

bool weir_process_lives(const struct weir_host *host, uint64_t pid)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "/@/stat/proc/%" PRIu64 "/@", pid);
	return weir_host_read(host, path, WEIR_SMALL_MAX, &text) != -ENOENT;
}

const char *weir_processes_unseen(const struct weir_host *host)
{
	weir_auto(weir_buf_done) struct weir_buf id = { 0 };
	bool first;
	int r = weir_host_read(host, "/@/link/proc/self/ns/pid", WEIR_SMALL_MAX, &id);

	/* without the link the kernel has no such namespaces */
	if (r < 0)
		return r == -ENOENT ? "" : "whether all processes are seen is not known";
	first = weir_str_eq(weir_str_trim(weir_buf_str(&id)), FIRST_PID_NAMESPACE);
	if (!weir_process_lives(host, 1))
		return "processes of others are hidden here, as /proc is mounted";
	return first ? "" : "processes outside of this PID namespace are not seen";
}

/* Where only a process in a namespace of its own has the number, that it does. */
static void ask_creator(const struct weir_host *host, const struct weir_pids *pids,
                        uint64_t number)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const struct weir_pid *found = find(pids, number);
	char path[64];

	if (weir_process_lives(host, number) || !found)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/status", found->pid);
	(void)weir_host_read(host, path, WEIR_SMALL_MAX, &text);
}

void weir_creators_ask(const struct weir_host *host, const struct weir_holdings *all,
                       const struct weir_pids *pids)
{
	(void)weir_processes_unseen(host);
	for (size_t i = 0; i < all->files.nr; i++) {
		const struct weir_huge_file *file = &all->files.v[i];
		uint64_t pid = file->path ? weir_creator_of_name(weir_strz(file->path))
		                          : 0;

		if (pid && file->in_directory)
			ask_creator(host, pids, pid);
	}
	for (size_t i = 0; i < all->shm.nr; i++)
		ask_creator(host, pids, all->shm.v[i].creator_pid);
}
