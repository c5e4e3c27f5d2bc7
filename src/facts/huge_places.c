/* huge_places: see huge_places.h. What is looked up for each line or link (devices, mount
 * points) is searched by halving. */
#include "facts/huge_places.h"

#include "base/own.h"
#include "facts/task_maps.h"

#include <errno.h>
#include <stdlib.h>

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

bool weir_huge_places_knows(const struct weir_huge_places *places, uint64_t device)
{
	return is_huge(places, device) || is_ordinary(places, device);
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

bool weir_huge_name_is_kernels_own(struct weir_str path)
{
	return weir_str_starts(path, "/anon_hugepage") ||
	       weir_str_starts(path, "/memfd:") || weir_str_starts(path, "/SYSV");
}

bool weir_huge_places_has(const struct weir_huge_places *places, struct weir_str path)
{
	if (weir_huge_name_is_kernels_own(path))
		return true;
	for (size_t n = 1; n < path.n; n++) /* each directory that it is in */
		if (path.p[n] == '/' && is_target(places, weir_str(path.p, n)))
			return true;
	return false;
}

static bool is_huge_mapping(const struct weir_mapping *m,
                            const struct weir_huge_places *places)
{
	return is_huge(places, m->device) || (weir_huge_name_is_kernels_own(m->path) &&
	                                      !is_ordinary(places, m->device));
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
