/* maps: the filter keeps lines as they are, in their order, and keeps them again. */
#include "facts/huge_places.h"

#include "fuzz.h"

/* Each line of @kept is one of @all, in order. */
static void must_be_lines_of(struct weir_str kept, struct weir_str all)
{
	struct weir_str want, line;

	while (weir_str_line(&kept, &want)) {
		do
			must(weir_str_line(&all, &line));
		while (line.n != want.n || memcmp(line.p, want.p, line.n) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_hugetlbfs mounted[] = {
		{ .major = 0, .minor = 0x1f, .target = (char[]){ "/dev/hugepages" } },
		{ .major = 8, .minor = 0x1e, .target = (char[]){ "/" } },
	};
	struct weir_mounts mounts = { .v = mounted, .nr = 2 };
	weir_auto(weir_huge_places_done) struct weir_huge_places places = { 0 };
	weir_auto(weir_buf_done) struct weir_buf once = { 0 };
	weir_auto(weir_buf_done) struct weir_buf twice = { 0 };
	struct weir_str text = weir_str((const char *)data, size);

	must(weir_huge_places_init(&places, &mounts) == 0);
	must(weir_huge_places_learn(&places, 1, false) == 0);
	must(weir_maps_filter(text, &places, &once) == 0);
	must_be_lines_of(weir_buf_str(&once), text);
	must(weir_maps_filter(weir_buf_str(&once), &places, &twice) == 0);
	must(once.n == twice.n);
	(void)weir_huge_places_has(&places, text);
	must(weir_task_link_matters(&places, text) >=
	     weir_huge_places_has(&places, text));
	return 0;
}
