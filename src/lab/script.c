/* script: see script.h. Pure.
 *
 * This file takes the text apart into lines, steps and expectations; script_setup.c reads
 * the lines about the host, script_steps.c the steps, script_targets.c what is written
 * to, names.c keeps what was named. A line is read once, from left to right, and every
 * word of it means something or is an error: what a scenario does not do must not look as
 * if it did. What happens is the run's to say, so nothing here asks whether a step can
 * succeed.
 *
 * Outside of comments the text is printable ASCII, because steps are shown in traces. */
#include "lab/script_parse.h"

#include "base/buf.h"
#include "model/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Terms: a few a step. */
#define EXPECTS_MAX 16000000U /* four a step */

_Static_assert(3 * WEIR_SCRIPT_STEPS_MAX < WEIR_KNOWN_MAX, "names.h says so");

int weir_parse_bad(struct weir_parse *p, struct weir_str token, const char *fmt, ...)
{
	char words[248], shown[48];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return weir_err_set(p->err, -EBADMSG, "%s:%zu: '%s': %s", p->name, p->line,
	                    weir_str_show(token, shown, sizeof(shown)), words);
}

static int too_large(struct weir_parse *p, const char *what, unsigned int max)
{
	return weir_err_set(p->err, -EFBIG, "%s:%zu: more than %u %s", p->name, p->line,
	                    max, what);
}

/* What stands before a comment: '#' at the start or after a blank. */
static struct weir_str uncomment(struct weir_str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' &&
		    (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return weir_str(line.p, i);
	return line;
}

/* The first byte that must not be outside of a comment, or s.n. */
static size_t odd_byte(struct weir_str s)
{
	size_t i = 0;

	while (i < s.n && ((s.p[i] >= 0x20 && s.p[i] < 0x7f) || s.p[i] == '\t'))
		i++;
	return i;
}

/* Takes what stands before the next word "->", trimmed, and the arrow off *rest; all of
 * it and false where there is no arrow. */
static bool cut_arrow(struct weir_str *rest, struct weir_str *before)
{
	struct weir_str left = *rest, word;

	while (weir_str_word(&left, &word))
		if (weir_str_eq(word, "->")) {
			*before = weir_str_trim(
				weir_str(rest->p, (size_t)(word.p - rest->p)));
			*rest = left;
			return true;
		}
	*before = weir_str_trim(*rest);
	*rest = weir_str_skip(*rest, rest->n);
	return false;
}

/* ---- expectations ------------------------------------------------------------------ */

/* Which kinds of things have NAME.word? As bits. */
static unsigned int kinds_of(const struct weir_term *t)
{
	unsigned int files = 1U << WEIR_NAME_FILE | 1U << WEIR_NAME_MEMFD |
	                     1U << WEIR_NAME_SEGMENT;

	if (t->kind == WEIR_TERM_PAGES || t->kind == WEIR_TERM_MAP ||
	    t->kind == WEIR_TERM_PINNABLE)
		return 1U << WEIR_NAME_TASK;
	if (t->kind == WEIR_TERM_GROUP_NODE || weir_str_eq(t->word, "usage") ||
	    weir_str_eq(t->word, "rsvd") || weir_str_eq(t->word, "events"))
		return 1U << WEIR_NAME_GROUP;
	if (weir_str_eq(t->word, "size"))
		return files;
	if (weir_str_eq(t->word, "blocks"))
		return files | 1U << WEIR_NAME_MOUNT;
	return 1U << WEIR_NAME_MOUNT;
}

static int check_names(struct weir_parse *p, struct weir_str token,
                       const struct weir_term *t)
{
	const struct weir_known_name *name, *mapping;

	if (!t->name.n)
		return 0;
	name = weir_known_find(&p->names, t->name);
	if (!name || name->kind == WEIR_NAME_NONE)
		return weir_parse_bad(p, token, "nothing was named %.*s so far",
		                      WEIR_STR_ARG(t->name));
	if (!(kinds_of(t) & 1U << name->kind))
		return weir_parse_bad(p, token, "%.*s is a thing of another kind",
		                      WEIR_STR_ARG(t->name));
	if (!t->map.n || !name->living)
		return 0;
	mapping = weir_known_find(&p->names, t->map);
	if (!mapping || !weir_known_maps(&p->names, name, mapping))
		return weir_parse_bad(p, token,
		                      "%.*s has mapped nothing of this name so far",
		                      WEIR_STR_ARG(t->name));
	return 0;
}

static int add_term(struct weir_parse *p, struct weir_str token, uint64_t kernels)
{
	struct weir_script *s = p->out;
	struct weir_term term;
	struct weir_err why = { 0 };
	int r;

	if (s->nr_expects >= EXPECTS_MAX)
		return too_large(p, "expectations", EXPECTS_MAX);
	if (weir_term_parse(token, &term, &why) < 0)
		return weir_err_set(p->err, -EBADMSG, "%s:%zu: %s", p->name, p->line,
		                    why.msg);
	if (term.page_bytes && !weir_parse_is_page(p, term.page_bytes)) {
		char sizes[80];

		return weir_parse_bad(p, token, "the page sizes of this host are %s",
		                      weir_parse_pages(p, sizes, sizeof(sizes)));
	}
	r = check_names(p, token, &term);
	if (r < 0)
		return r;
	r = weir_grow(&s->expects, &s->cap_expects, s->nr_expects, sizeof(*s->expects));
	if (r < 0)
		return r;
	s->expects[s->nr_expects++] = (struct weir_expect){
		.line = p->line,
		.step = s->nr_steps ? s->nr_steps - 1 : SIZE_MAX,
		.kernels = kernels,
		.term = token,
	};
	return 0;
}

/* "[on KERNELS] TERM..." */
static int parse_expect(struct weir_parse *p, struct weir_str rest)
{
	struct weir_err why = { 0 };
	uint64_t kernels = UINT64_MAX;
	struct weir_str word;
	int r;

	if (!weir_str_word(&rest, &word))
		return weir_parse_bad(p, weir_strz("->"), "what is expected is missing");
	if (weir_str_eq(word, "on")) {
		if (!weir_str_word(&rest, &word))
			return weir_parse_bad(p, word,
			                      "on which kernels? 'on 6.12+ TERM'");
		if (weir_kernels_parse(word, &kernels, &why) < 0)
			return weir_err_set(p->err, -EBADMSG, "%s:%zu: %s", p->name,
			                    p->line, why.msg);
		if (!weir_str_word(&rest, &word))
			return weir_parse_bad(p, weir_strz("on"),
			                      "what is expected is missing");
	}
	do {
		r = add_term(p, word, kernels);
	} while (r == 0 && weir_str_word(&rest, &word));
	return r;
}

/* ---- lines ------------------------------------------------------------------------- */

static int begin(struct weir_parse *p)
{
	int r = p->begun ? 0 : weir_parse_setup_end(p);

	p->begun = true;
	return r;
}

static int parse_step(struct weir_parse *p, struct weir_str rest)
{
	struct weir_script *s = p->out;
	struct weir_str text, terms;
	struct weir_step step;
	bool more = cut_arrow(&rest, &text);
	int r;

	if (s->nr_steps >= WEIR_SCRIPT_STEPS_MAX)
		return too_large(p, "steps", WEIR_SCRIPT_STEPS_MAX);
	if (!text.n)
		return weir_parse_bad(p, weir_strz("->"), "there is no step before it");
	r = weir_parse_step(p, text, &step);
	if (r < 0)
		return r;
	r = weir_grow(&s->steps, &s->cap_steps, s->nr_steps, sizeof(*s->steps));
	if (r < 0)
		return r;
	s->steps[s->nr_steps++] = step;
	while (r == 0 && more) { /* each arrow may name kernels of its own */
		more = cut_arrow(&rest, &terms);
		r = parse_expect(p, terms);
	}
	return r;
}

static int parse_line(struct weir_parse *p, struct weir_str line)
{
	struct weir_str code, rest, word;
	size_t odd;
	int r;

	if (line.n > WEIR_SCRIPT_LINE_MAX)
		return too_large(p, "bytes in a line", WEIR_SCRIPT_LINE_MAX);
	if (weir_str_ends(line, "\r"))
		line.n--;
	code = weir_str_trim(uncomment(line));
	odd = odd_byte(code);
	if (odd < code.n)
		return weir_parse_bad(
			p, weir_str_skip(code, odd),
			"byte 0x%02x: only comments may hold more than ASCII",
			(unsigned char)code.p[odd]);
	rest = code;
	if (!weir_str_word(&rest, &word))
		return 0;
	r = weir_parse_setup(p, word, rest);
	if (r != WEIR_PARSE_OTHER)
		return r;
	r = begin(p);
	if (r < 0)
		return r;
	return weir_str_eq(word, "expect") ? parse_expect(p, rest) : parse_step(p, code);
}

int weir_script_parse(struct weir_str text, const char *name, struct weir_script *out,
                      struct weir_err *err)
{
	struct weir_script script = { 0 };
	struct weir_parse p = { .name = name, .out = &script, .err = err };
	struct weir_str line;
	int r = 0;

	*out = (struct weir_script){ 0 };
	if (text.n > WEIR_SCRIPT_BYTES_MAX)
		return weir_err_set(err, -EFBIG, "%s: more than %u bytes", name,
		                    WEIR_SCRIPT_BYTES_MAX);
	while (r == 0 && weir_str_line(&text, &line)) {
		p.line++;
		r = parse_line(&p, line);
	}
	if (r == 0)
		r = begin(&p);
	weir_known_done(&p.names);
	if (r == 0) {
		*out = script;
		return 0;
	}
	weir_script_done(&script);
	if (r == -ENOMEM)
		return weir_err_set(err, r, "%s:%zu: out of memory", name, p.line);
	return r;
}

void weir_script_done(struct weir_script *script)
{
	free(script->steps);
	free(script->expects);
	*script = (struct weir_script){ 0 };
}
