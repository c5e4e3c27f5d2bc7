/* warm: the state that weird keeps of its store: which files of which hugetlbfs are warm,
 * leased, being filled or scrubbed. weird writes the text (warm/state.h) and reads it
 * again after a restart; everything else of weir reads it to tell warm memory from a
 *leak.
 *
 * It is lines of "word key=value ...". Files are known by device and inode: the text
 * names no file, for their names are secrets and the text may be read by everybody.
 *
 *	weir-warm 1 pid=811 start=4711 boot=7d1f...-...
 *	store page=2097152 device=0:57 dir="/run/weir/warm/2M"
 *	target page=2097152 node=0 bytes=17179869184
 *	region 12 state=ready page=2097152 node=0 inode=3456 bytes=4294967296
 *filled=4294967296 region 13 state=leased page=2097152 node=0 inode=3457 bytes=4294967296
 *filled=... lease=5 name="vm1" uid=0 gid=0 since=... until=... owner=pid:4242:99173 (one
 *line) next region=14 lease=6 end
 *
 * What changes is written behind that, and ended in the same way: a region's line stands
 *in place of the one before it, as do those of stores and targets (0 bytes: there is
 *none), and "gone 12" takes a region away. A new region's number is larger than all
 *before it.
 *
 *	region 12 state=leased ...
 *	next region=14 lease=7
 *	end
 *
 * What stands behind the last "end" was not written to its end and does not count; a text
 * without one counts for nothing. Blanks and control bytes are \ooo. A key that is not
 * known is passed over: later versions may add some. */
#ifndef WEIR_FACTS_WARM_H
#define WEIR_FACTS_WARM_H

#include "facts/fact.h"
#include "host/host.h"

#define WEIR_WARM_STATE "/run/weir/warm.state"
#define WEIR_WARM_STATE_MAX \
	(32U << 20) /* 65,536 regions of 200 bytes, and as much behind */
#define WEIR_WARM_REGIONS_MAX 65536U
#define WEIR_WARM_TARGETS_MAX 4096U /* of each node and size */
#define WEIR_WARM_NAME_MAX    64U   /* a lease's name: letters, digits, "._:@-" */
#define WEIR_WARM_UNIT_MAX    256U

enum weir_region_state {
	WEIR_REGION_FILLING,   /* being populated; of no use yet */
	WEIR_REGION_READY,     /* every byte is zero, nobody has it */
	WEIR_REGION_GROWING,   /* chosen for a lease: what it lacks is being populated */
	WEIR_REGION_LEASED,    /* handed out */
	WEIR_REGION_WAITING,   /* its lease has ended, and somebody still has the file */
	WEIR_REGION_DIRTY,     /* nobody has it, and it is not known to be zero */
	WEIR_REGION_SCRUBBING, /* being zeroed */
};

/* What ends a lease besides weir release. */
enum weir_owner_kind {
	WEIR_OWNER_NONE,
	WEIR_OWNER_PID,        /* the end of a process */
	WEIR_OWNER_UNIT,       /* no process is left in the cgroup of a systemd unit */
	WEIR_OWNER_USE,        /* somebody opened the file, and nobody has it any more */
	WEIR_OWNER_CONNECTION, /* the end of the connection that asked; never survives
	                          weird */
};

struct weir_warm_owner {
	enum weir_owner_kind kind;
	int pid;
	uint64_t start;                /* of the pid, field 22 of /proc/PID/stat */
	char unit[WEIR_WARM_UNIT_MAX]; /* "vm.service", or a path below /sys/fs/cgroup */
};

struct weir_warm_lease {
	uint64_t id; /* 0: not leased; a number is never used twice */
	char name[WEIR_WARM_NAME_MAX + 1]; /* "" where none was given */
	uint32_t uid, gid;                 /* of who asked */
	uint64_t since_ns, until_ns;       /* CLOCK_BOOTTIME; until 0: no end by time */
	struct weir_warm_owner owner;
	bool opened; /* of OWNER_USE: somebody has been seen to have it */
};

struct weir_warm_region {
	uint64_t id;
	enum weir_region_state state;
	uint64_t page_bytes, bytes;
	uint64_t filled_bytes; /* of them have pages; the rest are holes */
	int node;              /* -1: any */
	uint64_t inode;
	struct weir_warm_lease lease; /* of GROWING, LEASED and WAITING */
};

struct weir_warm_dir { /* a hugetlbfs of the store */
	uint64_t page_bytes;
	uint64_t device; /* major << 32 | minor, as in facts/tasks.h */
	char *path;
};

struct weir_warm_target {
	uint64_t page_bytes, bytes;
	int node;
};

struct weir_warm_state {
	bool known;                       /* there is a text, and it is whole */
	struct weir_count pid, pid_start; /* the weird that wrote it */
	char boot_id[40];
	struct weir_warm_dir *dirs;
	size_t nr_dirs, cap_dirs;
	struct weir_warm_target *targets;
	size_t nr_targets, cap_targets;
	struct weir_warm_region *regions; /* by id */
	size_t nr_regions, cap_regions;
	uint64_t next_region, next_lease;
};

void weir_warm_state_done(struct weir_warm_state *state);

/* The words of states and owners: "ready", "pid". */
const char *weir_region_state_word(enum weir_region_state state);
const char *weir_owner_word(enum weir_owner_kind kind);

/* Letters, digits and "._:@-", not too many; "" is one. */
bool weir_warm_name_is_valid(struct weir_str name);

/* All of @text up to its last "end", or nothing: -EBADMSG with words that name the line.
 */
int weir_warm_state_parse(struct weir_str text, struct weir_warm_state *out,
                          struct weir_err *err);

/* 0; known is false where there is no store on this host. The state of another boot is
 * none. -EACCES, -EBADMSG and the like with words. */
int weir_warm_state_read(const struct weir_host *host, struct weir_warm_state *out,
                         struct weir_err *err);

/* The region that a file is, or NULL. */
const struct weir_warm_region *weir_warm_find(const struct weir_warm_state *state,
                                              uint64_t device, uint64_t inode);

/* Bytes that have pages, by @state, of @page_bytes on @node (-1: all nodes). */
uint64_t weir_warm_sum(const struct weir_warm_state *state, enum weir_region_state which,
                       uint64_t page_bytes, int node);

#endif
