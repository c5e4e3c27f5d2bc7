/* script_words: see script_words.h. Words of a step are taken off its front one after the
 * other, and each has one of a few meanings: a name, a number of pages, a range, a
 * policy. What is wrong is told with the word and with the verb's usage. */
#include "lab/script_words.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>

static const char *const kind_names[] = {
	[WEIR_NAME_NONE] = "nothing", [WEIR_NAME_TASK] = "task",
	[WEIR_NAME_MOUNT] = "mount",  [WEIR_NAME_GROUP] = "cgroup",
	[WEIR_NAME_MEMFD] = "memfd",  [WEIR_NAME_SEGMENT] = "segment",
	[WEIR_NAME_VM] = "VM",        [WEIR_NAME_FILE] = "file",
};

int weir_parse_define(struct weir_parse *p, struct weir_str name,
                      enum weir_name_kind kind, uint32_t *out_id)
{
	enum weir_name_kind *have;
	int r;

	if (kind != WEIR_NAME_FILE && !weir_is_name(name))
		return weir_parse_bad(
			p, name,
			"no name: a letter or _, then letters, digits, _ and -, %d "
			"at most",
			WEIR_NAME_LEN_MAX);
	if ((kind == WEIR_NAME_TASK && weir_parse_is_word(name)) ||
	    weir_str_eq(name, "mem") || weir_str_eq(name, "proc"))
		return weir_parse_bad(p, name,
		                      "no %s can have this name: it is a word of the "
		                      "language",
		                      kind_names[kind]);
	r = weir_known_enter(&p->names, name, out_id);
	if (r < 0)
		return r;
	have = &p->names.v[*out_id].kind;
	if (*have != WEIR_NAME_NONE && *have != kind)
		return weir_parse_bad(p, name, "a %s has this name", kind_names[*have]);
	*have = kind;
	return 0;
}

int weir_parse_known(struct weir_parse *p, struct weir_str name, enum weir_name_kind kind)
{
	const struct weir_known_name *known = weir_known_find(&p->names, name);

	if (!known || known->kind != kind)
		return weir_parse_bad(p, name, "there was no %s of this name so far",
		                      kind_names[kind]);
	return 0;
}

int weir_words_need(struct weir_words *w, const char *what, struct weir_str *out)
{
	if (!weir_str_word(&w->rest, out))
		return weir_parse_bad(w->p, w->verb, "%s is missing: %s", what, w->usage);
	return 0;
}

int weir_words_number(struct weir_words *w, const char *what, struct weir_str word,
                      uint64_t min, uint64_t max, uint64_t *out)
{
	if (!weir_is_number(word, max, out) || *out < min)
		return weir_parse_bad(w->p, word, "%s is a number from %ju to %ju: %s",
		                      what, (uintmax_t)min, (uintmax_t)max, w->usage);
	return 0;
}

int weir_words_need_number(struct weir_words *w, const char *what, uint64_t min,
                           uint64_t max, uint64_t *out)
{
	struct weir_str word;
	int r = weir_words_need(w, what, &word);

	return r < 0 ? r : weir_words_number(w, what, word, min, max, out);
}

/* The next word if it is a number, else it stays. */
static bool peek_number(const struct weir_words *w)
{
	struct weir_str rest = w->rest, word;

	return weir_str_word(&rest, &word) && weir_is_digit(word.p[0]);
}

int weir_words_need_node(struct weir_words *w, unsigned int *out)
{
	uint64_t n;
	int r = weir_words_need_number(w, "NODE", 0, WEIR_MODEL_NODES_MAX - 1, &n);

	if (r == 0)
		*out = (unsigned int)n;
	return r;
}

int weir_words_page_size(struct weir_words *w, struct weir_str token,
                         struct weir_str text)
{
	char sizes[80];
	uint64_t bytes;

	if (weir_parse_size(text, &bytes) < 0 || !weir_parse_is_page(w->p, bytes))
		return weir_parse_bad(w->p, token, "no page size of this host: %s",
		                      weir_parse_pages(w->p, sizes, sizeof(sizes)));
	w->step->page_bytes = bytes;
	return 0;
}

/* Of the step, or the largest where the size may be any. */
static uint64_t largest_page(const struct weir_words *w)
{
	const struct weir_setup *setup = &w->p->out->setup;
	uint64_t max = w->step->page_bytes;

	for (size_t i = 0; !w->step->page_bytes && i < setup->nr_sizes; i++)
		if (setup->page_bytes[i] > max)
			max = setup->page_bytes[i];
	return max;
}

/* The pages of the step, and where they begin, are a place in a file that can be. */
int weir_words_check_extent(struct weir_words *w, uint64_t first, uint64_t pages)
{
	uint64_t bytes;

	if (ckd_add(&first, first, pages) || ckd_mul(&bytes, first, largest_page(w)) ||
	    bytes > WEIR_WORDS_BYTES_MAX)
		return weir_parse_bad(w->p, w->verb,
		                      "%ju pages are more than any host has",
		                      (uintmax_t)first);
	return 0;
}

int weir_words_need_pages(struct weir_words *w, uint64_t min)
{
	return weir_words_need_number(w, "PAGES", min, WEIR_SCRIPT_PAGES_MAX,
	                              &w->step->pages);
}

int weir_words_need_start(struct weir_words *w)
{
	w->step->flags |= WEIR_STEP_RANGE;
	w->step->count = 1;
	return weir_words_need_number(w, "START", 0, WEIR_SCRIPT_PAGES_MAX,
	                              &w->step->start);
}

int weir_words_need_count(struct weir_words *w)
{
	return weir_words_need_number(w, "COUNT", 1, WEIR_SCRIPT_PAGES_MAX,
	                              &w->step->count);
}

int weir_words_need_range(struct weir_words *w)
{
	int r = weir_words_need_start(w);

	if (r == 0 && peek_number(w))
		r = weir_words_need_count(w);
	return r < 0 ? r : weir_words_check_extent(w, w->step->start, w->step->count);
}

int weir_words_maybe_range(struct weir_words *w)
{
	return peek_number(w) ? weir_words_need_range(w) : 0;
}

int weir_words_need_mapping(struct weir_words *w)
{
	const struct weir_known_name *task = weir_known_find(&w->p->names, w->step->task),
				     *mapping;
	int r = weir_words_need(w, "MAPPING", &w->step->name);

	if (r < 0)
		return r;
	mapping = weir_known_find(&w->p->names, w->step->name);
	if (!mapping || !weir_known_maps(&w->p->names, task, mapping))
		return weir_parse_bad(w->p, w->step->name,
		                      "%.*s has mapped nothing of this name "
		                      "so far",
		                      WEIR_STR_ARG(w->step->task));
	return 0;
}

/* The task has named a mapping. */
int weir_words_define_mapping(struct weir_words *w, struct weir_str name)
{
	struct weir_known *names = &w->p->names;
	const struct weir_known_name *task;
	uint32_t id, task_id;
	int r;

	if (!weir_is_mapping_name(name))
		return weir_parse_bad(
			w->p, name,
			"no name for a mapping: a letter or _, then letters, "
			"digits, _ and -, %d at most; not pages, size and the like",
			WEIR_NAME_LEN_MAX);
	r = weir_known_enter(names, name, &id);
	if (r < 0)
		return r;
	task = weir_known_find(names, w->step->task); /* after it: entering moves names */
	task_id = (uint32_t)(task - names->v);
	return weir_known_map(names, task_id, id);
}

/* A FILE: MOUNT/NAME, or where @plain says so a memfd. */
int weir_words_file_name(struct weir_words *w, struct weir_str word, bool plain)
{
	struct weir_str mount, name;
	uint32_t id;
	int r;

	if (!weir_str_split(word, '/', &mount, &name)) {
		if (plain)
			return weir_parse_known(w->p, word, WEIR_NAME_MEMFD);
		return weir_parse_bad(w->p, word, "no file such as MOUNT/NAME: %s",
		                      w->usage);
	}
	r = weir_parse_known(w->p, mount, WEIR_NAME_MOUNT);
	if (r < 0)
		return r;
	if (!weir_is_name(name))
		return weir_parse_bad(w->p, word,
		                      "no file name: a letter or _, then letters, "
		                      "digits, _ and -, %d at most",
		                      WEIR_NAME_LEN_MAX);
	return weir_parse_define(w->p, word, WEIR_NAME_FILE, &id);
}

int weir_words_need_file(struct weir_words *w, bool plain)
{
	int r = weir_words_need(w, "FILE", &w->step->name);

	return r < 0 ? r : weir_words_file_name(w, w->step->name, plain);
}

/* Node lists of policies and cpusets: not empty. */
int weir_words_node_mask(struct weir_words *w, struct weir_str token,
                         struct weir_str text, uint64_t *out)
{
	if (!weir_parse_mask(text, out) || !*out)
		return weir_parse_bad(w->p, token,
		                      "no list of nodes below %d, such as 0,2-3",
		                      WEIR_MODEL_NODES_MAX);
	return 0;
}

int weir_words_need_policy(struct weir_words *w)
{
	static const struct {
		const char *word;
		enum weir_policy_mode mode;
		const char *nodes;
	} modes[] = {
		{ "default", WEIR_POLICY_DEFAULT, NULL },
		{ "local", WEIR_POLICY_LOCAL, NULL },
		{ "preferred", WEIR_POLICY_PREFERRED, "NODE" },
		{ "preferred-many", WEIR_POLICY_PREFERRED_MANY, "NODES" },
		{ "bind", WEIR_POLICY_BIND, "NODES" },
		{ "interleave", WEIR_POLICY_INTERLEAVE, "NODES" },
	};
	struct weir_policy *policy = &w->step->policy;
	struct weir_str word, nodes;
	int r = weir_words_need(w, "POLICY", &word);

	if (r < 0)
		return r;
	for (size_t i = 0; i < WEIR_NELEM(modes); i++) {
		if (!weir_str_eq(word, modes[i].word))
			continue;
		policy->mode = modes[i].mode;
		if (!modes[i].nodes)
			return 0;
		r = weir_words_need(w, modes[i].nodes, &nodes);
		if (r == 0)
			r = weir_words_node_mask(w, nodes, nodes, &policy->nodes);
		if (r == 0 && policy->mode == WEIR_POLICY_PREFERRED &&
		    (policy->nodes & (policy->nodes - 1)))
			r = weir_parse_bad(
				w->p, nodes,
				"preferred takes one node, preferred-many several");
		return r;
	}
	return weir_parse_bad(w->p, word,
	                      "no policy: default, local, preferred N, "
	                      "preferred-many NODES, bind NODES, interleave NODES");
}

/* "KEY=VALUE": which of @keys, with its value; each may occur once. -1: none of them. */
int weir_words_option(struct weir_words *w, struct weir_str word, const char *const *keys,
                      size_t nr, unsigned int *seen, struct weir_str *value, int *out)
{
	struct weir_str key = word;

	*value = weir_str(word.p + word.n, 0);
	(void)weir_str_split(word, '=', &key, value);
	*out = -1;
	for (size_t i = 0; i < nr; i++) {
		bool takes = weir_str_ends(weir_strz(keys[i]), "=");

		if (key.n != strlen(keys[i]) - takes ||
		    memcmp(key.p, keys[i], key.n) != 0 || takes != (key.n < word.n))
			continue;
		if (*seen & 1U << i)
			return weir_parse_bad(w->p, word, "said twice");
		*seen |= 1U << i;
		*out = (int)i;
		return 0;
	}
	return 0;
}

int weir_words_unknown(struct weir_words *w, struct weir_str word)
{
	return weir_parse_bad(w->p, word, "one word too many, or a wrong one: %s",
	                      w->usage);
}

/* A word that may follow, and its flag. */
int weir_words_maybe_flag(struct weir_words *w, const char *flag, unsigned int bit)
{
	struct weir_str word;

	if (!weir_str_word(&w->rest, &word))
		return 0;
	if (!weir_str_eq(word, flag))
		return weir_words_unknown(w, word);
	w->step->flags |= bit;
	return 0;
}

int weir_words_need_known(struct weir_words *w, const char *what,
                          enum weir_name_kind kind)
{
	int r = weir_words_need(w, what, &w->step->name);

	return r < 0 ? r : weir_parse_known(w->p, w->step->name, kind);
}
