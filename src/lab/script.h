/* script: the text of a scenario into steps. Pure. */
#ifndef WEIR_LAB_SCRIPT_H
#define WEIR_LAB_SCRIPT_H

#include "base/buf.h"
#include "base/err.h"
#include "lab/step.h"

/* Limits: far above what a person or a generator writes, far below any overflow. */
#define WEIR_SCRIPT_BYTES_MAX (256U << 20)
#define WEIR_SCRIPT_STEPS_MAX 4000000U
#define WEIR_SCRIPT_LINE_MAX  4096U
#define WEIR_SCRIPT_PAGES_MAX (UINT64_C(1) << 40) /* pages in one number */

struct weir_script {
	struct weir_setup setup;
	struct weir_step *steps;
	size_t nr_steps, cap_steps;
	struct weir_expect *expects; /* in the order of the text */
	size_t nr_expects, cap_expects;
};

/* Parses all of @text; what the steps name points into it, so it must outlive *out.
 * 0; -EBADMSG with "NAME:LINE: 'token': what is wrong and what would be right"; -EFBIG
 * past a limit; -ENOMEM. *out is empty but valid after a failure. */
int weir_script_parse(struct weir_str text, const char *name, struct weir_script *out,
                      struct weir_err *err);
void weir_script_done(struct weir_script *script);

#endif
