/* huge_files: see huge_files.h. A capture has no such files, only what was asked of them;
 * so where a directory cannot be listed, the names below "/@/stat" in its place are. */
#include "facts/huge_files.h"

#include "base/own.h"
#include "facts/task_maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECTOR 512 /* st_blocks, whatever the file system's block is */

/* --- stat --------------------------------------------------------------------------- */

static bool parse_octal(struct weir_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (!s.n || s.n > 6)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return false;
		n = n << 3 | (uint64_t)(s.p[i] - '0');
	}
	*out = n;
	return true;
}

/* "0:39", decimal here. */
static bool parse_dev(struct weir_str s, uint64_t *out)
{
	struct weir_str major_part, minor_part;
	uint64_t major_nr, minor_nr;

	if (!weir_str_split(s, ':', &major_part, &minor_part) ||
	    weir_parse_u64(major_part, &major_nr) < 0 ||
	    weir_parse_u64(minor_part, &minor_nr) < 0 || major_nr > UINT32_MAX ||
	    minor_nr > UINT32_MAX)
		return false;
	*out = major_nr << 32 | minor_nr;
	return true;
}

int weir_file_stat_parse(struct weir_str text, struct weir_file_stat *out)
{
	struct weir_file_stat got = { 0 };
	uint64_t blocks = 0;
	const struct {
		const char *name;
		uint64_t *slot;
	} fields[] = {
		{ "uid", &got.uid },   { "gid", &got.gid },   { "size", &got.size_bytes },
		{ "blocks", &blocks }, { "ino", &got.inode }, { "nlink", &got.nr_links },
	};
	bool seen[WEIR_NELEM(fields)] = { false }, has_dev = false;
	struct weir_str line, name, value;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ' ', &name, &value))
			continue;
		if (weir_str_eq(name, "type")) {
			got.is_dir = weir_str_eq(value, "directory");
			got.is_file = weir_str_eq(value, "file");
		}
		if (weir_str_eq(name, "mode"))
			(void)parse_octal(value, &got.mode);
		if (weir_str_eq(name, "mtime"))
			(void)weir_parse_u64(value, &got.changed_at);
		if (weir_str_eq(name, "dev"))
			has_dev = parse_dev(value, &got.device);
		for (size_t i = 0; i < WEIR_NELEM(fields); i++)
			if (weir_str_eq(name, fields[i].name))
				seen[i] = weir_parse_u64(value, fields[i].slot) == 0;
	}
	for (size_t i = 0; i < WEIR_NELEM(fields); i++)
		if (!seen[i])
			return WEIR_GARBLED;
	if (!has_dev || blocks > WEIR_COUNT_MAX / SECTOR ||
	    got.size_bytes > WEIR_COUNT_MAX)
		return WEIR_GARBLED;
	got.allocated_bytes = blocks * SECTOR;
	*out = got;
	return 0;
}

/* --- mounts of all namespaces ------------------------------------------------------- */

void weir_everywhere_done(struct weir_everywhere *all)
{
	weir_mounts_done(&all->mounts);
	free(all->pids);
	free(all->refused);
	*all = (struct weir_everywhere){ 0 };
}

static int add_mount(struct weir_everywhere *all, const struct weir_hugetlbfs *m,
                     uint64_t pid)
{
	size_t nr = all->mounts.nr;
	struct weir_hugetlbfs *copy;
	int r = weir_grow(&all->mounts.v, &all->mounts.cap, nr, sizeof(*m));

	if (r == 0)
		r = weir_grow(&all->pids, &all->cap_pids, nr, sizeof(*all->pids));
	if (r < 0)
		return r;
	copy = &all->mounts.v[nr];
	*copy = *m;
	copy->target = strdup(m->target);
	copy->source = strdup(m->source ? m->source : "");
	if (!copy->target || !copy->source) {
		free(copy->target);
		free(copy->source);
		return -ENOMEM;
	}
	copy->same_as = 0;
	while (all->mounts.v[copy->same_as].major != m->major ||
	       all->mounts.v[copy->same_as].minor != m->minor)
		copy->same_as++; /* ends at the copy itself, which is behind the others */
	all->pids[nr] = pid;
	all->mounts.nr++;
	return 0;
}

static int add_namespace(const struct weir_everywhere_ask *ask, uint64_t pid,
                         struct weir_everywhere *all)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_mounts mounts;
	struct weir_err garbled;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/mountinfo", pid);
	r = weir_host_read(ask->details, path, WEIR_MOUNTINFO_MAX, &text);
	if (r < 0)
		return r == -ENOMEM
		               ? r
		               : 0; /* its first process ended: another one may tell */
	r = weir_mounts_parse(weir_buf_str(&text), ask->default_page, &mounts, &garbled);
	if (r < 0)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < mounts.nr; i++)
		r = add_mount(all, &mounts.v[i], pid);
	weir_mounts_done(&mounts);
	return r;
}

/* The id of a mount namespace: "mnt:[4026531841]". 0 with text, or an error. */
static int ask_namespace(const struct weir_host *host, const char *pid,
                         struct weir_buf *out)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "/@/link/proc/%.20s/ns/mnt", pid);
	return weir_host_read(host, path, WEIR_SMALL_MAX, out);
}

struct seen { /* ids of namespaces: their numbers */
	uint64_t *v;
	size_t nr, cap;
};

/* True for the number in "mnt:[4026531841]" that was not there before. */
static int is_new(struct seen *seen, struct weir_str id, bool *out)
{
	uint64_t n;
	int r;

	*out = false;
	if (!weir_str_starts(id, "mnt:[") || !weir_str_ends(id, "]") ||
	    weir_parse_u64(weir_str(id.p + 5, id.n - 6), &n) < 0)
		return 0;
	for (size_t i = seen->nr; i-- > 0;) /* the last are the likeliest */
		if (seen->v[i] == n)
			return 0;
	r = weir_grow(&seen->v, &seen->cap, seen->nr, sizeof(*seen->v));
	if (r < 0)
		return r;
	seen->v[seen->nr++] = n;
	*out = true;
	return 0;
}

struct looking {
	const struct weir_everywhere_ask *ask;
	struct seen seen;
	struct weir_buf id; /* used again from process to process */
};

static int look_at(struct looking *look, const char *pid, bool *refused,
                   struct weir_everywhere *out)
{
	uint64_t nr = 0;
	bool fresh = false;
	int r;

	if (strcmp(pid, "self") != 0 && weir_parse_u64(weir_strz(pid), &nr) < 0)
		return 0;
	r = ask_namespace(look->ask->host, pid, &look->id);
	if (r == -ENOMEM)
		return r;
	*refused = r == -EACCES || r == -EPERM;
	out->nr_refused += *refused;
	if (r == 0)
		r = is_new(&look->seen, weir_str_trim(weir_buf_str(&look->id)), &fresh);
	if (r < 0 || !fresh)
		return r == -ENOMEM ? r : 0;
	out->nr_namespaces++;
	r = ask_namespace(look->ask->details, pid, &look->id); /* to be remembered */
	if (r == -ENOMEM)
		return r;
	return nr ? add_namespace(look->ask, nr, out) : 0;
}

static int look_at_nth(struct looking *look, size_t nth, struct weir_everywhere *out)
{
	return look_at(look, look->ask->pids->v[nth].name, &out->refused[nth], out);
}

int weir_everywhere_read(const struct weir_everywhere_ask *ask,
                         const struct weir_mounts *own, struct weir_everywhere *out)
{
	struct looking look = { .ask = ask };
	size_t nr = ask->not_all ? ask->nr_some : ask->pids->nr;
	bool refused;
	int r = 0;

	*out = (struct weir_everywhere){ .mounts.known = own->known };
	out->refused = calloc(ask->pids->nr + 1, sizeof(*out->refused));
	if (!out->refused)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < own->nr; i++)
		r = add_mount(out, &own->v[i], 0);
	if (r == 0)
		r = look_at(&look, "self", &refused, out);
	/* without knowing which namespace is ours all would look like others */
	for (size_t i = 0; r == 0 && look.seen.nr && i < nr; i++)
		r = look_at_nth(&look, ask->not_all ? ask->some[i] : i, out);
	free(look.seen.v);
	weir_buf_done(&look.id);
	if (r < 0)
		weir_everywhere_done(out);
	return r;
}

/* --- files -------------------------------------------------------------------------- */

void weir_huge_files_done(struct weir_huge_files *files)
{
	for (size_t i = 0; i < files->nr; i++)
		free(files->v[i].path);
	free(files->v);
	free(files->slots);
	*files = (struct weir_huge_files){ 0 };
}

static size_t slot_of(const struct weir_huge_files *files, uint64_t device,
                      uint64_t inode, uint64_t ipc_namespace)
{
	uint64_t hash = (inode ^
	                 (device + ipc_namespace) * UINT64_C(0x9e3779b97f4a7c15)) *
	                UINT64_C(0xbf58476d1ce4e5b9);
	size_t at = (size_t)(hash >> 17) & (files->nr_slots - 1);

	while (files->slots[at]) {
		const struct weir_huge_file *f = &files->v[files->slots[at] - 1];

		if (f->device == device && f->inode == inode &&
		    f->ipc_namespace == ipc_namespace)
			break;
		at = (at + 1) & (files->nr_slots - 1);
	}
	return at;
}

/* At most half full, so that a search ends soon. */
static int grow_slots(struct weir_huge_files *files)
{
	size_t nr = files->nr_slots ? files->nr_slots * 2 : 64;
	size_t *slots;

	if (files->nr_slots > files->nr * 2)
		return 0;
	slots = calloc(nr, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(files->slots);
	files->slots = slots;
	files->nr_slots = nr;
	for (size_t i = 0; i < files->nr; i++)
		slots[slot_of(files, files->v[i].device, files->v[i].inode,
		              files->v[i].ipc_namespace)] = i + 1;
	return 0;
}

int weir_huge_files_get(struct weir_huge_files *files, uint64_t device, uint64_t inode,
                        size_t *out)
{
	return weir_huge_files_get_segment(files, device, inode, 0, out);
}

int weir_huge_files_get_segment(struct weir_huge_files *files, uint64_t device,
                                uint64_t inode, uint64_t ipc_namespace, size_t *out)
{
	size_t at;
	int r = grow_slots(files);

	if (r < 0)
		return r;
	at = slot_of(files, device, inode, ipc_namespace);
	if (!files->slots[at]) {
		if (files->nr == WEIR_HUGE_FILES_MAX) {
			files->cut = true;
			return -E2BIG;
		}
		r = weir_grow(&files->v, &files->cap, files->nr, sizeof(*files->v));
		if (r < 0)
			return r;
		files->v[files->nr] = (struct weir_huge_file){
			.device = device, .inode = inode, .ipc_namespace = ipc_namespace
		};
		files->slots[at] = ++files->nr;
	}
	*out = files->slots[at] - 1;
	return 0;
}

int weir_huge_file_name(struct weir_huge_file *file, struct weir_str path, bool exact)
{
	char *copy;

	if (file->path && (file->exact || !exact))
		return 0;
	copy = strndup(path.p, path.n);
	if (!copy)
		return -ENOMEM;
	free(file->path);
	file->path = copy;
	file->exact = exact;
	return 0;
}

struct walk {
	const struct weir_host *host;
	struct weir_huge_files *files;
	uint64_t pid;    /* whose view it is; 0: ours */
	size_t prefix_n; /* of "/proc/PID/root", which is not part of the name */
	uint64_t page_bytes, device;
	struct weir_buf text, asked;
};

static int ask_stat(struct walk *walk, const char *path, struct weir_file_stat *out)
{
	int r;

	walk->asked.n = 0;
	r = weir_buf_printf(&walk->asked, "/@/stat%s/@", path);
	if (r == 0)
		r = weir_host_read(walk->host, walk->asked.p, WEIR_SMALL_MAX,
		                   &walk->text);
	return r < 0 ? r : weir_file_stat_parse(weir_buf_str(&walk->text), out);
}

static int add_file(struct walk *walk, const char *path, const struct weir_file_stat *st)
{
	struct weir_huge_file *file;
	size_t i;
	int r = weir_huge_files_get(walk->files, st->device, st->inode, &i);

	if (r < 0)
		return r == -E2BIG ? 0 : r;
	file = &walk->files->v[i];
	if (file->in_directory)
		return 0; /* a second name, or a second mount of it */
	file->in_directory = file->known = true;
	file->st = *st;
	file->page_bytes = walk->page_bytes;
	file->seen_by = walk->pid;
	return weir_huge_file_name(file, weir_strz(path + walk->prefix_n), true);
}

/* Names in a directory; in a capture also those that were asked about. */
static int list_dir(struct walk *walk, const char *path, struct weir_names *out)
{
	weir_auto(weir_names_done) struct weir_names asked = { 0 };
	int r = weir_host_list(walk->host, path, out), there = r;

	if (r < 0 && r != -ENOENT)
		return r;
	walk->asked.n = 0;
	r = weir_buf_printf(&walk->asked, "/@/stat%s", path);
	if (r == 0)
		r = weir_host_list(walk->host, walk->asked.p, &asked);
	if (r < 0)
		return r == -ENOMEM ? r : there;
	r = 0;
	for (size_t i = 0; r == 0 && i < asked.nr; i++)
		/* "@" is the directory's own text there */
		if (asked.v[i].is_dir)
			r = weir_names_add(out, weir_strz(asked.v[i].name), true);
	weir_names_sort(out);
	return r;
}

static int walk_dir(struct walk *walk, const char *path, unsigned int depth);

static int walk_name(struct walk *walk, const char *dir, const struct weir_name *name,
                     unsigned int depth)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_file_stat st;
	int r = weir_buf_printf(&path, "%s/%s", dir, name->name);

	if (r < 0)
		return r;
	r = ask_stat(walk, path.p, &st);
	if (r != 0)
		return r == -ENOMEM ? r : 0; /* gone since it was listed */
	if (st.device != walk->device)
		return 0; /* another file system is mounted there */
	if (st.is_dir)
		return depth < WEIR_HUGE_DIRS_MAX ? walk_dir(walk, path.p, depth + 1) : 0;
	return st.is_file ? add_file(walk, path.p, &st) : 0;
}

static int walk_dir(struct walk *walk, const char *path, unsigned int depth)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	int r = list_dir(walk, path, &names);

	if (r == -EACCES || r == -EPERM)
		walk->files->nr_dirs_refused++;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < names.nr; i++)
		r = walk_name(walk, path, &names.v[i], depth);
	return r;
}

static int walk_mount(const struct weir_host *host, const struct weir_hugetlbfs *m,
                      uint64_t pid, struct weir_huge_files *files)
{
	struct walk walk = { .host = host,
		             .files = files,
		             .pid = pid,
		             .page_bytes = m->page_bytes.n,
		             .device = (uint64_t)m->major << 32 | m->minor };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	int r = pid ? weir_buf_printf(&path, "/proc/%" PRIu64 "/root", pid) : 0;

	walk.prefix_n = path.n;
	if (r == 0)
		r = weir_buf_addz(&path, strcmp(m->target, "/") == 0 ? "" : m->target);
	if (r == 0)
		r = walk_dir(&walk, path.p ? path.p : "", 0);
	weir_buf_done(&walk.text);
	weir_buf_done(&walk.asked);
	return r;
}

/* A device that was seen from here needs no other view; a mount here that another one
 * hides is walked where it is seen. */
int weir_huge_files_walk(const struct weir_host *host, const struct weir_everywhere *all,
                         struct weir_huge_files *files)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->mounts.nr; i++) {
		const struct weir_hugetlbfs *m = &all->mounts.v[i];
		bool seen = all->pids[i] && m->same_as != i &&
		            !all->mounts.v[m->same_as].covered;

		if (!m->covered && !seen)
			r = walk_mount(host, m, all->pids[i], files);
	}
	return r;
}
