/*
 * conf/utf8.h - foreign bytes as characters, or not (RFC 3629)
 *
 * For everything that shows foreign text: the log, the pages.  Pure.
 */
#ifndef CONF_UTF8_H
#define CONF_UTF8_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

/*
 * Length of the UTF-8 sequence that s begins with, its character in *c; 0
 * when there is none: empty, cut short, overlong, a surrogate, or above
 * U+10FFFF.
 */
size_t utf8_first(struct str s, uint32_t *c);

/*
 * Controls (C0, DEL, C1), and what reorders, joins or breaks text on a screen
 * without being seen: bidirectional marks and overrides, line separators, the
 * byte order mark.  All of them are below U+10000.
 */
bool utf8_is_confusing(uint32_t c);

#endif
