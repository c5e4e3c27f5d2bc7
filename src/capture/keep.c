/* keep: see keep.h. All is read from the host
 * itself and not through the recording one, so that nothing of a process that holds no
 * huge pages gets into the capture. */
#include "capture/keep.h"

#include "base/own.h"
#include "facts/blocks.h"
#include "facts/creators.h"
#include "facts/held_frames.h"
#include "facts/owners.h"
#include "facts/pinners.h"

#include <errno.h>
#include <stdio.h>

struct keep {
	struct weir_tasks *walk; /* at the process that is kept now */
	struct weir_tasks_kept *out;
	struct weir_members *files;
	struct weir_manifest *manifest;
	struct weir_owners owners; /* of all processes */
	struct weir_pids pids;     /* likewise */
	struct weir_buf path, text, kept;
};

/* The path of /proc/PID/@file, or of /proc/PID without one, in k->path. */
static int set_path(struct keep *k, const char *prefix, const char *file)
{
	k->path.n = 0;
	return weir_buf_printf(&k->path, "%s/proc/%s%s%s", prefix, k->walk->task.pid,
	                       *file ? "/" : "", file);
}

static int add_file(struct keep *k, const char *file, struct weir_str text)
{
	int r = set_path(k, "", file);

	return r < 0 ? r : weir_members_add(k->files, k->path.p, &text);
}

static int add_error(struct keep *k, const char *file, int code)
{
	int r = set_path(k, "", file);

	return r < 0 ? r : weir_manifest_add_error(k->manifest, k->path.p, code);
}

/* Adds a file, of numa_maps the lines about huge pages. */
static int copy_file(struct keep *k, const char *file, size_t max)
{
	int read = weir_tasks_read(k->walk, file, max, &k->text), r = 0;
	struct weir_str text = weir_buf_str(&k->text);

	if (read < 0 && read != -EFBIG) /* it ended, or this kernel has no such file */
		return read == -ENOMEM ? read : 0;
	if (strcmp(file, "numa_maps") == 0) {
		k->kept.n = 0;
		r = weir_numa_maps_filter(text, &k->kept);
		text = weir_buf_str(&k->kept);
	}
	if (r == 0)
		r = add_file(k, file, text);
	return r == 0 && read < 0 ? add_error(k, file, read) : r;
}

/* Its registered buffers. */
static int keep_ring(struct keep *k, const char *fd)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "fdinfo/%.20s", fd);
	return copy_file(k, name, WEIR_SMALL_MAX);
}

static int keep_links(struct keep *k)
{
	const struct weir_task *task = &k->walk->task;
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->nr_links; i++) {
		struct weir_str target = weir_strz(task->links[i].target);

		r = set_path(k, "/@/link", "fd/");
		if (r == 0)
			r = weir_buf_addz(&k->path, task->links[i].fd);
		if (r == 0)
			r = weir_members_add(k->files, k->path.p, &target);
		if (r == 0 && weir_pins_by_link(target) == WEIR_PINS_IO_URING)
			r = keep_ring(k, task->links[i].fd);
	}
	return r;
}

static int keep_holder(struct keep *k)
{
	static const struct {
		const char *name;
		size_t max;
	} files[] = {
		{ "cmdline", WEIR_TASK_CMDLINE_MAX },
		{ "comm", WEIR_SMALL_MAX },
		{ "cgroup", WEIR_SMALL_MAX },
		{ "numa_maps", WEIR_TASK_MAPS_MAX },
	};
	const struct weir_task *task = &k->walk->task;
	int r = add_file(k, "status", weir_buf_str(&task->status_text));

	if (r == 0 && task->maps_error != -EACCES)
		r = add_file(k, "maps", weir_buf_str(&task->maps));
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(files); i++)
		r = copy_file(k, files[i].name, files[i].max);
	return r < 0 ? r : keep_links(k);
}

/* A directory, so that a walk over the capture comes by and finds out. */
static int keep_hidden(struct keep *k)
{
	int r = set_path(k, "", "");

	return r < 0 ? r : weir_members_add(k->files, k->path.p, NULL);
}

static int keep_task(struct keep *k)
{
	const struct weir_task *task = &k->walk->task;
	int r = 0;

	if (task->is_holder)
		r = keep_holder(k);
	else if (task->maps_error)
		r = keep_hidden(k);
	return r == 0 && task->maps_error ? add_error(k, "maps", task->maps_error) : r;
}

static int keep_each(void *ctx, struct weir_tasks *walk, const struct weir_task *task)
{
	struct keep *k = ctx;
	int r;

	k->walk = walk;
	k->out->nr_holders += task->is_holder;
	r = weir_owners_add(&k->owners, task);
	if (r == 0)
		r = weir_pids_add(&k->pids, task);
	return r < 0 ? r : keep_task(k);
}

/* One small file a block: kept only while one of them goes offline. */
static int keep_blocks(const struct weir_host *host, const struct weir_host *recording)
{
	struct weir_blocks blocks;
	int r = weir_blocks_read(host, &blocks);
	bool leaving = r == 0 && blocks.nr;

	if (r == 0)
		weir_blocks_done(&blocks);
	if (!leaving)
		return r;
	r = weir_blocks_read(recording, &blocks);
	if (r == 0)
		weir_blocks_done(&blocks);
	return r;
}

/* Whether users who own something huge have processes, and what goes offline. */
static int keep_more(struct keep *k, const struct weir_host *host,
                     const struct weir_host *recording,
                     const struct weir_holdings *holdings)
{
	const struct weir_huge_files *files = &holdings->files;
	int r = weir_owners_finish(&k->owners, host);

	for (size_t i = 0; r == 0 && i < files->nr; i++)
		if (files->v[i].known && files->v[i].in_directory)
			weir_owners_ask(recording, &k->owners, &files->v[i].st.uid, 1);
	for (size_t i = 0; r == 0 && i < holdings->shm.nr; i++)
		weir_owners_ask(recording, &k->owners, &holdings->shm.v[i].uid, 1);
	return r == 0 ? keep_blocks(host, recording) : r;
}

/* The readers of the ledger's facts run over a host that remembers what they ask about
 * files, mounts and segments; of the processes that they walk over, holders are kept. */
static int keep_all(struct keep *k, const struct weir_tasks_keep *what,
                    const struct weir_host *recording, struct weir_err *err)
{
	const struct weir_holdings_ask ask = { .host = what->host,
		                               .details = recording,
		                               .look = WEIR_LOOK_ALL,
		                               .each = keep_each,
		                               .ctx = k };
	struct weir_holdings holdings;
	int r = weir_holdings_read(&ask, what->mounts, what->default_page, &holdings,
	                           err);

	if (r < 0)
		return r;
	k->out->nr_seen = holdings.nr_seen;
	k->out->nr_vanished = holdings.nr_vanished;
	k->out->nr_forbidden = holdings.nr_forbidden;
	r = weir_held_frames_ask(recording, &holdings);
	weir_pids_finish(&k->pids);
	if (r == 0)
		weir_creators_ask(recording, &holdings, &k->pids);
	if (r == 0)
		r = keep_more(k, what->host, recording, &holdings);
	weir_holdings_done(&holdings);
	return r;
}

int weir_tasks_keep(const struct weir_tasks_keep *what, struct weir_record *record,
                    struct weir_tasks_kept *out, struct weir_err *err)
{
	weir_auto(weir_host_freep) struct weir_host *recording = NULL;
	struct keep k = { .out = out,
		          .files = &record->files,
		          .manifest = &record->manifest };
	int r;

	*out = (struct weir_tasks_kept){ 0 };
	record->inner = what->host;
	r = weir_record_more(record, &recording);
	if (r == 0)
		r = keep_all(&k, what, recording, err);
	weir_owners_done(&k.owners);
	weir_pids_done(&k.pids);
	weir_buf_done(&k.path);
	weir_buf_done(&k.text);
	weir_buf_done(&k.kept);
	if (r == -ENOENT) /* a copy of some kernel files, without processes */
		return 0;
	if (r == 0) /* what could not be remembered */
		r = record->failed;
	return r < 0 ? weir_err_sys(err, r, "keep the processes") : 0;
}
