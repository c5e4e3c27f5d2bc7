#include "daemon/conf.h"

#include "fuzz.h"

/* What is written is read back to the same, and differs in nothing. */
static void check(const struct weir_conf *conf)
{
	struct weir_conf again;
	struct weir_buf out = { 0 }, twice = { 0 }, diff = { 0 };

	must(weir_conf_format(conf, &out) == 0);
	must(weir_conf_parse("f", weir_buf_str(&out), &again, NULL) == 0);
	must(weir_conf_format(&again, &twice) == 0);
	must(out.n == twice.n && (!out.n || memcmp(out.p, twice.p, out.n) == 0));
	must(weir_conf_diff(conf, &again, &diff) == 0);
	must(diff.n == 0);
	weir_conf_done(&again);
	weir_buf_done(&out);
	weir_buf_done(&twice);
	weir_buf_done(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_conf conf;
	struct weir_err err = { 0 };
	int r = weir_conf_parse("f", weir_str((const char *)data, size), &conf, &err);

	must(r <= 0);
	if (r < 0) {
		must(strncmp(err.msg, "f:", 2) == 0);
		return 0;
	}
	check(&conf);
	weir_conf_done(&conf);
	return 0;
}
