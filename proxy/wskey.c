/* proxy/wskey.c - see proxy/wskey.h */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "proxy/wskey.h"

#define KEY_SIZE    16
#define KEY_TEXT    25 /* in base64, terminated */
#define KEY_MAX     64
#define ACCEPT_TEXT 29

static bool find(const struct http1_head *, struct str, struct str *);

const char *
wskey_new(struct mem *m)
{
	unsigned char random[KEY_SIZE];
	char *key = mem_alloc(m, KEY_TEXT);

	if (RAND_bytes(random, sizeof(random)) != 1)
		abort();
	(void)EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
	return key;
}

bool
wskey_find(const struct http1_head *h, struct str *key)
{
	return find(h, STR("sec-websocket-key"), key);
}

static bool
find(const struct http1_head *h, struct str name, struct str *value)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n_fields; i++) {
		if (!str_is_nocase(h->fields[i].name, name))
			continue;
		*value = h->fields[i].value;
		n++;
	}
	return n == 1;
}

/* RFC 6455 4.2.2: the key and a fixed text, by SHA-1, in base64. */
bool
wskey_is_accepted(const struct http1_head *answer, struct str key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[KEY_MAX + sizeof(guid)], want[ACCEPT_TEXT];
	unsigned char hash[20];
	struct str got;
	size_t n = key.n;

	if (n > KEY_MAX || !find(answer, STR("upgrade"), &got) || !str_is_nocase(got, STR("websocket")) ||
	    !find(answer, STR("sec-websocket-accept"), &got))
		return false;
	memcpy(text, key.p, n);
	memcpy(text + n, guid, sizeof(guid) - 1);
	if (EVP_Digest(text, n + sizeof(guid) - 1, hash, NULL, EVP_sha1(), NULL) != 1)
		return false;
	(void)EVP_EncodeBlock((unsigned char *)want, hash, sizeof(hash));
	return str_is(got, str_of(want));
}
