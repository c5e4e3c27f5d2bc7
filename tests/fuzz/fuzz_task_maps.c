/* task_maps: a mapping is not empty, its parts are of its line, and counts are bounded.
 */
#include "facts/fact.h"
#include "facts/held_frames.h"
#include "facts/task_maps.h"

#include "fuzz.h"

static void must_be_part(struct weir_str part, struct weir_str whole)
{
	must(!part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str line = weir_str((const char *)data, size), words;
	struct weir_mapping mapping;
	struct weir_numa_mapping numa;
	unsigned int node;
	uint64_t pages, index;

	if (weir_mapping_parse(line, &mapping)) {
		must(mapping.start < mapping.end);
		must_be_part(mapping.range, line);
		must_be_part(mapping.path, line);
	}
	(void)weir_held_frame_parse(line, &index, &pages);
	if (!weir_numa_mapping_parse(line, &numa))
		return 0;
	must(numa.mapmax >= 1 && numa.anon <= WEIR_COUNT_MAX);
	must(!(numa.page_bytes & (numa.page_bytes - 1)));
	must_be_part(numa.words, line);
	words = numa.words;
	while (weir_numa_node(&words, &node, &pages)) {
		must(node <= WEIR_NODE_MAX && pages <= WEIR_COUNT_MAX);
		must_be_part(words, line);
	}
	return 0;
}
