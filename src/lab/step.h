/* step: one line of a scenario, as data.
 *
 * A scenario is a list of steps that reads like what an administrator types and what a
 * program does; weir-scenario(5) is the manual. script.h parses the text into these
 * structs. Two things play them: play.h on the model, tests/twin on a real kernel. Both
 * print what they see through view.h, so that the traces can be compared line by line.
 *
 * All texts point into the scenario's own text. */
#ifndef WEIR_LAB_STEP_H
#define WEIR_LAB_STEP_H

#include "base/str.h"
#include "model/memory.h"
#include "model/policy.h"

/* verb, word in the language; in the order of the manual. Those of a task are written
 * "TASK VERB ...", the others "VERB ...". */
#define WEIR_VERBS(X)                                                                    \
	X(WRITE, "write")       /* FILE VALUE */                                         \
	X(TASK, "task")         /* NAME [cpu=N] [cgroup=NAME] [cpuset=NODES] */          \
	X(MOUNT, "mount")       /* NAME [pagesize=S] [size=] [min_size=] [nr_inodes=] */ \
	X(UMOUNT, "umount")     /* NAME [lazy] */                                        \
	X(CREATE, "create")     /* FILE */                                               \
	X(UNLINK, "unlink")     /* FILE */                                               \
	X(TRUNCATE, "truncate") /* FILE PAGES */                                         \
	X(RMID, "rmid")         /* SEGMENT */                                            \
	X(CGROUP, "cgroup")     /* NAME */                                               \
	X(RMDIR, "rmdir")       /* NAME */                                               \
	X(OFFLINE, "offline")   /* NODE SIZE FREE USED: a memory block */                \
	X(POISON_FREE, "poison-free") /* NODE SIZE [soft] */                             \
	X(START, "start")             /* VM memory=SIZE [kind=] [pages=] ... */          \
	X(USE, "use")                 /* VM: its guest uses all of its memory */         \
	X(STOP, "stop")               /* VM */                                           \
	X(DROP_CACHES, "drop-caches")                                                    \
	X(COMPACT, "compact") /* NODE */                                                 \
	/* of a task */                                                                  \
	X(FORK, "fork") /* CHILD */                                                      \
	X(EXIT, "exit")                                                                  \
	X(CPU, "cpu")           /* N */                                                  \
	X(POLICY, "policy")     /* POLICY: set_mempolicy(2) */                           \
	X(JOIN, "join")         /* CGROUP */                                             \
	X(MAP, "map")           /* MAPPING PAGES [WORDS] */                              \
	X(UNMAP, "unmap")       /* MAPPING [START COUNT] */                              \
	X(TOUCH, "touch")       /* MAPPING [START COUNT]: write to each page */          \
	X(READ, "read")         /* MAPPING [START COUNT] */                              \
	X(RESIZE, "resize")     /* MAPPING PAGES: mremap in place */                     \
	X(MOVE, "move")         /* MAPPING: mremap to a new address */                   \
	X(DONTNEED, "dontneed") /* MAPPING [START COUNT] */                              \
	X(REMOVE, "remove")     /* MAPPING [START COUNT]: MADV_REMOVE */                 \
	X(POPULATE, "populate") /* MAPPING [START COUNT]: MADV_POPULATE_WRITE */         \
	X(POPULATE_READ, "populate-read")                                                \
	X(LOCK, "lock")                 /* MAPPING [START COUNT]: mlock(2) */            \
	X(PIN, "pin")                   /* MAPPING [START COUNT]: io_uring's buffers */  \
	X(UNPIN, "unpin")               /* MAPPING [START COUNT] */                      \
	X(BIND, "bind")                 /* MAPPING [START COUNT] POLICY: mbind(2) */     \
	X(MIGRATE, "migrate")           /* MAPPING [START COUNT] NODE: move_pages(2) */  \
	X(SOFT_OFFLINE, "soft-offline") /* MAPPING INDEX */                              \
	X(POISON, "poison")             /* MAPPING INDEX: MADV_HWPOISON */               \
	X(ANON, "anon")                 /* SIZE: anonymous memory of base pages */       \
	X(CACHE, "cache")               /* SIZE: clean page cache */                     \
	X(UNMOVABLE, "unmovable")       /* SIZE: memory that never moves */              \
	X(OPEN, "open")                 /* FILE */                                       \
	X(CLOSE, "close")               /* FILE */                                       \
	X(MEMFD, "memfd")               /* FILE PAGES [pagesize=S] */                    \
	X(FALLOCATE, "fallocate")       /* FILE START COUNT */                           \
	X(PUNCH, "punch")               /* FILE START COUNT */                           \
	X(SHMGET, "shmget")             /* SEGMENT PAGES [pagesize=S] [noreserve] */     \
	X(SHMAT, "shmat")               /* SEGMENT MAPPING */

enum weir_verb {
#define X(id, word) WEIR_VERB_##id,
	WEIR_VERBS(X)
#undef X
		WEIR_VERB_NR,
};

/* What "write" writes to. A FILE is written short, or as the kernel's full path:
 *	2M/nr_hugepages, 2M/nr_overcommit_hugepages, 2M/nr_hugepages_mempolicy,
 *	1G/demote, 1G/demote_size, 2M/node1/nr_hugepages, 1G/node0/demote,
 *	proc/nr_hugepages, proc/nr_overcommit_hugepages, proc/nr_hugepages_mempolicy
 *	GROUP/2M.max, GROUP/2M.rsvd.max   (hugetlb.2MB.max of a cgroup; bytes) */
enum weir_target {
	WEIR_TARGET_NR,
	WEIR_TARGET_OVERCOMMIT,
	WEIR_TARGET_MEMPOLICY,
	WEIR_TARGET_DEMOTE,
	WEIR_TARGET_DEMOTE_SIZE,
	WEIR_TARGET_PROC_NR,
	WEIR_TARGET_PROC_OVERCOMMIT,
	WEIR_TARGET_PROC_MEMPOLICY,
	WEIR_TARGET_CG_MAX,
	WEIR_TARGET_CG_RSVD_MAX,
};

enum weir_step_flags {                               /* words of map, and others */
	               WEIR_STEP_SHARED = 1 << 0,    /* default: private */
	               WEIR_STEP_NORESERVE = 1 << 1, /* also of shmget */
	               WEIR_STEP_POPULATE = 1 << 2,
	               WEIR_STEP_LOCKED = 1 << 3,
	               WEIR_STEP_READONLY = 1 << 4,
	               WEIR_STEP_LAZY = 1 << 5,  /* umount */
	               WEIR_STEP_SOFT = 1 << 6,  /* poison-free */
	               WEIR_STEP_RANGE = 1 << 7, /* START and COUNT were given; else the
	                                            whole mapping */
	               WEIR_STEP_NODE = 1 << 8,  /* node was given */
	               WEIR_STEP_SIZE =
	                       1 << 9, /* mount: size= was given; likewise the next two */
	               WEIR_STEP_MIN_SIZE = 1 << 10,
	               WEIR_STEP_NR_INODES = 1 << 11,
	               WEIR_STEP_SIZE_PERCENT =
	                       1 << 12, /* size is a percentage; likewise min_size */
	               WEIR_STEP_MIN_SIZE_PERCENT = 1 << 13,
	               WEIR_STEP_DIRTY = 1 << 14, /* cache */
};

struct weir_step {
	enum weir_verb verb;
	unsigned int flags; /* enum weir_step_flags */
	size_t line;        /* in the file, from 1 */
	struct weir_str
		text; /* the step as written, without blanks and comments around it */
	struct weir_str task;  /* who does it; empty: the administrator */
	struct weir_str name;  /* what it is about: mapping, file, mount, cgroup, child */
	struct weir_str other; /* file of a map, mapping of a shmat, cgroup of a task */
	struct weir_str value; /* what is written, unparsed: the kernel judges it */
	enum weir_target target;
	uint64_t page_bytes; /* 0: the default size */
	uint64_t pages;      /* of map, memfd, shmget, truncate, resize */
	uint64_t offset;     /* of map, in pages */
	uint64_t start, count;
	uint64_t size, min_size; /* of mount, bytes or percent by flag */
	uint64_t nr_inodes;
	uint64_t free, used; /* of offline: pages of the block on the free list, in use */
	int cpu;             /* of task and cpu; -1: not given */
	unsigned int node;
	unsigned int guest; /* of start: enum weir_guest_kind */
	struct weir_policy
		policy; /* in the language: "bind 0,2-3", "default", "preferred 1" */
	uint64_t mems;  /* cpuset of task; 0: not given */
};

/* What is expected of the step before, for some kernels.
 *
 *	STEP -> TERM...              behind a step
 *	expect [on KERNELS] TERM...  on a line of its own
 *
 * KERNELS: "6.12" (this preset), "6.12+" (it and later ones), "-6.6" (it and earlier
 *ones), several with commas. Terms: ok, ENOMEM, EINVAL, ...      the result SIGBUS=N
 *SIGBUS after N pages; MCEERR=N by memory failure T/F/R/S                      the
 *default size: total/free/reserved/surplus 2M=T/F/R/S                   that size
 *	n1=nr/free/surp  1G.n0=...   one node
 *	max=N  1G.max=N              the configured target (MAX)
 *	TASK.MAPPING=0011.           node of each page, "." where none is mapped
 *	TASK.pages=N                 pages the task maps (HugetlbPages), of all sizes
 *	FILE.size=N FILE.blocks=N    of a file, in huge pages and in 512-byte blocks
 *	MOUNT.blocks=N .bfree=N .files=N .ffree=N      statfs; -1 is a number here
 *	GROUP.usage=N .rsvd=N .events=N; GROUP.n0=N    in huge pages; 1G: GROUP.1G.usage=N
 *	n0.Movable.free=N            a zone: free base pages, with those in its CMA
 *	n0.DMA.free_cma=N            ... in its CMA alone
 *	n0.DMA.huge=N .huge_cma=N    pages of the default pool in it; in its CMA
 *	TASK.MAPPING.pinnable=N      mapped pages outside of CMA and ZONE_MOVABLE
 *	                             these five also with a tolerance: =N~M
 *	mem.n0=+N mem.n0=-N          change of MemTotal of a node against the start, in kB
 */
struct weir_expect {
	size_t line;
	size_t step;          /* index of the step it is about */
	uint64_t kernels;     /* mask over the presets, rules.h; all ones: every kernel */
	struct weir_str term; /* one term, checked in form by the parser */
};

/* What stands above the first step: the host. */
struct weir_setup_node {
	unsigned int id;
	uint64_t memory_bytes;
	uint64_t cpus; /* mask: CPU ids 0..63 */
	/* to the node of this id; 0: the default, 10 and 20 */
	unsigned int distance[WEIR_MODEL_NODES_MAX];
};

struct weir_setup {
	size_t line; /* of the first setup line, 0 without */
	struct weir_setup_node node[WEIR_MODEL_NODES_MAX];
	size_t nr_nodes;        /* 0: not given */
	uint64_t page_bytes[8]; /* huge page sizes, the first is the default one */
	size_t nr_sizes;
	struct weir_str kernel; /* preset, with +SWITCH and -SWITCH words */
	struct weir_str boot;   /* kernel command line */
	/* of node ids: those whose zones were told, and the zones */
	uint64_t zoned;
	struct weir_zone_config zones[WEIR_MODEL_NODES_MAX][WEIR_ZONE_NR];
};

#endif
