/* talk: a conversation with weird, as weird-protocol(7) has it, for programs of the
 * tests: one request at a time, its reply looked through for the keys that are asked for.
 * No client of any use reads JSON like that; it leans on weird's own way of writing it.
 */
#ifndef WEIR_TESTS_TALK_H
#define WEIR_TESTS_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALK_REPLY_MAX (1U << 20)

struct talk {
	int sock; /* -1: not connected */
	int fd;   /* that came with the last reply, or -1; whoever wants it takes it */
	uint64_t id;
	char *reply; /* the last one, without its newline; ends in NUL */
};

/* 0; -ENOMEM, or connect(2)'s error. */
int talk_open(struct talk *t, const char *path);
void talk_close(struct talk *t);

/* @keys: the request without "weir", "id" and braces: "\"op\":\"warm\"". 0 with a reply,
 * be it an error; -ECONNRESET: there will be none. -EBADMSG: it is none to this request.
 */
int talk_ask(struct talk *t, const char *keys, ...) __attribute__((format(printf, 2, 3)));

/* What a key has in the last reply; false where it is not there or something else. */
bool talk_is(const struct talk *t, const char *key, const char *value);
bool talk_number(const struct talk *t, const char *key, uint64_t *out);
bool talk_text(const struct talk *t, const char *key, char *out, size_t size);

#endif
