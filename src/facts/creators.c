/* creators: see creators.h. */
#include "facts/creators.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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

	/* without the link the kernel has no such namespaces */
	if (weir_host_read(host, "/@/link/proc/self/ns/pid", WEIR_SMALL_MAX, &id) < 0)
		return "";
	first = weir_str_eq(weir_str_trim(weir_buf_str(&id)), FIRST_PID_NAMESPACE);
	if (!weir_process_lives(host, 1))
		return "processes of others are hidden here, as /proc is mounted";
	return first ? "" : "processes outside of this PID namespace are not seen";
}

void weir_creators_ask(const struct weir_host *host, const struct weir_holdings *all)
{
	(void)weir_processes_unseen(host);
	for (size_t i = 0; i < all->files.nr; i++) {
		const struct weir_huge_file *file = &all->files.v[i];
		uint64_t pid = file->path ? weir_creator_of_name(weir_strz(file->path))
		                          : 0;

		if (pid && file->in_directory)
			(void)weir_process_lives(host, pid);
	}
	for (size_t i = 0; i < all->shm.nr; i++)
		(void)weir_process_lives(host, all->shm.v[i].creator_pid);
}
