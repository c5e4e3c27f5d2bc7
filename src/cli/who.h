/* who: `weir who`: what its parts share. Internal to who*.c. */
#ifndef WEIR_CLI_WHO_H
#define WEIR_CLI_WHO_H

#include "holders/left.h"

#include <stdio.h>

enum weir_who_by {
	WEIR_WHO_PROCESS,
	WEIR_WHO_VM,
	WEIR_WHO_FILE,
	WEIR_WHO_CGROUP,
	WEIR_WHO_USER,
};

struct weir_who_style {
	enum weir_who_by by;
	bool one_size, one_node;
	uint64_t size_bytes;
	unsigned int node;
	bool tree, leaks, bytes;
	const char *about; /* PID, PATH or VM; NULL: all */
	unsigned int width;
};

/* A host and its ledger, with what only this command knows of it. */
struct weir_who {
	const struct weir_host *host;
	struct weir_snapshot *snap;
	struct weir_ledger ledger;
	char **vms;  /* of each process that holds: the VM it runs, or NULL */
	char *blind; /* why it cannot be known that nobody uses something; NULL: it can */
};

int weir_who_read(const struct weir_host *host, enum weir_ledger_want want,
                  struct weir_who *out, struct weir_err *err);
void weir_who_done(struct weir_who *who);

/* One row: holds of one page size, put together by --by. */
struct weir_who_row {
	uint64_t page_bytes;
	const char *key;  /* borrowed; what is the same in all its holds */
	size_t task;      /* the process that stands for it, or SIZE_MAX */
	size_t first, nr; /* of weir_who_rows.holds */
	uint64_t pages, private_pages, shared_pages, mapped_pages;
	bool pages_least;
	struct weir_count reserved;
	uint64_t reserved_max;
	uint64_t *node_pages;
	uint64_t node_unknown;
};

struct weir_who_rows {
	struct weir_who_row *v; /* largest first */
	size_t nr, cap;
	size_t *holds;   /* indexes, row by row */
	size_t nr_shown; /* holds that the style selects */
};

/* The rows of one page size. 0 or -ENOMEM. */
int weir_who_rows_make(const struct weir_who *who, const struct weir_who_style *style,
                       uint64_t page_bytes, struct weir_who_rows *out);
void weir_who_rows_done(struct weir_who_rows *rows);

/* The process that stands for a hold: it runs a VM, else it maps the most of it, else it
 * comes first. SIZE_MAX without any. */
size_t weir_who_main_user(const struct weir_who *who, const struct weir_hold *hold);

/* True for what nobody uses, and for a VM's memory that no VM uses. */
bool weir_who_is_leak(const struct weir_who *who, const struct weir_hold *hold);

/* True for a hold that the style selects. */
bool weir_who_shows(const struct weir_who *who, const struct weir_who_style *style,
                    const struct weir_hold *hold);

/* What is known of a hold that nobody uses. */
struct weir_who_left {
	struct weir_left known;
	struct weir_str domain; /* libvirt's, by its path: "4-db"; empty: none */
	uint64_t domain_pid;    /* 0, or the process that runs it */
};

void weir_who_left(const struct weir_who *who, const struct weir_hold *hold,
                   struct weir_who_left *out);

enum weir_who_guest {                        /* is a file or memfd a VM's memory? */
	              WEIR_WHO_GUEST_NONE,   /* nothing says so */
	              WEIR_WHO_GUEST_LIVES,  /* a VM has it */
	              WEIR_WHO_GUEST_UNSEEN, /* by its name it may be; none of its
	                                        processes is a VM */
	              WEIR_WHO_GUEST_GONE,   /* by its name it is, and the VM is gone */
};

/* @vm: its name, where the path has it; else empty. */
enum weir_who_guest weir_who_guest(const struct weir_who *who,
                                   const struct weir_hold *hold, struct weir_str *vm);

/* Adds "process NAME (PID)", with what there is to say of it. 0 or -ENOMEM. */
int weir_who_keeper(const struct weir_who *who, const struct weir_hold *hold,
                    struct weir_buf *out);

/* What may be done about what weir who --leaks shows. */
struct weir_who_release {
	bool safe;
	bool unsure; /* nobody uses it, and its maker may come back to it */
	char why[248];
	struct weir_buf command; /* empty: there is none */
};

int weir_who_release(const struct weir_who *who, const struct weir_hold *hold,
                     struct weir_who_release *out);

int weir_who_text(const struct weir_who *who, const struct weir_who_style *style,
                  FILE *out, struct weir_err *err);
int weir_who_json(const struct weir_who *who, const struct weir_who_style *style,
                  FILE *out);

#endif
