/* archive_off: stands in for archive.c in a build without libarchive, and says so. */
#include "host/archive.h"

#include <errno.h>

#define WORDS "this weir was built without libarchive: use a directory instead"

int weir_archive_new(const char *file, struct weir_host **out, struct weir_err *err)
{
	(void)out;
	return weir_err_set(err, -ENOTSUP, "capture '%s': " WORDS, file);
}

int weir_archive_new_bytes(struct weir_str bytes, struct weir_host **out,
                           struct weir_err *err)
{
	(void)bytes;
	(void)out;
	return weir_err_set(err, -ENOTSUP, WORDS);
}

int weir_archive_write(const struct weir_members *files, uint64_t time_ns,
                       enum weir_archive_kind kind, int fd, struct weir_err *err)
{
	(void)files;
	(void)time_ns;
	(void)kind;
	(void)fd;
	return weir_err_set(err, -ENOTSUP, WORDS);
}
