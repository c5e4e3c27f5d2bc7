/* klog_words: see klog_words.h. */
#include "facts/klog_words.h"

#include "base/ckd.h"
#include "base/ranges.h"
#include "facts/klog.h"

static bool is_text(struct weir_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

bool weir_klog_next_line(struct weir_str *rest, struct weir_str *line)
{
	while (weir_str_line(rest, line)) {
		if (weir_str_ends(*line, "\r"))
			line->n--;
		if (line->n && line->n <= WEIR_KLOG_LINE_MAX && is_text(*line))
			return true;
	}
	return false;
}

/* "6,339,5140900,-;" of /dev/kmsg; later kernels may add fields before the ';'. */
static struct weir_str without_kmsg(struct weir_str s)
{
	struct weir_str head, rest;

	if (!s.n || !weir_is_digit(s.p[0]) || !weir_str_split(s, ';', &head, &rest))
		return s;
	for (size_t i = 0; i < head.n; i++)
		if (head.p[i] == ' ')
			return s;
	return memchr(head.p, ',', head.n) ? rest : s;
}

/* Brackets: "<6>", "[    0.123456]", "[    T0]", "[Mon Jan  1 00:00:00 2024]". */
static struct weir_str without_brackets(struct weir_str s)
{
	for (;;) {
		struct weir_str head, rest;

		s = weir_str_trim(s);
		if (!(weir_str_starts(s, "<") && weir_str_split(s, '>', &head, &rest)) &&
		    !(weir_str_starts(s, "[") && weir_str_split(s, ']', &head, &rest)))
			return s;
		if (head.n > 40) /* no stamp is as long */
			return s;
		s = rest;
	}
}

struct weir_str weir_klog_message(struct weir_str line)
{
	struct weir_str s = without_brackets(without_kmsg(line));
	struct weir_str head = weir_str(s.p, s.n < 160 ? s.n : 160);
	ptrdiff_t at = weir_str_find(head, " kernel: ");

	head.n = at >= 0 ? (size_t)at : 0;
	if (at >= 0 && weir_str_find(head, ": ") < 0)
		s = without_brackets(weir_str_skip(s, (size_t)at + strlen(" kernel: ")));
	return s;
}

bool weir_eat(struct weir_str *s, const char *z)
{
	if (!weir_str_starts(*s, z))
		return false;
	*s = weir_str_skip(*s, strlen(z));
	return true;
}

bool weir_eat_count(struct weir_str *s, uint64_t *out)
{
	struct weir_str digits = *s;
	uint64_t n;

	for (digits.n = 0; digits.n < s->n && weir_is_digit(s->p[digits.n]);)
		digits.n++;
	if (weir_parse_u64(digits, &n) < 0 || n > WEIR_COUNT_MAX)
		return false;
	*s = weir_str_skip(*s, digits.n);
	*out = n;
	return true;
}

bool weir_eat_node(struct weir_str *s, unsigned int *out)
{
	struct weir_str rest = *s;
	uint64_t n;

	if (!weir_eat_count(&rest, &n) || n > WEIR_ID_MAX)
		return false;
	*s = rest;
	*out = (unsigned int)n;
	return true;
}

bool weir_eat_hex(struct weir_str *s, uint64_t *out)
{
	struct weir_str rest = *s, digits;
	uint64_t n;

	if (!weir_eat(&rest, "0x"))
		return false;
	digits = rest;
	for (digits.n = 0; digits.n < rest.n; digits.n++)
		if (!weir_is_digit(rest.p[digits.n]) &&
		    !(rest.p[digits.n] >= 'a' && rest.p[digits.n] <= 'f'))
			break;
	if (weir_parse_hex(digits, &n) < 0 || n > WEIR_COUNT_MAX)
		return false;
	*s = weir_str_skip(rest, digits.n);
	*out = n;
	return true;
}

static uint64_t unit_bytes(struct weir_str *s)
{
	static const char units[] = "KMGTPE";

	if (s->n >= 3 && s->p[1] == 'i' && s->p[2] == 'B') {
		const char *at = memchr(units, s->p[0], sizeof(units) - 1);

		if (at) {
			*s = weir_str_skip(*s, 3);
			return UINT64_C(1) << (10 * (at - units + 1));
		}
	}
	return weir_eat(s, "B") ? 1 : 0;
}

bool weir_eat_page_size(struct weir_str *s, struct weir_count *out)
{
	struct weir_str rest = *s;
	uint64_t whole, unit, bytes;
	bool exact = true;

	if (!weir_eat_count(&rest, &whole))
		return false;
	if (weir_eat(&rest, ".")) {
		size_t digits = 0;

		for (; rest.n && weir_is_digit(rest.p[0]);
		     rest = weir_str_skip(rest, 1)) {
			exact = exact && rest.p[0] == '0';
			digits++;
		}
		if (!digits)
			return false;
	}
	if (!weir_eat(&rest, " "))
		return false;
	unit = unit_bytes(&rest);
	if (!unit || ckd_mul(&bytes, whole, unit) || bytes > WEIR_COUNT_MAX)
		return false;
	*s = rest;
	*out = exact ? WEIR_COUNT(bytes) : (struct weir_count){ 0 };
	return true;
}
