/* journal: an entry that can be read is written so that it reads the same; one that lacks
 * its end is open, whatever stands in it. */
#include "apply/journal.h"

#include "fuzz.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_entry_done) struct weir_entry entry = { 0 }, again = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 }, twice = { 0 };
	int r = weir_entry_parse(weir_str((const char *)data, size), &entry);

	must(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	must(entry.before.nr <= WEIR_TALLY_SIZES_MAX);
	for (size_t i = 0; i < entry.nr_ops; i++)
		must(entry.ops[i].node < (int)WEIR_TALLY_NODES_MAX &&
		     strlen(entry.ops[i].path) < WEIR_OP_PATH_MAX);
	must(weir_entry_put(&entry, &text) == 0);
	must(weir_entry_parse(weir_buf_str(&text), &again) == 0);
	must(again.end == WEIR_ENTRY_OPEN && !again.has_after);
	must(again.nr_ops == entry.nr_ops && again.undoes == entry.undoes);
	must(!weir_tallies_differ(&entry.before, &again.before));
	must(weir_entry_put(&again, &twice) == 0);
	must(weir_str_eq(weir_buf_str(&text), twice.p));
	return 0;
}
