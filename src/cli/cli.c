/* cli: see cli.h. */
#include "cli/cli.h"

#include "base/size.h"
#include "facts/fact.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int weir_cli_fail(const char *command, int status, const char *fmt, ...)
{
	char text[1024]; /* a message is a line: what is longer is cut */
	va_list ap;

	(void)fflush(stdout); /* what is known goes before what failed */
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "weir%s%s: ", *command ? " " : "", command);
	weir_cli_put(stderr, weir_strz(text));
	(void)fputc('\n', stderr);
	return status;
}

int weir_cli_usage(const char *command)
{
	(void)fprintf(stderr, "Try 'weir %s --help'.\n", command);
	return WEIR_EXIT_USAGE;
}

int weir_cli_bad(const char *command, const char *option, const char *arg,
                 const char *right)
{
	(void)weir_cli_fail(command, 0, "%s '%s': %s", option, arg, right);
	return weir_cli_usage(command);
}

int weir_cli_take_node(const char *command, const char *arg, uint64_t *out)
{
	if (weir_parse_u64(weir_strz(arg), out) < 0 || *out > WEIR_NODE_MAX)
		return weir_cli_bad(command, "--node", arg,
		                    "wants the number of a node, 0 to 1023");
	return 0;
}

int weir_cli_take_page_size(const char *command, const char *arg, uint64_t *out)
{
	if (weir_parse_size(weir_strz(arg), out) < 0 || !*out)
		return weir_cli_bad(command, "--size", arg,
		                    "wants a page size such as 2M, 1G or 2048kB");
	return 0;
}

int weir_cli_flush(const char *command, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return weir_cli_fail(command, WEIR_EXIT_FAILED, "write to standard output: %s",
	                     strerror(errno));
}

unsigned int weir_cli_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	if (columns && weir_parse_u64(weir_strz(columns), &n) == 0 && n >= 20 &&
	    n <= 1000)
		return (unsigned int)n;
	return 80;
}

bool weir_cli_color(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

void weir_cli_put(FILE *out, struct weir_str s)
{
	struct weir_str c;

	while (weir_str_shown(&s, &c))
		(void)fwrite(c.p, 1, c.n, out);
}

void weir_cli_wrap(FILE *out, const char *first, const char *text, unsigned int indent,
                   unsigned int width)
{
	struct weir_str rest = weir_strz(text), word;
	size_t at = indent;

	(void)fputs(first, out);
	while (weir_str_word(&rest, &word)) {
		bool begin = at == indent;

		if (!begin && at + 1 + word.n > width) {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
			begin = true;
		}
		if (!begin)
			(void)fputc(' ', out);
		weir_cli_put(out, word);
		at += word.n + !begin;
	}
	(void)fputc('\n', out);
}
