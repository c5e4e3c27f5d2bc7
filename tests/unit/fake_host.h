/* fake_host: a host in memory over a table of files, and a reader of facts on top of it.
 *
 *	struct fake_file files[] = {
 *		{ "/proc/sys/vm/nr_hugepages", "8\n" },
 *		{ "/proc/pagetypeinfo", .error = -EACCES },
 *	};
 *	struct fake_host fake;
 *
 *	fake_open(&fake, files, WEIR_NELEM(files));
 *	weir_thp_read(&fake.reader, &thp);
 *	fake_close(&fake);
 *
 * A path that is not in the table is absent. Directories are those that the paths have;
 * an entry for a directory makes listing it fail. */
#ifndef WEIR_FAKE_HOST_H
#define WEIR_FAKE_HOST_H

#include "facts/fact.h"

/* most rows of such a table are a path and a text, and the rest of them is zero */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct fake_file {
	const char *path;
	const char *text;
	const char *later; /* what it says from the second reading on; NULL: the same */
	size_t size;       /* bytes of text; 0: up to its NUL */
	int error;         /* negative errno: what reading or listing it ends in */
	unsigned int nr_reads; /* counted here */
};

struct fake_host {
	struct weir_host host;
	struct weir_gaps gaps;
	struct weir_reader reader;
	struct fake_file *files;
	size_t nr_files;
};

/* @files stays the caller's and must outlive the host. */
void fake_open(struct fake_host *fake, struct fake_file *files, size_t nr);
void fake_close(struct fake_host *fake);

/* Fails the test unless there is a gap of this kind for this path. Returns its words, ""
 * when it has none. */
const char *fake_expect_gap(const struct fake_host *fake, enum weir_gap_kind kind,
                            const char *path);

#endif
