/* metrics: what Prometheus is told, in its text format (0.0.4), by one table of names: metrics.c has the rows, the portal and `provctl status
 * --prometheus` give out the same text, and a test holds the dashboard and the alerts in contrib/metrics to it.
 *
 * Counters named in the manual as "of the state" go on over restarts; all others begin at zero when the enforcer starts.
 */
#ifndef PROVCTL_METRICS_H
#define PROVCTL_METRICS_H

#include "enforcer/control.h"

#define METRICS_TEXT_MAX     (3U << 20)
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends the whole text. */
int metrics_text(struct request *r, struct buf *out, struct err *err);

#endif
