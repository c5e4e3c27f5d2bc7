/* ini: see ini.h. */
#include "base/ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

unsigned int weir_ini_column(const struct weir_ini *ini, const char *at)
{
	return (unsigned int)(at - ini->line.p) + 1;
}

int weir_ini_fail(const struct weir_ini *ini, const char *at, struct weir_err *err,
                  const char *fmt, ...)
{
	char words[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return weir_err_set(err, -EBADMSG, "%s:%u:%u: %s", ini->file, ini->line_nr,
	                    weir_ini_column(ini, at), words);
}

/* A comment begins at the start of a line, or behind a blank. */
static struct weir_str without_comment(struct weir_str line)
{
	struct weir_str trimmed = weir_str_trim(line);

	if (trimmed.n && (*trimmed.p == '#' || *trimmed.p == ';'))
		return weir_str(trimmed.p, 0);
	for (size_t i = 1; i < line.n; i++)
		if (line.p[i] == '#' && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return weir_str_trim(weir_str(line.p, i));
	return trimmed;
}

bool weir_ini_line(struct weir_str *rest, struct weir_str *line)
{
	if (!weir_str_line(rest, line))
		return false;
	*line = without_comment(*line);
	return true;
}

bool weir_ini_section(struct weir_str line, struct weir_str *kind, struct weir_str *name)
{
	*kind = *name = weir_str("", 0);
	if (line.n < 2 || line.p[0] != '[' || line.p[line.n - 1] != ']')
		return false;
	*name = weir_str_trim(weir_str(line.p + 1, line.n - 2));
	return weir_str_word(name, kind) ? (*name = weir_str_trim(*name), true) : false;
}

static int check_bytes(const struct weir_ini *ini, struct weir_err *err)
{
	for (size_t i = 0; i < ini->line.n; i++) {
		unsigned char c = (unsigned char)ini->line.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return weir_ini_fail(
				ini, ini->line.p + i, err, "a byte 0x%02x%s", c,
				c == '\r' ? ": lines end in a line feed alone" : "");
	}
	return 0;
}

static int read_item(const struct weir_ini *ini, struct weir_str line,
                     const char *section_example, struct weir_ini_item *out,
                     struct weir_err *err)
{
	struct weir_ini_item item = { .kind = WEIR_INI_SECTION, .text = line };

	if (*line.p == '[') {
		if (!weir_ini_section(line, &item.name, &item.value))
			return weir_ini_fail(ini, line.p, err,
			                     "'%.*s' is no section such as %s",
			                     WEIR_STR_ARG(line), section_example);
	} else {
		item.kind = WEIR_INI_KEY;
		if (!weir_str_split(line, '=', &item.name, &item.value))
			return weir_ini_fail(
				ini, line.p, err,
				"'%.*s' is neither [section] nor key = value",
				WEIR_STR_ARG(line));
		item.name = weir_str_trim(item.name);
		item.value = weir_str_trim(item.value);
	}
	*out = item;
	return 0;
}

int weir_ini_next(struct weir_ini *ini, const char *section_example,
                  struct weir_ini_item *out, struct weir_err *err)
{
	struct weir_str line;
	int r;

	while (weir_str_line(&ini->rest, &ini->line)) {
		ini->line_nr++;
		r = check_bytes(ini, err);
		if (r < 0)
			return r;
		line = without_comment(ini->line);
		if (line.n)
			return read_item(ini, line, section_example, out, err);
	}
	*out = (struct weir_ini_item){ .kind = WEIR_INI_END };
	return 0;
}
