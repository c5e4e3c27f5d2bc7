/* metrics: what weird tells Prometheus, in its text format: pools, holders, warm memory,
 * leases, work. Pure but for what it is given. */
#ifndef WEIR_DAEMON_METRICS_H
#define WEIR_DAEMON_METRICS_H

#include "base/buf.h"

struct weir_daemon;

#define WEIR_METRICS_AGE_MS 15000U /* of what is seen of holders */

/* Added to *out. What was not seen is left out. -ENOMEM. */
int weir_metrics_write(struct weir_daemon *d, struct weir_buf *out);

#endif
