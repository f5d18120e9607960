/*
 * proxy/notify.h - sd_notify(3) without libsystemd: one datagram
 */
#ifndef PROXY_NOTIFY_H
#define PROXY_NOTIFY_H
#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", ...; nothing happens without NOTIFY_SOCKET. */
void notify_send(const char *state);
/* RELOADING=1 wants the monotonic time (sd_notify(3)). */
void notify_reloading(void);
/* How often WATCHDOG=1 is due, in ms; 0: never. */
int64_t notify_watchdog_ms(void);

#endif
