/* held_frames: see held_frames.h. */
#include "facts/held_frames.h"

#include "base/own.h"
#include "host/frames.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void weir_held_frames_done(struct weir_held_frames *frames)
{
	free(frames->v);
	*frames = (struct weir_held_frames){ 0 };
}

bool weir_held_frame_parse(struct weir_str line, uint64_t *index, uint64_t *pfn)
{
	struct weir_str first, second;

	return weir_str_split(line, ' ', &first, &second) &&
	       weir_parse_u64(first, index) == 0 && weir_parse_u64(second, pfn) == 0;
}

bool weir_holding_map_is_shared_copy(const struct weir_holding_map *map)
{
	return !map->shared && map->anon && map->mapmax > 1 && map->page_bytes;
}

static int read_frames_text(const struct weir_host *host, const struct weir_holdings *all,
                            size_t map, struct weir_buf *text)
{
	const struct weir_holding_map *m = &all->maps[map];
	char path[120];

	(void)snprintf(path, sizeof(path),
	               "/@/frames/%" PRIu64 "/%" PRIx64 "-%" PRIx64 "/%" PRIu64,
	               all->tasks[m->task].tid, m->start, m->end, m->page_bytes);
	return weir_host_read(host, path, WEIR_FRAMES_MAX, text);
}

int weir_held_frames_read(const struct weir_host *host, const struct weir_holdings *all,
                          size_t map, struct weir_held_frames *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	uint64_t index, pfn;
	int r = read_frames_text(host, all, map, &text);

	rest = weir_buf_str(&text);
	while (r == 0 && weir_str_line(&rest, &line)) {
		if (!weir_held_frame_parse(line, &index, &pfn))
			return -EBADMSG;
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r == 0)
			out->v[out->nr++] = (struct weir_held_frame){ pfn, map };
	}
	return r;
}

int weir_held_frames_ask(const struct weir_host *host, const struct weir_holdings *all)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = 0;

	for (size_t i = 0; r != -ENOMEM && i < all->nr_maps; i++)
		if (weir_holding_map_is_shared_copy(&all->maps[i]))
			r = read_frames_text(host, all, i, &text);
	return r == -ENOMEM ? r : 0;
}
