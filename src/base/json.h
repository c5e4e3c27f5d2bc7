/* json: writes JSON, exactly and in the order it is told.
 *
 * Only a writer; what comes from outside is read with a library. It exists because the
 * writers at hand fall short of what is needed here: jansson's integers are signed, and a
 * kernel counter may stand at 2^64-1; libsmartcols writes flat tables. Text that is not
 * valid UTF-8 is written byte by byte as U+00XX, so that the output always is.
 *
 *	weir_json_open(&j, NULL, '{');
 *	weir_json_u64(&j, "pages", 8);
 *	weir_json_close(&j);
 *
 * @key is NULL inside arrays and at the top. A failed allocation is kept in @failed and
 * makes all further calls do nothing: check it once, at the end. */
#ifndef WEIR_BASE_JSON_H
#define WEIR_BASE_JSON_H

#include "base/buf.h"

#define WEIR_JSON_DEPTH_MAX 16 /* our own documents stay below 8 */

struct weir_json {
	struct weir_buf out;
	bool compact; /* set before the first call: one line, no blanks */
	int failed;   /* 0 or -ENOMEM */
	unsigned int depth;
	struct {
		char close;
		bool any;
	} level[WEIR_JSON_DEPTH_MAX];
};

void weir_json_done(struct weir_json *j);

void weir_json_open(struct weir_json *j, const char *key, char bracket); /* '{' or '[' */
void weir_json_close(struct weir_json *j);
void weir_json_str(struct weir_json *j, const char *key, struct weir_str s);
void weir_json_strz(struct weir_json *j, const char *key,
                    const char *z); /* NULL is null */
void weir_json_u64(struct weir_json *j, const char *key, uint64_t n);
void weir_json_bool(struct weir_json *j, const char *key, bool b);
void weir_json_null(struct weir_json *j, const char *key);

#endif
