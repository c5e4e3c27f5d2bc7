/* weird_client: what the commands about warm memory have in common: they ask weird, over
 * its socket, one request after the other (weird-protocol(7)).
 *
 * A reply is text from outside like any other: a line that is too long, no JSON, of
 * another version or another request's is an error, and weird that does not answer is one
 * when the time is up. */
#ifndef WEIR_CLI_WEIRD_CLIENT_H
#define WEIR_CLI_WEIRD_CLIENT_H

#include "base/json.h"
#include "facts/fact.h"
#include "vm/tree.h"

#define WEIR_CLIENT_SOCKET "/run/weir/weird.sock"

/* Which weird, and for how long: options --socket and --timeout. */
struct weir_client_options {
	const char *socket;  /* NULL: $WEIR_SOCKET, else WEIR_CLIENT_SOCKET */
	uint64_t timeout_ms; /* of each request; 0: as long as it takes */
};

struct weir_client {
	int fd;
	uint64_t timeout_ms, next_id;
	struct weir_buf in; /* read, and not yet taken */
	const char *socket;
};

/* What weird said no to, and why; its own words. */
struct weir_refusal {
	char code[32]; /* "no-memory" */
	char text[512];
	char help[512]; /* "" for none */
};

enum { WEIR_CLIENT_REFUSED = 1 };

/* -ENOENT and -ECONNREFUSED: there is no weird; -EACCES; -ENOTSUP and -ELIBACC: this weir
 * cannot read replies. With words that say what helps. */
int weir_client_open(const struct weir_client_options *options, struct weir_client *out,
                     struct weir_err *err);
void weir_client_done(struct weir_client *client);

/* Begins a request; the caller adds its keys. */
void weir_client_begin(const struct weir_client *client, const char *op,
                       struct weir_json *request);

/* Ends the request, sends it, waits for its reply. 0 with the reply's object, which must
 * be empty before; WEIR_CLIENT_REFUSED with *no; -ETIMEDOUT, -ECONNRESET, -EBADMSG and
 * the like with words: of the request it is not known then whether it was done. */
int weir_client_call(struct weir_client *client, struct weir_json *request,
                     struct weir_tree *reply, struct weir_refusal *no,
                     struct weir_err *err);

/* Waits until weird cuts the connection, or until @fd can be read. 0: @fd, else
 * -ECONNRESET with words. */
int weir_client_wait(struct weir_client *client, int fd, struct weir_err *err);

/* Keys of a reply's object: a number, unknown where it is null or not there; a text, ""
 * likewise; is it true? */
struct weir_count weir_reply_u64(const struct weir_tree *reply,
                                 const struct weir_tree_node *node, const char *key);
struct weir_str weir_reply_text(const struct weir_tree *reply,
                                const struct weir_tree_node *node, const char *key);
bool weir_reply_is(const struct weir_tree *reply, const struct weir_tree_node *node,
                   const char *key);

/* An unknown number is null. */
void weir_client_json_count(struct weir_json *j, const char *key, struct weir_count n);

/* Says it on stderr, of @what where that is not NULL; the exit status that a refusal has.
 */
int weir_client_tell(const char *command, const char *what,
                     const struct weir_refusal *no);

/* The options that all of these commands take. 0; the usage status, said. */
int weir_client_timeout(const char *command, const char *arg,
                        struct weir_client_options *options);

#endif
