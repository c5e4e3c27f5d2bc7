/* script_vm: the words of steps about memory beside the pools, and of starting VMs. See
 * script_words.h. */
#include "lab/script_words.h"

#include "base/own.h"
#include "base/size.h"
#include "model/start.h"

#include <errno.h>

#define VFIO_MAX 64

static int size_of(struct weir_words *w, struct weir_str word, struct weir_str text,
                   uint64_t *out)
{
	if (weir_parse_size(text, out) < 0 || !*out || *out > WEIR_WORDS_BYTES_MAX)
		return weir_parse_bad(w->p, word, "no size such as 512M: %s", w->usage);
	return 0;
}

int weir_words_need_size(struct weir_words *w)
{
	struct weir_str word;
	int r = weir_words_need(w, "SIZE", &word);

	return r < 0 ? r : size_of(w, word, word, &w->step->size);
}

int weir_words_cache(struct weir_words *w)
{
	static const char *const keys[] = { "dirty", "unevictable" };
	struct weir_str word, value;
	unsigned int seen = 0;
	int which, r = weir_words_need_size(w);

	while (r == 0 && weir_str_word(&w->rest, &word)) {
		r = weir_words_option(w, word, keys, WEIR_NELEM(keys), &seen, &value,
		                      &which);
		if (r == 0 && which < 0)
			return weir_words_unknown(w, word);
		if (r == 0 && seen == 3)
			return weir_parse_bad(
				w->p, word, "it is dirty, or unevictable: %s", w->usage);
		if (r == 0)
			w->step->flags |= which ? WEIR_STEP_LOCKED : WEIR_STEP_DIRTY;
	}
	return r;
}

static int kind_of(struct weir_words *w, struct weir_str word, struct weir_str text)
{
	static const struct {
		const char *word;
		enum weir_guest_kind kind;
	} kinds[] = {
		{ "plain", WEIR_GUEST_PLAIN },
		{ "pinned", WEIR_GUEST_PINNED },
		{ "csv3", WEIR_GUEST_CSV3 },
		{ "private", WEIR_GUEST_PRIVATE },
	};

	for (size_t i = 0; i < WEIR_NELEM(kinds); i++)
		if (weir_str_eq(text, kinds[i].word)) {
			w->step->guest = (unsigned int)kinds[i].kind;
			return 0;
		}
	return weir_parse_bad(w->p, word, "no kind of VM: plain, pinned, csv3, private");
}

static int take_option(struct weir_words *w, int which, struct weir_str word,
                       struct weir_str value)
{
	struct weir_step *step = w->step;
	int r = 0;

	switch (which) {
	case 0: r = kind_of(w, word, value); break;
	case 1: r = size_of(w, word, value, &step->size); break;
	case 2: r = weir_words_page_size(w, word, value); break;
	case 3: step->flags |= WEIR_STEP_SHARED; break;
	case 4: step->flags |= WEIR_STEP_POPULATE; break;
	case 5: step->flags |= WEIR_STEP_NORESERVE; break;
	case 6: step->flags |= WEIR_STEP_LOCKED; break;
	case 7: r = weir_words_node_mask(w, word, value, &step->mems); break;
	case 8:
		step->policy.mode = WEIR_POLICY_BIND;
		r = weir_words_node_mask(w, word, value, &step->policy.nodes);
		break;
	case 9: r = weir_words_number(w, "vfio", value, 1, VFIO_MAX, &step->used); break;
	case 10:
		step->other = value;
		r = weir_parse_known(w->p, value, WEIR_NAME_GROUP);
		break;
	default: return weir_words_unknown(w, word);
	}
	return r;
}

int weir_words_start(struct weir_words *w)
{
	static const char *const keys[] = { "kind=",    "memory=",   "pages=", "shared",
		                            "prealloc", "noreserve", "locked", "nodes=",
		                            "bind=",    "vfio=",     "cgroup=" };
	struct weir_str word, value;
	unsigned int seen = 0;
	uint32_t id;
	int which, r = weir_words_need(w, "VM", &w->step->name);

	while (r == 0 && weir_str_word(&w->rest, &word)) {
		r = weir_words_option(w, word, keys, WEIR_NELEM(keys), &seen, &value,
		                      &which);
		if (r == 0)
			r = take_option(w, which, word, value);
	}
	if (r == 0 && !w->step->size)
		return weir_parse_bad(w->p, w->verb, "memory= is missing: %s", w->usage);
	if (r == 0 && w->step->page_bytes && w->step->size % w->step->page_bytes)
		return weir_parse_bad(w->p, w->verb,
		                      "memory= is not a multiple of pages=");
	if (r == 0 && w->step->page_bytes)
		r = weir_words_check_extent(w, 0, w->step->size / w->step->page_bytes);
	return r < 0 ? r : weir_parse_define(w->p, w->step->name, WEIR_NAME_VM, &id);
}

int weir_words_vm(struct weir_words *w)
{
	return weir_words_need_known(w, "VM", WEIR_NAME_VM);
}

int weir_words_compact(struct weir_words *w)
{
	return weir_words_need_node(w, &w->step->node);
}

int weir_words_nothing(struct weir_words *w)
{
	(void)w;
	return 0;
}
