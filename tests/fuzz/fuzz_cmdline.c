#include "facts/cmdline.h"

#include "base/size.h"

#include "fuzz.h"

static void inside(struct weir_str part, struct weir_str whole)
{
	must(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void same(struct weir_str a, struct weir_str b)
{
	must(a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0));
}

/* What was cut off is cut no further, and comes to the same alone as in its line. */
static void check_param(const struct weir_param *param)
{
	struct weir_str alone = param->text;
	struct weir_param again;

	must(param->text.n > 0);
	inside(param->name, param->text);
	inside(param->value, param->text);
	must(param->has_value || param->value.n == 0);
	must(weir_cmdline_next(&alone, &again));
	must(alone.n == 0 && again.has_value == param->has_value);
	same(again.name, param->name);
	same(again.value, param->value);
}

static void check_number(struct weir_str s)
{
	struct weir_str rest = s, plain = s, text;
	char buf[WEIR_SIZE_TEXT_MAX];
	uint64_t bytes = 7, n, again;

	if (!weir_memparse(&rest, &bytes)) {
		must(rest.n == s.n && bytes == 7);
		return;
	}
	must(rest.p + rest.n == s.p + s.n && rest.n <= s.n);
	must(weir_kernel_number(&plain, &n) && n <= bytes);
	must(plain.n == rest.n || plain.n == rest.n + 1);
	must(plain.n < s.n || n == 0);

	/* what we write, the kernel reads */
	text = weir_format_size(bytes, buf, sizeof(buf));
	must(weir_memparse(&text, &again) && again == bytes && text.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str rest = weir_str((const char *)data, size);
	struct weir_param param;

	check_number(rest);
	for (;;) {
		size_t before = rest.n;

		if (!weir_cmdline_next(&rest, &param))
			break;
		must(rest.n < before);
		check_param(&param);
		if (param.has_value)
			check_number(param.value);
	}
	must(rest.n == 0);
	return 0;
}
