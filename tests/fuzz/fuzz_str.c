/* str: each parser against what its contract says, and slices that never leave the text.
 */
#include "base/str.h"

#include "fuzz.h"

#include <errno.h>

static void inside(struct weir_str part, struct weir_str whole)
{
	must(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void numbers(struct weir_str s)
{
	uint64_t n = 42, hex = 42;
	int r = weir_parse_u64(s, &n), rx = weir_parse_hex(s, &hex);
	char text[32];
	bool digits = s.n > 0;
	size_t zeros = 0;

	for (size_t i = 0; i < s.n; i++)
		digits &= s.p[i] >= '0' && s.p[i] <= '9';
	must(r == 0 || n == 42);
	must(rx == 0 || hex == 42);
	must(digits ? r != -EBADMSG : r == -EBADMSG);
	must(r != 0 || rx == 0 || rx == -ERANGE); /* what is decimal is hexadecimal */
	if (r < 0)
		return;
	while (zeros + 1 < s.n && s.p[zeros] == '0')
		zeros++;
	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)n);
	must(weir_str_eq(weir_str_skip(s, zeros), text));
}

/* The parts and the separators between them are the whole text again. */
static void cuts(struct weir_str s, char sep)
{
	struct weir_str rest = s, part, key, value;
	size_t at = 0;

	while (weir_str_cut(&rest, sep, &part)) {
		inside(part, s);
		must(part.p == s.p + at);
		must(!part.n || !memchr(part.p, sep, part.n));
		at += part.n;
		must(at == s.n || s.p[at] == sep);
		at += at < s.n;
	}
	must(at == s.n && rest.n == 0);
	if (!weir_str_split(s, sep, &key, &value)) {
		must(!s.n || !memchr(s.p, sep, s.n));
		return;
	}
	must(key.n + 1 + value.n == s.n && s.p[key.n] == sep);
	must(!key.n || !memchr(key.p, sep, key.n));
}

static void words(struct weir_str s)
{
	struct weir_str rest = s, part;
	char shown[40];

	while (weir_str_word(&rest, &part)) {
		inside(part, s);
		must(part.n > 0 && !memchr(part.p, ' ', part.n));
		must(!memchr(part.p, '\t', part.n));
	}
	part = weir_str_trim(s);
	inside(part, s);
	must(!part.n || (!strchr(" \t\r\n", part.p[0]) || !part.p[0]));
	(void)weir_str_show(s, shown, sizeof(shown));
	rest = weir_strz(shown);
	must(rest.n < sizeof(shown) && (rest.n > 0) == (s.n > 0));
	while (rest.n) { /* whole characters, none that a terminal acts on */
		unsigned char c = (unsigned char)rest.p[0];
		size_t n = weir_utf8_len(rest);

		must(n > 0 && c >= 0x20 && c != 0x7f);
		must(c != 0xc2 || (unsigned char)rest.p[1] >= 0xa0);
		rest = weir_str_skip(rest, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str s = weir_str((const char *)data, size);

	numbers(s);
	words(s);
	cuts(s, '\n');
	cuts(s, ',');
	if (size)
		cuts(weir_str_skip(s, 1), s.p[0]);
	return 0;
}
