/* holdings: what each process and each file holds of huge pages, as the kernel tells it:
 * the facts from which src/holders makes the ledger.
 *
 * Read are, of processes that hold huge pages or may: the lines of maps and numa_maps
 * about them, links of open files, arguments, cgroup; of each huge file its size and its
 * pages; and the SysV segments. smaps never.
 *
 * What a process has touched its status tells. What it has only mapped, or only open, the
 * kernel tells of no file and no page: every process would have to be asked. A memfd may
 * be with any of them, by fork(2) or through a socket, and costs the asking twice what
 * reading all statuses does. So a look says how far it goes. */
#ifndef WEIR_FACTS_HOLDINGS_H
#define WEIR_FACTS_HOLDINGS_H

#include "facts/huge_files.h"
#include "facts/shm.h"
#include "facts/tasks.h"

struct weir_holding_task {
	uint64_t pid, ppid;
	uint64_t tid; /* by which it is read: of another thread if its first has ended */
	size_t nth;   /* its place in the listing of /proc */
	struct weir_count uid;
	struct weir_count huge_bytes; /* touched and mapped, of all sizes */
	char *name;                   /* escaped by the kernel, 15 bytes */
	char *cmdline;                /* arguments, a NUL behind each */
	size_t cmdline_n;
	char *cgroup; /* where huge pages are charged; "" unknown */
	bool maps_known, numa_known, cut;
};

struct weir_holding_node {
	unsigned int node;
	uint64_t pages;
};

struct weir_holding_map {  /* a mapping of a huge file */
	size_t task, file; /* indexes */
	uint64_t start, end, offset_bytes;
	bool shared;
	bool pages_known;        /* a line of numa_maps was there */
	uint64_t anon, resident; /* own pages, and all that are mapped */
	uint64_t mapmax;
	uint64_t page_bytes;         /* 0: not known */
	size_t first_node, nr_nodes; /* in nodes[] */
};

struct weir_holding_link { /* an open file that is huge */
	size_t task, file;
	uint64_t fd;
};

/* Each sees all that the one before it sees. What a look passes over has pages or keeps
 * some reserved, which are then missing in the sum; or is empty; or is one more user of
 * what has another. */
enum weir_look_depth {
	/* Mappings, open files and mount namespaces of processes that have touched huge
	 * pages: whose each page is */
	WEIR_LOOK_TOUCHED,
	/* Open files and mount namespaces of all: who else can use it, too. Open files of
	 * others than holders only where there is a file that may be open: none is when
	 * all is private or of SysV segments, and what is missing then shows in the sum
	 */
	WEIR_LOOK_OPEN,
	/* Mappings of all, and each open file that no mount explains is asked about */
	WEIR_LOOK_ALL,
};

struct weir_holdings {
	struct weir_holding_task *tasks; /* those that hold, in the order of /proc */
	size_t nr_tasks, cap_tasks;
	struct weir_holding_map *maps;
	size_t nr_maps, cap_maps;
	struct weir_holding_node *nodes;
	size_t nr_nodes, cap_nodes;
	struct weir_holding_link *links;
	size_t nr_links, cap_links;
	struct weir_huge_files files;
	struct weir_everywhere mounts;
	struct weir_shm shm;
	size_t nr_seen, nr_vanished, nr_forbidden;
	size_t nr_unseen_files;    /* mapped or open, and not to be asked about */
	enum weir_look_depth look; /* how far it went */
};

void weir_holdings_done(struct weir_holdings *all);

/* How many processes have more mappings than were looked at. */
size_t weir_holdings_nr_cut(const struct weir_holdings *all);

struct weir_snapshot;

struct weir_holdings_ask {
	const struct weir_host *host;
	const struct weir_host
		*details; /* NULL: @host; one that remembers, for captures */
	enum weir_look_depth look;
	/* NULL, or called for each process, holder or not, before it is looked at; unless
	 * all is looked at a second time for one of which more turns out */
	int (*each)(void *ctx, struct weir_tasks *walk, const struct weir_task *task);
	void *ctx;
};

/* @own: the mounts as seen from here. 0, -ENOMEM, or what listing /proc or @each failed
 * with, with words. */
int weir_holdings_read(const struct weir_holdings_ask *ask, const struct weir_mounts *own,
                       struct weir_count default_page, struct weir_holdings *out,
                       struct weir_err *err);

#endif
