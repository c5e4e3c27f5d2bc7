/* conf_values: the kinds of values of weird.conf(5), see conf_parse.h. */
#include "daemon/conf_parse.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>

#define BYTES_MAX (UINT64_C(1) << 62) /* so that no sum of two overflows */
#define NAME_MAX_ 64U
#define NS        UINT64_C(1000000000)
#define TTL_MAX_S (UINT64_C(3650) * 24 * 3600) /* ten years are for ever */

#define fail(p, at, ...) weir_ini_fail(&(p)->ini, at, (p)->err, __VA_ARGS__)

int weir_conf_no_memory(struct weir_conf_parser *p)
{
	return weir_err_sys(p->err, -ENOMEM, "read '%s'", p->ini.file);
}

int weir_conf_no_value(struct weir_conf_parser *p, struct weir_str value,
                       const char *want)
{
	return fail(p, value.p, "'%.*s' is no %s", WEIR_STR_ARG(value), want);
}

int weir_conf_bytes(struct weir_conf_parser *p, struct weir_str value, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_size(value, &n) < 0 || n > BYTES_MAX)
		return weir_conf_no_value(p, value, "size such as 512M or 16G");
	*out = n;
	return 0;
}

int weir_conf_page_size(struct weir_conf_parser *p, struct weir_str value, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_size(value, &n) < 0 || n < 2 || (n & (n - 1)) || n > BYTES_MAX)
		return weir_conf_no_value(p, value, "page size such as 2M or 1G");
	*out = n;
	return 0;
}

int weir_conf_number(struct weir_conf_parser *p, struct weir_str value, uint64_t least,
                     uint64_t most, const char *want, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_u64(value, &n) < 0 || n < least || n > most)
		return weir_conf_no_value(p, value, want);
	*out = n;
	return 0;
}

int weir_conf_switch(struct weir_conf_parser *p, struct weir_str value, bool *out)
{
	bool yes = weir_str_eq(value, "yes");

	if (!yes && !weir_str_eq(value, "no"))
		return fail(p, value.p, "'%.*s' is neither yes nor no",
		            WEIR_STR_ARG(value));
	*out = yes;
	return 0;
}

int weir_conf_time(struct weir_conf_parser *p, struct weir_str value, uint64_t *out_ns)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	uint64_t n, s;

	for (size_t i = 0; value.n && i < WEIR_NELEM(units); i++)
		if (value.p[value.n - 1] == units[i].unit &&
		    weir_parse_u64(weir_str(value.p, value.n - 1), &n) == 0 && n &&
		    !ckd_mul(&s, n, units[i].seconds) && s <= TTL_MAX_S) {
			*out_ns = s * NS;
			return 0;
		}
	return weir_conf_no_value(p, value, "time such as 90s, 30m, 12h or 7d");
}

bool weir_conf_is_name(struct weir_str s)
{
	if (!s.n || s.n > NAME_MAX_ || *s.p == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!weir_is_digit(c) && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && (!c || !strchr("._-+@$", c)))
			return false;
	}
	return true;
}

/* -1 is "nobody" to chown(2). */
int weir_conf_id(struct weir_conf_parser *p, struct weir_str value,
                 struct weir_rule_id *out)
{
	struct weir_rule_id id = { 0 };
	uint64_t n;

	if (!weir_conf_is_name(value))
		return weir_conf_no_value(p, value, "name or number of a user or group");
	if (weir_parse_u64(value, &n) == 0 && n < UINT32_MAX) {
		id.known = true;
		id.id = (uint32_t)n;
	} else if (weir_is_digit(*value.p)) {
		return weir_conf_no_value(p, value, "name or number of a user or group");
	}
	id.name = strndup(value.p, value.n);
	if (!id.name)
		return weir_conf_no_memory(p);
	*out = id;
	return 0;
}

/* Words parted by blanks or commas, each once. */
int weir_conf_sizes(struct weir_conf_parser *p, struct weir_str value, uint64_t *out,
                    size_t most, size_t *nr,
                    int (*one)(struct weir_conf_parser *p, struct weir_str word,
                               uint64_t *out))
{
	struct weir_str rest = value, word;
	int r;

	while (weir_str_word(&rest, &word)) {
		if (*nr == most)
			return fail(p, word.p, "more than %zu sizes", most);
		r = one(p, word, &out[*nr]);
		if (r < 0)
			return r;
		for (size_t i = 0; i < *nr; i++)
			if (out[i] == out[*nr])
				return fail(p, word.p, "'%.*s' is here twice",
				            WEIR_STR_ARG(word));
		++*nr;
	}
	return *nr ? 0 : fail(p, value.p, "no size such as 4G");
}
