/*
 * proxy/when.h - times in words, for people at a terminal
 *
 * Pure.  All times are seconds since 1970.
 */
#ifndef PROXY_WHEN_H
#define PROXY_WHEN_H
#include <stddef.h>
#include <stdint.h>

#define WHEN_SIZE 48 /* bytes of a text, the terminator included */

/* A span without its direction: "45 s", "3 min", "2 h 5 min", "12 days". */
const char *when_span(int64_t seconds, char out[WHEN_SIZE]);
/* "3 min ago", "in 2 h 5 min", "now". */
const char *when_words(int64_t at, int64_t now, char out[WHEN_SIZE]);
/* "2030-12-31 23:59:59 UTC"; what no calendar holds: the number. */
const char *when_date(int64_t at, char out[WHEN_SIZE]);

#endif
