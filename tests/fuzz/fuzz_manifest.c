/* manifest: what is understood is written back to the same, and paths hold no NUL. */
#include "host/manifest.h"

#include "fuzz.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_manifest_done) struct weir_manifest m = { 0 };
	weir_auto(weir_manifest_done) struct weir_manifest again = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_err err = { 0 };
	int r = weir_manifest_parse(weir_str((const char *)data, size), &m, &err);

	must(r == 0 || r == -EBADMSG || r == -ERANGE || r == -EPROTONOSUPPORT);
	must(r == 0 || (err.msg[0] && !m.nr_errors));
	if (r < 0)
		return 0;
	must(weir_manifest_format(&m, &text) == 0);
	must(weir_manifest_parse(weir_buf_str(&text), &again, &err) == 0);
	must(again.time_ns == m.time_ns && again.nr_errors == m.nr_errors);
	for (size_t i = 0; i < m.nr_errors; i++) {
		must(strcmp(again.errors[i].path, m.errors[i].path) == 0);
		must(again.errors[i].code == m.errors[i].code && m.errors[i].code < 0);
		must(weir_manifest_error(&m, m.errors[i].path) < 0);
	}
	return 0;
}
