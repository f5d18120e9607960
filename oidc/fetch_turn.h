/*
 * oidc/fetch_turn.h - whose exchange may go out now: fetch.c's, nobody else's
 *
 * At most FETCH_HOST exchanges with one host are under way; who comes then
 * waits behind those of the same host, and nobody else does: a provider that
 * is slow holds up no other one.  At most FETCH_WAITING wait for a host.
 */
#ifndef OIDC_FETCH_TURN_H
#define OIDC_FETCH_TURN_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct fetch_turns;
struct fetch_host;

/* In whatever takes its turn; zeroed: none was taken. */
struct fetch_turn {
	TAILQ_ENTRY(fetch_turn) order;
	struct fetch_host *host;
	bool waits;
};

struct fetch_turns *fetch_turns_new(void);
/* No turn is taken any more. */
void fetch_turns_free(struct fetch_turns **t);

enum fetch_seat {
	FETCH_GOES,
	FETCH_WAITS, /* until it is the *next of a fetch_turn_end() */
	FETCH_FULL,  /* no turn was taken */
};
enum fetch_seat fetch_turn_take(struct fetch_turns *t, struct fetch_turn *x, const char *host);

/* Over, or not waited for any more; safe where none was taken.  Who goes now in its place; NULL: nobody. */
struct fetch_turn *fetch_turn_end(struct fetch_turn *x);

#endif
