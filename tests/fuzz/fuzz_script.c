/* What must hold of any scenario: each step's own text, read again behind the same setup,
 * gives the same step, and each term can be asked of a host that has nothing. */
#include "lab/script.h"
#include "lab/view.h"

#include "fuzz.h"

#include <errno.h>

static int same_text(struct weir_str a, struct weir_str b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static void must_be_same(const struct weir_step *a, const struct weir_step *b)
{
	must(a->verb == b->verb && a->flags == b->flags && a->target == b->target);
	must(same_text(a->text, b->text) && same_text(a->task, b->task));
	must(same_text(a->name, b->name) && same_text(a->other, b->other));
	must(same_text(a->value, b->value));
	must(a->page_bytes == b->page_bytes && a->pages == b->pages);
	must(a->offset == b->offset && a->start == b->start && a->count == b->count);
	must(a->size == b->size && a->min_size == b->min_size);
	must(a->nr_inodes == b->nr_inodes && a->free == b->free && a->used == b->used);
	must(a->cpu == b->cpu && a->node == b->node && a->mems == b->mems);
	must(a->policy.mode == b->policy.mode && a->policy.nodes == b->policy.nodes);
}

/* A slice of the text, and printable. */
static void must_be_of(struct weir_str s, const uint8_t *data, size_t size)
{
	const uint8_t *p = (const uint8_t *)s.p;

	if (!s.n)
		return;
	must(p >= data && p + s.n <= data + size);
	for (size_t i = 0; i < s.n; i++)
		must(p[i] == '\t' || (p[i] >= 0x20 && p[i] < 0x7f));
}

static void check_step(const struct weir_step *step, const uint8_t *data, size_t size)
{
	must_be_of(step->text, data, size);
	must_be_of(step->value, data, size);
	must(step->text.n > 0 && step->line > 0 &&
	     (unsigned int)step->verb < WEIR_VERB_NR);
	must(step->pages <= WEIR_SCRIPT_PAGES_MAX &&
	     step->start <= WEIR_SCRIPT_PAGES_MAX);
	must(step->count <= WEIR_SCRIPT_PAGES_MAX &&
	     step->offset <= WEIR_SCRIPT_PAGES_MAX);
	must(step->node < WEIR_MODEL_NODES_MAX && step->cpu >= -1 && step->cpu < 64);
	must(!(step->flags & WEIR_STEP_RANGE) || step->count > 0);
}

static void check_expect(const struct weir_expect *expect,
                         const struct weir_script *script)
{
	static const struct weir_view nothing = { 0 };
	static const struct weir_result ok = { 0 };
	struct weir_err err = { 0 };
	struct weir_buf have = { 0 };
	int r = weir_view_expect(&nothing, &ok, expect->term, &have, &err);

	must(r == 0 || r == 1 || (r == -EINVAL && err.msg[0]));
	must(r != 1 || have.n);
	must(expect->kernels != 0);
	must(expect->step == SIZE_MAX || expect->step < script->nr_steps);
	weir_buf_done(&have);
}

static void add(struct weir_buf *out, struct weir_str s)
{
	must(weir_buf_add(out, s) == 0 && weir_buf_addz(out, "\n") == 0);
}

/* The lines of the setup as they stand, then the texts of the steps. */
static void check_again(const struct weir_script *script, struct weir_str text)
{
	struct weir_buf out = { 0 };
	struct weir_script again;
	struct weir_err err = { 0 };
	struct weir_str line;

	for (size_t i = 1; i < script->steps[0].line && weir_str_line(&text, &line);
	     i++) {
		struct weir_str rest = line, word;

		line = weir_str_trim(line);
		if (weir_str_word(&line, &word) && !weir_str_eq(word, "expect"))
			add(&out, rest);
	}
	for (size_t i = 0; i < script->nr_steps; i++)
		add(&out, script->steps[i].text);
	must(weir_script_parse(weir_buf_str(&out), "again", &again, &err) == 0);
	must(again.nr_steps == script->nr_steps);
	must(again.setup.nr_nodes == script->setup.nr_nodes);
	for (size_t i = 0; i < script->nr_steps; i++)
		must_be_same(&script->steps[i], &again.steps[i]);
	weir_script_done(&again);
	weir_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_err err = { 0 };
	struct weir_script script;
	int r = weir_script_parse(text, "t", &script, &err);

	must(r == 0 || ((r == -EBADMSG || r == -EFBIG) && err.msg[0]));
	must(r == 0 || (!script.nr_steps && !script.steps));
	for (size_t i = 0; i < script.nr_steps; i++)
		check_step(&script.steps[i], data, size);
	for (size_t i = 0; i < script.nr_expects; i++)
		check_expect(&script.expects[i], &script);
	if (script.nr_steps)
		check_again(&script, text);
	weir_script_done(&script);
	return 0;
}
