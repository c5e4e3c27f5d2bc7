/* tasks: see tasks.h. A host may have 5,000 processes, so in a lean walk each costs one
 * open file, its status; buffers are used again, and what is looked up for each line or
 * link (devices, mount points) is searched by halving. Open files cost more than all
 * else, a listing and a readlink(2) each: of those who have touched no huge page they
 * wait until it is known that there is a file that somebody may have open. */
#include "facts/tasks.h"

#include "base/ckd.h"
#include "base/own.h"
#include "facts/task_maps.h"

#include <errno.h>

/* --- /proc/PID/status -------------------------------------------------------------- */

enum field_kind { FIELD_NUMBER, FIELD_KB, FIELD_SECOND };

static struct weir_str chomp_kb(struct weir_str s)
{
	if (weir_str_ends(s, " kB"))
		s.n -= 3;
	return s;
}

/* Of "real effective saved filesystem" the second. */
static struct weir_str second_word(struct weir_str s)
{
	struct weir_str word = { s.p, 0 };

	for (int i = 0; i < 2; i++)
		(void)weir_str_word(&s, &word);
	return word;
}

/* What is missing or no number stays unknown: the second is looked at by itself. */
static void parse_uids(struct weir_str value, struct weir_count *out)
{
	struct weir_str word;

	for (size_t i = 0; i < WEIR_TASK_UIDS && weir_str_word(&value, &word); i++)
		(void)weir_count_parse(word, &out[i]);
}

static int parse_field(struct weir_str value, enum field_kind kind,
                       struct weir_count *out)
{
	uint64_t n;

	*out = (struct weir_count){ 0 };
	if (kind == FIELD_KB && !weir_str_ends(value, " kB"))
		return WEIR_GARBLED;
	if (kind == FIELD_KB)
		value = chomp_kb(value);
	if (kind == FIELD_SECOND)
		value = second_word(value);
	if (weir_parse_u64(value, &n) < 0 ||
	    (kind == FIELD_KB && ckd_mul(&n, n, UINT64_C(1024))) || n > WEIR_COUNT_MAX)
		return WEIR_GARBLED;
	*out = WEIR_COUNT(n);
	return 0;
}

int weir_task_status_parse(struct weir_str text, struct weir_task_status *out,
                           struct weir_err *err)
{
	struct weir_task_status got = { .name = weir_str(text.p, 0) };
	const struct {
		struct weir_str name; /* its length first: most lines are of others */
		enum field_kind kind;
		struct weir_count *slot;
	} fields[] = {
		{ weir_strz("Pid"), FIELD_NUMBER, &got.pid },
		{ weir_strz("Tgid"), FIELD_NUMBER, &got.tgid },
		{ weir_strz("PPid"), FIELD_NUMBER, &got.ppid },
		{ weir_strz("Uid"), FIELD_SECOND, &got.uid },
		{ weir_strz("Gid"), FIELD_SECOND, &got.gid },
		{ weir_strz("HugetlbPages"), FIELD_KB, &got.hugetlb_bytes },
		{ weir_strz("VmPin"), FIELD_KB, &got.pinned_bytes },
		{ weir_strz("Kthread"), FIELD_NUMBER, &got.kthread },
	};
	struct weir_str line, name, value;
	size_t nr_left = WEIR_NELEM(fields);
	int result = 0;

	/* what is looked for stands in the first half, and each once */
	while ((nr_left || !got.has_memory) && weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ':', &name, &value))
			continue;
		if (weir_str_eq(name, "Name")) /* blanks in front of a name are its own */
			got.name = weir_str_skip(value, weir_str_starts(value, "\t"));
		if (weir_str_eq(name, "VmSize"))
			got.has_memory = true;
		for (size_t i = 0; i < WEIR_NELEM(fields); i++) {
			if (name.n != fields[i].name.n ||
			    memcmp(name.p, fields[i].name.p, name.n) != 0)
				continue;
			nr_left -= nr_left > 0;
			if (fields[i].slot == &got.uid)
				parse_uids(value, got.uids);
			if (parse_field(weir_str_trim(value), fields[i].kind,
			                fields[i].slot) != 0 &&
			    !result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "no plausible value: '%.*s'",
				                      WEIR_STR_ARG(line));
			break;
		}
	}
	*out = got;
	return result;
}

/* --- what names huge pages --------------------------------------------------------- */

static int by_device(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_target(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int weir_huge_places_init(struct weir_huge_places *places,
                          const struct weir_mounts *mounts)
{
	size_t nr = mounts->nr;

	*places = (struct weir_huge_places){ 0 };
	if (!nr)
		return 0;
	places->huge = calloc(nr, sizeof(*places->huge));
	places->targets = calloc(nr, sizeof(*places->targets));
	if (!places->huge || !places->targets) {
		weir_huge_places_done(places);
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		const struct weir_hugetlbfs *m = &mounts->v[i];

		places->huge[i] = (uint64_t)m->major << 32 | m->minor;
		places->targets[i] = m->target;
	}
	places->nr_huge = places->cap_huge = places->nr_targets = nr;
	qsort(places->huge, nr, sizeof(*places->huge), by_device);
	qsort(places->targets, nr, sizeof(*places->targets), by_target);
	return 0;
}

void weir_huge_places_done(struct weir_huge_places *places)
{
	free(places->huge);
	free(places->ordinary);
	free(places->targets);
	*places = (struct weir_huge_places){ 0 };
}

static bool has_device(const uint64_t *devices, size_t nr, uint64_t device)
{
	return nr && bsearch(&device, devices, nr, sizeof(device), by_device);
}

static bool is_huge(const struct weir_huge_places *places, uint64_t device)
{
	return has_device(places->huge, places->nr_huge, device);
}

static bool is_ordinary(const struct weir_huge_places *places, uint64_t device)
{
	return has_device(places->ordinary, places->nr_ordinary, device);
}

/* The kernel's own file systems are a handful: sorting again costs nothing. */
int weir_huge_places_learn(struct weir_huge_places *places, uint64_t device, bool huge)
{
	uint64_t **devices = huge ? &places->huge : &places->ordinary;
	size_t *nr = huge ? &places->nr_huge : &places->nr_ordinary;
	int r = weir_grow(devices, huge ? &places->cap_huge : &places->cap_ordinary, *nr,
	                  sizeof(**devices));

	if (r < 0)
		return r;
	(*devices)[(*nr)++] = device;
	qsort(*devices, *nr, sizeof(**devices), by_device);
	return 0;
}

/* In the order of strcmp(), for a path that may hold NULs. */
static int compare_target(const void *key, const void *item)
{
	const struct weir_str *path = key;
	struct weir_str target = weir_strz(*(const char *const *)item);
	int c = memcmp(path->p, target.p, path->n < target.n ? path->n : target.n);

	return c ? c : (path->n > target.n) - (path->n < target.n);
}

static bool is_target(const struct weir_huge_places *places, struct weir_str path)
{
	return places->nr_targets && bsearch(&path, places->targets, places->nr_targets,
	                                     sizeof(*places->targets), compare_target);
}

static bool is_kernels_own(struct weir_str path)
{
	return weir_str_starts(path, "/anon_hugepage") ||
	       weir_str_starts(path, "/memfd:") || weir_str_starts(path, "/SYSV");
}

bool weir_huge_places_has(const struct weir_huge_places *places, struct weir_str path)
{
	if (is_kernels_own(path))
		return true;
	for (size_t n = 1; n < path.n; n++) /* each directory that it is in */
		if (path.p[n] == '/' && is_target(places, weir_str(path.p, n)))
			return true;
	return false;
}

static bool is_huge_mapping(const struct weir_mapping *m,
                            const struct weir_huge_places *places)
{
	return is_huge(places, m->device) ||
	       (is_kernels_own(m->path) && !is_ordinary(places, m->device));
}

static int keep_line(struct weir_str line, struct weir_buf *out)
{
	int r = weir_buf_add(out, line);

	return r < 0 ? r : weir_buf_addz(out, "\n");
}

int weir_maps_filter(struct weir_str text, const struct weir_huge_places *places,
                     struct weir_buf *out)
{
	struct weir_mapping mapping;
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line))
		if (weir_mapping_parse(line, &mapping) &&
		    is_huge_mapping(&mapping, places))
			r = keep_line(line, out);
	return r;
}

/* "7f0000000000 default file=/anon_hugepage\040(deleted) huge anon=2 N0=2 ..." */
int weir_numa_maps_filter(struct weir_str text, struct weir_buf *out)
{
	struct weir_str line, rest, word;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		rest = line;
		while (weir_str_word(&rest, &word))
			if (weir_str_eq(word, "huge")) {
				r = keep_line(line, out);
				break;
			}
	}
	return r;
}

bool weir_task_link_matters(const struct weir_huge_places *places, struct weir_str target)
{
	static const char *const prefixes[] = {
		"/dev/kvm",       "/dev/vfio/",           "/dev/iommu",
		"/dev/sev",       "/dev/tdx_guest",       "/dev/vhost-",
		"/dev/hygon_psp", "anon_inode:kvm-",      "anon_inode:[vfio",
		"/dev/csv-guest", "anon_inode:[io_uring", "anon_inode:[kvm",
		"/dev/udmabuf",   "/dev/infiniband/",
	};

	for (size_t i = 0; i < WEIR_NELEM(prefixes); i++)
		if (weir_str_starts(target, prefixes[i]))
			return true;
	return weir_huge_places_has(places, target);
}

/* --- the walk ---------------------------------------------------------------------- */

static void drop_links(struct weir_task *task)
{
	for (size_t i = 0; i < task->nr_links; i++) {
		free(task->links[i].fd);
		free(task->links[i].target);
	}
	task->nr_links = 0;
}

void weir_tasks_done(struct weir_tasks *walk)
{
	drop_links(&walk->task);
	free(walk->task.links);
	weir_buf_done(&walk->task.status_text);
	weir_buf_done(&walk->task.maps);
	weir_buf_done(&walk->path);
	weir_buf_done(&walk->text);
	weir_buf_done(&walk->maps_text);
	weir_buf_done(&walk->target);
	weir_names_done(&walk->pids);
	free(walk->later);
	weir_huge_places_done(&walk->places);
	*walk = (struct weir_tasks){ 0 };
}

static int read_page_size(struct weir_tasks *walk)
{
	int r = weir_host_read(walk->host, "/@/pagesize", WEIR_SMALL_MAX, &walk->text);

	if (r == 0) /* unknown when it is no number */
		(void)weir_count_parse(weir_str_trim(weir_buf_str(&walk->text)),
		                       &walk->page_bytes);
	return r == -ENOMEM ? r : 0;
}

int weir_tasks_open_listed(struct weir_tasks *walk, const struct weir_host *host,
                           const struct weir_mounts *mounts, struct weir_names *pids,
                           struct weir_err *err)
{
	int r;

	*walk = (struct weir_tasks){ .host = host, .pids = *pids };
	*pids = (struct weir_names){ 0 };
	r = weir_huge_places_init(&walk->places, mounts);
	if (r == 0)
		r = read_page_size(walk);
	return r < 0 ? weir_err_sys(err, r, "look at the processes") : 0;
}

int weir_tasks_open(struct weir_tasks *walk, const struct weir_host *host,
                    const struct weir_mounts *mounts, struct weir_err *err)
{
	struct weir_names pids = { 0 };
	int r = weir_host_list(host, "/proc", &pids);

	*walk = (struct weir_tasks){ 0 };
	return r < 0 ? weir_err_sys(err, r, "list '/proc'")
	             : weir_tasks_open_listed(walk, host, mounts, &pids, err);
}

/* @prefix, /proc/PID/ and @file. 0 or -ENOMEM. */
static int set_path(struct weir_buf *path, const char *prefix, const char *pid,
                    const char *file)
{
	const char *const parts[] = { prefix, "/proc/", pid, "/", file };
	int r = 0;

	path->n = 0;
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(parts); i++)
		r = weir_buf_addz(path, parts[i]);
	return r;
}

int weir_tasks_read(struct weir_tasks *walk, const char *file, size_t max,
                    struct weir_buf *out)
{
	int r = set_path(&walk->path, "", walk->task.pid, file);

	return r < 0 ? r : weir_host_read(walk->host, walk->path.p, max, out);
}

static int keep_link(struct weir_task *task, const char *fd, struct weir_str target,
                     bool huge)
{
	struct weir_task_link link;
	int r = weir_grow(&task->links, &task->cap_links, task->nr_links,
	                  sizeof(*task->links));

	if (r < 0)
		return r;
	link = (struct weir_task_link){ strdup(fd), strndup(target.p, target.n), huge };
	if (!link.fd || !link.target) {
		free(link.fd);
		free(link.target);
		return -ENOMEM;
	}
	task->links[task->nr_links++] = link;
	return 0;
}

/* Whether a file has huge pages: hugetlbfs has blocks of their size (fs/hugetlbfs/
 * inode.c, hugetlbfs_statfs()), tmpfs of the base page; the file system's type says it
 * where it is told. Unknown is what may not be asked,
 * is gone, or is in a capture, which holds huge files only. */
enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN, ANSWER_REFUSED };

static int ask_statfs(struct weir_tasks *walk, const char *dir, struct weir_str file,
                      enum answer *out)
{
	struct weir_statfs statfs;
	struct weir_err garbled;
	int r;

	*out = ANSWER_UNKNOWN;
	walk->path.n = 0;
	r = weir_buf_printf(&walk->path, "/@/statfs/proc/%s/%s/", walk->task.pid, dir);
	if (r == 0)
		r = weir_buf_add(&walk->path, file);
	if (r == 0)
		r = weir_buf_addz(&walk->path, "/@");
	if (r < 0)
		return r;
	r = weir_host_read(walk->host, walk->path.p, WEIR_SMALL_MAX, &walk->text);
	if (r == -EACCES || r == -EPERM)
		*out = ANSWER_REFUSED;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	(void)weir_statfs_parse(weir_buf_str(&walk->text), false, &statfs, &garbled);
	if (statfs.type.known)
		*out = statfs.type.n == WEIR_HUGETLBFS_MAGIC ? ANSWER_YES : ANSWER_NO;
	else if (statfs.page_bytes.known && walk->page_bytes.known)
		*out = statfs.page_bytes.n > walk->page_bytes.n ? ANSWER_YES : ANSWER_NO;
	return 0;
}

/* A path that none of the mounts explains: of a lazily unmounted file system, say. Such a
 * file is huge only if the kernel says so. */
static bool may_be_huge(struct weir_str target)
{
	return weir_str_starts(target, "/") && !weir_str_starts(target, "/dev/") &&
	       !weir_str_starts(target, "/proc/") && !weir_str_starts(target, "/sys/");
}

static int read_link(struct weir_tasks *walk, const char *fd)
{
	struct weir_task *task = &walk->task;
	struct weir_str target;
	enum answer answer = ANSWER_UNKNOWN;
	bool matters, huge;
	int r;

	r = set_path(&walk->path, "/@/link", task->pid, "fd/");
	if (r == 0)
		r = weir_buf_addz(&walk->path, fd);
	if (r < 0)
		return r;
	r = weir_host_read(walk->host, walk->path.p, WEIR_SMALL_MAX, &walk->target);
	if (r < 0) /* refused, as all of this process are; or closed since the listing */
		return r == -ENOMEM || r == -EACCES ? r : 0;
	target = weir_buf_str(&walk->target);
	matters = weir_task_link_matters(&walk->places, target);
	huge = weir_huge_places_has(&walk->places, target);
	if (!matters && !(walk->thorough && may_be_huge(target)))
		return 0;
	if (!matters || is_kernels_own(target))
		r = ask_statfs(walk, "fd", weir_strz(fd), &answer);
	if (r < 0 || answer == ANSWER_NO || (!matters && answer != ANSWER_YES))
		return r;
	huge |= answer == ANSWER_YES;
	task->is_holder |= huge;
	return keep_link(task, fd, target, huge);
}

/* A capture holds the links under "/@" only: empty files in their place would be a lie.
 */
static int list_fds(struct weir_tasks *walk, struct weir_names *out)
{
	int r = set_path(&walk->path, "", walk->task.pid, "fd");

	if (r == 0)
		r = weir_host_list(walk->host, walk->path.p, out);
	if (r != -ENOENT)
		return r;
	r = set_path(&walk->path, "/@/link", walk->task.pid, "fd");
	return r < 0 ? r : weir_host_list(walk->host, walk->path.p, out);
}

static int read_links(struct weir_tasks *walk)
{
	weir_auto(weir_names_done) struct weir_names fds = { 0 };
	int r = list_fds(walk, &fds);

	if (r == -EACCES && walk->lean) /* as its maps are, which were not asked */
		walk->task.maps_error = r;
	if (r < 0)
		return r == -ENOMEM ? r
		                    : 0; /* it ended, or it is a capture without any */
	for (size_t i = 0; r == 0 && i < fds.nr; i++)
		r = read_link(walk, fds.v[i].name);
	return r == -EACCES ? 0 : r;
}

/* Asks once for each device, whether it is huge: those with one of the kernel's own names
 * on them, and those that no mount here explains, as of a hugetlbfs that was lazily
 * unmounted. Where this user may not ask, the latter are taken for ordinary ones. */
static int learn_device(struct weir_tasks *walk, const struct weir_mapping *mapping)
{
	struct weir_huge_places *places = &walk->places;
	enum answer answer;
	int r = ask_statfs(walk, "map_files", mapping->range, &answer);

	if (r < 0 || answer == ANSWER_UNKNOWN ||
	    (answer == ANSWER_REFUSED && is_kernels_own(mapping->path)))
		return r;
	return weir_huge_places_learn(places, mapping->device, answer == ANSWER_YES);
}

static int learn_devices(struct weir_tasks *walk, struct weir_str text)
{
	const struct weir_huge_places *places = &walk->places;
	struct weir_mapping mapping;
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line))
		if (weir_mapping_parse(line, &mapping) &&
		    weir_str_starts(mapping.path, "/") &&
		    !is_huge(places, mapping.device) &&
		    !is_ordinary(places, mapping.device))
			r = learn_device(walk, &mapping);
	return r;
}

static int filter_maps(struct weir_tasks *walk, struct weir_str text)
{
	int r = learn_devices(walk, text);

	return r < 0 ? r : weir_maps_filter(text, &walk->places, &walk->task.maps);
}

static int read_maps(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	int r = weir_tasks_read(walk, "maps", WEIR_TASK_MAPS_MAX, &walk->maps_text);

	if (r == -ENOMEM)
		return r;
	task->maps_error = r;
	if (r < 0 && r != -EFBIG)
		return 0;
	while (r == -EFBIG && walk->maps_text.n &&
	       walk->maps_text.p[walk->maps_text.n - 1] != '\n')
		walk->maps_text.n--; /* half a line would say less than it means */
	r = filter_maps(walk, weir_buf_str(&walk->maps_text));
	task->is_holder |= task->maps.n > 0;
	return r;
}

enum { SKIPPED = 1 }; /* not a process with memory, or not any more */

static int vanished(struct weir_tasks *walk)
{
	walk->nr_vanished++;
	return SKIPPED;
}

/* Without its status a process ended, or it is one in a capture that was hidden from the
 * user who made it: its maps are known to be forbidden. */
static int read_hidden(struct weir_tasks *walk, int status_error)
{
	struct weir_task *task = &walk->task;
	int r = weir_tasks_read(walk, "maps", WEIR_SMALL_MAX, &walk->text);

	if (r == -ENOMEM)
		return r;
	if (r != -EACCES && status_error != -EACCES)
		return vanished(walk);
	task->maps_error = -EACCES;
	walk->nr_seen++;
	walk->nr_forbidden++;
	return 0;
}

static int read_status(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	struct weir_err garbled;
	int r = weir_tasks_read(walk, "status", WEIR_SMALL_MAX, &task->status_text);

	/* what is garbled in it is unknown, and that is said by whoever shows it */
	if (r == 0)
		(void)weir_task_status_parse(weir_buf_str(&task->status_text),
		                             &task->status, &garbled);
	return r;
}

/* Nothing tells yet that its maps and open files are needed. Whoever may not be looked at
 * is not put off, so that it is counted. */
static bool can_wait(const struct weir_tasks *walk)
{
	return walk->lean && walk->links_later &&
	       !(walk->refused && walk->refused[walk->task.nth]);
}

static int put_off(struct weir_tasks *walk)
{
	int r = weir_grow(&walk->later, &walk->cap_later, walk->nr_later,
	                  sizeof(*walk->later));

	if (r < 0)
		return r;
	walk->later[walk->nr_later++] = walk->task.nth;
	walk->nr_seen++;
	return 0;
}

static int read_task(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	bool may_have_touched;
	int r = read_status(walk);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return read_hidden(walk, r);
	if (!task->status.has_memory)
		return SKIPPED;
	task->is_holder = task->status.hugetlb_bytes.n > 0;
	may_have_touched = task->is_holder || !task->status.hugetlb_bytes.known;
	if (!may_have_touched && can_wait(walk))
		return put_off(walk);
	if (!walk->lean || may_have_touched)
		r = read_maps(walk);
	if (r < 0)
		return r;
	if (task->maps_error == -ENOENT || task->maps_error == -ESRCH)
		return vanished(walk);
	walk->nr_seen++;
	if (!task->maps_error || task->maps_error == -EFBIG)
		r = read_links(walk);
	walk->nr_forbidden += task->maps_error == -EACCES;
	return r;
}

static void begin_task(struct weir_tasks *walk, size_t nth)
{
	struct weir_task *task = &walk->task;

	drop_links(task);
	task->pid = walk->pids.v[nth].name;
	task->nth = nth;
	task->status = (struct weir_task_status){ 0 };
	task->is_holder = false;
	task->maps_error = 0;
	task->status_text.n = 0;
	task->maps.n = 0;
}

void weir_tasks_again(struct weir_tasks *walk)
{
	walk->is_later = true;
}

/* Its open files; and its status again if one of them is huge, which is rare. */
static int read_later(struct weir_tasks *walk)
{
	struct weir_task *task = &walk->task;
	int r = read_links(walk);

	walk->nr_forbidden += task->maps_error == -EACCES;
	if (r < 0 || !task->is_holder)
		return r < 0 ? r : SKIPPED;
	r = read_status(walk);
	return r < 0 && r != -ENOMEM ? vanished(walk) : r;
}

static bool take_nth(struct weir_tasks *walk, size_t *nth)
{
	bool more = walk->is_later ? walk->at_later < walk->nr_later
	                           : walk->at < walk->pids.nr;

	if (more)
		*nth = walk->is_later ? walk->later[walk->at_later++] : walk->at++;
	return more;
}

int weir_tasks_next(struct weir_tasks *walk, const struct weir_task **out)
{
	size_t nth;

	while (take_nth(walk, &nth)) {
		uint64_t pid;
		int r;

		if (weir_parse_u64(weir_strz(walk->pids.v[nth].name), &pid) < 0)
			continue;
		begin_task(walk, nth);
		r = walk->is_later ? read_later(walk) : read_task(walk);
		if (r == SKIPPED)
			continue;
		if (r == 0)
			*out = &walk->task;
		return r;
	}
	return WEIR_TASKS_END;
}
