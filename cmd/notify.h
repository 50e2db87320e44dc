/* notify: tells the service manager how we are, by the datagrams of sd_notify(3) and without its library. Where NOTIFY_SOCKET is not set
 * nothing is told.
 */
#ifndef PROVCTL_NOTIFY_H
#define PROVCTL_NOTIFY_H

#include <stdint.h>

struct notify;

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child speaks in our name. NULL: there is nobody to
 * tell, or no memory to do so; all calls take that. */
struct notify *notify_new(void);
void notify_free(struct notify **n);
/* Lines such as "READY=1\nSTATUS=...". What cannot be told is lost: the work goes on. */
void notify_tell(const struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "RELOADING=1" with the time that Type=notify-reload wants; "READY=1" is to follow. */
void notify_reloading(const struct notify *n);
/* Milliseconds after which "WATCHDOG=1" is to be told again, half of what the manager waits; 0: it does not. */
int64_t notify_beat(const struct notify *n);

#endif
