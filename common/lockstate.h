/* lockstate: reads provctl's lock-state file (provctl-lockstate(5)) for a config generator in C. Installed as
 * <provctl/lockstate.h>, linked with `pkg-config --libs provctl-lockstate`; needs nothing but the C library.
 */
#ifndef PROVCTL_LOCKSTATE_H
#define PROVCTL_LOCKSTATE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are the HTTP statuses to answer with. */
enum lockstate_answer {
	LOCKSTATE_SERVE = 200,
	LOCKSTATE_REFUSE = 403,
	LOCKSTATE_UNAVAILABLE = 503 /* no file, or not whole: answer with Retry-After */
};

/* Whether `mac` (12 lower-case hex digits) is served to `ip` (text of either family) at `now` (epoch seconds). `path` is the file,
 * or the folder of 256 shards. Reads the file once, line by line, in constant memory; may be called from several threads. */
enum lockstate_answer lockstate_verdict(const char *path, const char *mac, const char *ip, int64_t now);

#ifdef __cplusplus
}
#endif

#endif
