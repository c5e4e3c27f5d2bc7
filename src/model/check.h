/* check: the invariants, derived anew from the parts. For tests and debug builds: it
 * looks at every page. */
#ifndef WEIR_MODEL_CHECK_H
#define WEIR_MODEL_CHECK_H

#include "model/model.h"

/* 0, or -EINVAL with the first sum that does not hold. */
int weir_model_check(const struct weir_model *m, struct weir_err *err);

#endif
