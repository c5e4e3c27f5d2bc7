/* journal: see journal.h.
 *
 * A file of lines, so that a person can read it when nothing else works:
 *
 *	weir-journal 1
 *	at 1732224000000000000
 *	by 0 4711 root
 *	boot 8c1f...
 *	command weir set 2M=40
 *	pool 2097152 10 10 0 0 0
 *	node 2097152 0 10 10 0
 *	op pool 2097152 0 40 10 40 /sys/...
 *	begin
 *	after
 *	pool ...
 *	node ...
 *	end done 1732224001000000000
 *
 * It is written aside, synced, renamed, and the directory is synced: an entry is there as
 * a whole or not at all. Its end is appended and synced, in one write; what a dying
 * process left of that does not count, and "after" begins anew. */
#include "apply/journal.h"

#include "apply/lock.h"
#include "base/own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define ENTRY_MAX   (1U << 20) /* 4,096 wishes give as many ops of 200 bytes */
#define ENTRIES_MAX 1000U      /* kept; of a change a day three years */
#define DIR_NAME    "journal"
#define END_ROOM    4096 /* for the reason, which is a sentence or two */

static const char *const ends[] = {
	[WEIR_ENTRY_OPEN] = "open",       [WEIR_ENTRY_DONE] = "done",
	[WEIR_ENTRY_UNDONE] = "undone",   [WEIR_ENTRY_KEPT] = "kept",
	[WEIR_ENTRY_FOREIGN] = "foreign",
};

const char *weir_entry_end_word(enum weir_entry_end end)
{
	return ends[end];
}

void weir_entry_done(struct weir_entry *entry)
{
	free(entry->user);
	free(entry->command);
	free(entry->boot_id);
	free(entry->ops);
	free(entry->why);
	*entry = (struct weir_entry){ 0 };
}

void weir_entries_done(struct weir_entries *entries)
{
	for (size_t i = 0; i < entries->nr; i++)
		weir_entry_done(&entries->v[i]);
	free(entries->v);
	*entries = (struct weir_entries){ 0 };
}

/* ---- the directory ---------------------------------------------------- */

/* Of the journal; -1 with -ENOENT where there is none and @make is false. */
static int open_dir(const char *state_dir, bool make, int *out, struct weir_err *err)
{
	char path[512];
	int n = snprintf(path, sizeof(path), "%s/" DIR_NAME, state_dir), r = 0;

	if (n < 0 || (size_t)n >= sizeof(path))
		return weir_err_set(
			err, -ENAMETOOLONG,
			"the name of the directory for the state is too long");
	if (make)
		r = weir_state_dir_make(state_dir, err);
	if (r == 0 && make)
		r = weir_state_dir_make(path, err);
	if (r < 0)
		return r;
	*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? weir_err_sys(err, -errno, "open '%s'", path) : 0;
}

/* ---- writing ----------------------------------------------------------------------- */

static int put_tallies(const struct weir_tallies *all, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; i < all->nr && r == 0; i++) {
		const struct weir_tally *t = &all->v[i];

		r = weir_buf_printf(out,
		                    "pool %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		                    " %" PRIu64 " %" PRIu64 "\n",
		                    t->page_bytes, t->total, t->free, t->reserved,
		                    t->surplus, t->overcommit);
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && r == 0; n++)
			if (all->nodes >> n & 1)
				r = weir_buf_printf(out,
				                    "node %" PRIu64 " %u %" PRIu64
				                    " %" PRIu64 " %" PRIu64 "\n",
				                    t->page_bytes, n, t->node[n].total,
				                    t->node[n].free, t->node[n].surplus);
	}
	return r;
}

/* Text from outside on a line of its own. */
static int put_line(const char *key, const char *text, struct weir_buf *out)
{
	size_t from;
	int r;

	if (!text)
		return 0;
	r = weir_buf_printf(out, "%s ", key);
	from = out->n;
	if (r == 0)
		r = weir_buf_printf(out, "%s\n", text);
	for (size_t i = from; r == 0 && i + 1 < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = '?';
	return r;
}

int weir_entry_put(const struct weir_entry *entry, struct weir_buf *out)
{
	int r = weir_buf_printf(
		out, "weir-journal 1\nat %" PRIu64 "\nby %" PRIu64 " %" PRIu64 "\n",
		entry->at_ns, entry->uid, entry->pid);

	if (r == 0)
		r = put_line("user", entry->user, out);
	if (r == 0)
		r = put_line("boot", entry->boot_id, out);
	if (r == 0)
		r = put_line("command", entry->command, out);
	if (r == 0 && entry->undoes)
		r = weir_buf_printf(out, "undoes %" PRIu64 "\n", entry->undoes);
	if (r == 0)
		r = put_tallies(&entry->before, out);
	for (size_t i = 0; i < entry->nr_ops && r == 0; i++) {
		const struct weir_op *op = &entry->ops[i];

		r = weir_buf_printf(out,
		                    "op %s %" PRIu64 " %d %" PRIu64 " %" PRIu64
		                    " %" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n",
		                    weir_op_word(op->kind), op->page_bytes, op->node,
		                    op->value, op->before, op->after,
		                    *op->path ? op->path : "-", op->least, op->most);
	}
	return r < 0 ? r : weir_buf_addz(out, "begin\n");
}

static int write_all(int fd, struct weir_str text)
{
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text = weir_str_skip(text, (size_t)n);
	}
	return 0;
}

/* Its end is going to be as long again at most, and a reason; a disk that is full must
 * say so before something is changed. A file system that cannot keep room is let be. */
static int keep_room(int fd, size_t written)
{
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(2 * written + END_ROOM)) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT))
		return -errno;
	return 0;
}

static int write_aside(int dir, const char *name, struct weir_str text)
{
	weir_auto(weir_closep) int fd = -1;
	char aside[40];
	int r;

	(void)snprintf(aside, sizeof(aside), "%s.new", name);
	fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	            0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	if (r == 0)
		r = keep_room(fd, text.n);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, aside, dir, name) < 0)
		r = -errno;
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, aside, 0);
	return r;
}

/* ---- reading ----------------------------------------------------------------------- */

static bool take(struct weir_str *line, uint64_t *out)
{
	struct weir_str word;

	return weir_str_word(line, &word) && weir_parse_u64(word, out) == 0;
}

static struct weir_tally *tally_of(struct weir_tallies *all, uint64_t page_bytes)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->v[i].page_bytes == page_bytes)
			return &all->v[i];
	return NULL;
}

static bool read_pool(struct weir_str line, struct weir_tallies *all)
{
	struct weir_tally t = { 0 };

	if (!take(&line, &t.page_bytes) || !take(&line, &t.total) ||
	    !take(&line, &t.free) || !take(&line, &t.reserved) ||
	    !take(&line, &t.surplus) || !take(&line, &t.overcommit) ||
	    all->nr >= WEIR_TALLY_SIZES_MAX || tally_of(all, t.page_bytes))
		return false;
	all->v[all->nr++] = t;
	return true;
}

static bool read_node(struct weir_str line, struct weir_tallies *all)
{
	struct weir_tally_node t;
	struct weir_tally *to;
	uint64_t size, node;

	if (!take(&line, &size) || !take(&line, &node) || !take(&line, &t.total) ||
	    !take(&line, &t.free) || !take(&line, &t.surplus) ||
	    node >= WEIR_TALLY_NODES_MAX)
		return false;
	to = tally_of(all, size);
	if (!to)
		return false;
	to->node[node] = t;
	all->nodes |= UINT64_C(1) << node;
	return true;
}

static bool kind_of(struct weir_str word, enum weir_op_kind *out)
{
	for (unsigned int k = WEIR_OP_DEMOTE; k <= WEIR_OP_MOVE; k++)
		if (weir_str_eq(word, weir_op_word((enum weir_op_kind)k))) {
			*out = (enum weir_op_kind)k;
			return true;
		}
	return false;
}

static int read_op(struct weir_str line, struct weir_entry *entry)
{
	struct weir_op op = { .node = -1 };
	struct weir_str word, path;
	uint64_t node;

	if (!weir_str_word(&line, &word) || !kind_of(word, &op.kind) ||
	    !take(&line, &op.page_bytes) || !weir_str_word(&line, &word))
		return -EBADMSG;
	if (!weir_str_eq(word, "-1")) {
		if (weir_parse_u64(word, &node) < 0 || node >= WEIR_TALLY_NODES_MAX)
			return -EBADMSG;
		op.node = (int)node;
	}
	if (!take(&line, &op.value) || !take(&line, &op.before) ||
	    !take(&line, &op.after) || !weir_str_word(&line, &path) ||
	    path.n >= sizeof(op.path))
		return -EBADMSG;
	if (!take(&line, &op.least) || !take(&line, &op.most)) /* an older weir's */
		op.least = op.most = op.after;
	if (!weir_str_eq(path, "-"))
		memcpy(op.path, path.p, path.n);
	if (weir_grow(&entry->ops, &entry->cap_ops, entry->nr_ops, sizeof(*entry->ops)) <
	    0)
		return -ENOMEM;
	entry->ops[entry->nr_ops++] = op;
	return 0;
}

static int copy(struct weir_str text, char **out)
{
	free(*out);
	*out = strndup(text.p, text.n);
	return *out ? 0 : -ENOMEM;
}

static int read_end(struct weir_str line, struct weir_entry *entry)
{
	struct weir_str word;

	if (!weir_str_word(&line, &word) || !take(&line, &entry->ended_ns))
		return -EBADMSG;
	for (size_t i = WEIR_ENTRY_DONE; i < WEIR_NELEM(ends); i++)
		if (weir_str_eq(word, ends[i])) {
			entry->end = (enum weir_entry_end)i;
			return 0;
		}
	return -EBADMSG;
}

static int read_line(struct weir_str line, bool begun, struct weir_entry *entry)
{
	struct weir_str key;

	if (!weir_str_word(&line, &key) || memchr(line.p, '\0', line.n))
		return -EBADMSG; /* nothing that was written has such */
	line = weir_str_trim(line);
	if (weir_str_eq(key, "pool") || weir_str_eq(key, "node")) {
		struct weir_tallies *to = begun ? &entry->after : &entry->before;

		entry->has_after = entry->has_after || begun;
		return (weir_str_eq(key, "pool") ? read_pool(line, to)
		                                 : read_node(line, to))
		               ? 0
		               : -EBADMSG;
	}
	if (weir_str_eq(key, "after")) {
		entry->after = (struct weir_tallies){ 0 };
		return begun ? 0 : -EBADMSG;
	}
	if (weir_str_eq(key, "end"))
		return begun ? read_end(line, entry) : -EBADMSG;
	if (weir_str_eq(key, "why"))
		return copy(line, &entry->why);
	if (begun)
		return -EBADMSG;
	if (weir_str_eq(key, "at"))
		return take(&line, &entry->at_ns) ? 0 : -EBADMSG;
	if (weir_str_eq(key, "by"))
		return take(&line, &entry->uid) && take(&line, &entry->pid) ? 0
		                                                            : -EBADMSG;
	if (weir_str_eq(key, "undoes"))
		return take(&line, &entry->undoes) ? 0 : -EBADMSG;
	if (weir_str_eq(key, "user"))
		return copy(line, &entry->user);
	if (weir_str_eq(key, "boot"))
		return copy(line, &entry->boot_id);
	if (weir_str_eq(key, "command"))
		return copy(line, &entry->command);
	return weir_str_eq(key, "op") ? read_op(line, entry) : -EBADMSG;
}

int weir_entry_parse(struct weir_str text, struct weir_entry *out)
{
	struct weir_entry entry = { 0 };
	struct weir_str line;
	bool begun = false;
	int r = 0;

	if (!weir_str_line(&text, &line) || !weir_str_eq(line, "weir-journal 1"))
		return -EBADMSG;
	while (r == 0 && memchr(text.p ? text.p : "", '\n', text.n)) {
		(void)weir_str_line(&text, &line);
		if (!begun && weir_str_eq(line, "begin"))
			begun = true;
		else
			r = read_line(line, begun, &entry);
		if (begun && r == -EBADMSG)
			r = 0; /* of an end that was cut off */
	}
	if (r == 0 && !begun)
		r = -EBADMSG;
	if (r < 0)
		weir_entry_done(&entry);
	else
		*out = entry;
	return r;
}

static int read_file(int dir, const char *name, struct weir_buf *out)
{
	weir_auto(weir_closep) int fd = openat(
		dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	out->n = 0;
	for (;;) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (out->n + (size_t)n > ENTRY_MAX)
			return -EFBIG;
		if (weir_buf_add(out, weir_str(part, (size_t)n)) < 0)
			return -ENOMEM;
	}
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The ids of all entries, ascending; *out is the caller's. */
static int list_ids(int dir, uint64_t **out, size_t *nr)
{
	size_t cap = 0;
	DIR *d = fdopendir(dup(dir));
	int r = 0;

	*out = NULL;
	*nr = 0;
	if (!d)
		return -errno;
	rewinddir(d);
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		uint64_t id;

		if (weir_parse_u64(weir_strz(e->d_name), &id) < 0 || !id)
			continue;
		r = weir_grow(out, &cap, *nr, sizeof(**out));
		if (r == 0)
			(*out)[(*nr)++] = id;
	}
	(void)closedir(d);
	if (r == 0 && *nr)
		qsort(*out, *nr, sizeof(**out), by_id);
	return r;
}

static void name_of(uint64_t id, char out[24])
{
	(void)snprintf(out, 24, "%" PRIu64, id);
}

int weir_journal_read(const char *state_dir, struct weir_entries *out,
                      struct weir_buf *notes, struct weir_err *err)
{
	weir_auto(weir_closep) int dir = -1;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_freep) uint64_t *ids = NULL;
	size_t nr = 0;
	int r = open_dir(state_dir, false, &dir, err);

	*out = (struct weir_entries){ 0 };
	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		r = list_ids(dir, &ids, &nr);
		if (r < 0)
			return weir_err_sys(err, r, "list '%s/" DIR_NAME "'", state_dir);
	}
	for (size_t i = 0; i < nr && r == 0; i++) {
		struct weir_entry *to;
		char name[24];

		name_of(ids[i], name);
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r == 0)
			r = read_file(dir, name, &text);
		if (r == -ENOMEM)
			break;
		to = &out->v[out->nr];
		if (r == 0)
			r = weir_entry_parse(weir_buf_str(&text), to);
		if (r == 0)
			to->id = ids[i];
		if (r == 0)
			out->nr++;
		else if (r != -ENOMEM)
			r = notes ? weir_buf_printf(notes,
			                            "%s/" DIR_NAME "/%s is damaged\n",
			                            state_dir, name)
			          : 0;
	}
	if (r < 0)
		weir_entries_done(out);
	return r == -ENOMEM ? weir_err_sys(err, r, "read the journal") : r;
}

/* ---- an entry's life --------------------------------------------------------------- */

static void prune(int dir, const uint64_t *ids, size_t nr)
{
	for (size_t i = 0; nr - i >= ENTRIES_MAX; i++) {
		char name[24];

		name_of(ids[i], name);
		(void)unlinkat(dir, name, 0);
	}
}

int weir_journal_begin(const char *state_dir, struct weir_entry *entry,
                       struct weir_err *err)
{
	weir_auto(weir_closep) int dir = -1;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_freep) uint64_t *ids = NULL;
	size_t nr = 0;
	char name[24];
	int r = open_dir(state_dir, true, &dir, err);

	if (r < 0)
		return r;
	r = list_ids(dir, &ids, &nr);
	if (r == 0)
		r = weir_entry_put(entry, &text);
	if (r == 0 && text.n > ENTRY_MAX)
		r = -EFBIG;
	entry->id = nr ? ids[nr - 1] + 1 : 1;
	name_of(entry->id, name);
	if (r == 0)
		r = write_aside(dir, name, weir_buf_str(&text));
	if (r < 0)
		return weir_err_sys(err, r, "write '%s/" DIR_NAME "/%s'", state_dir,
		                    name);
	prune(dir, ids, nr);
	return 0;
}

int weir_journal_end(const char *state_dir, uint64_t id, enum weir_entry_end end,
                     uint64_t at_ns, const struct weir_tallies *after, const char *why,
                     struct weir_err *err)
{
	weir_auto(weir_closep) int dir = -1, fd = -1;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char name[24];
	int r = open_dir(state_dir, false, &dir, err);

	if (r < 0)
		return r;
	name_of(id, name);
	/* ends a line that somebody did not; that all of it is there the last line says
	 */
	r = weir_buf_addz(&text, "\nafter\n");
	if (r == 0 && after)
		r = put_tallies(after, &text);
	if (r == 0)
		r = put_line("why", why, &text);
	if (r == 0)
		r = weir_buf_printf(&text, "end %s %" PRIu64 "\n", ends[end], at_ns);
	if (r == 0) {
		fd = openat(dir, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
		r = fd < 0 ? -errno : write_all(fd, weir_buf_str(&text));
	}
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? weir_err_sys(err, r, "write '%s/" DIR_NAME "/%s'", state_dir, name)
	             : 0;
}

const struct weir_entry *weir_entries_cut_off(const struct weir_entries *entries,
                                              const char *boot_id)
{
	for (size_t i = 0; i < entries->nr; i++) {
		const struct weir_entry *e = &entries->v[i];

		if (e->end == WEIR_ENTRY_OPEN &&
		    (!boot_id || !e->boot_id || strcmp(boot_id, e->boot_id) == 0))
			return e;
	}
	return NULL;
}
