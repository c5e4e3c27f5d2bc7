/* tar: see tar.h. The format is POSIX ustar; fields are octal text. */
#include "tar.h"

#include "test.h"

/* offsets of the fields in a header */
enum {
	NAME = 0,
	MODE = 100,
	SIZE = 124,
	MTIME = 136,
	SUM = 148,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257
};

static void put_blocks(struct weir_buf *tar, const char *p, size_t n)
{
	static const char zeros[TAR_BLOCK];

	expect_int_eq(weir_buf_add(tar, weir_str(p, n)), 0);
	if (n % TAR_BLOCK)
		expect_int_eq(
			weir_buf_add(tar, weir_str(zeros, TAR_BLOCK - n % TAR_BLOCK)), 0);
}

void tar_add(struct weir_buf *tar, const struct tar_member *member)
{
	char h[TAR_BLOCK] = { 0 };
	unsigned int sum = 0;

	(void)snprintf(h + NAME, 100, "%s", member->name);
	(void)snprintf(h + MODE, 8, "0000644");
	(void)snprintf(h + MTIME, 12, "00000000000");
	if (member->size_text)
		memcpy(h + SIZE, member->size_text, 12);
	else
		(void)snprintf(h + SIZE, 12, "%011zo", member->text.n);
	h[TYPE] = member->type;
	if (member->link)
		(void)snprintf(h + LINK, 100, "%s", member->link);
	memcpy(h + MAGIC, "ustar\00000", 8);
	memset(h + SUM, ' ', 8); /* counts as blanks in its own sum */
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + SUM, 8, "%06o", sum);
	put_blocks(tar, h, sizeof(h));
	if (member->text.n)
		put_blocks(tar, member->text.p, member->text.n);
}

void tar_end(struct weir_buf *tar)
{
	static const char zeros[2 * TAR_BLOCK];

	expect_int_eq(weir_buf_add(tar, weir_str(zeros, sizeof(zeros))), 0);
}
