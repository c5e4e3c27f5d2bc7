/* script_steps: the words of a step into struct weir_step. See script.h, step.h.
 *
 * A table says for each verb who does it, how it is written, and which function reads
 * what stands behind it. These functions take words off the front; what is left at the
 * end is an error. The table's own words are shown in messages, so a wrong line is
 * answered with the right one. */
#include "lab/script_words.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>

#define CPU_MAX     63
#define INODES_MAX  (UINT64_C(1) << 40)
#define PERCENT_MAX 1000000U /* above 100 is fine with the kernel */

enum who { NOBODY, TASK, EITHER };

static const char *const words_of_setup[] = { "kernel", "nodes", "node",  "zone",
	                                      "sizes",  "boot",  "expect" };

static const char *const verbs[] = {
#define X(id, word) [WEIR_VERB_##id] = (word),
	WEIR_VERBS(X)
#undef X
};

bool weir_parse_is_word(struct weir_str s)
{
	for (size_t i = 0; i < WEIR_NELEM(words_of_setup); i++)
		if (weir_str_eq(s, words_of_setup[i]))
			return true;
	for (size_t i = 0; i < WEIR_NELEM(verbs); i++)
		if (weir_str_eq(s, verbs[i]))
			return true;
	return false;
}

/* ---- verbs of the administrator ---------------------------------------------------- */

static int parse_write(struct weir_words *w)
{
	struct weir_str file;
	int r = weir_words_need(w, "FILE", &file);

	if (r == 0)
		r = weir_parse_target(w->p, file, w->step);
	if (r < 0)
		return r;
	w->step->value = weir_str_trim(w->rest);
	w->rest = weir_str_skip(w->rest, w->rest.n);
	if (!w->step->value.n)
		return weir_parse_bad(w->p, w->verb, "VALUE is missing: %s", w->usage);
	return 0;
}

/* A new task; with @parent a child of it. */
static int start_task(struct weir_words *w, struct weir_str name, struct weir_str parent)
{
	struct weir_known *names = &w->p->names;
	const struct weir_known_name *have = weir_known_find(names, name);
	uint32_t id, parent_id;
	int r;

	if (have && have->living)
		return weir_parse_bad(w->p, name, "this task lives already");
	r = weir_parse_define(w->p, name, WEIR_NAME_TASK, &id);
	if (r < 0)
		return r;
	if (parent.n)
		parent_id = (uint32_t)(weir_known_find(names, parent) - names->v);
	weir_known_start(names, id, parent.n ? &parent_id : NULL);
	return 0;
}

static int parse_task(struct weir_words *w)
{
	static const char *const keys[] = { "cpu=", "cgroup=", "cpuset=" };
	struct weir_step *step = w->step;
	struct weir_str word, value;
	unsigned int seen = 0;
	uint64_t n;
	int which, r = weir_words_need(w, "NAME", &step->name);

	while (r == 0 && weir_str_word(&w->rest, &word)) {
		r = weir_words_option(w, word, keys, WEIR_NELEM(keys), &seen, &value,
		                      &which);
		if (r < 0)
			return r;
		switch (which) {
		case 0:
			r = weir_words_number(w, "cpu", value, 0, CPU_MAX, &n);
			if (r == 0)
				step->cpu = (int)n;
			break;
		case 1:
			step->other = value;
			r = weir_parse_known(w->p, value, WEIR_NAME_GROUP);
			break;
		case 2: r = weir_words_node_mask(w, word, value, &step->mems); break;
		default: return weir_words_unknown(w, word);
		}
	}
	return r < 0 ? r : start_task(w, step->name, (struct weir_str){ 0 });
}

/* size= and min_size=: bytes, percent of the pool, or "4p" huge pages, which become
 * bytes. */
static int mount_size(struct weir_words *w, struct weir_str word, struct weir_str value,
                      unsigned int percent, uint64_t *out)
{
	const struct weir_setup *setup = &w->p->out->setup;
	uint64_t page = w->step->page_bytes ? w->step->page_bytes : setup->page_bytes[0];
	struct weir_str digits = value;

	if (value.n)
		digits.n--;
	if (weir_str_ends(value, "%")) {
		w->step->flags |= percent;
		if (!weir_is_number(digits, PERCENT_MAX, out))
			return weir_parse_bad(w->p, word, "no percentage up to %u",
			                      PERCENT_MAX);
		return 0;
	}
	if (weir_str_ends(value, "p")) {
		if (!w->step->page_bytes && setup->boot.n &&
		    weir_str_find(setup->boot, "default_hugepagesz") >= 0)
			return weir_parse_bad(
				w->p, word,
				"pages of which size? 'boot' may change the default; "
				"say pagesize=");
		if (weir_is_number(digits, WEIR_SCRIPT_PAGES_MAX, out) &&
		    !ckd_mul(out, *out, page) && *out <= WEIR_WORDS_BYTES_MAX)
			return 0;
	} else if (weir_parse_size(value, out) == 0 && *out <= WEIR_WORDS_BYTES_MAX) {
		return 0;
	}
	return weir_parse_bad(w->p, word,
	                      "no size: 8M, 50%% of the pool, or 4p for 4 pages");
}

static int parse_mount(struct weir_words *w)
{
	static const char *const keys[] = { "pagesize=", "size=", "min_size=",
		                            "nr_inodes=" };
	struct weir_str word, value, size = { 0 }, min = { 0 };
	struct weir_step *step = w->step;
	unsigned int seen = 0;
	uint32_t id;
	int which, r = weir_words_need(w, "NAME", &step->name);

	while (r == 0 && weir_str_word(&w->rest, &word)) {
		r = weir_words_option(w, word, keys, WEIR_NELEM(keys), &seen, &value,
		                      &which);
		if (r < 0)
			return r;
		switch (which) {
		case 0: r = weir_words_page_size(w, word, value); break;
		case 1: size = value; break; /* need the page size */
		case 2: min = value; break;
		case 3:
			step->flags |= WEIR_STEP_NR_INODES;
			r = weir_words_number(w, "nr_inodes", value, 0, INODES_MAX,
			                      &step->nr_inodes);
			break;
		default: return weir_words_unknown(w, word);
		}
	}
	if (r == 0 && seen & 2) {
		step->flags |= WEIR_STEP_SIZE;
		r = mount_size(w, size, size, WEIR_STEP_SIZE_PERCENT, &step->size);
	}
	if (r == 0 && seen & 4) {
		step->flags |= WEIR_STEP_MIN_SIZE;
		r = mount_size(w, min, min, WEIR_STEP_MIN_SIZE_PERCENT, &step->min_size);
	}
	return r < 0 ? r : weir_parse_define(w->p, step->name, WEIR_NAME_MOUNT, &id);
}

static int parse_umount(struct weir_words *w)
{
	int r = weir_words_need_known(w, "NAME", WEIR_NAME_MOUNT);

	return r < 0 ? r : weir_words_maybe_flag(w, "lazy", WEIR_STEP_LAZY);
}

static int parse_create(struct weir_words *w) /* and unlink, open: files with a name */
{
	return weir_words_need_file(w, false);
}

static int parse_truncate(struct weir_words *w)
{
	int r = weir_words_need_file(w, true);

	if (r == 0)
		r = weir_words_need_pages(w, 0);
	return r < 0 ? r : weir_words_check_extent(w, 0, w->step->pages);
}

static int parse_rmid(struct weir_words *w)
{
	return weir_words_need_known(w, "SEGMENT", WEIR_NAME_SEGMENT);
}

static int parse_cgroup(struct weir_words *w)
{
	uint32_t id;
	int r = weir_words_need(w, "NAME", &w->step->name);

	return r < 0 ? r : weir_parse_define(w->p, w->step->name, WEIR_NAME_GROUP, &id);
}

static int parse_rmdir(struct weir_words *w) /* and join */
{
	return weir_words_need_known(w, "NAME", WEIR_NAME_GROUP);
}

/* NODE SIZE. */
static int need_block(struct weir_words *w)
{
	struct weir_str word = { 0 };
	int r = weir_words_need_node(w, &w->step->node);

	w->step->flags |= WEIR_STEP_NODE;
	if (r == 0)
		r = weir_words_need(w, "SIZE", &word);
	return r < 0 ? r : weir_words_page_size(w, word, word);
}

static int parse_offline(struct weir_words *w)
{
	struct weir_step *step = w->step;
	int r = need_block(w);

	if (r == 0)
		r = weir_words_need_number(w, "FREE", 0, WEIR_SCRIPT_PAGES_MAX,
		                           &step->free);
	if (r == 0)
		r = weir_words_need_number(w, "USED", 0, WEIR_SCRIPT_PAGES_MAX,
		                           &step->used);
	return r < 0 ? r : weir_words_check_extent(w, step->free, step->used);
}

static int parse_poison_free(struct weir_words *w)
{
	int r = need_block(w);

	return r < 0 ? r : weir_words_maybe_flag(w, "soft", WEIR_STEP_SOFT);
}

/* ---- verbs of a task --------------------------------------------------------------- */

static int parse_fork(struct weir_words *w)
{
	int r = weir_words_need(w, "CHILD", &w->step->name);

	return r < 0 ? r : start_task(w, w->step->name, w->step->task);
}

static int parse_exit(struct weir_words *w)
{
	weir_known_find(&w->p->names, w->step->task)->living = false;
	return 0;
}

static int parse_cpu(struct weir_words *w)
{
	uint64_t n;
	int r = weir_words_need_number(w, "N", 0, CPU_MAX, &n);

	if (r == 0)
		w->step->cpu = (int)n;
	return r;
}

static int parse_map(struct weir_words *w)
{
	static const char *const keys[] = {
		"shared",   "noreserve", "populate", "locked",
		"readonly", "private",   "file=",    "offset="
	};
	enum { SHARED, NORESERVE, POPULATE, LOCKED, READONLY, PRIVATE, FILE_, OFFSET };
	struct weir_step *step = w->step;
	struct weir_str word, value;
	unsigned int seen = 0;
	int which, r = weir_words_need(w, "MAPPING", &step->name);

	if (r == 0)
		r = weir_words_need_pages(w, 1);
	while (r == 0 && weir_str_word(&w->rest, &word)) {
		r = weir_words_option(w, word, keys, WEIR_NELEM(keys), &seen, &value,
		                      &which);
		if (r < 0)
			return r;
		switch (which) {
		case SHARED:
		case NORESERVE:
		case POPULATE:
		case LOCKED:
		case READONLY: step->flags |= 1U << which; break;
		case PRIVATE: break;
		case FILE_:
			step->other = value;
			r = weir_words_file_name(w, value, true);
			break;
		case OFFSET:
			r = weir_words_number(w, "offset", value, 0,
			                      WEIR_SCRIPT_PAGES_MAX, &step->offset);
			break;
		default:
			if (!weir_is_digit(word.p[0]))
				return weir_words_unknown(w, word);
			if (step->page_bytes)
				return weir_parse_bad(w->p, word, "said twice");
			r = weir_words_page_size(w, word, word);
		}
	}
	if (r < 0)
		return r;
	if (seen & 1U << SHARED && seen & 1U << PRIVATE)
		return weir_parse_bad(w->p, w->verb, "shared or private, not both");
	if (step->other.n && step->page_bytes)
		return weir_parse_bad(w->p, w->verb, "the file has a page size already");
	if (!step->other.n && seen & 1U << OFFSET)
		return weir_parse_bad(w->p, w->verb, "offset= is of a file=");
	r = weir_words_check_extent(w, step->offset, step->pages);
	return r < 0 ? r : weir_words_define_mapping(w, step->name);
}

_Static_assert(WEIR_STEP_SHARED == 1 << 0 && WEIR_STEP_NORESERVE == 1 << 1 &&
                       WEIR_STEP_POPULATE == 1 << 2 && WEIR_STEP_LOCKED == 1 << 3 &&
                       WEIR_STEP_READONLY == 1 << 4,
               "parse_map() counts on it");

static int parse_range(struct weir_words *w) /* MAPPING [START COUNT] */
{
	int r = weir_words_need_mapping(w);

	return r < 0 ? r : weir_words_maybe_range(w);
}

static int parse_resize(struct weir_words *w)
{
	int r = weir_words_need_mapping(w);

	if (r == 0)
		r = weir_words_need_pages(w, 1);
	return r < 0 ? r : weir_words_check_extent(w, 0, w->step->pages);
}

static int parse_move(struct weir_words *w)
{
	return weir_words_need_mapping(w);
}

static int parse_bind(struct weir_words *w)
{
	int r = parse_range(w);

	return r < 0 ? r : weir_words_need_policy(w);
}

/* MAPPING [START [COUNT]] NODE: the last number is the node. */
static int parse_migrate(struct weir_words *w)
{
	struct weir_str rest, word;
	unsigned int numbers = 0;
	int r = weir_words_need_mapping(w);

	for (rest = w->rest; weir_str_word(&rest, &word);)
		numbers++;
	if (r == 0 && numbers > 1)
		r = weir_words_need_start(w);
	if (r == 0 && numbers > 2)
		r = weir_words_need_count(w);
	w->step->flags |= WEIR_STEP_NODE;
	return r < 0 ? r : weir_words_need_node(w, &w->step->node);
}

static int parse_index(struct weir_words *w) /* MAPPING INDEX */
{
	struct weir_step *step = w->step;
	int r = weir_words_need_mapping(w);

	step->count = 1;
	step->flags |= WEIR_STEP_RANGE;
	if (r == 0)
		r = weir_words_need_number(w, "INDEX", 0, WEIR_SCRIPT_PAGES_MAX,
		                           &step->start);
	return r < 0 ? r : weir_words_check_extent(w, step->start, 1);
}

static int parse_close(struct weir_words *w)
{
	return weir_words_need_file(w, true);
}

/* NAME PAGES [pagesize=S], and of shmget noreserve. */
static int parse_object(struct weir_words *w, enum weir_name_kind kind, uint64_t min)
{
	static const char *const keys[] = { "pagesize=", "noreserve" };
	struct weir_str word, value;
	unsigned int seen = 0;
	uint32_t id;
	int which, r = weir_words_need(w, "NAME", &w->step->name);

	if (r == 0)
		r = weir_words_need_pages(w, min);
	while (r == 0 && weir_str_word(&w->rest, &word)) {
		r = weir_words_option(w, word, keys, kind == WEIR_NAME_SEGMENT ? 2 : 1,
		                      &seen, &value, &which);
		if (r == 0 && which < 0)
			r = weir_words_unknown(w, word);
		else if (r == 0 && which == 0)
			r = weir_words_page_size(w, word, value);
		else if (r == 0)
			w->step->flags |= WEIR_STEP_NORESERVE;
	}
	if (r == 0)
		r = weir_words_check_extent(w, 0, w->step->pages);
	return r < 0 ? r : weir_parse_define(w->p, w->step->name, kind, &id);
}

static int parse_memfd(struct weir_words *w)
{
	return parse_object(w, WEIR_NAME_MEMFD, 0);
}

static int parse_shmget(struct weir_words *w)
{
	return parse_object(w, WEIR_NAME_SEGMENT, 1);
}

static int parse_fallocate(struct weir_words *w) /* FILE START COUNT */
{
	int r = weir_words_need_file(w, true);

	return r < 0 ? r : weir_words_need_range(w);
}

static int parse_shmat(struct weir_words *w)
{
	int r = weir_words_need_known(w, "SEGMENT", WEIR_NAME_SEGMENT);

	if (r == 0)
		r = weir_words_need(w, "MAPPING", &w->step->other);
	return r < 0 ? r : weir_words_define_mapping(w, w->step->other);
}

/* ---- the table --------------------------------------------------------------------- */

#define RANGE " MAPPING [START [COUNT]]"

static const struct form {
	enum who who;
	int (*parse)(struct weir_words *w);
	const char *usage;
} forms[WEIR_VERB_NR] = {
	[WEIR_VERB_WRITE] = { EITHER, parse_write, "[TASK] write FILE VALUE" },
	[WEIR_VERB_TASK] = { NOBODY, parse_task,
	                     "task NAME [cpu=N] [cgroup=NAME] [cpuset=NODES]" },
	[WEIR_VERB_MOUNT] = { NOBODY, parse_mount,
	                      "mount NAME [pagesize=S] [size=N] [min_size=N] "
	                      "[nr_inodes=N]" },
	[WEIR_VERB_UMOUNT] = { NOBODY, parse_umount, "umount NAME [lazy]" },
	[WEIR_VERB_CREATE] = { NOBODY, parse_create, "create MOUNT/NAME" },
	[WEIR_VERB_UNLINK] = { NOBODY, parse_create, "unlink MOUNT/NAME" },
	[WEIR_VERB_TRUNCATE] = { NOBODY, parse_truncate, "truncate FILE PAGES" },
	[WEIR_VERB_RMID] = { NOBODY, parse_rmid, "rmid SEGMENT" },
	[WEIR_VERB_CGROUP] = { NOBODY, parse_cgroup, "cgroup NAME" },
	[WEIR_VERB_RMDIR] = { NOBODY, parse_rmdir, "rmdir NAME" },
	[WEIR_VERB_OFFLINE] = { NOBODY, parse_offline, "offline NODE SIZE FREE USED" },
	[WEIR_VERB_POISON_FREE] = { NOBODY, parse_poison_free,
	                            "poison-free NODE SIZE [soft]" },
	[WEIR_VERB_START] = { NOBODY, weir_words_start,
	                      "start VM memory=SIZE [kind=KIND] [pages=SIZE] [shared] "
	                      "[prealloc] [noreserve] [locked] [nodes=NODES] "
	                      "[bind=NODES] [vfio=N] [cgroup=NAME]" },
	[WEIR_VERB_USE] = { NOBODY, weir_words_vm, "use VM" },
	[WEIR_VERB_STOP] = { NOBODY, weir_words_vm, "stop VM" },
	[WEIR_VERB_DROP_CACHES] = { NOBODY, weir_words_nothing, "drop-caches" },
	[WEIR_VERB_COMPACT] = { NOBODY, weir_words_compact, "compact NODE" },
	[WEIR_VERB_FORK] = { TASK, parse_fork, "TASK fork CHILD" },
	[WEIR_VERB_EXIT] = { TASK, parse_exit, "TASK exit" },
	[WEIR_VERB_CPU] = { TASK, parse_cpu, "TASK cpu N" },
	[WEIR_VERB_POLICY] = { TASK, weir_words_need_policy, "TASK policy POLICY" },
	[WEIR_VERB_JOIN] = { TASK, parse_rmdir, "TASK join CGROUP" },
	[WEIR_VERB_MAP] = { TASK, parse_map,
	                    "TASK map MAPPING PAGES [SIZE] [shared] [noreserve] "
	                    "[populate] "
	                    "[locked] [readonly] [file=FILE] [offset=N]" },
	[WEIR_VERB_UNMAP] = { TASK, parse_range, "TASK unmap" RANGE },
	[WEIR_VERB_TOUCH] = { TASK, parse_range, "TASK touch" RANGE },
	[WEIR_VERB_READ] = { TASK, parse_range, "TASK read" RANGE },
	[WEIR_VERB_RESIZE] = { TASK, parse_resize, "TASK resize MAPPING PAGES" },
	[WEIR_VERB_MOVE] = { TASK, parse_move, "TASK move MAPPING" },
	[WEIR_VERB_DONTNEED] = { TASK, parse_range, "TASK dontneed" RANGE },
	[WEIR_VERB_REMOVE] = { TASK, parse_range, "TASK remove" RANGE },
	[WEIR_VERB_POPULATE] = { TASK, parse_range, "TASK populate" RANGE },
	[WEIR_VERB_POPULATE_READ] = { TASK, parse_range, "TASK populate-read" RANGE },
	[WEIR_VERB_LOCK] = { TASK, parse_range, "TASK lock" RANGE },
	[WEIR_VERB_PIN] = { TASK, parse_range, "TASK pin" RANGE },
	[WEIR_VERB_UNPIN] = { TASK, parse_range, "TASK unpin" RANGE },
	[WEIR_VERB_BIND] = { TASK, parse_bind, "TASK bind" RANGE " POLICY" },
	[WEIR_VERB_MIGRATE] = { TASK, parse_migrate, "TASK migrate" RANGE " NODE" },
	[WEIR_VERB_SOFT_OFFLINE] = { TASK, parse_index,
	                             "TASK soft-offline MAPPING INDEX" },
	[WEIR_VERB_POISON] = { TASK, parse_index, "TASK poison MAPPING INDEX" },
	[WEIR_VERB_ANON] = { TASK, weir_words_need_size, "TASK anon SIZE" },
	[WEIR_VERB_CACHE] = { TASK, weir_words_cache,
	                      "TASK cache SIZE [dirty|unevictable]" },
	[WEIR_VERB_UNMOVABLE] = { TASK, weir_words_need_size, "TASK unmovable SIZE" },
	[WEIR_VERB_OPEN] = { TASK, parse_create, "TASK open MOUNT/NAME" },
	[WEIR_VERB_CLOSE] = { TASK, parse_close, "TASK close FILE" },
	[WEIR_VERB_MEMFD] = { TASK, parse_memfd, "TASK memfd NAME PAGES [pagesize=S]" },
	[WEIR_VERB_FALLOCATE] = { TASK, parse_fallocate,
	                          "TASK fallocate FILE START [COUNT]" },
	[WEIR_VERB_PUNCH] = { TASK, parse_fallocate, "TASK punch FILE START [COUNT]" },
	[WEIR_VERB_SHMGET] = { TASK, parse_shmget,
	                       "TASK shmget SEGMENT PAGES [pagesize=S] [noreserve]" },
	[WEIR_VERB_SHMAT] = { TASK, parse_shmat, "TASK shmat SEGMENT MAPPING" },
};

static enum weir_verb find_verb(struct weir_str word)
{
	unsigned int i = 0;

	while (i < WEIR_VERB_NR && !weir_str_eq(word, verbs[i]))
		i++;
	return (enum weir_verb)i;
}

/* "fork exit cpu ...", for messages: of tasks or of nobody. */
static const char *list_verbs(bool task, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < WEIR_VERB_NR; i++) {
		size_t len = strlen(verbs[i]);

		if ((task ? NOBODY : TASK) == forms[i].who || n + len + 2 > cap)
			continue;
		if (n)
			out[n++] = ' ';
		memcpy(out + n, verbs[i], len + 1);
		n += len;
	}
	return out;
}

static int living_task(struct weir_parse *p, struct weir_str name)
{
	const struct weir_known_name *task = weir_known_find(&p->names, name);
	char list[120];

	if (!task || task->kind != WEIR_NAME_TASK)
		return weir_parse_bad(
			p, name,
			"no task so far ('task NAME' starts one) and no verb: %s",
			list_verbs(false, list, sizeof(list)));
	if (!task->living)
		return weir_parse_bad(p, name, "this task has exited");
	return 0;
}

/* The verb, and the task in front of it if there is one. */
static int take_verb(struct weir_words *w)
{
	struct weir_step *step = w->step;
	struct weir_str word = { 0 };
	char list[220];
	int r;

	(void)weir_str_word(&w->rest, &word);
	w->verb = word;
	step->verb = find_verb(word);
	if (step->verb != WEIR_VERB_NR) {
		if (forms[step->verb].who == TASK)
			return weir_parse_bad(w->p, word, "a task does this: %s",
			                      forms[step->verb].usage);
		return 0;
	}
	if (!weir_is_name(word)) /* no task either */
		return weir_parse_bad(w->p, word,
		                      "no verb: %s, or a TASK and what it does",
		                      list_verbs(false, list, sizeof(list)));
	r = living_task(w->p, word);
	if (r < 0)
		return r;
	step->task = word;
	if (!weir_str_word(&w->rest, &w->verb))
		return weir_parse_bad(w->p, word, "what does the task do? %s",
		                      list_verbs(true, list, sizeof(list)));
	step->verb = find_verb(w->verb);
	if (step->verb == WEIR_VERB_NR)
		return weir_parse_bad(w->p, w->verb, "no verb of a task: %s",
		                      list_verbs(true, list, sizeof(list)));
	if (forms[step->verb].who == NOBODY)
		return weir_parse_bad(w->p, w->verb, "no task in front of this: %s",
		                      forms[step->verb].usage);
	return 0;
}

int weir_parse_step(struct weir_parse *p, struct weir_str text, struct weir_step *out)
{
	struct weir_step step = { .line = p->line, .text = text, .cpu = -1 };
	struct weir_words w = { .p = p, .step = &step, .rest = text };
	struct weir_str word;
	int r;

	r = take_verb(&w);
	if (r < 0)
		return r;
	w.usage = forms[step.verb].usage;
	r = forms[step.verb].parse(&w);
	if (r < 0)
		return r;
	if (weir_str_word(&w.rest, &word))
		return weir_words_unknown(&w, word);
	*out = step;
	return 0;
}
