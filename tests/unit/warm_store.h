/* warm_store: a store of 4 KiB pages in a directory of a test's own, on a tmpfs in place
 * of a hugetlbfs. */
#ifndef WEIR_WARM_STORE_TEST_H
#define WEIR_WARM_STORE_TEST_H

#include "warm/store.h"

#include "state_dir.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#define P 4096U

struct shop {
	struct state state;
	char dir[64], text[64];
	struct weir_store_options options;
	uint64_t now_ns;
};

static inline uint64_t shop_now(void *ctx)
{
	const struct shop *shop = ctx;

	return shop->now_ns;
}

static inline void shop_init(struct shop *shop)
{
	*shop = (struct shop){ .state = state_new(), .now_ns = 1000 };
	(void)snprintf(shop->dir, sizeof(shop->dir), "%s/warm", shop->state.dir);
	(void)snprintf(shop->text, sizeof(shop->text), "%s/state", shop->state.dir);
	shop->options = (struct weir_store_options){ .dir = shop->dir,
		                                     .state_path = shop->text,
		                                     .plain = true,
		                                     .now_ns = shop_now,
		                                     .ctx = shop };
}

static inline void shop_done(const struct shop *shop)
{
	state_done(&shop->state);
}

static inline struct weir_store *shop_open(struct shop *shop)
{
	struct weir_store *store = NULL;
	struct weir_err err = { 0 };

	if (weir_store_open(&shop->options, &store, &err) < 0)
		fail_msg("%s", err.msg);
	return store;
}

/* The state on disk is what the store has. */
static inline void shop_check_text(const struct shop *shop,
                                   const struct weir_store *store)
{
	const struct weir_warm_state *has = weir_store_state(store);
	struct weir_warm_state text = { 0 };
	struct weir_err err = { 0 };
	FILE *f = fopen(shop->text, "r");
	char *p = malloc(1U << 20);
	size_t n;

	assert_true(f && p);
	n = fread(p, 1, 1U << 20, f);
	(void)fclose(f);
	if (weir_warm_state_parse(weir_str(p, n), &text, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(text.nr_regions, has->nr_regions);
	expect_u64_eq(text.nr_targets, has->nr_targets);
	expect_u64_eq(text.next_lease, has->next_lease);
	for (size_t i = 0; i < text.nr_regions; i++) {
		const struct weir_warm_region *a = &text.regions[i],
					      *b = &has->regions[i];

		expect_u64_eq(a->id, b->id);
		expect_u64_eq(a->bytes, b->bytes);
		expect_u64_eq(a->inode, b->inode);
		expect_u64_eq(a->lease.id, b->lease.id);
		expect_int_eq(a->state, b->state);
	}
	weir_warm_state_done(&text);
	free(p);
}

static inline int set_target(struct weir_store *store, uint64_t pages, int node)
{
	const struct weir_warm_target target = { .page_bytes = P,
		                                 .bytes = pages * P,
		                                 .node = node };

	return weir_store_set_target(store, &target, NULL);
}

/* Does one job; WEIR_JOB_NONE, or its result. */
static inline int do_job(struct weir_store *store, uint64_t room_pages, bool only_grow,
                         struct weir_lease *out)
{
	const struct weir_job_room rooms[] = { { P, room_pages * P, 0 },
		                               { P, room_pages * P, -1 } };
	const struct weir_job_wish wish = {
		.node = -1, .only_grow = only_grow, .rooms = rooms, .nr_rooms = 2
	};
	const struct weir_warm_work work = { .threads = 1 };
	struct weir_err err = { 0 };
	struct weir_warm_job job;
	int r = weir_store_next_job(store, &wish, &job, &err);

	if (r != 0)
		return r;
	r = weir_warm_job_run(&job, &work, &err);
	return weir_store_job_done(store, &job, r, out, &err);
}

static inline void do_jobs(struct weir_store *store, uint64_t room_pages)
{
	int r;

	do
		r = do_job(store, room_pages, false, NULL);
	while (r != WEIR_JOB_NONE || weir_store_has_back(store));
}

static inline int take(struct weir_store *store, uint64_t pages, const char *name,
                       struct weir_lease *out)
{
	const struct weir_lease_ask ask = { .bytes = pages * P,
		                            .page_bytes = P,
		                            .name = name,
		                            .uid = 7,
		                            .file_uid = geteuid(),
		                            .file_gid = getegid(),
		                            .room_bytes = 1000 * P };

	return weir_store_lease(store, &ask, out, NULL);
}

/* So many regions are in this state, and so many pages have they. */
static inline size_t count(const struct weir_store *store, enum weir_region_state which,
                           uint64_t *pages)
{
	const struct weir_warm_state *s = weir_store_state(store);
	size_t nr = 0;

	*pages = 0;
	for (size_t i = 0; i < s->nr_regions; i++)
		if (s->regions[i].state == which) {
			*pages += s->regions[i].bytes / P;
			nr++;
		}
	return nr;
}

#define expect_regions(store, which, want_nr, want_pages)  \
	do {                                               \
		uint64_t pages_;                           \
		size_t nr_ = count(store, which, &pages_); \
		expect_u64_eq(nr_, want_nr);               \
		expect_u64_eq(pages_, want_pages);         \
	} while (0)

/* Every byte of a file is 0. */
static inline bool is_zero_file(const char *path)
{
	unsigned char page[P];
	FILE *f = fopen(path, "re");
	bool zero = true;
	size_t n;

	assert_non_null(f);
	while (zero && (n = fread(page, 1, sizeof(page), f)) > 0)
		for (size_t i = 0; i < n; i++)
			zero = zero && !page[i];
	(void)fclose(f);
	return zero;
}

static inline void soil_file(const char *path)
{
	unsigned char page[P];
	struct stat st;
	FILE *f;

	memset(page, 0xa5, sizeof(page));
	assert_int_equal(stat(path, &st), 0);
	f = fopen(path, "r+e");
	assert_non_null(f);
	for (off_t i = 0; i < st.st_size; i += P)
		assert_int_equal(fwrite(page, 1, sizeof(page), f), sizeof(page));
	assert_int_equal(fclose(f), 0);
}

/* What must hold of a store whenever it is at rest: each file is a region, a ready one is
 * zero, whole and root's, a leased one has the name that was told. */
static inline void shop_check(const struct shop *shop, const struct weir_store *store)
{
	const struct weir_warm_state *s = weir_store_state(store);
	char path[400];
	size_t files = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/4K", shop->dir);
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		const struct weir_warm_region *region = NULL;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		files++;
		(void)snprintf(path, sizeof(path), "%s/4K/%s", shop->dir, e->d_name);
		assert_int_equal(lstat(path, &st), 0);
		for (size_t i = 0; i < s->nr_regions; i++)
			if (s->regions[i].inode == st.st_ino)
				region = &s->regions[i];
		if (!region)
			fail_msg("%s is no region", e->d_name);
		/* the name says whether it was handed over, or is ours */
		if ((region->state == WEIR_REGION_LEASED) == (e->d_name[0] == '.'))
			fail_msg("%s is %s", e->d_name,
			         weir_region_state_word(region->state));
		if (region->state != WEIR_REGION_READY)
			continue;
		expect_int_eq(st.st_size, (long long)region->bytes);
		expect_int_eq(st.st_blocks * 512, (long long)region->bytes);
		expect_u64_eq(st.st_mode & 07777, 0600);
		if (!is_zero_file(path))
			fail_msg("region %" PRIu64 " is ready and not zero", region->id);
	}
	if (d)
		(void)closedir(d);
	expect_u64_eq(files, s->nr_regions);
	shop_check_text(shop, store);
}

#endif
