/* fdinfo: buffers of a ring are as the kernel can print them, and printed so they are
 * found again. */
#include "facts/pinners.h"

#include "fuzz.h"

#include <inttypes.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_pinner ring = { 0 }, again = { 0 };
	int r = weir_ring_buffers_parse(weir_str((const char *)data, size), &ring);

	must(r == 0 || r == WEIR_GARBLED);
	must(weir_buf_printf(&text, "UserBufs:\t%zu\n", ring.nr_buffers) == 0);
	for (size_t i = 0; i < ring.nr_buffers; i++) {
		uint64_t end;

		must(!__builtin_add_overflow(ring.buffers[i].start, ring.buffers[i].bytes,
		                             &end));
		must(weir_buf_printf(&text, "%5zu: 0x%" PRIx64 "/%" PRIu64 "\n", i,
		                     ring.buffers[i].start, ring.buffers[i].bytes) == 0);
	}
	must(weir_ring_buffers_parse(weir_buf_str(&text), &again) == 0);
	must(again.nr_buffers == ring.nr_buffers);
	for (size_t i = 0; i < ring.nr_buffers; i++)
		must(again.buffers[i].start == ring.buffers[i].start &&
		     again.buffers[i].bytes == ring.buffers[i].bytes);
	free(ring.buffers);
	free(again.buffers);
	return 0;
}
