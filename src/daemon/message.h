/* message: a request of weird-protocol(7), from its line, and the frame of a reply.
 *
 * Pure. What comes in is hostile: nothing is taken that is not known, each key only where
 * it belongs, and no value that is not exact. */
#ifndef WEIR_DAEMON_MESSAGE_H
#define WEIR_DAEMON_MESSAGE_H

#include "base/json.h"
#include "facts/warm.h"

#define WEIR_PROTOCOL        1U
#define WEIR_MESSAGE_MAX     (16U << 10) /* bytes of a line: the largest known has 500 */
#define WEIR_MESSAGE_DEPTH   8U
#define WEIR_MESSAGE_ID_MAX  64U
#define WEIR_MESSAGE_TTL_MAX (UINT64_C(1) << 53) /* ms; what JSON's numbers hold */

enum weir_request {
	WEIR_REQUEST_LEASE,
	WEIR_REQUEST_RELEASE,
	WEIR_REQUEST_RENEW,
	WEIR_REQUEST_LEASES,
	WEIR_REQUEST_WARM,
	WEIR_REQUEST_TARGET,
	WEIR_REQUEST_METRICS,
};

enum weir_refused { /* the codes of errors */
	            WEIR_REFUSED_BAD_REQUEST,
	            WEIR_REFUSED_VERSION,
	            WEIR_REFUSED_TOO_LONG,
	            WEIR_REFUSED_NOT_ALLOWED,
	            WEIR_REFUSED_QUOTA,
	            WEIR_REFUSED_NO_MEMORY,
	            WEIR_REFUSED_NOT_WARM,
	            WEIR_REFUSED_NO_SUCH_LEASE,
	            WEIR_REFUSED_NAME_TAKEN,
	            WEIR_REFUSED_NO_SUCH_SIZE,
	            WEIR_REFUSED_NO_SUCH_NODE,
	            WEIR_REFUSED_NO_SUCH_OWNER,
	            WEIR_REFUSED_BUSY,
	            WEIR_REFUSED_FAILED,
	            WEIR_REFUSED_CODES
};

const char *weir_refused_word(enum weir_refused code); /* "bad-request" */

struct weir_message_id {
	enum { WEIR_ID_NONE, WEIR_ID_NUMBER, WEIR_ID_TEXT } kind;
	uint64_t n;
	char text[WEIR_MESSAGE_ID_MAX + 1];
};

struct weir_message {
	struct weir_message_id id;
	enum weir_request op;
	bool has_bytes;
	uint64_t bytes, page_bytes;        /* page_bytes 0: not said */
	int node;                          /* -1: any */
	uint64_t lease;                    /* 0: not said */
	uint64_t after;                    /* of leases: those with larger numbers only */
	char name[WEIR_WARM_NAME_MAX + 1]; /* "": not said */
	struct weir_warm_owner owner;      /* without the start of a pid */
	bool has_ttl;
	uint64_t ttl_ns;
	bool warm_only, descriptor;
	bool has_user;
	uint32_t user;
};

/* 0; or -EBADMSG, with *code and words: then all of *out but its id, if that could be
 * read, is zero. -ENOMEM likewise. */
int weir_message_parse(struct weir_str line, struct weir_message *out,
                       enum weir_refused *code, struct weir_err *err);

/* The start of a reply: {"weir":1,"id":1,"ok":true; to be closed. @j is zeroed before. */
void weir_reply_open(struct weir_json *j, const struct weir_message_id *id);

/* All of a reply that refuses; @help may be NULL or "". */
void weir_reply_refuse(struct weir_json *j, const struct weir_message_id *id,
                       enum weir_refused code, const char *text, const char *help);

#endif
