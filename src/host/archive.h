/* archive: captures as tar archives. Reading is weir_archive_new() in host.h. */
#ifndef WEIR_HOST_ARCHIVE_H
#define WEIR_HOST_ARCHIVE_H

#include "host/members.h"

enum weir_archive_kind {
	WEIR_ARCHIVE_TAR,
	WEIR_ARCHIVE_ZSTD,
	WEIR_ARCHIVE_GZIP,
};

/* As weir_archive_new(), of an archive in memory, which must outlive only this call. */
int weir_archive_new_bytes(struct weir_str bytes, struct weir_host **out,
                           struct weir_err *err);

/* Writes sorted @files to @fd, which stays open. The same files and time give the same
 * bytes. -ELIBACC without libarchive, else -EIO, with words. */
int weir_archive_write(const struct weir_members *files, uint64_t time_ns,
                       enum weir_archive_kind kind, int fd, struct weir_err *err);

#endif
