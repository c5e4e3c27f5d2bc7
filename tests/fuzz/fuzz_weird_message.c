#include "daemon/lines.h"
#include "daemon/message.h"

#include "fuzz.h"

#include <errno.h>

/* Whatever the answer, its frame is JSON that has the request's id. */
static void check(const struct weir_message *m, int r, enum weir_refused code,
                  const struct weir_err *err)
{
	struct weir_json j = { 0 };

	if (r < 0) {
		must(code < WEIR_REFUSED_CODES && err->msg[0]);
		must(!m->bytes && !m->name[0] && m->owner.kind == WEIR_OWNER_NONE);
		weir_reply_refuse(&j, &m->id, code, err->msg, NULL);
	} else {
		must(m->node >= -1 && m->node <= (int)WEIR_NODE_MAX);
		must(!m->name[0] || weir_warm_name_is_valid(weir_strz(m->name)));
		must(strlen(m->owner.unit) < WEIR_WARM_UNIT_MAX);
		weir_reply_open(&j, &m->id);
		weir_json_close(&j);
	}
	must(j.failed || (j.out.n && j.out.p[j.out.n - 1] == '\n'));
	must(j.failed || !memchr(j.out.p, '\n', j.out.n - 1));
	weir_json_done(&j);
}

/* The first byte says how the rest comes in pieces: the same lines, however it comes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_lines lines = { .max = 512 };
	size_t piece = size ? (size_t)data[0] % 64 + 1 : 1, taken = 0;
	int r = WEIR_LINES_NONE;

	for (size_t at = 1; at < size && r != -EMSGSIZE; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		struct weir_str line;

		must(weir_lines_add(&lines, weir_str((const char *)data + at, n)) == 0);
		while ((r = weir_lines_next(&lines, &line)) == 0) {
			struct weir_message m;
			struct weir_err err = { 0 };
			enum weir_refused code;
			int got = weir_message_parse(line, &m, &code, &err);

			must(line.n <= 512);
			must(line.n == 0 ||
			     memcmp(line.p, data + 1 + taken, line.n) == 0);
			taken += line.n + 1;
			check(&m, got, code, &err);
		}
		must(weir_lines_kept(&lines) <= 512 + piece || r == -EMSGSIZE);
	}
	weir_lines_done(&lines);
	return 0;
}
