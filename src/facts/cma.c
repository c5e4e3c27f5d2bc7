/* cma: see cma.h. */
#include "facts/cma.h"

#include "base/own.h"

#include <errno.h>

#define DIR "/sys/kernel/mm/cma"

void weir_cma_done(struct weir_cma *cma)
{
	for (size_t i = 0; i < cma->nr; i++)
		free(cma->v[i].name);
	free(cma->v);
	*cma = (struct weir_cma){ 0 };
}

/* What the kernel lacks in one area it lacks in all: it is one gap, and not thousands. */
static struct weir_count count_of(struct weir_reader *rd, const char *area,
                                  const char *file, bool *lacking)
{
	size_t nr_gaps = rd->gaps->nr;
	struct weir_count n = { 0 };

	if (*lacking)
		return n;
	n = weir_reader_count(rd, WEIR_COUNT_MAX, DIR "/%s/%s", area, file);
	*lacking = rd->gaps->nr > nr_gaps && rd->gaps->v[nr_gaps].kind == WEIR_GAP_ABSENT;
	return n;
}

static void read_area(struct weir_reader *rd, struct weir_cma_area *area, bool lacking[5])
{
	area->alloc_success = count_of(rd, area->name, "alloc_pages_success",
	                               &lacking[0]);
	area->alloc_fail = count_of(rd, area->name, "alloc_pages_fail", &lacking[1]);
	area->release_success = count_of(rd, area->name, "release_pages_success",
	                                 &lacking[2]);
	area->total = count_of(rd, area->name, "total_pages", &lacking[3]);
	area->available = count_of(rd, area->name, "available_pages", &lacking[4]);
}

void weir_cma_read(struct weir_reader *rd, struct weir_cma *out)
{
	struct weir_names names = { 0 };
	bool lacking[5] = { false };

	*out = (struct weir_cma){ 0 };
	if (!weir_reader_list(rd, DIR, &names))
		return;
	out->known = true;
	for (size_t i = 0; i < names.nr && !rd->failed && out->nr < WEIR_CMA_AREAS_MAX;
	     i++) {
		if (!names.v[i].is_dir)
			continue;
		rd->failed = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (rd->failed)
			break;
		out->v[out->nr].name = weir_take(names.v[i].name);
		read_area(rd, &out->v[out->nr++], lacking);
	}
	weir_names_done(&names);
}
