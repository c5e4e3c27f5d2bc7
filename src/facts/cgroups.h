/* cgroups: who is charged for huge pages, and who may not have more: the hugetlb
 * controller of cgroup v2, or of v1 where it is mounted there; and the key slots of
 * confidential VMs, which the misc controller counts.
 *
 * Usage is charged to the group of the task that first touches a page, reservations to
 * the group of the task that maps (mm/hugetlb_cgroup.c, v6.6). Both count in all groups
 * above it, in both versions. */
#ifndef WEIR_FACTS_CGROUPS_H
#define WEIR_FACTS_CGROUPS_H

#include "facts/mounts.h"

#define WEIR_CGROUPS_MAX      20000U /* groups looked at: ten a VM on the largest hosts */
#define WEIR_CGROUP_DEPTH_MAX 64U    /* libvirt's are 4 deep, nested containers' 20 */
#define WEIR_CGROUP_SIZES_MAX 32U    /* page sizes; HUGE_MAX_HSTATE is smaller */

#define WEIR_CGROUP_UNLIMITED UINT64_MAX

/* One page size in one group, in bytes. A limit is a number or WEIR_CGROUP_UNLIMITED. */
struct weir_cgroup_use {
	uint64_t page_bytes;
	struct weir_count usage, limit;
	struct weir_count reserved, reserved_limit; /* since 5.7 */
	/* How often a limit refused. v2 has one number for both kinds, and counts in it
	 * what the groups below were refused; v1 has two, of the group's own limits, here
	 * known where it has them. */
	struct weir_count failures, reserved_failures;
};

/* A limit is there: not "max", and known. */
bool weir_cgroup_is_limit(struct weir_count limit);

/* Anything to show: a use, a reservation, a limit, or a failure. */
bool weir_cgroup_matters(const struct weir_cgroup_use *use);

/* Both kinds of failures together, as far as they are known. */
struct weir_count weir_cgroup_refusals(const struct weir_cgroup_use *use);

struct weir_cgroup {
	char *path;                /* below the mount: "/machine.slice/vm.scope" */
	struct weir_cgroup_use *v; /* one for each page size asked for, in that order */
	size_t nr;
};

struct weir_misc { /* key slots: address space ids of SEV, private key ids of TDX */
	struct weir_count sev, sev_es, tdx;
};

struct weir_cgroups {
	bool known;            /* false: no hugetlb controller, or it cannot be seen */
	unsigned int version;  /* 1 or 2, where the controller is; 0 unless known */
	struct weir_cgroup *v; /* those with a use, a limit or failures; parents first */
	size_t nr, cap;
	size_t nr_seen; /* groups looked at */
	struct weir_misc misc_capacity;
	struct weir_misc misc_usage; /* of the root, which shows it since 6.11 */
};

void weir_cgroups_done(struct weir_cgroups *cgroups);

/* Looks at every group for the @nr page sizes of @page_bytes (WEIR_CGROUP_SIZES_MAX of
 * them at most). A file that a group lacks is no gap; of other failures the first of each
 * kind is one. */
void weir_cgroups_read(struct weir_reader *rd, const struct weir_mounts *mounts,
                       const uint64_t *page_bytes, size_t nr, struct weir_cgroups *out);

#define WEIR_CGROUP_SIZE_NAME_MAX 24 /* any uint64 in KB, with its NUL */

/* The kernel's name of a page size in file names: "64KB", "2MB", "1GB" (mem_fmt()).
 * Returns @out. @page_bytes is a power of two of at least 1024. */
const char *weir_cgroup_size_name(uint64_t page_bytes, char *out, size_t cap);

/* And back: names that the kernel makes and no others. -EBADMSG. */
int weir_cgroup_size_parse(struct weir_str name, uint64_t *out_bytes);

/* "max", or bytes: past the largest multiple of the page below 2^63 there is no limit
 * either (round_down() of PAGE_COUNTER_MAX; v6.18 shows the number in v2 too). */
int weir_cgroup_limit_parse(struct weir_str text, uint64_t page_bytes,
                            struct weir_count *out);

/* "max 3": the number of refusals in hugetlb.<size>.events. */
int weir_cgroup_events_parse(struct weir_str text, struct weir_count *out);

/* misc.capacity and misc.current: "sev 500", a name and a number a line. */
int weir_misc_parse(struct weir_str text, struct weir_misc *out, struct weir_err *err);

#endif
