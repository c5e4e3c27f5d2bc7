/* qemu_shell: words of a command line as a POSIX shell splits them (2.2 Quoting, 2.3
 * Token Recognition). What a shell would look up somewhere, a variable or a command's
 * output, is refused; patterns, ~ and {} stay as they are, because a shell leaves them
 * where nothing matches, and no argument of QEMU's is meant to match. */
#include "vm/qemu_args.h"

#include <errno.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_assignment(struct weir_str word)
{
	size_t at = weir_str_index(word, '=');

	if (at == word.n || !at || weir_is_digit(word.p[0]))
		return false;
	for (size_t i = 0; i < at; i++) {
		char c = word.p[i];

		if (!weir_is_digit(c) && c != '_' && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z'))
			return false;
	}
	return true;
}

struct shell {
	struct weir_str rest;
	struct weir_buf *out;
	struct weir_err *err;
	unsigned int line;
	bool in_word;
	bool any;     /* a word that is no assignment */
	size_t start; /* of the word in out */
};

static int refuse(struct shell *sh, char c, const char *why)
{
	return weir_err_set(sh->err, -EBADMSG, "line %u: '%c' %s", sh->line, c, why);
}

static void begin_word(struct shell *sh)
{
	if (!sh->in_word)
		sh->start = sh->out->n;
	sh->in_word = true; /* also of '' */
}

static int put(struct shell *sh, char c)
{
	begin_word(sh);
	if (!c)
		return weir_err_set(sh->err, -EBADMSG, "line %u: a NUL", sh->line);
	if (c == '\n')
		sh->line++;
	return weir_buf_add(sh->out, weir_str(&c, 1));
}

static int end_word(struct shell *sh)
{
	struct weir_str word;

	if (!sh->in_word)
		return 0;
	sh->in_word = false;
	word = weir_str_skip(weir_buf_str(sh->out), sh->start);
	if (!sh->any && is_assignment(word)) {
		sh->out->n = sh->start;
		return 0;
	}
	sh->any = true;
	return weir_buf_add(sh->out, weir_str("", 1));
}

static char take(struct shell *sh)
{
	char c = sh->rest.p[0];

	sh->rest = weir_str_skip(sh->rest, 1);
	return c;
}

static int single_quoted(struct shell *sh)
{
	unsigned int line = sh->line;

	begin_word(sh);
	while (sh->rest.n) {
		char c = take(sh);
		int r;

		if (c == '\'')
			return 0;
		r = put(sh, c);
		if (r < 0)
			return r;
	}
	return weir_err_set(sh->err, -EBADMSG, "line %u: a ' that nothing closes", line);
}

#define EXPANDS "is expanded by a shell: write what it stands for, or quote it"

static int double_quoted(struct shell *sh)
{
	unsigned int line = sh->line;

	begin_word(sh);
	while (sh->rest.n) {
		char c = take(sh);
		int r;

		if (c == '"')
			return 0;
		if (c == '$' || c == '`')
			return refuse(sh, c, EXPANDS);
		if (c == '\\' && sh->rest.n && sh->rest.p[0] == '\n') {
			(void)take(sh);
			sh->line++;
			continue;
		}
		if (c == '\\' && sh->rest.n && strchr("$`\"\\", sh->rest.p[0]) &&
		    sh->rest.p[0])
			c = take(sh);
		r = put(sh, c);
		if (r < 0)
			return r;
	}
	return weir_err_set(sh->err, -EBADMSG, "line %u: a \" that nothing closes", line);
}

static int escaped(struct shell *sh)
{
	if (weir_str_starts(sh->rest, "\r\n")) /* a file from Windows */
		(void)take(sh);
	if (!sh->rest.n)
		return 0; /* as shells do at the end of a file */
	if (sh->rest.p[0] != '\n')
		return put(sh, take(sh));
	(void)take(sh);
	sh->line++;
	return 0;
}

static int blank(struct shell *sh, char c)
{
	int r = end_word(sh);

	if (r < 0 || c != '\n')
		return r;
	sh->line++;
	return 0;
}

/* What follows the line of the command may only be empty. */
static int after_command(struct shell *sh)
{
	struct weir_str line;

	while (weir_str_line(&sh->rest, &line)) {
		line = weir_str_trim(line);
		if (line.n && line.p[0] != '#')
			return weir_err_set(sh->err, -EBADMSG,
			                    "line %u: a second command: '%.*s'; does the "
			                    "line before it lack a \\ at its end?",
			                    sh->line, WEIR_STR_ARG(line));
		sh->line++;
	}
	return 0;
}

static int shell_step(struct shell *sh)
{
	char c = take(sh);
	struct weir_str comment;

	if (is_blank(c)) {
		int r = blank(sh, c);

		return r < 0 || c != '\n' || !sh->any ? r : after_command(sh);
	}
	if (c == '#' && !sh->in_word) {
		comment = weir_str(sh->rest.p, weir_str_index(sh->rest, '\n'));
		sh->rest = weir_str_skip(sh->rest, comment.n);
		return 0;
	}
	switch (c) {
	case '\'': return single_quoted(sh);
	case '"': return double_quoted(sh);
	case '\\': return escaped(sh);
	case '$':
	case '`': return refuse(sh, c, EXPANDS);
	case '|':
	case '&':
	case ';':
	case '<':
	case '>':
	case '(':
	case ')': return refuse(sh, c, "is for a shell: give the QEMU command alone");
	default: return put(sh, c);
	}
}

int weir_qemu_split(struct weir_str text, struct weir_buf *out, struct weir_err *err)
{
	struct weir_buf words = { 0 };
	struct shell sh = { .rest = text, .out = &words, .err = err, .line = 1 };
	int r = 0;

	if (text.n > WEIR_QEMU_TEXT_MAX)
		return weir_err_set(err, -E2BIG, "more than %u bytes of command line",
		                    WEIR_QEMU_TEXT_MAX);
	while (r == 0 && sh.rest.n)
		r = shell_step(&sh);
	if (r == 0)
		r = end_word(&sh);
	if (r == 0)
		*out = words;
	else
		weir_buf_done(&words);
	return r;
}
