/* escape: any bytes survive the way there and back, and are one harmless word between. */
#include "base/buf.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str s = weir_str((const char *)data, size);
	weir_auto(weir_buf_done) struct weir_buf there = { 0 };
	weir_auto(weir_buf_done) struct weir_buf back = { 0 };
	weir_auto(weir_buf_done) struct weir_buf plain = { 0 };

	must(weir_buf_add_escaped(&there, s) == 0);
	for (size_t i = 0; i < there.n; i++)
		must((unsigned char)there.p[i] > 0x20 && there.p[i] != 0x7f);
	must(weir_buf_add_unescaped(&back, weir_buf_str(&there)) == 0);
	must(back.n == size && (!size || memcmp(back.p, data, size) == 0));
	must(weir_buf_add_unescaped(&plain, s) == 0); /* no escape makes it longer */
	must(plain.n <= size);
	return 0;
}
