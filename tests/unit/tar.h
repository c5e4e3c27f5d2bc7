/* tar: writes tar archives byte by byte, so that a test can make those that no tool
 * would write. */
#ifndef WEIR_TEST_TAR_H
#define WEIR_TEST_TAR_H

#include "base/buf.h"

enum { TAR_BLOCK = 512 };

struct tar_member {
	const char *name;
	char type;        /* '0' file, '1' hard link, '2' link, '5' directory, ... */
	const char *link; /* or NULL */
	const char
		*size_text; /* the size field as it is to stand there, or NULL: text.n */
	struct weir_str text;
};

/* Adds one member: its header and its text, in whole blocks. */
void tar_add(struct weir_buf *tar, const struct tar_member *member);

/* Adds the two blocks of zeros at the end. */
void tar_end(struct weir_buf *tar);

#endif
