/* shm: segments are in order, and printed as the kernel would are found again. */
#include "facts/shm.h"

#include "fuzz.h"

#include <inttypes.h>

static void add(struct weir_buf *out, const struct weir_shm_segment *s)
{
	must(weir_buf_printf(out,
	                     "%" PRIu64 " %" PRIu64 " %" PRIo64 " %" PRIu64 " %" PRIu64
	                     " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	                     " %" PRIu64 "\n",
	                     s->key, s->id, s->mode, s->size_bytes, s->creator_pid,
	                     s->last_pid, s->nr_attached, s->uid, s->creator_uid,
	                     s->changed_at, s->rss_bytes.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_shm_done) struct weir_shm shm = { 0 };
	weir_auto(weir_shm_done) struct weir_shm again = { 0 };
	struct weir_err err = { 0 };
	int r = weir_shm_parse(weir_str((const char *)data, size), &shm, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r == 0) == !err.msg[0]);
	must(weir_buf_addz(&text, "key shmid perms size cpid lpid nattch uid cuid ctime "
	                          "rss\n") == 0);
	for (size_t i = 0; i < shm.nr; i++) {
		must(!i || shm.v[i - 1].id <= shm.v[i].id);
		must(weir_shm_find(&shm, shm.v[i].id) != NULL);
		must(shm.v[i].rss_bytes.n <= WEIR_COUNT_MAX);
		add(&text, &shm.v[i]);
	}
	must(weir_shm_parse(weir_buf_str(&text), &again, &err) == 0);
	must(again.nr == shm.nr);
	for (size_t i = 0; i < shm.nr; i++)
		must(again.v[i].id == shm.v[i].id);
	return 0;
}
