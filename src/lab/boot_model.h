/* boot_model: a model as it stands when the kernel has read its command line. */
#ifndef WEIR_LAB_BOOT_MODEL_H
#define WEIR_LAB_BOOT_MODEL_H

#include "base/err.h"
#include "model/model.h"

/* @cmdline may be empty. The default size it names becomes the first one. 0 and *out;
 * -EINVAL or -ENOMEM with words. */
int weir_boot_model(struct weir_str cmdline, const struct weir_model_config *config,
                    struct weir_model **out, struct weir_err *err);

#endif
