/* huge_places: which mappings and open files of a process are of huge pages, by what the
 * kernel writes about them. */
#ifndef WEIR_FACTS_HUGE_PLACES_H
#define WEIR_FACTS_HUGE_PLACES_H

#include "facts/mounts.h"

/* Which files are huge ones: devices and paths of the hugetlbfs mounts. Those that the
 * kernel makes for itself have no path, but names:
 *	/anon_hugepage    mmap(2) with MAP_HUGETLB and no file
 *	/memfd:NAME       memfd_create(2), with MFD_HUGETLB or without
 *	/SYSVKEY          shmget(2), with SHM_HUGETLB or without
 * Of the latter two only the device tells, and which device does is not written anywhere:
 * the walk of tasks.h learns it. Zero-initialised knows no device, and takes these names
 *for huge files. */
struct weir_huge_places {
	uint64_t *huge; /* devices, major << 32 | minor, sorted */
	size_t nr_huge, cap_huge;
	uint64_t *ordinary; /* devices that are known not to be huge, sorted */
	size_t nr_ordinary, cap_ordinary;
	const char **targets; /* borrowed from the mounts, sorted */
	size_t nr_targets;
};

int weir_huge_places_init(struct weir_huge_places *places,
                          const struct weir_mounts *mounts);
void weir_huge_places_done(struct weir_huge_places *places);

/* A device that no mount has told of, found out by asking. 0 or -ENOMEM. */
int weir_huge_places_learn(struct weir_huge_places *places, uint64_t device, bool huge);

/* True when it is known of the device whether it is huge. */
bool weir_huge_places_knows(const struct weir_huge_places *places, uint64_t device);

/* True for one of the names above. */
bool weir_huge_name_is_kernels_own(struct weir_str path);

/* True for a path that is below one of the mounts or is one of the names above. */
bool weir_huge_places_has(const struct weir_huge_places *places, struct weir_str path);

/* Adds to @out each line that names huge pages, as it is, with a newline. 0 or -ENOMEM.
 */
int weir_maps_filter(struct weir_str text, const struct weir_huge_places *places,
                     struct weir_buf *out);
int weir_numa_maps_filter(struct weir_str text, struct weir_buf *out);

/* True for what an open file of a VM's process may be that matters here: huge files, and
 * the devices that pin memory or make it a VM's. */
bool weir_task_link_matters(const struct weir_huge_places *places,
                            struct weir_str target);

#endif
