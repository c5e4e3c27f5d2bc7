/* words: a dictionary of names and what stands for them, applied to text.
 *
 * A name is replaced as a whole word only: what stands in front of it and behind it must
 * not go on with a letter or digit where it begins or ends with one. So "web" is replaced
 * in "1-web-01" and in "web_data", and not in "webserver". systemd's escapes, as \x2d for
 * a dash, are no letters, and a name that needs them is found in that form too; so is one
 * with a comma, which QEMU wants doubled. Of two names that begin at the same place the
 * longer one wins.
 *
 * What stands for a name is its kind and a number: "vm3". Numbers that the text shows
 * already in such a word are not given away, and a name of this form stays as it is: so
 * no two names become one, and what was replaced is not replaced again. */
#ifndef WEIR_CAPTURE_WORDS_H
#define WEIR_CAPTURE_WORDS_H

#include "base/buf.h"

enum weir_word_kind {
	WEIR_WORD_HOST,
	WEIR_WORD_USER,
	WEIR_WORD_VM,
	WEIR_WORD_PROCESS,
	WEIR_WORD_NR_KINDS,
};

struct weir_word {
	char *name;
	size_t n;     /* bytes of name */
	char *stands; /* what stands for it */
	enum weir_word_kind kind;
	uint64_t nr;
	bool whole;    /* too common to be looked for inside text: found by itself only */
	size_t parent; /* the longest other name that this one begins with, or SIZE_MAX */
};

struct weir_words {
	void *names; /* a tree of struct weir_word, while names are added */
	void *taken; /* a tree of strings: words that are in the text already */
	uint64_t next[WEIR_WORD_NR_KINDS];
	struct weir_word **v; /* sorted, after weir_words_seal() */
	size_t nr, cap;
};

void weir_words_done(struct weir_words *words);

/* Looks at text that the words are going to be replaced in, for numbers that are taken.
 * To be called for all of it before the first name is added. */
int weir_words_see(struct weir_words *words, struct weir_str text);

/* Adds the @nr names of one thing, which all get the same number. A name that is there
 * already keeps what stands for it, and if it is of this kind, lends its number to the
 * others. Names without a letter, of one character, with a slash, and such as
 * weir_word_is_common() are kept as "whole". A UUID gets a UUID. 0 or -ENOMEM. */
int weir_words_add(struct weir_words *words, enum weir_word_kind kind,
                   const struct weir_str *names, size_t nr);

/* After the last name, before the two below. */
int weir_words_seal(struct weir_words *words);

/* What stands for @name, or NULL. */
const char *weir_words_find(const struct weir_words *words, struct weir_str name);

/* Adds @text to @out, with the names in it replaced. */
int weir_words_replace(const struct weir_words *words, struct weir_str text,
                       struct weir_buf *out);

/* Bytes of the escape, as \x2d, that @s begins with, or 0. */
size_t weir_words_escape_n(struct weir_str s);

/* The words that paths of every host are made of: "dev", "system", "libvirt", "node0". */
bool weir_word_is_common(struct weir_str s);

#endif
