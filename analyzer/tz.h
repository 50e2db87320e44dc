/* tz: time zones from the system's database (TZif files, RFC 8536), read by ourselves because one process follows logs of many
 * zones and the C library knows one at a time. */
#ifndef PROVCTL_TZ_H
#define PROVCTL_TZ_H

#include <stdint.h>

#include "common/err.h"

struct tz;

/* name: an IANA name ("Europe/Berlin"), or NULL for the system's: $TZ, else /etc/localtime, else UTC. "UTC" needs no database. */
int tz_open(struct tz **out, const char *name, struct err *err);
void tz_free(struct tz **tz);

/* From a wall clock's reading, as seconds as though it were UTC, to moments. 1: one moment. 2: the reading came twice (first is
 * the earlier). 0: it never came (spring); first is by the offset before the gap. */
int tz_moments(const struct tz *tz, int64_t wall, int64_t *first, int64_t *second);

#endif
