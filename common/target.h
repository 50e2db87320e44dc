/* target: what an HTTP request asks for (RFC 9112, 3.2): path and query, and the device that they name. The analyzer reads targets from logs, the
 * portal from requests: what one takes for a device's file the other does too.
 */
#ifndef PROVCTL_TARGET_H
#define PROVCTL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

/* Slices borrow the target; p NULL: it has none. */
struct target {
	struct slice host; /* of the absolute form, as proxies are asked */
	struct slice path;
	struct slice query;
};
void target_split(struct slice text, struct target *out);

/* Decodes once into `to`, which has room for s.n bytes. What is no %XX stays as it is; without any the slice itself is returned. */
struct slice percent_decode(struct slice s, char *to);
/* The last segment of a path, decoded. Decoding may bring up another slash, which servers take as one. */
struct slice target_file(struct slice path, char *to);

/* Takes the next name=value off a query; value.p NULL: there was no "=". False at the end. Both as they stand, not decoded. */
bool query_take(struct slice *query, struct slice *name, struct slice *value);

/* The MAC of a file name: a maximal run of exactly 12 hex digits, or one of the spellings of mac.h. MAC_NONE for none. */
uint64_t mac_in_file(struct slice file);
/* Of one `mac=`, its name in any case. `to` as for percent_decode, for name and value together. */
uint64_t mac_in_parameter(struct slice name, struct slice value, char *to);

#endif
