/* kernel: the pools of the kernel we run on. See kernel.h.
 *
 * MAX can be read for the default size only; for the others it is what it is after every
 * write, total - surplus, and the model's trace says the same there. */
#include "kernel.h"

#include "base/ranges.h"
#include "base/size.h"
#include "lab/step.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MM    "/sys/kernel/mm/hugepages"
#define NODES "/sys/devices/system/node"
#define VM    "/proc/sys/vm"

/* One round of one page a node would do; pages that other writers move would disturb it.
 */
#define SETTLE_ROUNDS_MAX 128

int twin_read_text(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(fd);
	return n < 0 ? -EIO : 0;
}

int twin_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

static int write_number(const char *dir, const char *file, uint64_t n)
{
	char path[256], text[32];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	(void)snprintf(text, sizeof(text), "%ju\n", (uintmax_t)n);
	return twin_write_text(path, text);
}

static int read_number(int fd, uint64_t *out)
{
	char text[64];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	if (n < 0)
		return -errno;
	return weir_parse_u64(weir_str_trim(weir_str(text, (size_t)n)), out);
}

static int open_in(const char *dir, const char *file, struct weir_err *err)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? weir_err_sys(err, -errno, "open %s", path) : fd;
}

static void size_dir(uint64_t page_bytes, char *out, size_t cap)
{
	(void)snprintf(out, cap, MM "/hugepages-%jukB", (uintmax_t)(page_bytes / 1024));
}

static void node_dir(uint64_t page_bytes, unsigned int node, char *out, size_t cap)
{
	(void)snprintf(out, cap, NODES "/node%u/hugepages/hugepages-%jukB", node,
	               (uintmax_t)(page_bytes / 1024));
}

static int open_size(const struct twin_kernel *k, struct twin_size *size,
                     struct weir_err *err)
{
	char dir[128];

	size_dir(size->page_bytes, dir, sizeof(dir));
	if ((size->total = open_in(dir, "nr_hugepages", err)) < 0 ||
	    (size->free = open_in(dir, "free_hugepages", err)) < 0 ||
	    (size->reserved = open_in(dir, "resv_hugepages", err)) < 0 ||
	    (size->surplus = open_in(dir, "surplus_hugepages", err)) < 0 ||
	    (size->overcommit = open_in(dir, "nr_overcommit_hugepages", err)) < 0)
		return -ENOENT;
	for (size_t i = 0; i < k->nr_nodes; i++) {
		struct twin_size_files *files = &size->node[i];

		node_dir(size->page_bytes, k->node_ids[i], dir, sizeof(dir));
		if ((files->nr = open_in(dir, "nr_hugepages", err)) < 0 ||
		    (files->free = open_in(dir, "free_hugepages", err)) < 0 ||
		    (files->surplus = open_in(dir, "surplus_hugepages", err)) < 0)
			return -ENOENT;
	}
	if (read_number(size->total, &size->nr_at_start) < 0 ||
	    read_number(size->overcommit, &size->overcommit_at_start) < 0)
		return weir_err_set(err, -EBADMSG, "%s: no numbers", dir);
	return 0;
}

static uint64_t default_size(void)
{
	char text[16384];
	struct weir_str rest, line, key, value;
	uint64_t bytes = 0;

	if (twin_read_text("/proc/meminfo", text, sizeof(text)) < 0)
		return 0;
	rest = weir_strz(text);
	while (weir_str_line(&rest, &line)) {
		if (weir_str_split(line, ':', &key, &value) &&
		    weir_str_eq(key, "Hugepagesize")) {
			value = weir_str_trim(value);
			if (weir_str_ends(value, " kB"))
				value.n -= 3;
			if (weir_parse_u64(value, &bytes) < 0)
				return 0;
		}
	}
	return bytes * 1024;
}

static int find_sizes(struct twin_kernel *k, struct weir_err *err)
{
	uint64_t first = default_size();
	struct dirent *entry;
	DIR *dir = opendir(MM);

	if (!dir)
		return weir_err_sys(err, -errno, "open " MM);
	while ((entry = readdir(dir)) && k->nr_sizes < TWIN_SIZES_MAX) {
		struct weir_str name = weir_strz(entry->d_name);
		uint64_t bytes;
		size_t at;

		if (!weir_str_starts(name, "hugepages-") ||
		    weir_parse_size(weir_str_skip(name, strlen("hugepages-")), &bytes) <
		            0)
			continue;
		for (at = k->nr_sizes; at > 0; at--) {
			uint64_t before = k->sizes[at - 1].page_bytes;

			if (bytes != first && (before == first || before < bytes))
				break;
			k->sizes[at] = k->sizes[at - 1];
		}
		k->sizes[at] = (struct twin_size){ .page_bytes = bytes };
		k->nr_sizes++;
	}
	(void)closedir(dir);
	if (k->nr_sizes == 0)
		return weir_err_set(err, -ENOENT, MM ": no page sizes");
	return 0;
}

static int read_ids(const char *path, struct weir_ranges *out, struct weir_err *err)
{
	char text[4096];
	int r = twin_read_text(path, text, sizeof(text));

	if (r == 0)
		r = weir_ranges_parse(weir_str_chomp(weir_strz(text)), out);
	return r < 0 ? weir_err_sys(err, r, "read %s", path) : 0;
}

static int find_nodes(struct twin_kernel *k, struct weir_err *err)
{
	struct weir_ranges nodes = { 0 }, cpus = { 0 };
	char path[128];
	int r = read_ids(NODES "/has_memory", &nodes, err);

	weir_ranges_each (id, &nodes) {
		if (r < 0 || id >= WEIR_MODEL_NODES_MAX)
			break;
		(void)snprintf(path, sizeof(path), NODES "/node%u/cpulist", id);
		r = read_ids(path, &cpus, err);
		k->node_ids[k->nr_nodes] = id;
		k->nodes[k->nr_nodes].id = id;
		weir_ranges_each (cpu, &cpus) {
			if (cpu < 64)
				k->nodes[k->nr_nodes].cpus |= UINT64_C(1) << cpu;
		}
		k->nr_nodes++;
		weir_ranges_done(&cpus);
		cpus = (struct weir_ranges){ 0 };
	}
	weir_ranges_done(&nodes);
	return r;
}

int twin_kernel_open(struct twin_kernel *k, struct weir_err *err)
{
	int r = find_nodes(k, err);

	if (r == 0)
		r = find_sizes(k, err);
	for (size_t i = 0; r == 0 && i < k->nr_sizes; i++)
		r = open_size(k, &k->sizes[i], err);
	if (r == 0) {
		k->target = open_in(VM, "nr_hugepages", err);
		r = k->target < 0 ? k->target : 0;
	}
	return r;
}

struct twin_size *twin_kernel_size(struct twin_kernel *k, uint64_t page_bytes)
{
	for (size_t i = 0; i < k->nr_sizes; i++) {
		if (k->sizes[i].page_bytes == page_bytes || page_bytes == 0)
			return &k->sizes[i];
	}
	return NULL;
}

static int look_at(struct twin_kernel *k, size_t i, struct weir_view_pool *pool,
                   struct weir_view_node *nodes)
{
	const struct twin_size *size = &k->sizes[i];
	int r = 0;

	*pool = (struct weir_view_pool){ .page_bytes = size->page_bytes,
		                         .nodes = nodes,
		                         .nr_nodes = k->nr_nodes };
	r |= read_number(size->total, &pool->total);
	r |= read_number(size->free, &pool->free);
	r |= read_number(size->reserved, &pool->reserved);
	r |= read_number(size->surplus, &pool->surplus);
	r |= read_number(size->overcommit, &pool->overcommit);
	pool->max = pool->total - pool->surplus;
	if (i == 0)
		r |= read_number(k->target, &pool->max);
	for (size_t n = 0; n < k->nr_nodes; n++) {
		nodes[n].id = k->node_ids[n];
		r |= read_number(size->node[n].nr, &nodes[n].total);
		r |= read_number(size->node[n].free, &nodes[n].free);
		r |= read_number(size->node[n].surplus, &nodes[n].surplus);
	}
	return r < 0 ? -EIO : 0;
}

int twin_kernel_look(struct twin_kernel *k, struct weir_err *err)
{
	k->nr_pools = 0;
	for (size_t i = 0; i < k->nr_sizes; i++) {
		size_t to = k->nr_pools;

		if (!k->sizes[i].used)
			continue;
		if (look_at(k, i, &k->pools[to], k->view_nodes[to]) < 0)
			return weir_err_set(err, -EIO, "read the pools");
		k->nr_pools++;
	}
	return 0;
}

void twin_kernel_path(const struct twin_kernel *k, const struct weir_step *step,
                      char *path, size_t cap)
{
	static const char *const files[] = {
		[WEIR_TARGET_NR] = "nr_hugepages",
		[WEIR_TARGET_OVERCOMMIT] = "nr_overcommit_hugepages",
		[WEIR_TARGET_MEMPOLICY] = "nr_hugepages_mempolicy",
		[WEIR_TARGET_DEMOTE] = "demote",
		[WEIR_TARGET_DEMOTE_SIZE] = "demote_size",
		[WEIR_TARGET_PROC_NR] = VM "/nr_hugepages",
		[WEIR_TARGET_PROC_OVERCOMMIT] = VM "/nr_overcommit_hugepages",
		[WEIR_TARGET_PROC_MEMPOLICY] = VM "/nr_hugepages_mempolicy",
		[WEIR_TARGET_CG_MAX] = "max",
		[WEIR_TARGET_CG_RSVD_MAX] = "rsvd.max",
	};
	uint64_t bytes = step->page_bytes ? step->page_bytes : k->sizes[0].page_bytes;
	const char *file = files[step->target];
	char dir[128];

	if (*file == '/') {
		(void)snprintf(path, cap, "%s", file);
		return;
	}
	if (step->flags & WEIR_STEP_NODE)
		node_dir(bytes, step->node, dir, sizeof(dir));
	else
		size_dir(bytes, dir, sizeof(dir));
	(void)snprintf(path, cap, "%s/%s", dir, file);
}

/* Empties one pool; the overcommit limit first, or gigantic sizes refuse even a 0. A
 * write of 0 leaves free surplus pages, which some steps leave behind: made persistent by
 * a write of their number, they go. */
static int empty(struct twin_size *size, struct weir_err *err)
{
	uint64_t total = 0, reserved = 0, overcommit;
	char dir[128];

	size_dir(size->page_bytes, dir, sizeof(dir));
	if (read_number(size->overcommit, &overcommit) == 0 && overcommit)
		(void)write_number(dir, "nr_overcommit_hugepages", 0);
	(void)read_number(size->total, &total);
	for (unsigned int i = 0; total && i < 2; i++) {
		(void)write_number(dir, "nr_hugepages", total);
		(void)write_number(dir, "nr_hugepages", 0);
		(void)read_number(size->total, &total);
	}
	(void)read_number(size->reserved, &reserved);
	if (total || reserved)
		return weir_err_set(err, -EBUSY, "%ju pages stay, %jd reserved, in %s",
		                    (uintmax_t)total, (intmax_t)reserved, dir);
	return 0;
}

/* A page that is taken and given back moves both pointers behind its node: when it lay on
 * the last node, both stand at the first. */
static int rewind_pointers(struct twin_kernel *k, struct twin_size *size,
                           struct weir_err *err)
{
	char dir[128];

	size_dir(size->page_bytes, dir, sizeof(dir));
	for (unsigned int round = 0; round < SETTLE_ROUNDS_MAX; round++) {
		uint64_t total = 0, last = 0;

		(void)write_number(dir, "nr_hugepages", 1);
		(void)read_number(size->total, &total);
		(void)read_number(size->node[k->nr_nodes - 1].nr, &last);
		(void)write_number(dir, "nr_hugepages", 0);
		if (total == 0)
			break;
		if (last)
			return 0;
	}
	return weir_err_set(err, -ENOMEM, "%s: no page on the last node", dir);
}

int twin_kernel_settle(struct twin_kernel *k, struct weir_err *err)
{
	for (size_t i = 0; i < k->nr_sizes; i++) {
		int r = empty(&k->sizes[i], err);

		if (r == 0 && k->sizes[i].used && k->nr_nodes > 1)
			r = rewind_pointers(k, &k->sizes[i], err);
		if (r < 0 &&
		    (r != -ENOMEM || i == 0)) /* no gigantic page to be had: so be it */
			return r;
	}
	return 0;
}

void twin_kernel_drain(struct twin_kernel *k)
{
	char dir[128];

	for (size_t i = 1; i < k->nr_sizes; i++) {
		if (k->sizes[i].page_bytes <= k->sizes[0].page_bytes)
			continue;
		size_dir(k->sizes[i].page_bytes, dir, sizeof(dir));
		(void)write_number(dir, "nr_hugepages", 1);
		(void)write_number(dir, "nr_hugepages", 0);
		return;
	}
}

void twin_kernel_restore(struct twin_kernel *k)
{
	char dir[128];

	for (size_t i = 0; i < k->nr_sizes; i++) {
		struct twin_size *size = &k->sizes[i];

		size_dir(size->page_bytes, dir, sizeof(dir));
		if (size->overcommit_at_start)
			(void)write_number(dir, "nr_overcommit_hugepages",
			                   size->overcommit_at_start);
		if (size->nr_at_start)
			(void)write_number(dir, "nr_hugepages", size->nr_at_start);
	}
}

/* "Node 1, zone   Normal" and, further down, "  start_pfn: 262144", "  spanned 131072" */
static unsigned char node_of_pfn(uint64_t pfn)
{
	static char text[1 << 17];
	struct weir_str rest, line, word, number;
	uint64_t node = 0, spanned = 0, start;

	if (twin_read_text("/proc/zoneinfo", text, sizeof(text)) < 0)
		return WEIR_VIEW_UNMAPPED;
	rest = weir_strz(text);
	while (weir_str_line(&rest, &line)) {
		if (!weir_str_word(&line, &word) || !weir_str_word(&line, &number))
			continue;
		if (weir_str_eq(word, "Node")) {
			number.n -= weir_str_ends(number, ",");
			(void)weir_parse_u64(number, &node);
		} else if (weir_str_eq(word, "spanned")) {
			(void)weir_parse_u64(number, &spanned);
		} else if (weir_str_eq(word, "start_pfn:") &&
		           weir_parse_u64(number, &start) == 0 && pfn >= start &&
		           pfn - start < spanned) {
			return (unsigned char)node;
		}
	}
	return WEIR_VIEW_UNMAPPED;
}

unsigned char twin_kernel_node_of(int pid, uint64_t at)
{
	char path[64];
	uint64_t entry = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return WEIR_VIEW_UNMAPPED;
	if (pread(fd, &entry, sizeof(entry), (off_t)(at / 4096 * sizeof(entry))) < 0)
		entry = 0;
	(void)close(fd);
	if (!(entry >> 63)) /* present; bits 0-54 are the frame */
		return WEIR_VIEW_UNMAPPED;
	return node_of_pfn(entry & ((UINT64_C(1) << 55) - 1));
}
