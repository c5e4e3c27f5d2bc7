/* tasks: see tasks.h. A host may have 5,000 processes, so a pass over statuses costs one
 * open file for each, and buffers are used again. Open files cost more than all else, a
 * listing and a readlink(2) each: of those who have touched no huge page they are left to
 * a pass of their own, for who needs it. */
#include "facts/tasks.h"

#include "base/own.h"
#include "facts/task_maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void drop_links(struct weir_task *task)
{
	for (size_t i = 0; i < task->nr_links; i++) {
		free(task->links[i].fd);
		free(task->links[i].target);
	}
	task->nr_links = 0;
}

void weir_tasks_done(struct weir_tasks *walk)
{
	drop_links(&walk->task);
	free(walk->task.links);
	weir_buf_done(&walk->task.status_text);
	weir_buf_done(&walk->task.maps);
	weir_buf_done(&walk->path);
	weir_buf_done(&walk->text);
	weir_buf_done(&walk->maps_text);
	weir_buf_done(&walk->target);
	weir_names_done(&walk->pids);
	free(walk->touched.v);
	free(walk->idle.v);
	weir_huge_places_done(&walk->places);
	*walk = (struct weir_tasks){ 0 };
}

static int read_page_size(struct weir_tasks *walk)
{
	int r = weir_host_read(walk->host, "/@/pagesize", WEIR_SMALL_MAX, &walk->text);

	if (r == 0) /* unknown when it is no number */
		(void)weir_count_parse(weir_str_trim(weir_buf_str(&walk->text)),
		                       &walk->page_bytes);
	return r == -ENOMEM ? r : 0;
}

int weir_tasks_open(struct weir_tasks *walk, const struct weir_host *host,
                    struct weir_err *err)
{
	int r;

	*walk = (struct weir_tasks){ .host = host };
	r = weir_host_list(host, "/proc", &walk->pids);
	if (r < 0)
		return weir_err_sys(err, r, "list '/proc'");
	r = read_page_size(walk);
	return r < 0 ? weir_err_sys(err, r, "look at the processes") : 0;
}

int weir_tasks_know(struct weir_tasks *walk, const struct weir_mounts *mounts)
{
	return weir_huge_places_init(&walk->places, mounts);
}

/* @prefix, /proc/@by/ and @file. 0 or -ENOMEM. */
static int set_path(struct weir_buf *path, const char *prefix, const char *by,
                    const char *file)
{
	const char *const parts[] = { prefix, "/proc/", by, "/", file };
	int r = 0;

	path->n = 0;
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(parts); i++)
		r = weir_buf_addz(path, parts[i]);
	return r;
}

int weir_tasks_read(struct weir_tasks *walk, const char *file, size_t max,
                    struct weir_buf *out)
{
	int r = set_path(&walk->path, "", walk->task.by, file);

	return r < 0 ? r : weir_host_read(walk->host, walk->path.p, max, out);
}

static int keep_link(struct weir_task *task, const char *fd, struct weir_str target,
                     bool huge)
{
	struct weir_task_link link;
	int r = weir_grow(&task->links, &task->cap_links, task->nr_links,
	                  sizeof(*task->links));

	if (r < 0)
		return r;
	link = (struct weir_task_link){ strdup(fd), strndup(target.p, target.n), huge };
	if (!link.fd || !link.target) {
		free(link.fd);
		free(link.target);
		return -ENOMEM;
	}
	task->links[task->nr_links++] = link;
	return 0;
}

/* Whether a file has huge pages: hugetlbfs has blocks of their size (fs/hugetlbfs/
 * inode.c, hugetlbfs_statfs()), tmpfs of the base page; the file system's type says it
 * where it is told. Unknown is what may not be asked,
 * is gone, or is in a capture, which holds huge files only. */
enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN, ANSWER_REFUSED };

static int ask_statfs(struct weir_tasks *walk, const char *dir, struct weir_str file,
                      enum answer *out)
{
	struct weir_statfs statfs;
	struct weir_err garbled;
	int r;

	*out = ANSWER_UNKNOWN;
	walk->path.n = 0;
	/* a thread has no map_files below its process, but has them by its own number */
	if (walk->task.status.pid.known)
		r = weir_buf_printf(&walk->path, "/@/statfs/proc/%" PRIu64 "/%s/",
		                    walk->task.status.pid.n, dir);
	else
		r = weir_buf_printf(&walk->path, "/@/statfs/proc/%s/%s/", walk->task.pid,
		                    dir);
	if (r == 0)
		r = weir_buf_add(&walk->path, file);
	if (r == 0)
		r = weir_buf_addz(&walk->path, "/@");
	if (r < 0)
		return r;
	r = weir_host_read(walk->host, walk->path.p, WEIR_SMALL_MAX, &walk->text);
	if (r == -EACCES || r == -EPERM)
		*out = ANSWER_REFUSED;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	(void)weir_statfs_parse(weir_buf_str(&walk->text), false, &statfs, &garbled);
	if (statfs.type.known)
		*out = statfs.type.n == WEIR_HUGETLBFS_MAGIC ? ANSWER_YES : ANSWER_NO;
	else if (statfs.page_bytes.known && walk->page_bytes.known)
		*out = statfs.page_bytes.n > walk->page_bytes.n ? ANSWER_YES : ANSWER_NO;
	return 0;
}

/* A path that none of the mounts explains: of a lazily unmounted file system, say. Such a
 * file is huge only if the kernel says so. */
static bool may_be_huge(struct weir_str target)
{
	return weir_str_starts(target, "/") && !weir_str_starts(target, "/dev/") &&
	       !weir_str_starts(target, "/proc/") && !weir_str_starts(target, "/sys/");
}

static int read_link(struct weir_tasks *walk, const char *fd)
{
	struct weir_task *task = &walk->task;
	struct weir_str target;
	enum answer answer = ANSWER_UNKNOWN;
	bool matters, huge;
	int r;

	r = set_path(&walk->path, "/@/link", task->by, "fd/");
	if (r == 0)
		r = weir_buf_addz(&walk->path, fd);
	if (r < 0)
		return r;
	r = weir_host_read(walk->host, walk->path.p, WEIR_SMALL_MAX, &walk->target);
	if (r < 0) /* refused, as all of this process are; or closed since the listing */
		return r == -ENOMEM || r == -EACCES ? r : 0;
	target = weir_buf_str(&walk->target);
	matters = weir_task_link_matters(&walk->places, target);
	huge = weir_huge_places_has(&walk->places, target);
	if (!matters && !(walk->thorough && may_be_huge(target)))
		return 0;
	if (!matters || weir_huge_name_is_kernels_own(target))
		r = ask_statfs(walk, "fd", weir_strz(fd), &answer);
	if (r < 0 || answer == ANSWER_NO || (!matters && answer != ANSWER_YES))
		return r;
	huge |= answer == ANSWER_YES;
	task->is_holder |= huge;
	return keep_link(task, fd, target, huge);
}

/* A capture holds the links under "/@" only: empty files in their place would be a lie.
 */
static int list_fds(struct weir_tasks *walk, struct weir_names *out)
{
	int r = set_path(&walk->path, "", walk->task.by, "fd");

	if (r == 0)
		r = weir_host_list(walk->host, walk->path.p, out);
	if (r != -ENOENT)
		return r;
	r = set_path(&walk->path, "/@/link", walk->task.by, "fd");
	return r < 0 ? r : weir_host_list(walk->host, walk->path.p, out);
}

static int read_links(struct weir_tasks *walk)
{
	weir_auto(weir_names_done) struct weir_names fds = { 0 };
	int r = list_fds(walk, &fds);

	if (r < 0 && r != -EACCES)
		return r == -ENOMEM ? r
		                    : 0; /* it ended, or it is a capture without any */
	for (size_t i = 0; r == 0 && i < fds.nr; i++)
		r = read_link(walk, fds.v[i].name);
	if (r == -EACCES && walk->pass != WEIR_TASKS_ALL) /* as maps are, not asked */
		walk->task.maps_error = r;
	return r == -EACCES ? 0 : r;
}

/* Asks once for each device, whether it is huge: those with one of the kernel's own names
 * on them, and those that no mount here explains, as of a hugetlbfs that was lazily
 * unmounted. Where this user may not ask, the latter are taken for ordinary ones. */
static int learn_device(struct weir_tasks *walk, const struct weir_mapping *mapping)
{
	struct weir_huge_places *places = &walk->places;
	enum answer answer;
	int r = ask_statfs(walk, "map_files", mapping->range, &answer);

	if (r < 0 || answer == ANSWER_UNKNOWN ||
	    (answer == ANSWER_REFUSED && weir_huge_name_is_kernels_own(mapping->path)))
		return r;
	return weir_huge_places_learn(places, mapping->device, answer == ANSWER_YES);
}

static int learn_devices(struct weir_tasks *walk, struct weir_str text)
{
	const struct weir_huge_places *places = &walk->places;
	struct weir_mapping mapping;
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line))
		if (weir_mapping_parse(line, &mapping) &&
		    weir_str_starts(mapping.path, "/") &&
		    !weir_huge_places_knows(places, mapping.device))
			r = learn_device(walk, &mapping);
	return r;
}

static int filter_maps(struct weir_tasks *walk, struct weir_str text)
{
	int r = learn_devices(walk, text);

	return r < 0 ? r : weir_maps_filter(text, &walk->places, &walk->task.maps);
}

static int read_maps(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	int r = weir_tasks_read(walk, "maps", WEIR_TASK_MAPS_MAX, &walk->maps_text);

	if (r == -ENOMEM)
		return r;
	task->maps_error = r;
	if (r < 0 && r != -EFBIG)
		return 0;
	while (r == -EFBIG && walk->maps_text.n &&
	       walk->maps_text.p[walk->maps_text.n - 1] != '\n')
		walk->maps_text.n--; /* half a line would say less than it means */
	r = filter_maps(walk, weir_buf_str(&walk->maps_text));
	task->is_holder |= task->maps.n > 0;
	return r;
}

enum { LISTED_MAX = 3 };

enum { SKIPPED = 1 }; /* not a process with memory, or not any more */

static int vanished(struct weir_tasks *walk)
{
	walk->nr_vanished++;
	return SKIPPED;
}

static bool has_ended(const struct weir_task *task)
{
	return task->maps_error == -ENOENT || task->maps_error == -ESRCH;
}

/* Without its status a process ended, or it is one in a capture that was hidden from the
 * user who made it: its maps are known to be forbidden. */
static int read_hidden(struct weir_tasks *walk, int status_error)
{
	struct weir_task *task = &walk->task;
	int r = weir_tasks_read(walk, "maps", WEIR_SMALL_MAX, &walk->text);

	if (r == -ENOMEM)
		return r;
	if (r != -EACCES && status_error != -EACCES)
		return vanished(walk);
	task->maps_error = -EACCES;
	walk->nr_seen++;
	walk->nr_forbidden++;
	return 0;
}

static int read_status_by(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	struct weir_err garbled;
	int r = weir_tasks_read(walk, "status", WEIR_SMALL_MAX, &task->status_text);

	/* what is garbled in it is unknown, and that is said by whoever shows it */
	if (r == 0)
		(void)weir_task_status_parse(weir_buf_str(&task->status_text),
		                             &task->status, &garbled);
	return r;
}

/* The first thread has ended: memory and files are those of the others. */
static int find_thread(struct weir_tasks *walk)
{
	weir_auto(weir_names_done) struct weir_names threads = { 0 };
	struct weir_task *task = &walk->task;
	int r = set_path(&walk->path, "", task->pid, "task");

	if (r == 0)
		r = weir_host_list(walk->host, walk->path.p, &threads);
	if (r < 0)
		return r;
	for (size_t i = 0; i < threads.nr; i++) {
		(void)snprintf(task->by, sizeof(task->by), "%.20s/task/%.20s", task->pid,
		               threads.v[i].name);
		r = read_status_by(walk);
		if (r == -ENOMEM || (r == 0 && task->status.has_memory))
			return r;
	}
	return -ESRCH;
}

static int read_status(struct weir_tasks *walk)
{
	const struct weir_task_status *status = &walk->task.status;
	int r = read_status_by(walk);

	if (r == 0 && !status->has_memory && status->threads.n > 1)
		r = find_thread(walk);
	return r;
}

static int put_aside(struct weir_tasks *walk, struct weir_tasks_list *list)
{
	int r = weir_grow(&list->v, &list->cap, list->nr, sizeof(*list->v));

	if (r == 0)
		list->v[list->nr++] = walk->task.nth;
	return r;
}

/* Its status alone. */
static int read_idle(struct weir_tasks *walk)
{
	const struct weir_task_status *status = &walk->task.status;
	int r = read_status(walk);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return read_hidden(walk, r);
	if (!status->has_memory)
		return SKIPPED;
	/* who is read by another thread is rare, and read whole at once */
	if (status->hugetlb_bytes.n || !status->hugetlb_bytes.known ||
	    strcmp(walk->task.by, walk->task.pid) != 0) {
		r = put_aside(walk, &walk->touched);
		return r < 0 ? r : SKIPPED;
	}
	walk->nr_seen++;
	return put_aside(walk, &walk->idle);
}

static int read_all(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	int r = read_status(walk);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return read_hidden(walk, r);
	if (!task->status.has_memory)
		return SKIPPED;
	task->is_holder = task->status.hugetlb_bytes.n > 0;
	r = read_maps(walk);
	if (r < 0)
		return r;
	if (has_ended(task)) {
		/* who it was is known; of some processes a capture has no more */
		walk->nr_vanished++;
		task->is_holder = false;
		task->maps_error = 0;
		return 0;
	}
	walk->nr_seen++;
	if (!task->maps_error || task->maps_error == -EFBIG)
		r = read_links(walk);
	walk->nr_forbidden += task->maps_error == -EACCES;
	return r;
}

/* Its open files. If one of them is huge, which is rare, its status again, and whether it
 * has mapped what it has not touched. */
static int read_open(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	int r = walk->only && !walk->only[task->nth] ? SKIPPED : read_links(walk);

	if (r != 0)
		return r;
	walk->nr_forbidden += task->maps_error == -EACCES;
	if (!task->is_holder && !task->maps_error)
		return SKIPPED;
	r = read_status(walk);
	if (r < 0)
		return r == -ENOMEM ? r : vanished(walk);
	r = task->is_holder ? read_maps(walk) : 0;
	return r == 0 && has_ended(task) ? vanished(walk) : r;
}

static void begin_task(struct weir_tasks *walk, size_t nth)
{
	struct weir_task *task = &walk->task;

	drop_links(task);
	task->pid = walk->pids.v[nth].name;
	(void)snprintf(task->by, sizeof(task->by), "%.20s", task->pid);
	task->nth = nth;
	task->status = (struct weir_task_status){ 0 };
	task->is_holder = false;
	task->maps_error = 0;
	task->status_text.n = 0;
	task->maps.n = 0;
}

void weir_tasks_begin(struct weir_tasks *walk, enum weir_tasks_pass pass)
{
	walk->pass = pass;
	walk->at = 0;
}

static bool take(const struct weir_tasks_list *list, size_t at, size_t *nth)
{
	if (at < list->nr)
		*nth = list->v[at];
	return at < list->nr;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Puts the processes that are new behind the others. */
static int list_again(struct weir_tasks *walk)
{
	weir_auto(weir_names_done) struct weir_names now = { 0 };
	weir_auto(weir_freep) const char **known = NULL;
	size_t nr = walk->pids.nr;
	uint64_t pid;
	int r = weir_host_list(walk->host, "/proc", &now);

	walk->nr_listed++;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	known = calloc(nr + 1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		known[i] = walk->pids.v[i].name;
	qsort(known, nr, sizeof(*known), by_text);
	for (size_t i = 0; r == 0 && i < now.nr; i++) {
		const char *name = now.v[i].name;

		if (weir_parse_u64(weir_strz(name), &pid) == 0 &&
		    !bsearch(&name, known, nr, sizeof(*known), by_text))
			r = weir_names_add(&walk->pids, weir_strz(name), now.v[i].is_dir);
	}
	return r;
}

static bool take_nth(struct weir_tasks *walk, size_t *nth)
{
	size_t at = walk->at++;

	if (walk->pass == WEIR_TASKS_TOUCHED)
		return take(&walk->touched, at, nth);
	if (walk->pass == WEIR_TASKS_OPEN)
		return take(&walk->idle, at, nth);
	*nth = at;
	return at < walk->pids.nr;
}

/* 0 and the next one of this pass, or WEIR_TASKS_END, or -ENOMEM. */
static int next_nth(struct weir_tasks *walk, size_t *nth)
{
	int r = 0;

	if (walk->pass == WEIR_TASKS_ALL && walk->at == walk->pids.nr &&
	    walk->nr_listed < LISTED_MAX)
		r = list_again(walk);
	return r < 0 ? r : take_nth(walk, nth) ? 0 : WEIR_TASKS_END;
}

static int read_task(struct weir_tasks *walk)
{
	switch (walk->pass) {
	case WEIR_TASKS_STATUS: return read_idle(walk);
	case WEIR_TASKS_OPEN: return read_open(walk);
	case WEIR_TASKS_ALL:
	case WEIR_TASKS_TOUCHED: break;
	}
	return read_all(walk);
}

int weir_tasks_next(struct weir_tasks *walk, const struct weir_task **out)
{
	size_t nth = 0;
	int r;

	while ((r = next_nth(walk, &nth)) == 0) {
		uint64_t pid;

		if (weir_parse_u64(weir_strz(walk->pids.v[nth].name), &pid) < 0)
			continue;
		begin_task(walk, nth);
		r = read_task(walk);
		if (r == SKIPPED)
			continue;
		if (r == 0)
			*out = &walk->task;
		return r;
	}
	return r;
}
