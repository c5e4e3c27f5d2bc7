/* view: see view.h. This file answers expectations; view_text.c and view_json.c print.
 *
 * An expectation that names what is not there is an error and not a "no": a scenario that
 * asks for the wrong thing would otherwise fail in a way that looks like the kernel's. */
#include "lab/view_write.h"

#include "base/err.h"
#include "base/own.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	int err;
	const char *name;
} errnos[] = {
#define E(name)             \
	{                   \
		name, #name \
	}
	E(EPERM),     E(ENOENT),    E(ESRCH),  E(EINTR),  E(EIO),     E(ENXIO),
	E(E2BIG),     E(EBADF),     E(ECHILD), E(EAGAIN), E(ENOMEM),  E(EACCES),
	E(EFAULT),    E(EBUSY),     E(EEXIST), E(EXDEV),  E(ENODEV),  E(ENOTDIR),
	E(EISDIR),    E(EINVAL),    E(ENFILE), E(EMFILE), E(EFBIG),   E(ENOSPC),
	E(ESPIPE),    E(EROFS),     E(EMLINK), E(EDOM),   E(ERANGE),  E(EDEADLK),
	E(ENOTEMPTY), E(EBADMSG),   E(EIDRM),  E(ENOSYS), E(ENODATA), E(EOVERFLOW),
	E(ENOTSUP),   E(EHWPOISON),
#undef E
};

const char *weir_errno_name(int err, char *scratch, size_t cap)
{
	for (size_t i = 0; i < WEIR_NELEM(errnos); i++)
		if (errnos[i].err == err)
			return errnos[i].name;
	(void)snprintf(scratch, cap, "E%d", err);
	return scratch;
}

bool weir_errno_find(struct weir_str name, int *out_err)
{
	uint64_t n;

	for (size_t i = 0; i < WEIR_NELEM(errnos); i++)
		if (weir_str_eq(name, errnos[i].name)) {
			*out_err = errnos[i].err;
			return true;
		}
	if (!weir_str_starts(name, "E") ||
	    !weir_is_number(weir_str_skip(name, 1), 4095, &n) || !n)
		return false;
	*out_err = (int)n;
	return true;
}

struct asked { /* a term, and what it is asked of */
	const struct weir_view *view;
	const struct weir_result *result;
	struct weir_str text;
	struct weir_term term;
	struct weir_writer have;
	struct weir_err *err;
};

static int absent(struct asked *a, const char *what)
{
	return weir_err_set(a->err, -EINVAL, "'%.*s': %s", WEIR_STR_ARG(a->text), what);
}

/* The term as it would be true, up to its '='. */
static void say_left(struct asked *a)
{
	size_t n = weir_str_index(a->text, '=');

	weir_write(&a->have, weir_str(a->text.p, n < a->text.n ? n + 1 : 0));
}

static int answer(struct asked *a, const uint64_t *have, size_t nr)
{
	if (memcmp(have, a->term.n, nr * sizeof(*have)) == 0)
		return 0;
	say_left(a);
	weir_write_counts(&a->have, have, nr);
	return 1;
}

static int answer_one(struct asked *a, uint64_t have)
{
	return answer(a, &have, 1);
}

static bool same(struct weir_str a, struct weir_str b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static int ask_result(struct asked *a)
{
	bool signal = weir_result_is_signal(a->result);
	char scratch[16];
	const char *word = weir_result_word(a->result, scratch, sizeof(scratch));
	int err;

	if (weir_str_eq(a->term.word, word) &&
	    (!signal || a->term.n[0] == a->result->after))
		return 0;
	/* two names of one number, such as EAGAIN and E11 */
	if (a->result->kind == WEIR_RESULT_ERRNO && weir_errno_find(a->term.word, &err) &&
	    err == a->result->err)
		return 0;
	weir_write_z(&a->have, word);
	if (signal) {
		weir_write_z(&a->have, "=");
		weir_write_u64(&a->have, a->result->after);
	}
	return 1;
}

static int ask_pool(struct asked *a)
{
	const struct weir_view *view = a->view;
	const struct weir_view_pool *pool = NULL;

	for (size_t i = 0; !pool && i < view->nr_pools; i++)
		if (!a->term.page_bytes ||
		    view->pools[i].page_bytes == a->term.page_bytes)
			pool = &view->pools[i];
	if (!pool)
		return absent(a, "the host has no pool of this size");
	if (a->term.kind == WEIR_TERM_MAX)
		return answer_one(a, pool->max);
	if (a->term.kind == WEIR_TERM_POOL)
		return answer(a,
		              (const uint64_t[]){ pool->total, pool->free, pool->reserved,
		                                  pool->surplus },
		              4);
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		const struct weir_view_node *node = &pool->nodes[i];

		if (node->id == a->term.node)
			return answer(a,
			              (const uint64_t[]){ node->total, node->free,
			                                  node->surplus },
			              3);
	}
	return absent(a, "the host has no such node");
}

/* Are the pages of @map as @picture says? Run by run, as either may be long. */
static bool is_picture_of(struct weir_str picture, const struct weir_view_map *map)
{
	uint64_t at = 0, count;
	unsigned char node;

	while (weir_picture_run(&picture, &node, &count)) {
		if (count > map->nr_pages - at)
			return false;
		while (count--)
			if (map->node[at++] != node)
				return false;
	}
	return at == map->nr_pages;
}

/* N~M: give or take M. */
static int answer_about(struct asked *a, uint64_t have)
{
	uint64_t want = a->term.n[0];

	if ((have > want ? have - want : want - have) <= a->term.n[1])
		return 0;
	say_left(a);
	weir_write_count(&a->have, have);
	return 1;
}

static int ask_zone(struct asked *a)
{
	for (size_t i = 0; i < a->view->nr_zones; i++) {
		const struct weir_view_zone *zone = &a->view->zones[i];

		if (zone->node != a->term.node || zone->kind != a->term.zone)
			continue;
		if (weir_str_eq(a->term.word, "free"))
			return answer_about(a, zone->free);
		if (weir_str_eq(a->term.word, "free_cma"))
			return answer_about(a, zone->free_cma);
		if (weir_str_eq(a->term.word, "huge"))
			return answer_about(a, zone->huge);
		return answer_about(a, zone->huge_cma);
	}
	return absent(a, "the setup tells of no such zone");
}

static int ask_map(struct asked *a, const struct weir_view_map *map)
{
	if (a->term.kind == WEIR_TERM_PINNABLE)
		return a->view->nr_zones ? answer_about(a, map->pinnable)
		                         : absent(a, "the setup tells of no zones");
	if (is_picture_of(a->term.word, map))
		return 0;
	say_left(a);
	weir_write_picture(&a->have, map);
	return 1;
}

static int ask_task(struct asked *a)
{
	const struct weir_view_task *task = NULL;

	for (size_t i = 0; !task && i < a->view->nr_tasks; i++)
		if (same(a->view->tasks[i].name, a->term.name))
			task = &a->view->tasks[i];
	if (!task)
		return absent(a, "no such task lives");
	if (a->term.kind == WEIR_TERM_PAGES)
		return answer_one(a, weir_view_task_pages(a->view, task));
	for (size_t i = 0; i < task->nr_maps; i++) {
		if (same(task->maps[i].name, a->term.map))
			return ask_map(a, &task->maps[i]);
	}
	return absent(a, "the task has no such mapping");
}

static int ask_file(struct asked *a, const struct weir_view_file *file)
{
	uint64_t page = file->page_bytes;

	if (!page && a->view->nr_pools)
		page = a->view->pools[0].page_bytes;
	if (weir_str_eq(a->term.word, "size"))
		return answer_one(a, file->size);
	if (weir_str_eq(a->term.word, "blocks"))
		return answer_one(a, file->allocated * (page / 512));
	return absent(a, "a file has size and blocks");
}

static int ask_mount(struct asked *a, const struct weir_view_mount *mount)
{
	const struct {
		const char *word;
		uint64_t n;
	} stats[] = {
		{ "blocks", mount->blocks },
		{ "bfree", mount->bfree },
		{ "files", mount->files },
		{ "ffree", mount->ffree },
	};

	for (size_t i = 0; i < WEIR_NELEM(stats); i++)
		if (weir_str_eq(a->term.word, stats[i].word))
			return answer_one(a, stats[i].n);
	return absent(a, "a mount has blocks, bfree, files and ffree");
}

static int ask_group(struct asked *a, const struct weir_view_group *group)
{
	uint64_t want = a->term.page_bytes;
	const struct weir_view_group_size *size = NULL;

	if (!want && a->view->nr_pools)
		want = a->view->pools[0].page_bytes;
	for (size_t i = 0; !size && i < group->nr_sizes; i++)
		if (group->sizes[i].page_bytes == want)
			size = &group->sizes[i];
	if (!size)
		return absent(a, "the cgroup has no charges of this size");
	if (weir_str_eq(a->term.word, "usage"))
		return answer_one(a, size->usage);
	if (weir_str_eq(a->term.word, "rsvd"))
		return answer_one(a, size->rsvd);
	if (weir_str_eq(a->term.word, "events"))
		return answer_one(a, size->events);
	if (a->term.kind != WEIR_TERM_GROUP_NODE)
		return absent(a, "a cgroup has usage, rsvd, events, n0, n1...");
	if (!size->has_nodes)
		return absent(a, "this kernel does not tell a cgroup's usage by node");
	for (size_t i = 0; i < a->view->nr_nodes; i++)
		if (a->view->node_ids[i] == a->term.node)
			return answer_one(a, size->node[i]);
	return absent(a, "the host has no such node");
}

/* NAME.word: a name is of one kind in a scenario, so the first that has it is it. */
static int ask_named(struct asked *a)
{
	const struct weir_view *view = a->view;

	for (size_t i = 0; i < view->nr_files; i++)
		if (same(view->files[i].name, a->term.name))
			return ask_file(a, &view->files[i]);
	for (size_t i = 0; i < view->nr_mounts; i++)
		if (same(view->mounts[i].name, a->term.name))
			return ask_mount(a, &view->mounts[i]);
	for (size_t i = 0; i < view->nr_groups; i++)
		if (same(view->groups[i].name, a->term.name))
			return ask_group(a, &view->groups[i]);
	return absent(a, "there is no such file, mount or cgroup now");
}

static int ask_mem(struct asked *a)
{
	int64_t wanted = a->term.negative ? -(int64_t)a->term.n[0]
	                                  : (int64_t)a->term.n[0];

	for (size_t i = 0; a->view->mem_kib && i < a->view->nr_nodes; i++) {
		int64_t is = a->view->mem_kib[i];

		if (a->view->node_ids[i] != a->term.node)
			continue;
		if (is == wanted)
			return 0;
		say_left(a);
		weir_write_z(&a->have, is < 0 ? "-" : "+");
		weir_write_u64(&a->have, is < 0 ? 0 - (uint64_t)is : (uint64_t)is);
		return 1;
	}
	return absent(a, "the memory of this node is not told");
}

static int ask(struct asked *a)
{
	switch (a->term.kind) {
	case WEIR_TERM_RESULT: return ask_result(a);
	case WEIR_TERM_POOL:
	case WEIR_TERM_NODE:
	case WEIR_TERM_MAX: return ask_pool(a);
	case WEIR_TERM_PAGES:
	case WEIR_TERM_PINNABLE:
	case WEIR_TERM_MAP: return ask_task(a);
	case WEIR_TERM_ZONE: return ask_zone(a);
	case WEIR_TERM_STAT:
	case WEIR_TERM_GROUP_NODE: return ask_named(a);
	case WEIR_TERM_MEM: return ask_mem(a);
	}
	return absent(a, "no such question");
}

int weir_view_expect(const struct weir_view *view, const struct weir_result *result,
                     struct weir_str term, struct weir_buf *have, struct weir_err *err)
{
	struct asked a = {
		.view = view,
		.result = result,
		.text = term,
		.have = { .out = have },
		.err = err,
	};
	size_t before = have->n;
	int r;

	r = weir_term_parse(term, &a.term, err);
	if (r < 0)
		return -EINVAL;
	r = ask(&a);
	if (a.have.failed < 0 && have->p) {
		have->n = before;
		have->p[before] = '\0';
	}
	return a.have.failed < 0 ? a.have.failed : r;
}
