/* file_stat: what is taken is plausible, and names of creators are read to their end. */
#include "facts/creators.h"
#include "facts/huge_files.h"

#include "fuzz.h"

#include <inttypes.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str input = weir_str((const char *)data, size);
	struct weir_file_stat st, again;

	must(weir_creator_of_name(input) <= INT32_MAX);
	if (weir_file_stat_parse(input, &st) != 0)
		return 0;
	must(st.size_bytes <= WEIR_COUNT_MAX && st.allocated_bytes <= WEIR_COUNT_MAX);
	must(st.allocated_bytes % 512 == 0 && !(st.is_dir && st.is_file));
	must(weir_buf_printf(
		     &text,
		     "type %s\nmode %04" PRIo64 "\nuid %" PRIu64 "\ngid %" PRIu64
		     "\nsize %" PRIu64 "\nblocks %" PRIu64 "\ndev %" PRIu64 ":%" PRIu64
		     "\nino %" PRIu64 "\nnlink %" PRIu64 "\nmtime %" PRIu64 "\n",
		     st.is_dir    ? "directory"
		     : st.is_file ? "file"
				  : "fifo",
		     st.mode, st.uid, st.gid, st.size_bytes, st.allocated_bytes / 512,
		     st.device >> 32, st.device & UINT32_MAX, st.inode, st.nr_links,
		     st.changed_at) == 0);
	must(weir_file_stat_parse(weir_buf_str(&text), &again) == 0);
	must(again.inode == st.inode && again.device == st.device &&
	     again.mode == st.mode && again.is_dir == st.is_dir &&
	     again.allocated_bytes == st.allocated_bytes &&
	     again.size_bytes == st.size_bytes && again.uid == st.uid &&
	     again.nr_links == st.nr_links && again.changed_at == st.changed_at);
	return 0;
}
