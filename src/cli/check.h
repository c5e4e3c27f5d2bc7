/* check: what `weir check` and its two forms of output share. */
#ifndef WEIR_CLI_CHECK_H
#define WEIR_CLI_CHECK_H

#include "plan/verdict.h"

#include <stdio.h>

struct weir_check_style {
	bool explain;
	unsigned int width;
};

/* check_text.c. 0 or -ENOMEM. */
void weir_check_print(const struct weir_verdicts *verdicts, const struct weir_ask *asks,
                      const struct weir_check_style *style, FILE *out);
/* check_json.c: one document, weir-json(5). */
int weir_check_json(const struct weir_verdicts *verdicts, FILE *out,
                    struct weir_err *err);

/* running.c: `weir check --running`. Returns the exit status. */
struct weir_host;
int weir_check_running(const struct weir_host *host, bool json);

/* emit.c: the memory part of a QEMU command line, or of a domain XML. 0 or -ENOMEM. */
enum weir_emit { WEIR_EMIT_NONE, WEIR_EMIT_QEMU, WEIR_EMIT_LIBVIRT };
int weir_check_emit(const struct weir_verdict *v, const struct weir_ask *ask,
                    enum weir_emit form, FILE *out);

#endif
