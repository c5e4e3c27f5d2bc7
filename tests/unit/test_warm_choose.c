/* Which region is taken, made or given back: tables. Sizes are in pages of 4 KiB. */
#include "warm/choose.h"

#include "test.h"

#define P 4096U

struct has { /* a region; ids are 1, 2, ... */
	enum weir_region_state state;
	uint64_t pages;
	int node;
};

#define READY(...)                             \
	{                                      \
		WEIR_REGION_READY, __VA_ARGS__ \
	}
#define DIRTY(...)                             \
	{                                      \
		WEIR_REGION_DIRTY, __VA_ARGS__ \
	}

#define MOST 8

struct host {
	struct weir_warm_region v[MOST];
	struct weir_warm_state state;
};

static void make(struct host *host, const struct has *has)
{
	*host = (struct host){ 0 };
	for (size_t i = 0; i < MOST && has[i].pages; i++) {
		host->v[i] = (struct weir_warm_region){ .id = i + 1,
			                                .state = has[i].state,
			                                .page_bytes = P,
			                                .bytes = has[i].pages * P,
			                                .filled_bytes = has[i].pages * P,
			                                .node = has[i].node };
		host->state.nr_regions++;
	}
	host->state.regions = host->v;
}

static void choose_for_a_lease_takes_the_nearest_size(void **unused)
{
	static const struct {
		struct has has[MOST];
		uint64_t pages, room;
		int node;
		bool warm_only;
		enum weir_choice_kind kind;
		size_t region; /* its id */
		uint64_t lacks, evict;
	} cases[] = {
		/* nothing there */
		{ { { 0 } }, 4, 3, 0, false, WEIR_CHOICE_NONE, 0, 0, 0 },
		{ { { 0 } }, 4, 4, 0, false, WEIR_CHOICE_NEW, 0, 4, 0 },
		{ { { 0 } }, 4, 4, 0, true, WEIR_CHOICE_COLD, 0, 0, 0 },
		/* the same, and of several the first */
		{ { READY(8, 0), READY(4, 0), READY(4, 0) },
		  4,
		  0,
		  0,
		  false,
		  WEIR_CHOICE_SAME,
		  2,
		  0,
		  0 },
		/* the smallest larger one */
		{ { READY(16, 0), READY(8, 0), READY(2, 0) },
		  4,
		  9,
		  0,
		  false,
		  WEIR_CHOICE_CUT,
		  2,
		  0,
		  0 },
		/* the largest smaller one */
		{ { READY(1, 0), READY(2, 0), READY(3, 1) },
		  4,
		  9,
		  0,
		  false,
		  WEIR_CHOICE_GROW,
		  2,
		  2,
		  0 },
		{ { READY(1, 0), READY(2, 0) },
		  4,
		  2,
		  0,
		  true,
		  WEIR_CHOICE_COLD,
		  0,
		  0,
		  0 },
		/* on its node, or on any */
		{ { READY(4, 1) }, 4, 0, 0, false, WEIR_CHOICE_NONE, 0, 0, 0 },
		{ { READY(4, 1) }, 4, 0, 1, false, WEIR_CHOICE_SAME, 1, 0, 0 },
		{ { READY(4, 1) }, 4, 0, -1, false, WEIR_CHOICE_SAME, 1, 0, 0 },
		{ { READY(4, -1) }, 4, 4, 1, false, WEIR_CHOICE_NEW, 0, 4, 0 },
		/* what is not ready does not serve, but can make room */
		{ { DIRTY(4, 0) }, 4, 0, 0, false, WEIR_CHOICE_NEW, 0, 4, 4 },
		{ { DIRTY(4, 0) }, 4, 3, 0, false, WEIR_CHOICE_NEW, 0, 4, 1 },
		{ { DIRTY(3, 0) }, 4, 0, 0, false, WEIR_CHOICE_NONE, 0, 0, 0 },
		{ { READY(2, 0), READY(2, 0), READY(2, 0) },
		  6,
		  0,
		  0,
		  false,
		  WEIR_CHOICE_GROW,
		  1,
		  4,
		  4 },
		{ { READY(2, 0), READY(2, 0), READY(2, 0) },
		  7,
		  0,
		  0,
		  false,
		  WEIR_CHOICE_NONE,
		  0,
		  0,
		  0 },
		{ { { WEIR_REGION_WAITING, 4, 0 }, { WEIR_REGION_FILLING, 4, 0 } },
		  4,
		  0,
		  0,
		  false,
		  WEIR_CHOICE_NONE,
		  0,
		  0,
		  0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct weir_choose_ask ask = { .bytes = cases[i].pages * P,
			                             .page_bytes = P,
			                             .node = cases[i].node,
			                             .room_bytes = cases[i].room * P,
			                             .warm_only = cases[i].warm_only };
		struct weir_choice got;
		struct host host;

		make(&host, cases[i].has);
		weir_choose_region(&host.state, &ask, &got);
		if (got.kind != cases[i].kind ||
		    (cases[i].region && got.region + 1 != cases[i].region) ||
		    got.lacks_bytes != cases[i].lacks * P ||
		    got.evict_bytes != cases[i].evict * P)
			fail_msg("case %zu: kind %d, region %zu, lacks %" PRIu64
			         ", evicts %" PRIu64,
			         i, (int)got.kind, got.region + 1, got.lacks_bytes / P,
			         got.evict_bytes / P);
	}
}

/* A region that is bound to a node takes its pages there, though the lease may be on any.
 */
static void choose_grows_where_the_node_has_room(void **unused)
{
	static const struct {
		struct has has[MOST];
		uint64_t pages, room[2], all; /* of nodes 0 and 1 */
		enum weir_choice_kind kind;
		size_t region;
		uint64_t lacks, evict;
		int node;
	} cases[] = {
		{ { READY(3, 0) }, 4, { 1, 9 }, 10, WEIR_CHOICE_GROW, 1, 1, 0, 0 },
		/* another one, of a node that has room */
		{ { READY(3, 0), READY(2, 1) },
		  4,
		  { 0, 9 },
		  9,
		  WEIR_CHOICE_GROW,
		  2,
		  2,
		  0,
		  1 },
		{ { READY(2, 0), READY(3, -1) },
		  4,
		  { 0, 9 },
		  9,
		  WEIR_CHOICE_GROW,
		  2,
		  1,
		  0,
		  -1 },
		/* or a new one */
		{ { READY(3, 0) }, 4, { 0, 9 }, 9, WEIR_CHOICE_NEW, 0, 4, 0, -1 },
		/* who makes room for it is on the same node */
		{ { READY(3, 0), READY(1, 0), READY(1, 1) },
		  4,
		  { 0, 1 },
		  1,
		  WEIR_CHOICE_GROW,
		  1,
		  1,
		  1,
		  0 },
		{ { READY(3, 0), READY(1, 1) },
		  4,
		  { 0, 0 },
		  0,
		  WEIR_CHOICE_NEW,
		  0,
		  4,
		  4,
		  -1 },
		{ { READY(3, 0) }, 5, { 1, 1 }, 1, WEIR_CHOICE_NONE, 0, 0, 0, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct weir_job_room rooms[] = { { P, cases[i].room[0] * P, 0 },
			                               { P, cases[i].room[1] * P, 1 },
			                               { 2 * P, 0, 0 } };
		const struct weir_choose_ask ask = { .bytes = cases[i].pages * P,
			                             .page_bytes = P,
			                             .node = -1,
			                             .room_bytes = cases[i].all * P,
			                             .rooms = rooms,
			                             .nr_rooms = WEIR_NELEM(rooms) };
		struct weir_choice got;
		struct host host;

		make(&host, cases[i].has);
		weir_choose_region(&host.state, &ask, &got);
		if (got.kind != cases[i].kind ||
		    (cases[i].region && got.region + 1 != cases[i].region) ||
		    got.lacks_bytes != cases[i].lacks * P ||
		    got.evict_bytes != cases[i].evict * P || got.node != cases[i].node)
			fail_msg("case %zu: %d, region %zu, lacks %" PRIu64
			         ", evicts %" PRIu64 " on %d",
			         i, (int)got.kind, got.region + 1, got.lacks_bytes / P,
			         got.evict_bytes / P, got.node);
	}
}

static void choose_to_make_room_takes_what_is_not_zero_first(void **unused)
{
	static const struct {
		struct has has[MOST];
		uint64_t keep, pages;
		size_t region; /* 0: none */
	} cases[] = {
		{ { READY(4, 1) }, 0, 1, 0 },
		{ { READY(4, 0) }, 1, 1, 0 },
		{ { READY(4, 0), READY(2, 0), READY(3, 0) }, 0, 3, 3 },
		{ { READY(4, 0), READY(2, 0), READY(3, 0) }, 0, 9, 1 },
		{ { READY(4, 0), DIRTY(1, 0), READY(3, 0) }, 0, 3, 2 },
		{ { READY(4, 0), { WEIR_REGION_LEASED, 3, 0 } }, 1, 1, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct weir_choose_ask ask = { .page_bytes = P, .node = 0 };
		struct host host;
		size_t at = SIZE_MAX;
		bool found;

		make(&host, cases[i].has);
		found = weir_choose_evict(&host.state, &ask, cases[i].keep,
		                          cases[i].pages * P, &at);
		if (found != (cases[i].region > 0) ||
		    (found && at + 1 != cases[i].region))
			fail_msg("case %zu: region %zu", i, at + 1);
	}
}

static void flavours_are_counted_and_wanted(void **unused)
{
	static const struct {
		uint64_t sizes[8];
		bool given;
		uint64_t pages;
		struct {
			uint64_t pages, weight;
			size_t wanted;
		} want[4];
	} cases[] = {
		{ { 0 }, true, 8, { { 0, 0, 0 } } },
		{ { 4 * P, P + 1, 4 * P, 16 * P },
		  true,
		  64,
		  { { 4, 1, 4 }, { 16, 1, 3 } } },
		{ { 4 * P }, true, 3, { { 4, 1, 0 } } },
		/* newest first; what is there most often comes first */
		{ { 2 * P, 4 * P, 8 * P, 4 * P },
		  false,
		  36,
		  { { 4, 2, 4 }, { 2, 1, 2 }, { 8, 1, 2 } } },
		{ { UINT64_MAX - P + 1, 4 * P },
		  true,
		  9,
		  { { UINT64_MAX / P, 1, 0 }, { 4, 1, 1 } } },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_flavours got;
		size_t nr = 0;

		while (nr < 8 && cases[i].sizes[nr])
			nr++;
		if (cases[i].given)
			weir_flavours_given(cases[i].sizes, nr, P, &got);
		else
			weir_flavours_learned(cases[i].sizes, nr, P, &got);
		weir_flavours_want(&got, cases[i].pages * P);
		for (size_t f = 0; f < 4 && cases[i].want[f].weight; f++)
			if (f >= got.nr || got.v[f].bytes / P != cases[i].want[f].pages ||
			    got.v[f].weight != cases[i].want[f].weight ||
			    got.v[f].wanted != cases[i].want[f].wanted)
				fail_msg("case %zu, flavour %zu: %" PRIu64
				         " pages, weight %" PRIu64 ", %zu wanted",
				         i, f, got.v[f].bytes / P, got.v[f].weight,
				         got.v[f].wanted);
	}
}

static struct weir_flavours flavours_of(const uint64_t *pages, uint64_t target)
{
	struct weir_flavours out;
	uint64_t sizes[4];
	size_t nr = 0;

	for (; nr < 4 && pages[nr]; nr++)
		sizes[nr] = pages[nr] * P;
	weir_flavours_given(sizes, nr, P, &out);
	weir_flavours_want(&out, target * P);
	return out;
}

static void choose_to_fill_keeps_within_the_target(void **unused)
{
	static const struct {
		struct has has[MOST];
		uint64_t flavours[4];
		uint64_t target, room, make;
	} cases[] = {
		{ { { 0 } }, { 4 }, 0, 99, 0 },
		{ { { 0 } }, { 4 }, 8, 99, 4 },
		{ { { 0 } }, { 4 }, 8, 3, 0 }, /* the pool's last pages are not for it */
		{ { READY(4, 0) }, { 4 }, 8, 4, 4 },
		{ { READY(4, 0) }, { 4 }, 6, 4, 2 }, /* what is left is one region */
		{ { READY(4, 0) }, { 4 }, 6, 1, 0 },
		{ { READY(4, 0), READY(4, 1) }, { 4 }, 8, 4, 4 },
		{ { READY(4, 0), READY(4, 0) }, { 4 }, 8, 4, 0 },
		/* what will be ready counts, what is leased does not */
		{ { { WEIR_REGION_FILLING, 4, 0 }, DIRTY(2, 0) }, { 4 }, 8, 9, 2 },
		{ { { WEIR_REGION_LEASED, 8, 0 } }, { 4 }, 8, 9, 4 },
		/* the flavour that lacks most */
		{ { READY(4, 0), READY(4, 0) }, { 4, 16 }, 64, 99, 16 },
		{ { READY(16, 0) }, { 4, 16 }, 64, 99, 4 },
		/* one that fits, where the one that lacks most does not */
		{ { READY(4, 0), READY(4, 0) }, { 4, 16 }, 64, 15, 4 },
		{ { READY(5, 0), READY(5, 0) }, { 4 }, 16, 99, 4 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct weir_warm_target target = { .page_bytes = P,
			                                 .bytes = cases[i].target * P };
		const struct weir_flavours flavours = flavours_of(cases[i].flavours,
		                                                  cases[i].target);
		struct host host;
		uint64_t got;

		make(&host, cases[i].has);
		got = weir_choose_fill(&host.state, &target, &flavours,
		                       cases[i].room * P);
		if (got != cases[i].make * P)
			fail_msg("case %zu: %" PRIu64 " pages", i, got / P);
	}
}

static void choose_beyond_gives_back_what_nobody_wants(void **unused)
{
	static const struct {
		struct has has[MOST];
		uint64_t flavours[4];
		uint64_t target;
		size_t region; /* 0: none */
		uint64_t keep;
	} cases[] = {
		{ { READY(4, 0) }, { 4 }, 4, 0, 0 },
		{ { READY(4, 1) }, { 4 }, 0, 0, 0 },
		{ { READY(4, 0) }, { 4 }, 0, 1, 0 },
		{ { READY(4, 0), READY(4, 0) }, { 4 }, 4, 1, 0 },
		{ { READY(4, 0), DIRTY(4, 0) }, { 4 }, 4, 2, 0 },
		/* a size that nobody wants */
		{ { READY(4, 0), READY(5, 0), READY(4, 0) }, { 4 }, 8, 2, 0 },
		{ { READY(4, 0), READY(6, 0) }, { 4 }, 8, 2, 4 },
		{ { READY(1, 0), READY(1, 0), READY(1, 0), DIRTY(2, 0) },
		  { 1 },
		  4,
		  4,
		  1 },
		/* only what can be given back */
		{ { { WEIR_REGION_SCRUBBING, 4, 0 } }, { 4 }, 0, 0, 0 },
		{ { { WEIR_REGION_SCRUBBING, 4, 0 }, READY(4, 0) }, { 4 }, 4, 2, 0 },
		{ { { WEIR_REGION_LEASED, 4, 0 } }, { 4 }, 0, 0, 0 },
		{ { READY(4, 0) }, { 4 }, 3, 1, 3 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct weir_warm_target target = { .page_bytes = P,
			                                 .bytes = cases[i].target * P };
		const struct weir_flavours flavours = flavours_of(cases[i].flavours,
		                                                  cases[i].target);
		struct host host;
		uint64_t keep = 0;
		size_t at = SIZE_MAX;
		bool found;

		make(&host, cases[i].has);
		found = weir_choose_beyond(&host.state, &target, &flavours, &at, &keep);
		if (found != (cases[i].region > 0) ||
		    (found && (at + 1 != cases[i].region || keep != cases[i].keep * P)))
			fail_msg("case %zu: region %zu, keep %" PRIu64, i, at + 1,
			         keep / P);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(choose_for_a_lease_takes_the_nearest_size),
		cmocka_unit_test(choose_grows_where_the_node_has_room),
		cmocka_unit_test(choose_to_make_room_takes_what_is_not_zero_first),
		cmocka_unit_test(flavours_are_counted_and_wanted),
		cmocka_unit_test(choose_to_fill_keeps_within_the_target),
		cmocka_unit_test(choose_beyond_gives_back_what_nobody_wants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
