/* A host as a model: the model's host says of the pools what the host said. */
#include "lab/load.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include "base/rng.h"
#include "base/size.h"
#include "lab/render.h"
#include "lab/world.h"
#include "model/check.h"

#include <errno.h>

#define POOLS   "/sys/kernel/mm/hugepages"
#define NODES   "/sys/devices/system/node"
#define CGROUPS "/sys/fs/cgroup"

static bool read_number(const struct weir_host *host, const char *path, uint64_t *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	return weir_host_read(host, path, 64, &text) == 0 &&
	       weir_parse_u64(weir_str_trim(weir_buf_str(&text)), out) == 0;
}

/* Every number that the host has there, the model's host has too. Counters that went
 * below zero are unknown, limits may be any number. Returns how many. */
static unsigned int compare(const struct weir_host *host, const struct weir_host *model,
                            const char *dir, const char *file)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	uint64_t want, got;

	expect_int_eq(weir_buf_printf(&path, "%s/%s", dir, file), 0);
	if (!read_number(host, path.p, &want) ||
	    (want > INT64_MAX && !strstr(file, "overcommit")))
		return 0;
	if (!read_number(model, path.p, &got))
		fail_msg("the model has no %s", path.p);
	if (got != want)
		fail_msg("%s is %" PRIu64 " in the model, not %" PRIu64, path.p, got,
		         want);
	return 1;
}

static bool is_size(const char *dir)
{
	uint64_t bytes;

	return weir_parse_size(weir_str_skip(weir_strz(dir), strlen("hugepages-")),
	                       &bytes) == 0 &&
	       !(bytes & (bytes - 1));
}

static unsigned int compare_sizes(const struct weir_host *host,
                                  const struct weir_host *model, const char *dir)
{
	static const char *const files[] = { "nr_hugepages", "free_hugepages",
		                             "surplus_hugepages", "resv_hugepages",
		                             "nr_overcommit_hugepages" };
	weir_auto(weir_names_done) struct weir_names sizes = { 0 };
	unsigned int nr = 0;

	if (weir_host_list(host, dir, &sizes) < 0)
		return 0;
	for (size_t i = 0; i < sizes.nr; i++) {
		weir_auto(weir_buf_done) struct weir_buf path = { 0 };

		if (!is_size(sizes.v[i].name)) /* of odd-garbage */
			continue;
		expect_int_eq(weir_buf_printf(&path, "%s/%s", dir, sizes.v[i].name), 0);
		for (size_t k = 0; k < WEIR_NELEM(files); k++)
			nr += compare(host, model, path.p, files[k]);
	}
	return nr;
}

static unsigned int compare_pools(const struct weir_host *host,
                                  const struct weir_host *model)
{
	unsigned int nr = compare_sizes(host, model, POOLS);
	char dir[80];

	for (unsigned int n = 0; n < 64; n++) {
		(void)snprintf(dir, sizeof(dir), NODES "/node%u/hugepages", n);
		nr += compare_sizes(host, model, dir);
	}
	nr += compare(host, model, "/proc/sys/vm", "nr_hugepages");
	return nr + compare(host, model, "/proc/sys/vm", "nr_overcommit_hugepages");
}

static struct weir_host *open_captured(const char *name)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };

	expect_int_eq(weir_buf_printf(&path, "%s/%s", getenv("WEIR_TEST_HOSTS"), name),
	              0);
	if (weir_host_open(path.p, &host, &err) < 0)
		fail_msg("%s", err.msg);
	return host;
}

static struct weir_world *load(const struct weir_host *host, struct weir_buf *notes)
{
	struct weir_world *world = NULL;
	struct weir_err err = { 0 };

	if (weir_load_host(host, NULL, &world, notes, &err) < 0)
		fail_msg("load: %s", err.msg);
	if (weir_model_check(world->model, &err) < 0)
		fail_msg("the model does not add up: %s", err.msg);
	return world;
}

static struct weir_host *render(struct weir_world *world)
{
	struct weir_host *host;

	expect_int_eq(weir_render_new(world, &host, NULL), 0);
	return host;
}

static void captured_hosts_keep_their_pools(void **state)
{
	static const struct {
		const char *name;
		unsigned int nr; /* numbers compared, at least */
	} hosts[] = {
		{ "debian-5.10-2nodes", 24 }, { "debian-6.1-2nodes", 24 },
		{ "debian-6.12-3nodes", 30 }, { "debian-arm64-cma", 46 },
		{ "hygon-8node", 28 },        { "odd-nodes", 55 },
		{ "odd-garbage", 1 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(hosts); i++) {
		struct weir_host *host = open_captured(hosts[i].name);
		weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
		struct weir_host *model = render(load(host, &notes));
		unsigned int nr = compare_pools(host, model);

		if (nr < hosts[i].nr)
			fail_msg("%s: only %u numbers", hosts[i].name, nr);
		weir_host_free(model);
		weir_host_free(host);
	}
}

/* What the rendered host says loads again, to the same. */
static void a_model_of_a_model_is_the_same(void **state)
{
	static const char *const hosts[] = { "debian-6.1-2nodes", "debian-6.12-3nodes",
		                             "odd-nodes" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(hosts); i++) {
		struct weir_host *host = open_captured(hosts[i]);
		struct weir_host *model = render(load(host, NULL));
		struct weir_host *again = render(load(model, NULL));

		assert_true(compare_pools(model, again) > 20);
		weir_host_free(again);
		weir_host_free(model);
		weir_host_free(host);
	}
}

static void a_host_without_huge_pages_is_refused(void **state)
{
	struct weir_host *host = open_captured("odd-no-hugetlb");
	struct weir_world *world = NULL;
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_load_host(host, NULL, &world, NULL, &err), -EINVAL);
	expect_str(err.msg, "this host has no huge pages, or they cannot be seen");
	assert_null(world);
	weir_host_free(host);
}

/* 10 pages on two nodes, 4 in use, 5 reserved; a mount and two groups. */
static struct fake_file files[] = {
	{ "/proc/sys/kernel/osrelease", "6.6.30-1\n" },
	{ "/proc/meminfo", "MemTotal: 4194304 kB\nMemFree: 1048576 kB\n"
	                   "Hugepagesize: 2048 kB\nHardwareCorrupted: 4 kB\n" },
	{ "/proc/cmdline", "quiet hugepages=10\n" },
	{ "/proc/self/mountinfo",
	  "30 1 0:26 / " CGROUPS " rw - cgroup2 cgroup2 rw\n"
	  "40 1 0:30 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n"
	  "41 1 0:31 / /run/vm/hugepages rw - hugetlbfs none "
	  "rw,pagesize=2M,size=16777216,min_size=8388608,nr_inodes=9\n"
	  "42 1 0:30 / /mnt/again rw - hugetlbfs hugetlbfs rw,pagesize=2M\n" },
	{ "/@/statfs/run/vm/hugepages/@",
	  "bsize 2097152\nblocks 8\nbfree 5\nbavail 5\nfiles 9\nffree 7\n" },
	{ NODES "/online", "0-1\n" },
	{ NODES "/has_memory", "0-1\n" },
	{ NODES "/node0/meminfo",
	  "Node 0 MemTotal: 2097152 kB\nNode 0 MemFree: 524288 kB\n" },
	{ NODES "/node1/meminfo",
	  "Node 1 MemTotal: 2097152 kB\nNode 1 MemFree: 524288 kB\n" },
	{ NODES "/node0/cpulist", "0-3\n" },
	{ NODES "/node1/cpulist", "4-7,100\n" },
	{ NODES "/node0/distance", "10 31\n" },
	{ NODES "/node1/distance", "31 10\n" },
	{ NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "7\n" },
	{ NODES "/node0/hugepages/hugepages-2048kB/free_hugepages", "4\n" },
	{ NODES "/node0/hugepages/hugepages-2048kB/surplus_hugepages", "1\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages", "3\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/free_hugepages", "2\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/surplus_hugepages", "0\n" },
	{ POOLS "/hugepages-2048kB/nr_hugepages", "10\n" },
	{ POOLS "/hugepages-2048kB/free_hugepages", "6\n" },
	{ POOLS "/hugepages-2048kB/resv_hugepages", "5\n" },
	{ POOLS "/hugepages-2048kB/surplus_hugepages", "1\n" },
	{ POOLS "/hugepages-2048kB/nr_overcommit_hugepages", "2\n" },
	{ "/proc/sys/vm/nr_hugepages", "8\n" },
	{ CGROUPS "/cgroup.controllers", "hugetlb\n" },
	{ CGROUPS "/m.slice/hugetlb.2MB.current", "8388608\n" },
	{ CGROUPS "/m.slice/hugetlb.2MB.max", "33554432\n" },
	{ CGROUPS "/m.slice/hugetlb.2MB.rsvd.current", "12582912\n" },
	{ CGROUPS "/m.slice/hugetlb.2MB.rsvd.max", "max\n" },
	{ CGROUPS "/m.slice/hugetlb.2MB.events", "max 3\n" },
	{ CGROUPS "/m.slice/x/hugetlb.2MB.current", "2097152\n" },
	{ CGROUPS "/m.slice/x/hugetlb.2MB.rsvd.current", "4194304\n" },
	{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.current", "2097152\n" },
	{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.max", "max\n" },
	{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.rsvd.current", "4194304\n" },
	{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.rsvd.max", "4194304\n" },
	{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.events", "max 0\n" },
};

static void expect_file(const struct weir_host *host, const char *path, const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, path, 65536, &text);

	if (r < 0)
		fail_msg("%s: %d", path, r);
	if (!weir_str_eq(weir_buf_str(&text), want))
		fail_msg("%s is '%s', not '%s'", path, text.p ? text.p : "", want);
}

static void what_is_known_is_loaded(void **state)
{
	static const struct {
		const char *path, *text;
	} want[] = {
		{ "/proc/sys/kernel/osrelease", "6.6-model\n" },
		{ "/proc/cmdline", "quiet hugepages=10\n" },
		{ NODES "/node0/cpulist", "0-3\n" },
		{ NODES "/node1/distance", "31 10\n" },
		{ NODES "/node0/meminfo", "Node 0 MemTotal:        2097152 kB\n"
		                          "Node 0 MemFree:          524288 kB\n"
		                          "Node 0 MemUsed:         1572864 kB\n"
		                          "Node 0 HugePages_Total:     7\n"
		                          "Node 0 HugePages_Free:      4\n"
		                          "Node 0 HugePages_Surp:      1\n" },
		{ "/@/statfs/mnt/hugepages/@",
		  "bsize 2097152\nblocks 0\nbfree 0\nbavail 0\nfiles 0\nffree 0\n" },
		{ "/@/statfs/mnt/hugepages-2/@",
		  "bsize 2097152\nblocks 8\nbfree 5\nbavail 5\nfiles 9\nffree 7\n" },
		{ CGROUPS "/m.slice/hugetlb.2MB.current", "8388608\n" },
		{ CGROUPS "/m.slice/hugetlb.2MB.rsvd.current", "12582912\n" },
		{ CGROUPS "/m.slice/hugetlb.2MB.max", "33554432\n" },
		{ CGROUPS "/m.slice/hugetlb.2MB.events", "max 3\n" },
		{ CGROUPS "/m.slice/x/hugetlb.2MB.current", "2097152\n" },
		{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.current", "2097152\n" },
		{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.rsvd.current", "4194304\n" },
		{ CGROUPS "/m.slice/x/vm/hugetlb.2MB.rsvd.max", "4194304\n" },
		{ "/proc/1000/comm", "host\n" },
		{ "/@/link/proc/1000/fd/3", "/memfd:host-2M (deleted)" },
	};
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	struct weir_host *model;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	model = render(load(&fake.host, &notes));
	assert_true(compare_pools(&fake.host, model) == 12);
	for (size_t i = 0; i < WEIR_NELEM(want); i++)
		expect_file(model, want[i].path, want[i].text);
	expect_text(weir_buf_str(&notes), "CPUs from 64 on are left out\n");
	weir_host_free(model);
	fake_close(&fake);
}

static void set_file(const char *path, const char *text)
{
	size_t i = 0;

	while (strcmp(files[i].path, path) != 0)
		i++;
	files[i].text = text;
}

/* One free page is not promised; who writes 0 gets none back. */
static void the_loaded_model_can_be_played_on(void **state)
{
	static const char text[] = "task A\n"
				   "A map m 1\n"
				   "A map n 1\n"
				   "write 2M/nr_hugepages 0\n";
	struct weir_script script;
	struct weir_world *world;
	struct fake_host fake;
	struct weir_result result;
	struct weir_err err = { 0 };
	static const int want[] = { 0, 0, ENOMEM, 0 };

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	set_file(POOLS "/hugepages-2048kB/nr_overcommit_hugepages", "0\n");
	world = load(&fake.host, NULL);
	expect_int_eq(weir_script_parse(weir_strz(text), "test", &script, NULL), 0);
	for (size_t i = 0; i < script.nr_steps; i++) {
		expect_int_eq(weir_world_step(world, &script.steps[i], &result, NULL), 0);
		expect_int_eq(result.err, want[i]);
	}
	if (weir_model_check(world->model, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(world->model->pools[0].total, 10); /* all in use or promised */
	expect_u64_eq(world->model->pools[0].surplus, 10);
	weir_script_done(&script);
	weir_world_free(world);
	set_file(POOLS "/hugepages-2048kB/nr_overcommit_hugepages", "2\n");
	fake_close(&fake);
}

static void what_is_not_known_is_said(void **state)
{
	static struct fake_file few[] = {
		{ "/proc/meminfo", "MemFree: 1048576 kB\n" },
		{ NODES "/online", "0,3\n" },
		{ NODES "/node0/meminfo", "Node 0 MemTotal: 99 kB\n" },
		{ POOLS "/hugepages-2048kB/nr_hugepages", "5\n" },
		{ POOLS "/hugepages-2048kB/free_hugepages", "4\n" },
	};
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	struct weir_host *model;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, few, WEIR_NELEM(few));
	model = render(load(&fake.host, &notes));
	expect_text(
		weir_buf_str(&notes),
		"the kernel is not known: the rules of 6.12 hold\n"
		"free memory of node 0 is not known: taken as 512M\n"
		"free memory of node 3 is not known: taken as 512M\n"
		"which CPUs a node has is not known: taken as those of the first one\n"
		"distances of the nodes are not known: taken as all alike\n"
		"the default page size is not known: taken as 2M\n"
		"the number of pages of 2M on each node: not known, what is left is "
		"shared out evenly\n"
		"free pages of 2M on each node: not known, what is left is shared out "
		"evenly\n"
		"surplus pages of 2M on each node: not known, taken as 0 there\n"
		"reserved pages of 2M are not known: taken as 0\n"
		"the overcommit limit of 2M is not known: taken as 0\n"
		"the mounts are not known: taken as none\n"
		"hugetlb cgroups are not known: taken as none\n");
	expect_file(model, NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "3\n");
	expect_file(model, NODES "/node3/hugepages/hugepages-2048kB/nr_hugepages", "2\n");
	expect_file(model, POOLS "/hugepages-2048kB/free_hugepages", "4\n");
	weir_host_free(model);
	fake_close(&fake);
}

static void what_cannot_be_a_model_is_refused(void **state)
{
	static const struct {
		struct fake_file file;
		const char *kernel;
		int error;
		const char *words;
	} cases[] = {
		{ { NODES "/online", "0,64\n" },
		  NULL,
		  -EINVAL,
		  "node 64: a model has nodes 0 to 63" },
		{ { POOLS "/hugepages-2048kB/nr_hugepages", "9000000000000000000\n" },
		  NULL,
		  -EINVAL,
		  "more than 67108864 huge pages: too many for a model" },
		{ { "/proc/sys/kernel/osrelease", "4.19.0\n" },
		  NULL,
		  -ENOENT,
		  "kernel 4.19.0 is older than 5.10, the oldest with known rules" },
		{ { "/proc/sys/kernel/osrelease", "6.12.0\n" },
		  "6.x",
		  -EBADMSG,
		  "'6.x' is no kernel version; there are rules for 5.10, 6.1, 6.6, 6.12, "
		  "6.18, "
		  "6.18.44" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file table[] = {
			cases[i].file,
			{ "/proc/meminfo", "MemFree: 1048576 kB\n" },
			{ POOLS "/hugepages-2048kB/nr_hugepages", "5\n" },
		};
		struct weir_world *world = NULL;
		struct fake_host fake;
		struct weir_err err = { 0 };

		fake_open(&fake, table, WEIR_NELEM(table));
		expect_int_eq(
			weir_load_host(&fake.host, cases[i].kernel, &world, NULL, &err),
			cases[i].error);
		expect_str(err.msg, cases[i].words);
		assert_null(world);
		fake_close(&fake);
	}
}

/* ---- any numbers ---- */

struct random_host {
	struct weir_rng rng;
	struct fake_file files[32];
	char path[32][128], text[32][256];
	size_t nr;
};

static void add(struct random_host *h, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct random_host *h, const char *text, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	(void)vsnprintf(h->path[h->nr], sizeof(h->path[0]), path, ap);
	va_end(ap);
	(void)snprintf(h->text[h->nr], sizeof(h->text[0]), "%s", text);
	h->files[h->nr] = (struct fake_file){
		.path = h->path[h->nr],
		.text = h->text[h->nr],
	};
	h->nr++;
}

static uint64_t below(struct random_host *h, uint64_t n)
{
	return weir_rng_below(&h->rng, n);
}

static const char *number(uint64_t n)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 "\n", n);
	return text;
}

static void add_pools(struct random_host *h)
{
	uint64_t sum[3] = { 0 };

	for (unsigned int n = 0; n < 3; n++) {
		static const char dir[] = NODES "/node%u/hugepages/hugepages-2048kB/%s";
		uint64_t nr = below(h, 9), free = below(h, nr + 1);
		uint64_t surplus = below(h, nr + 1);

		add(h, number(nr), dir, n, "nr_hugepages");
		add(h, number(free), dir, n, "free_hugepages");
		add(h, number(surplus), dir, n, "surplus_hugepages");
		sum[0] += nr;
		sum[1] += free;
		sum[2] += surplus;
	}
	add(h, number(sum[0]), POOLS "/hugepages-2048kB/nr_hugepages");
	add(h, number(sum[1]), POOLS "/hugepages-2048kB/free_hugepages");
	add(h, number(sum[2]), POOLS "/hugepages-2048kB/surplus_hugepages");
	add(h, number(below(h, sum[1] + 3)), POOLS "/hugepages-2048kB/resv_hugepages");
	add(h, number(below(h, 4)), POOLS "/hugepages-2048kB/nr_overcommit_hugepages");
}

static void add_users(struct random_host *h)
{
	uint64_t size = below(h, 12);
	char text[256];

	(void)snprintf(text, sizeof(text),
	               "30 1 0:26 / " CGROUPS " rw - cgroup2 cgroup2 rw\n"
	               "41 1 0:31 / /m rw - hugetlbfs none rw,pagesize=2M,%s%" PRIu64
	               "M,min_size=%" PRIu64 "M\n",
	               below(h, 2) ? "size=" : "nr_inodes=", size * 2, below(h, 12) * 2);
	add(h, text, "/proc/self/mountinfo");
	(void)snprintf(text, sizeof(text),
	               "bsize 2097152\nblocks %" PRIu64 "\nbfree %" PRIu64 "\n", size,
	               below(h, size + 1));
	add(h, text, "/@/statfs/m/@");
	add(h, "hugetlb\n", CGROUPS "/cgroup.controllers");
	add(h, number(below(h, 12) << 21), CGROUPS "/g/hugetlb.2MB.current");
	add(h, number(below(h, 12) << 21), CGROUPS "/g/hugetlb.2MB.rsvd.current");
	add(h, number(below(h, 12) << 21), CGROUPS "/g/hugetlb.2MB.max");
}

/* Whatever the numbers are, sensible or not: the pools come out as they went in, and the
 * model adds up. */
static void any_counts_are_kept(void **state)
{
	static struct random_host h;

	(void)state;
	weir_rng_seed(&h.rng, 20251121);
	for (unsigned int round = 0; round < 2000; round++) {
		struct weir_host *model;
		struct fake_host fake;

		h.nr = 0;
		add(&h, "MemFree: 999424 kB\nHugepagesize: 2048 kB\n", "/proc/meminfo");
		add(&h, "0-2\n", NODES "/online");
		add_pools(&h);
		add_users(&h);
		fake_open(&fake, h.files, h.nr);
		model = render(load(&fake.host, NULL));
		if (compare_pools(&fake.host, model) != 14)
			fail_msg("round %u", round);
		weir_host_free(model);
		fake_close(&fake);
	}
}

static int load_all(void *ctx)
{
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	struct weir_world *world = NULL;
	int r = weir_load_host(ctx, NULL, &world, &notes, NULL);

	weir_world_free(world);
	return r;
}

static void every_allocation_may_fail(void **state)
{
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	expect_int_eq(fault_every(load_all, &fake.host), 0);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured_hosts_keep_their_pools),
		cmocka_unit_test(a_model_of_a_model_is_the_same),
		cmocka_unit_test(a_host_without_huge_pages_is_refused),
		cmocka_unit_test(what_is_known_is_loaded),
		cmocka_unit_test(the_loaded_model_can_be_played_on),
		cmocka_unit_test(what_is_not_known_is_said),
		cmocka_unit_test(what_cannot_be_a_model_is_refused),
		cmocka_unit_test(any_counts_are_kept),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
