/* render: see render.h. The tree and the operations; what the files say is in render_*.c.
 *
 * Nothing is kept: a path is looked for in the tables, and its text made, each time. A
 * pattern is followed character by character, and where it leaves something open each
 * thing of that kind is tried whose name goes on the path. */
#include "lab/render.h"

#include "base/own.h"
#include "facts/cgroups.h"
#include "lab/render_files.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const struct weir_render_files *const tables[] = {
	&weir_render_mem,    &weir_render_pools, &weir_render_mounts,
	&weir_render_groups, &weir_render_tasks, &weir_render_cma,
};

/* ---- what a pattern leaves open ---- */

#define NAME_MAX_BYTES 64 /* of names made here: the longest is two addresses */

struct candidate {
	struct weir_str name;
	char made[NAME_MAX_BYTES];
};

enum found { FOUND, NOT_THIS, NO_MORE };

static enum found number(struct candidate *c, uint64_t n)
{
	int len = snprintf(c->made, sizeof(c->made), "%" PRIu64, n);

	c->name = weir_str(c->made, (size_t)len);
	return FOUND;
}

static enum found nth_node(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= WEIR_MODEL_NODES_MAX)
		return NO_MORE;
	s->node = (unsigned int)i;
	return weir_node_in(s->world->model->memory.all, s->node) ? number(c, i)
	                                                          : NOT_THIS;
}

static enum found nth_size(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= s->world->model->nr_pools)
		return NO_MORE;
	s->pool = &s->world->model->pools[i];
	return number(c, s->pool->page_bytes / 1024);
}

static enum found nth_group_size(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= s->world->model->nr_pools)
		return NO_MORE;
	s->pool = &s->world->model->pools[i];
	c->name = weir_strz(
		weir_cgroup_size_name(s->pool->page_bytes, c->made, sizeof(c->made)));
	return FOUND;
}

static enum found nth_mount(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= s->world->nr_mounts)
		return NO_MORE;
	s->mount = &s->world->mounts[i];
	c->name = weir_strz(s->mount->name);
	return FOUND;
}

static enum found nth_group(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= s->world->nr_groups)
		return NO_MORE;
	s->group = &s->world->groups[i];
	c->name = weir_strz(s->group->name);
	return FOUND;
}

static enum found nth_task(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= s->world->nr_tasks)
		return NO_MORE;
	s->task = s->world->tasks[i];
	s->task_idx = i;
	return number(c, WEIR_RENDER_PID_FIRST + i);
}

#define FD_FIRST 3U

static enum found nth_fd(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (i >= s->task->task->nr_open)
		return NO_MORE;
	s->file = s->task->task->open[i];
	return number(c, FD_FIRST + i);
}

static enum found nth_vma(struct weir_subject *s, size_t i, struct candidate *c)
{
	int len;

	if (i >= s->task->task->nr_vmas)
		return NO_MORE;
	s->vma = s->task->task->vmas[i];
	len = snprintf(c->made, sizeof(c->made), "%" PRIx64 "-%" PRIx64, s->vma->start,
	               weir_vma_end(s->world->model, s->vma));
	c->name = weir_str(c->made, (size_t)len);
	return FOUND;
}

static enum found nth_area(struct weir_subject *s, size_t i, struct candidate *c)
{
	if (!weir_render_area(s, i, &s->area))
		return NO_MORE;
	c->name = weir_strz(s->area.name);
	return FOUND;
}

static const struct kind {
	char letter;
	enum found (*nth)(struct weir_subject *s, size_t i, struct candidate *c);
	/* The number that names the first, where the others' follow: then the path's own
	 * number says which one it is. */
	size_t first;
} kinds[] = {
	{ 'n', nth_node, 0 },
	{ 's', nth_size, SIZE_MAX },
	{ 'c', nth_group_size, SIZE_MAX },
	{ 'm', nth_mount, SIZE_MAX },
	{ 'g', nth_group, SIZE_MAX },
	{ 't', nth_task, WEIR_RENDER_PID_FIRST },
	{ 'f', nth_fd, FD_FIRST },
	{ 'v', nth_vma, SIZE_MAX },
	{ 'a', nth_area, SIZE_MAX },
};

static const struct kind *kind_of(char letter)
{
	size_t i = 0;

	while (kinds[i].letter != letter)
		i++; /* the patterns are ours */
	return &kinds[i];
}

/* ---- a path through a pattern ---- */

struct walk {
	struct weir_subject subject;
	const struct weir_render_file *row; /* whose pattern is followed */
	const struct weir_render_file *file;
	struct weir_subject about; /* of file */
	bool is_dir;               /* something lies below the path */
	struct weir_names *names;  /* NULL, or where what lies there goes */
	struct weir_buf child;     /* the name that is being put together */
	int failed;
};

static bool is_present(const struct walk *w)
{
	return !w->row->has || w->row->has(&w->subject);
}

/* A name below the path; what follows a slash in it lies deeper. */
static void add_child(struct walk *w, struct weir_str name, bool is_dir)
{
	struct weir_str rest = name, first;

	if (w->failed || !weir_str_cut(&rest, '/', &first))
		return;
	w->is_dir = true;
	if (w->names)
		w->failed = weir_names_add(w->names, first, is_dir || rest.n);
}

/* Puts together the names that the pattern's next directory or file can have. */
static void list(struct walk *w, const char *pattern)
{
	const struct kind *kind;
	struct candidate c;
	enum found found;
	size_t n;

	for (; *pattern && *pattern != '/' && *pattern != '%' && !w->failed; pattern++)
		w->failed = weir_buf_add(&w->child, weir_str(pattern, 1));
	if (*pattern != '%') {
		if (*pattern || is_present(w))
			add_child(w, weir_buf_str(&w->child), *pattern);
		return;
	}
	kind = kind_of(pattern[1]);
	n = w->child.n;
	for (size_t i = 0;
	     !w->failed && (found = kind->nth(&w->subject, i, &c)) != NO_MORE; i++) {
		if (found == NOT_THIS)
			continue;
		w->failed = weir_buf_add(&w->child, c.name);
		list(w, pattern + 2);
		w->child.n = n;
	}
}

static void follow(struct walk *w, const char *pattern, struct weir_str path);

static void follow_one(struct walk *w, const char *pattern, struct weir_str path,
                       struct weir_str name)
{
	if (name.n <= path.n && memcmp(path.p, name.p, name.n) == 0)
		follow(w, pattern, weir_str_skip(path, name.n));
	else if (name.n > path.n && name.p[path.n] == '/' &&
	         memcmp(path.p, name.p, path.n) == 0) /* ends inside of a long name */
		add_child(w, weir_str_skip(name, path.n + 1), true);
}

/* Tries each thing that may stand here, or the one that the path names by number. */
static void follow_kind(struct walk *w, const char *pattern, struct weir_str path)
{
	const struct kind *kind = kind_of(pattern[1]);
	struct candidate c;
	enum found found;
	size_t digits = 0, i = 0;
	uint64_t n;

	if (kind->first != SIZE_MAX) {
		while (digits < path.n && weir_is_digit(path.p[digits]))
			digits++;
		if (weir_parse_u64(weir_str(path.p, digits), &n) < 0 || n < kind->first ||
		    n - kind->first > UINT32_MAX)
			return;
		i = (size_t)(n - kind->first);
		if (kind->nth(&w->subject, i, &c) == FOUND)
			follow_one(w, pattern + 2, path, c.name);
		return;
	}
	while ((found = kind->nth(&w->subject, i++, &c)) != NO_MORE)
		if (found == FOUND)
			follow_one(w, pattern + 2, path, c.name);
}

static void follow(struct walk *w, const char *pattern, struct weir_str path)
{
	while (*pattern && *pattern != '%' && path.n && *pattern == path.p[0]) {
		pattern++;
		path = weir_str_skip(path, 1);
	}
	if (*pattern == '%' && path.n) {
		follow_kind(w, pattern, path);
		return;
	}
	if (path.n)
		return;
	if (*pattern == '/') {
		w->is_dir = true;
		w->child.n = 0;
		if (w->names)
			list(w, pattern + 1);
	} else if (!*pattern && !w->file && is_present(w)) {
		w->file = w->row;
		w->about = w->subject;
	}
}

/* 0, and w->file, or w->is_dir, or neither; or -ENOMEM. */
static int find(const struct weir_world *world, const char *path,
                struct weir_names *names, struct walk *w)
{
	struct weir_str text = weir_strz(path);

	*w = (struct walk){ .names = names };
	if (!text.n)
		return 0;
	if (weir_str_eq(text, "/"))
		text.n = 0;
	for (size_t t = 0; t < WEIR_NELEM(tables); t++)
		for (size_t i = 0; i < tables[t]->nr && !w->failed; i++) {
			w->row = &tables[t]->v[i];
			w->subject = (struct weir_subject){ .world = world };
			follow(w, w->row->path, text);
		}
	weir_buf_done(&w->child);
	return w->failed;
}

/* ---- the host ---- */

static int render_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	struct walk w;
	int r = find(ctx, path, NULL, &w);

	if (r < 0)
		return r;
	if (!w.file)
		return w.is_dir ? -EISDIR : -ENOENT;
	if (!w.file->show)
		return -EACCES;
	r = w.file->show(&w.about, out);
	if (r == 0 && out->n > max) {
		out->n = max;
		r = -EFBIG;
	}
	return r;
}

/* What root is answered: sysfs heeds the file's mode for everybody (kernfs
 * EXTRA_OPEN_PERM_CHECK), procfs and cgroups open it and lack the operation. */
static int read_only(const char *path)
{
	if (weir_str_starts(weir_strz(path), "/sys/fs/cgroup/"))
		return -EINVAL;
	return weir_str_starts(weir_strz(path), "/proc/") ? -EIO : -EACCES;
}

static int render_write(void *ctx, const char *path, struct weir_str text)
{
	struct weir_world *world = ctx;
	struct weir_world_write how;
	struct walk w;
	int r = find(world, path, NULL, &w);

	if (r < 0)
		return r;
	if (!w.file)
		return w.is_dir ? -EISDIR : -ENOENT;
	if (!w.file->writable)
		return read_only(path);
	how = (struct weir_world_write){
		.target = w.file->target,
		.page_bytes = w.about.pool ? w.about.pool->page_bytes : 0,
		.node = strstr(w.file->path, "%n") ? (int)w.about.node : -1,
		.group = weir_strz(w.about.group ? w.about.group->name : ""),
		.value = text,
	};
	r = weir_world_write(world, NULL, &how);
	return world->model->failed ? -ENOMEM : r;
}

static int render_list(void *ctx, const char *path, struct weir_names *out)
{
	struct walk w;
	int r = find(ctx, path, out, &w);

	if (r < 0)
		return r;
	if (w.is_dir)
		return 0;
	return w.file ? -ENOTDIR : -ENOENT;
}

static uint64_t render_now_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static void render_free(void *ctx)
{
	weir_world_free(ctx);
}

static const struct weir_host_ops render_ops = {
	.read = render_read,
	.write = render_write,
	.list = render_list,
	.now_ns = render_now_ns,
	.free = render_free,
};

int weir_render_new(struct weir_world *world, struct weir_host **out,
                    struct weir_err *err)
{
	int r = weir_host_new(&render_ops, world, out);

	return r < 0 ? weir_err_sys(err, r, "make a host of a model") : 0;
}
