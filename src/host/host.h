/* host: the machine seam. A host is a tree of kernel text behind one small interface.
 *
 * Served by the live machine (live.c), by a captured tree in a directory (tree.c) or in
 * an archive (archive.c), and by a wrapper that remembers all that was read (record.c),
 * from which captures are made. Whatever reads a host works on all of them.
 *
 * Paths are absolute and are the kernel's own: "/proc/meminfo". What the kernel tells by
 * a system call only, and not in a file, is text under "/@", so that it can be captured
 * like anything else:
 *	/@/pagesize       the base page in bytes
 *	/@/klog           the kernel's log (syslog(2))
 *	/@/statfs/PATH/@  statfs(2) of PATH, one "name value" a line
 *	/@/stat/PATH/@    lstat(2) of PATH, likewise
 *	/@/file/PATH/@    stat(2) of PATH, links followed, likewise
 *	/@/link/PATH      readlink(2) of PATH
 *	/@/frames/...     page frames of a mapping: see frames.h
 *	/@/poolpages      where the pages of the huge page pools lie: see poolpages.h
 *	/@/contig/SIZE    ranges that could become one page of SIZE bytes: see contig.h
 *	/@/capture        only in captures: what manifest.h describes
 * Three of them end in "/@" because one PATH may lie below another, and in a capture all
 *of them are files. */
#ifndef WEIR_HOST_HOST_H
#define WEIR_HOST_HOST_H

#include "base/buf.h"
#include "base/err.h"

struct weir_name {
	char *name;
	bool is_dir;
};

struct weir_names {
	struct weir_name *v;
	size_t nr, cap;
};

void weir_names_done(struct weir_names *names);
int weir_names_add(struct weir_names *names, struct weir_str name,
                   bool is_dir);                /* copies */
void weir_names_sort(struct weir_names *names); /* by bytes, and drops repeated ones */

struct weir_host_ops { /* an implementation keeps its state in ctx, never in a static */
	int (*read)(void *ctx, const char *path, size_t max, struct weir_buf *out);
	/* NULL, or: the whole text without a copy, valid as long as the host */
	int (*view)(void *ctx, const char *path, struct weir_str *out);
	int (*write)(void *ctx, const char *path, struct weir_str text);
	int (*list)(void *ctx, const char *path, struct weir_names *out);
	uint64_t (*now_ns)(void *ctx);
	void (*free)(void *ctx);
};

struct weir_host {
	const struct weir_host_ops *ops;
	void *ctx;
};

/* Opens the live machine (@spec NULL), or a captured tree: a directory or an archive.
 * 0 and *out owned by the caller; else a negative errno with words. */
int weir_host_open(const char *spec, struct weir_host **out, struct weir_err *err);
void weir_host_free(struct weir_host *host);
void weir_host_freep(struct weir_host **host);

/* Replaces *out by the text of a file. Returns
 *	0        all of it, perhaps empty
 *	-ENOENT  no such file: this kernel, or this capture, lacks it
 *	-EACCES  it may not be read
 *	-EFBIG   longer than @max bytes; *out holds the first @max of them
 *	other    the file is there, and reading it failed (a link, a device, an I/O error)
 */
int weir_host_read(const struct weir_host *host, const char *path, size_t max,
                   struct weir_buf *out);

/* The same, without a copy where the host can do without: *out is the host's own, or what
 * was read into @buf, and valid until either is touched. */
int weir_host_text(const struct weir_host *host, const char *path, size_t max,
                   struct weir_buf *buf, struct weir_str *out);

/* Writes @text in one system call, as the kernel's files want it. -EROFS on a capture. */
int weir_host_write(const struct weir_host *host, const char *path, struct weir_str text);

/* The names in a directory without "." and "..", sorted. *out must be empty. */
int weir_host_list(const struct weir_host *host, const char *path,
                   struct weir_names *out);

/* Nanoseconds since 1970; for a capture the time when it was made, 0 if not known. */
uint64_t weir_host_now_ns(const struct weir_host *host);

/* The implementations. A new host takes ownership of what it is given. */
int weir_host_new(const struct weir_host_ops *ops, void *ctx, struct weir_host **out);
int weir_live_new(struct weir_host **out, struct weir_err *err);
int weir_tree_new(const char *dir, struct weir_host **out, struct weir_err *err);
int weir_archive_new(const char *file, struct weir_host **out, struct weir_err *err);

#endif
