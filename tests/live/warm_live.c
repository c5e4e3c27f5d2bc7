/* warm_live DIR PAGE BYTES: the store on real huge pages, by its own calls: of PAGE bytes
 * each, BYTES in all, which the pool must have free. test_warm.py calls it.
 *
 * Checks on the way, and prints what it costs; one line "name value unit" a number. */
#include "warm/store.h"

#include "base/own.h"
#include "base/size.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define LESSEE 54321 /* a user that nobody is */

#define MUST(what)                                                               \
	do {                                                                     \
		if (!(what)) {                                                   \
			(void)fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

struct live {
	struct weir_store *store;
	struct weir_store_options options;
	uint64_t page, bytes;
	uint64_t scrub_ns, fill_ns; /* of the last jobs, alone */
	char state[300];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void say(const char *name, double value, const char *unit)
{
	(void)printf("%s %.3f %s\n", name, value, unit);
}

/* Bytes a nanosecond are GB a second: GiB here. */
static double rate(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes / (double)WEIR_GIB / ((double)ns / 1e9) : 0;
}

static void open_store(struct live *live)
{
	struct weir_err err = { 0 };

	if (weir_store_open(&live->options, &live->store, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
}

static void want(struct live *live, uint64_t bytes, uint64_t flavour)
{
	const struct weir_warm_target target = { .page_bytes = live->page,
		                                 .bytes = bytes };

	live->options.flavours[0] = flavour;
	live->options.nr_flavours = 1;
	MUST(weir_store_set_options(live->store, &live->options, NULL) == 0);
	MUST(weir_store_set_target(live->store, &target, NULL) == 0);
}

/* What the store has not taken of the pool. */
static uint64_t room(struct live *live)
{
	const struct weir_warm_state *s = weir_store_state(live->store);
	uint64_t sum = 0;

	for (size_t i = 0; i < s->nr_regions; i++)
		sum += s->regions[i].filled_bytes;
	MUST(sum <= live->bytes);
	return live->bytes - sum;
}

static int do_job(struct live *live, bool only_grow, struct weir_lease *out)
{
	const struct weir_job_room rooms = { live->page, room(live), 0 };
	const struct weir_job_wish wish = {
		.node = -1, .only_grow = only_grow, .rooms = &rooms, .nr_rooms = 1
	};
	const struct weir_warm_work work = { .threads = weir_warm_cpus(0) };
	struct weir_err err = { 0 };
	struct weir_warm_job job;
	int r = weir_store_next_job(live->store, &wish, &job, &err);

	if (r == 0) {
		r = weir_warm_job_run(&job, &work, &err);
		r = weir_store_job_done(live->store, &job, r, out, &err);
	}
	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return r;
}

static void do_jobs(struct live *live)
{
	int r;

	do
		r = do_job(live, false, NULL);
	while (r == 0 || (r == WEIR_JOB_NONE && weir_store_has_back(live->store)));
	MUST(r == WEIR_JOB_NONE);
}

static int take(struct live *live, uint64_t bytes, struct weir_lease *out)
{
	const struct weir_lease_ask ask = { .bytes = bytes,
		                            .page_bytes = live->page,
		                            .room_bytes = room(live) };

	return weir_store_lease(live->store, &ask, out, NULL);
}

static size_t count(const struct live *live, enum weir_region_state which)
{
	const struct weir_warm_state *s = weir_store_state(live->store);
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_regions; i++)
		nr += s->regions[i].state == which;
	return nr;
}

/* Every byte is 0, and none is afterwards. */
static void use(const struct weir_lease *lease)
{
	int fd = open(lease->path, O_RDWR | O_CLOEXEC);
	struct weir_warm_range range = { .bytes = lease->bytes,
		                         .page_bytes = lease->page_bytes };
	uint64_t at;

	MUST(fd >= 0);
	range.at = mmap(NULL, lease->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(range.at != MAP_FAILED);
	MUST(weir_warm_is_zero(&range, 0, &at));
	memset(range.at, 0xa5, lease->bytes);
	MUST(munmap(range.at, lease->bytes) == 0 && close(fd) == 0);
}

/* A child that has the file open or mapped, until the pipe is closed. */
static pid_t hold(const char *path, bool mapped, int go[2])
{
	int ready[2];
	pid_t pid;
	char byte;

	MUST(pipe2(go, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		struct stat st;

		(void)close(go[1]);
		if (fd < 0 || fstat(fd, &st) < 0)
			_exit(1);
		if (mapped && mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd,
		                   0) == MAP_FAILED)
			_exit(1);
		if (mapped)
			(void)close(fd);
		(void)!write(ready[1], "y", 1);
		(void)!read(go[0], &byte, 1);
		_exit(0);
	}
	(void)close(go[0]);
	(void)close(ready[1]);
	MUST(pid > 0 && read(ready[0], &byte, 1) == 1);
	(void)close(ready[0]);
	return pid;
}

/* The path of one of the store's files. */
static void path_of(const struct live *live, bool leased, char out[600])
{
	char dir[300], size[WEIR_SIZE_TEXT_MAX];
	struct weir_str label = weir_format_size(live->page, size, sizeof(size));
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/%.*s", live->options.dir,
	               WEIR_STR_ARG(label));
	d = opendir(dir);
	MUST(d);
	out[0] = '\0';
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_type == DT_REG && (e->d_name[0] != '.') == leased)
			(void)snprintf(out, 600, "%s/%s", dir, e->d_name);
	MUST(closedir(d) == 0 && out[0]);
}

/* What one who is not root may do: come to his own file, and to nothing else. */
static int visit(const char *own, const char *other, uid_t user)
{
	char dir[600];
	int fd;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(own, '/') - own), own);
	if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
	    setresuid(user, user, user) < 0)
		return 2;
	if (open(other, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return 3;
	if (opendir(dir) || errno != EACCES || access(dir, W_OK) == 0)
		return 4;
	fd = open(own, O_RDWR | O_CLOEXEC);
	return user == LESSEE ? (fd < 0 ? 5 : 0) : (fd >= 0 ? 6 : 0);
}

static void check_right(struct live *live)
{
	const struct weir_lease_ask ask = { .bytes = live->bytes / 2,
		                            .page_bytes = live->page,
		                            .file_uid = LESSEE,
		                            .file_gid = LESSEE };
	struct weir_lease lease;
	char other[600];
	int status;

	MUST(weir_store_lease(live->store, &ask, &lease, NULL) == 0);
	path_of(live, false, other);
	for (uid_t user = LESSEE; user <= LESSEE + 1; user++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(visit(lease.path, other, user));
		MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
		if (status)
			(void)fprintf(stderr, "user %u: step %d\n", user,
			              WEXITSTATUS(status));
		MUST(status == 0);
	}
	MUST(!weir_store_is_unused(live->store, lease.id));
	MUST(weir_store_release(live->store, lease.id, NULL) == 0);
	do_jobs(live);
}

/* A lease that is used, held over its end, changed by its lessee. */
static void check_lives(struct live *live)
{
	struct weir_lease lease;
	int status, go[2];

	for (unsigned int way = 0; way < 6; way++) {
		uint64_t half = live->bytes / live->page / 4 * live->page;
		pid_t pid = 0;
		int fd;

		MUST(take(live, live->bytes / 2, &lease) == 0);
		MUST(lease.warm_bytes == lease.bytes);
		use(&lease);
		fd = open(lease.path, O_RDWR | O_CLOEXEC);
		MUST(fd >= 0);
		if (way == 2)
			MUST(ftruncate(fd, (off_t)half) == 0);
		if (way == 3)
			MUST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			               (off_t)live->page) == 0);
		if (way == 4)
			MUST(ftruncate(fd, (off_t)(lease.bytes + live->page)) == 0);
		if (way == 5)
			MUST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			               (off_t)lease.bytes) == 0);
		MUST(close(fd) == 0);
		if (way < 2)
			pid = hold(lease.path, way == 1, go);
		MUST(weir_store_release(live->store, lease.id, NULL) == 0);
		if (pid) {
			MUST(count(live, WEIR_REGION_WAITING) == 1);
			MUST(weir_store_retry(live->store) == 0);
			(void)close(go[1]);
			MUST(waitpid(pid, &status, 0) == pid && status == 0);
			MUST(weir_store_retry(live->store) == 1);
		}
		MUST(count(live, WEIR_REGION_DIRTY) == 1);
		/* what a weird that comes back finds */
		weir_store_free(live->store);
		open_store(live);
		want(live, live->bytes, live->bytes / 2);
		MUST(count(live, WEIR_REGION_DIRTY) == 1);
		MUST(count(live, WEIR_REGION_READY) == 1);
		do_jobs(live);
		MUST(count(live, WEIR_REGION_READY) == 2);
	}
}

static void check_sizes(struct live *live)
{
	uint64_t most = live->bytes;
	struct weir_lease a, b;

	/* larger than any: grown, and the other one makes room */
	MUST(take(live, most, &a) == WEIR_LEASE_GROWING);
	MUST(do_job(live, true, &a) == 0);
	MUST(a.warm_bytes == most / 2 && a.bytes == most);
	use(&a);
	MUST(weir_store_release(live->store, a.id, NULL) == 0);
	want(live, most, most);
	do_jobs(live);
	MUST(count(live, WEIR_REGION_READY) == 1);
	/* smaller: cut */
	MUST(take(live, live->page, &b) == 0);
	MUST(b.warm_bytes == live->page);
	use(&b);
	MUST(weir_store_release(live->store, b.id, NULL) == 0);
	do_jobs(live);
}

/* Work on one region of everything, by all CPUs. */
static void measure_work(struct live *live)
{
	struct weir_store_counts before, after;
	struct weir_lease lease;
	uint64_t began;

	want(live, 0, live->bytes);
	do_jobs(live);
	weir_store_counts(live->store, &before);
	want(live, live->bytes, live->bytes);
	began = now_ns();
	do_jobs(live);
	say("fill_whole", rate(live->bytes, now_ns() - began), "GiB/s");
	weir_store_counts(live->store, &after);
	say("fill", rate(live->bytes, after.fill_ns - before.fill_ns), "GiB/s");
	began = now_ns();
	MUST(take(live, live->bytes, &lease) == 0);
	say("lease", (double)(now_ns() - began) / 1e3, "us");
	use(&lease);
	MUST(weir_store_release(live->store, lease.id, NULL) == 0);
	before = after;
	do_jobs(live);
	weir_store_counts(live->store, &after);
	say("scrub", rate(live->bytes, after.scrub_ns - before.scrub_ns), "GiB/s");
}

/* What a program without a store reaches on a mapping: MADV_POPULATE_WRITE and memset().
 */
static void measure_plain(const struct live *live)
{
	const struct weir_warm_work work = { .threads = weir_warm_cpus(0) };
	struct weir_warm_range range = { .bytes = live->bytes, .page_bytes = live->page };
	int huge = __builtin_ctzll(live->page);
	uint64_t began = now_ns();

	range.at = mmap(NULL, live->bytes, PROT_READ | PROT_WRITE,
	                MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | huge << 26, -1, 0);
	MUST(range.at != MAP_FAILED);
	MUST(weir_warm_populate(&range, &work, NULL) == 0);
	say("plain_populate", rate(live->bytes, now_ns() - began), "GiB/s");
	for (unsigned int i = 0; i < 2; i++) {
		began = now_ns();
		memset(range.at, (int)i, live->bytes);
		__asm__ volatile("" : : "r"(range.at) : "memory");
	}
	say("plain_memset", rate(live->bytes, now_ns() - began), "GiB/s");
	began = now_ns();
	MUST(weir_warm_zero(&range, &work, NULL) == 0);
	say("zero_mapped", rate(live->bytes, now_ns() - began), "GiB/s");
	MUST(munmap(range.at, live->bytes) == 0);
}

/* Leases and releases of one page, with what is zeroed in between, beside @nr regions. */
static void measure_small(struct live *live, size_t nr)
{
	uint64_t began, worst = 0, sum = 0;
	struct weir_lease lease;
	unsigned int rounds = 2000;

	want(live, 0, live->page);
	do_jobs(live);
	want(live, nr * live->page, live->page);
	do_jobs(live);
	MUST(count(live, WEIR_REGION_READY) == nr);
	if (live->page > 64 * WEIR_MIB)
		rounds = 10;
	began = now_ns();
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t from = now_ns(), took;

		MUST(take(live, live->page, &lease) == 0);
		took = now_ns() - from;
		sum += took;
		worst = took > worst ? took : worst;
		MUST(weir_store_release(live->store, lease.id, NULL) == 0);
		MUST(do_job(live, false, NULL) == 0);
	}
	say("rounds_of_one_page", rounds / ((double)(now_ns() - began) / 1e9),
	    "a second");
	say("regions", (double)nr, "in the store");
	say("lease_of_one_page", (double)sum / rounds / 1e3, "us");
	say("lease_of_one_page_worst", (double)worst / 1e3, "us");
}

static bool parse_all(struct live *live, char **argv)
{
	live->options = (struct weir_store_options){ .dir = argv[1],
		                                     .state_path = live->state,
		                                     .verify_full = true };
	(void)snprintf(live->state, sizeof(live->state), "%s.state", argv[1]);
	return weir_parse_size(weir_strz(argv[2]), &live->page) == 0 && live->page &&
	       weir_parse_size(weir_strz(argv[3]), &live->bytes) == 0 &&
	       live->bytes % (2 * live->page) == 0;
}

int main(int argc, char **argv)
{
	struct live live = { 0 };

	if (argc != 4 || !parse_all(&live, argv)) {
		(void)fprintf(stderr, "usage: warm_live DIR PAGE BYTES\n");
		return 2;
	}
	measure_plain(&live); /* and the host below has backed the memory then */
	measure_plain(&live);
	open_store(&live);
	want(&live, live.bytes, live.bytes / 2);
	do_jobs(&live);
	check_right(&live);
	check_lives(&live);
	check_sizes(&live);
	live.options.verify_full = false;
	measure_work(&live);
	measure_small(&live, live.bytes / live.page);
	MUST(weir_store_empty(live.store, NULL) == 0);
	weir_store_free(live.store);
	(void)unlink(live.state);
	return 0;
}
