/*
 * proxy/process.h - the process: starts the workers, reloads, stops
 *
 * The main thread serves no requests.  It owns the snapshot in force, the
 * listening sockets, the keeper of provider metadata and the health probes,
 * and it hears the signals.
 */
#ifndef PROXY_PROCESS_H
#define PROXY_PROCESS_H

/* Runs until SIGTERM or SIGINT.  The exit status: 0 after a clean stop, 1 on failure. */
int process_run(const char *conf_path);

#endif
