/* leftovers: see leftovers.h. Here they are found; leftovers_remove.c removes them. */
#include "apply/leftovers.h"

#include "apply/file_users.h"
#include "base/own.h"
#include "holders/left.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static void done_one(struct weir_leftover *left)
{
	free(left->path);
	free(left->why);
	free(left->end_words);
}

void weir_leftovers_done(struct weir_leftovers *all)
{
	for (size_t i = 0; i < all->nr; i++)
		done_one(&all->v[i]);
	free(all->v);
	free(all->blind);
	*all = (struct weir_leftovers){ 0 };
}

const char *weir_leftover_state_word(enum weir_leftover_state state)
{
	static const char *const words[] = { "left", "unsure", "young", "used" };

	return words[state];
}

const char *weir_leftover_end_word(enum weir_leftover_end end)
{
	static const char *const words[] = { "kept", "removed", "taken", "changed",
		                             "failed" };

	return words[end];
}

/* ---- what is asked about ---- */

struct target { /* a PATH of the command line */
	const char *given;
	char *path; /* of a directory, absolute and without links */
	uint64_t device, inode;
	bool is_dir, is_root; /* the root directory of a mount: all of it */
	bool found;
};

struct look {
	const struct weir_leftovers_ask *ask;
	const struct weir_host *host;
	const struct weir_ledger *ledger;
	struct target *targets;
	uint64_t now_s;
	struct weir_leftovers *out;
};

static int find_target(const struct weir_mounts *mounts, const char *given,
                       struct target *out, struct weir_err *err)
{
	struct statfs fs;
	struct stat st;

	*out = (struct target){ .given = given };
	if (lstat(given, &st) < 0)
		return weir_err_sys(err, -errno, "look at '%s'", given);
	if (S_ISLNK(st.st_mode))
		return weir_err_set(err, -ELOOP,
		                    "'%s' is a symbolic link, which is not followed",
		                    given);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return weir_err_set(err, -EINVAL, "'%s' is no file and no directory",
		                    given);
	if (statfs(given, &fs) < 0)
		return weir_err_sys(err, -errno, "look at '%s'", given);
	if ((uint64_t)fs.f_type != WEIR_HUGETLBFS_MAGIC)
		return weir_err_set(err, -EMEDIUMTYPE, "'%s' is not on a hugetlbfs",
		                    given);
	out->device = (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev);
	out->inode = st.st_ino;
	out->is_dir = S_ISDIR(st.st_mode);
	out->path = realpath(given, NULL);
	if (!out->path)
		return weir_err_sys(err, -errno, "look at '%s'", given);
	for (size_t i = 0; out->is_dir && i < mounts->nr; i++)
		out->is_root |= strcmp(mounts->v[i].target, out->path) == 0;
	return 0;
}

static int find_targets(struct look *look, const struct weir_mounts *mounts,
                        struct weir_err *err)
{
	int r = 0;

	look->targets = calloc(look->ask->nr_paths + 1, sizeof(*look->targets));
	if (!look->targets)
		return weir_err_sys(err, -ENOMEM, "look for leftover files");
	for (size_t i = 0; r == 0 && i < look->ask->nr_paths; i++)
		r = find_target(mounts, look->ask->paths[i], &look->targets[i], err);
	return r;
}

static bool lies_in(const struct target *t, const struct weir_huge_file *file)
{
	size_t n = strlen(t->path);

	if (t->device != file->device)
		return false;
	return t->is_root ||
	       (strncmp(file->path, t->path, n) == 0 && file->path[n] == '/');
}

/* Is it asked about? *named: by its own name. */
static bool is_wanted(const struct look *look, const struct weir_huge_file *file,
                      bool *named)
{
	bool wanted = !look->ask->nr_paths;

	*named = false;
	for (size_t i = 0; i < look->ask->nr_paths; i++) {
		struct target *t = &look->targets[i];

		if (t->is_dir) {
			wanted |= lies_in(t, file);
		} else if (t->device == file->device && t->inode == file->inode) {
			wanted = *named = t->found = true;
		}
	}
	return wanted;
}

/* ---- what is known of each ---- */

static int take_words(struct weir_leftover *left, const struct weir_buf *words)
{
	left->why = strndup(words->p, words->n);
	return left->why ? 0 : -ENOMEM;
}

static int judge(const struct look *look, const struct weir_file_users *users,
                 const struct weir_left *who, struct weir_leftover *left)
{
	weir_auto(weir_buf_done) struct weir_buf why = { 0 };
	int r;

	if (users->nr) {
		left->state = WEIR_LEFTOVER_USED;
		r = weir_file_users_text(look->ledger, users, &why);
	} else if (look->ask->older_s &&
	           (!left->age_s.known || left->age_s.n < look->ask->older_s)) {
		left->state = WEIR_LEFTOVER_YOUNG;
		r = weir_buf_addz(&why, "nobody uses it; it was changed more recently "
		                        "than asked for");
	} else {
		left->state = who->back == WEIR_BACK_NOBODY ? WEIR_LEFTOVER_SURE
		                                            : WEIR_LEFTOVER_UNSURE;
		r = weir_left_words(who, &why);
	}
	return r < 0 ? r : take_words(left, &why);
}

/* weird's, also when it does not know of it: it finds it again when it is started. */
static int judge_store(const struct weir_hold *hold, struct weir_leftover *left)
{
	weir_auto(weir_buf_done) struct weir_buf why = { 0 };
	char lease[WEIR_LEASE_TEXT_MAX];
	int r;

	left->state = WEIR_LEFTOVER_USED;
	if (!hold->region)
		r = weir_buf_addz(&why, "it lies in weird's store, and is weird's");
	else if (!weir_region_is_leased(hold->region))
		r = weir_buf_printf(&why, "weird keeps it for leases: warm memory, %s",
		                    weir_region_state_word(hold->region->state));
	else
		r = weir_buf_printf(&why, "weird has leased it: %s",
		                    weir_lease_text(hold->region, lease));
	return r < 0 ? r : take_words(left, &why);
}

static int add_leftover(struct look *look, const struct weir_hold *hold,
                        const struct weir_file_users *users, bool named)
{
	const struct weir_huge_file *file = &look->ledger->holdings.files.v[hold->file];
	struct weir_leftovers *out = look->out;
	struct weir_leftover *left;
	struct weir_left who;
	int r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));

	if (r < 0)
		return r;
	left = &out->v[out->nr++];
	left->path = strdup(file->path);
	if (!left->path)
		return -ENOMEM;
	left->device = file->device;
	left->inode = file->inode;
	left->changed_at = file->st.changed_at;
	left->page_bytes = hold->page_bytes;
	left->pages = hold->pages;
	left->size_bytes = file->st.size_bytes;
	left->uid = file->st.uid;
	weir_left_find(look->host, look->ledger, hold, &who);
	left->creator_pid = who.creator_pid;
	if (left->changed_at && look->now_s)
		left->age_s = WEIR_COUNT(look->now_s > left->changed_at
		                                 ? look->now_s - left->changed_at
		                                 : 0);
	left->named = named;
	r = hold->in_store ? judge_store(hold, left) : judge(look, users, &who, left);
	left->chosen = left->state == WEIR_LEFTOVER_SURE ||
	               (left->state == WEIR_LEFTOVER_UNSURE && named);
	out->nr_chosen += left->chosen;
	return r;
}

/* A hold is asked whether it is left by the ledger's own rule; a private mapping of the
 * file counts in another hold, and keeps it from being removed all the same. */
static int look_at(struct look *look, const struct weir_hold *hold)
{
	struct weir_file_users users = { 0 };
	const struct weir_huge_file *file;
	bool named;
	int r = 0;

	if ((hold->kind != WEIR_HOLD_FILE && !weir_hold_is_warm(hold)) ||
	    hold->file == WEIR_HOLD_NONE)
		return 0;
	file = &look->ledger->holdings.files.v[hold->file];
	if (!file->in_directory || !file->known || !file->path)
		return 0;
	if (file->seen_by) {
		look->out->nr_elsewhere += weir_hold_is_left(hold);
		return 0;
	}
	if (!is_wanted(look, file, &named) || (hold->in_store && !named))
		return 0;
	if (named || weir_hold_is_left(hold))
		r = weir_file_users_add(look->ledger, hold->file, &users);
	if (r == 0 && (named || (weir_hold_is_left(hold) && !users.nr)))
		r = add_leftover(look, hold, &users, named);
	weir_file_users_done(&users);
	return r;
}

static int look_at_all(struct look *look, struct weir_err *err)
{
	int r = weir_ledger_blind(look->host, look->ledger, &look->out->blind);

	for (size_t i = 0; r == 0 && i < look->ledger->nr_holds; i++)
		r = look_at(look, &look->ledger->holds[i]);
	if (r < 0)
		return weir_err_sys(err, r, "look for leftover files");
	for (size_t i = 0; i < look->ask->nr_paths; i++)
		if (!look->targets[i].is_dir && !look->targets[i].found)
			return weir_err_set(err, -ENOENT,
			                    "'%s' was not found in the directories of "
			                    "the mounts: it is gone, or lies too deep",
			                    look->targets[i].given);
	return 0;
}

int weir_leftovers_look(const struct weir_host *host,
                        const struct weir_leftovers_ask *ask, struct weir_leftovers *out,
                        struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	struct weir_ledger ledger = { 0 };
	struct look look = { .ask = ask,
		             .host = host,
		             .ledger = &ledger,
		             .now_s = weir_host_now_ns(host) / 1000000000U,
		             .out = out };
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, err);

	*out = (struct weir_leftovers){ 0 };
	if (r == 0)
		r = find_targets(&look, &snap->mounts, err);
	if (r == 0)
		r = weir_ledger_read(host, snap, WEIR_LEDGER_USERS, &ledger, err);
	if (r == 0)
		r = look_at_all(&look, err);
	for (size_t i = 0; look.targets && i < ask->nr_paths; i++)
		free(look.targets[i].path);
	free(look.targets);
	weir_ledger_done(&ledger);
	if (r < 0)
		weir_leftovers_done(out);
	return r;
}
