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

static struct weir_count count_of(struct weir_reader *rd, const char *area,
                                  const char *file)
{
	return weir_reader_count(rd, WEIR_COUNT_MAX, DIR "/%s/%s", area, file);
}

static void read_area(struct weir_reader *rd, struct weir_cma_area *area)
{
	area->alloc_success = count_of(rd, area->name, "alloc_pages_success");
	area->alloc_fail = count_of(rd, area->name, "alloc_pages_fail");
	area->release_success = count_of(rd, area->name, "release_pages_success");
	area->total = count_of(rd, area->name, "total_pages");
	area->available = count_of(rd, area->name, "available_pages");
}

void weir_cma_read(struct weir_reader *rd, struct weir_cma *out)
{
	struct weir_names names = { 0 };

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
		read_area(rd, &out->v[out->nr++]);
	}
	weir_names_done(&names);
}
