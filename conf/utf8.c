/* conf/utf8.c - see conf/utf8.h */
#include "conf/utf8.h"

static size_t length(unsigned char first);

size_t
utf8_first(struct str s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s.n == 0 ? 0 : length((unsigned char)s.p[0]);

	if (n == 0 || n > s.n)
		return 0;
	*c = (unsigned char)s.p[0];
	if (n > 1)
		*c &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++) {
		unsigned char b = (unsigned char)s.p[i];

		if ((b & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (b & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

static size_t
length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4) /* a continuation, overlong, or beyond Unicode */
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

bool
utf8_is_confusing(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}
