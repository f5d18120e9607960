/* proxy/keeps.c - see proxy/keeps.h */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/mem.h"
#include "conf/seal.h"
#include "conf/secret.h"
#include "proxy/keeps.h"

#define ID    16 /* bytes of the key that find the entry; all of it opens it */
#define TEXTS 6  /* of struct kept */
#define SID   32 /* bytes of a session's id that are compared */

struct entry {
	struct entry *next;
	unsigned char id[ID];
	char sid[SID];
	int64_t until;
	size_t n; /* of box */
	unsigned char box[];
};

struct keeps {
	pthread_mutex_t lock;
	struct entry *first;
	size_t n, used; /* used: bytes of all entries, and what is reserved */
	size_t lent;    /* bytes of copies that are being sent */
};

static const struct str purpose = { "kept form", 9 };

static void texts_of(struct kept *, struct str *[TEXTS]);
static char *pack(const struct kept *, size_t *);
static struct kept *unpack(char *, size_t);
static void seal_key(const unsigned char *, unsigned char[32]);
static bool has_room(struct keeps *, const struct entry *);
static void sweep(struct keeps *, int64_t);
static struct entry **find(struct keeps *, const unsigned char *);
static void unlink_entry(struct keeps *, struct entry **);
static void wipe(char *, size_t);

struct keeps *
keeps_new(void)
{
	struct keeps *k = xcalloc(1, sizeof(*k));

	(void)pthread_mutex_init(&k->lock, NULL);
	return k;
}

void
keeps_free(struct keeps **k)
{
	if (*k == NULL)
		return;
	while ((*k)->first != NULL)
		unlink_entry(*k, &(*k)->first);
	(void)pthread_mutex_destroy(&(*k)->lock);
	free(*k);
	*k = NULL;
}

/* --- room --------------------------------------------------------------------- */

bool
keeps_reserve(struct keeps *k, size_t n)
{
	bool there;

	(void)pthread_mutex_lock(&k->lock);
	there = n <= KEEPS_TOTAL - k->used;
	if (there)
		k->used += n;
	(void)pthread_mutex_unlock(&k->lock);
	return there;
}

void
keeps_release(struct keeps *k, size_t n)
{
	(void)pthread_mutex_lock(&k->lock);
	k->used -= n;
	(void)pthread_mutex_unlock(&k->lock);
}

bool
keeps_lend(struct keeps *k, size_t n)
{
	bool there;

	(void)pthread_mutex_lock(&k->lock);
	there = n <= KEEPS_TOTAL - k->lent;
	if (there)
		k->lent += n;
	(void)pthread_mutex_unlock(&k->lock);
	return there;
}

void
keeps_lent_back(struct keeps *k, size_t n)
{
	(void)pthread_mutex_lock(&k->lock);
	k->lent -= n;
	(void)pthread_mutex_unlock(&k->lock);
}

static bool
has_room(struct keeps *k, const struct entry *one)
{
	size_t of_session = 0;

	for (const struct entry *e = k->first; e != NULL; e = e->next)
		of_session += memcmp(e->sid, one->sid, SID) == 0;
	return k->n < KEEPS_ENTRIES && of_session < KEEPS_PER_SESSION &&
	       sizeof(*one) + one->n <= KEEPS_TOTAL - k->used;
}

/* What is over makes room. */
static void
sweep(struct keeps *k, int64_t now)
{
	struct entry **at = &k->first;

	while (*at != NULL)
		if ((*at)->until <= now)
			unlink_entry(k, at);
		else
			at = &(*at)->next;
}

static struct entry **
find(struct keeps *k, const unsigned char *key)
{
	struct entry **at = &k->first;

	while (*at != NULL && memcmp((*at)->id, key, ID) != 0)
		at = &(*at)->next;
	return at;
}

static void
unlink_entry(struct keeps *k, struct entry **at)
{
	struct entry *gone = *at;

	*at = gone->next;
	k->n--;
	k->used -= sizeof(*gone) + gone->n;
	free(gone); /* sealed: there is nothing to wipe */
}

/* --- in and out --------------------------------------------------------------- */

bool
keeps_add(struct keeps *k, const struct kept *form, int64_t now, unsigned char key[KEEPS_KEY])
{
	unsigned char seal[32];
	size_t size;
	char *plain = pack(form, &size);
	struct entry *e = xcalloc(1, sizeof(*e) + size + SEAL_BOX);
	bool kept;

	secret_random(key, KEEPS_KEY);
	memcpy(e->id, key, ID);
	memcpy(e->sid, form->sid.p, form->sid.n < SID ? form->sid.n : SID);
	e->until = form->until;
	e->n = size + SEAL_BOX;
	seal_key(key, seal);
	seal_box(seal, purpose, (struct str){ plain, size }, e->box);
	OPENSSL_cleanse(seal, sizeof(seal));
	wipe(plain, size);
	(void)pthread_mutex_lock(&k->lock);
	sweep(k, now);
	kept = has_room(k, e);
	if (kept) {
		e->next = k->first;
		k->first = e;
		k->n++;
		k->used += sizeof(*e) + e->n;
	}
	(void)pthread_mutex_unlock(&k->lock);
	if (!kept)
		free(e);
	return kept;
}

struct kept *
keeps_open(struct keeps *k, const unsigned char key[KEEPS_KEY], int64_t now, bool take)
{
	unsigned char seal[32];
	struct kept *form;
	struct entry **at;
	char *room = NULL;
	size_t size = 0;
	bool opened = false;

	seal_key(key, seal);
	(void)pthread_mutex_lock(&k->lock);
	sweep(k, now);
	at = find(k, key);
	if (*at != NULL) {
		size = (*at)->n - SEAL_BOX;
		room = xmalloc(size + 1);
		opened = seal_unbox(
		    seal, purpose, (struct str){ (const char *)(*at)->box, (*at)->n }, (unsigned char *)room);
		if (opened && take)
			unlink_entry(k, at);
	}
	(void)pthread_mutex_unlock(&k->lock);
	OPENSSL_cleanse(seal, sizeof(seal));
	if (!opened) {
		wipe(room, size);
		return NULL;
	}
	form = unpack(room, size);
	memcpy(form->key, key, KEEPS_KEY);
	return form;
}

void
keeps_close(struct kept **form)
{
	if (*form == NULL)
		return;
	wipe((*form)->room, (*form)->room_size);
	OPENSSL_cleanse((*form)->key, KEEPS_KEY);
	free(*form);
	*form = NULL;
}

/* Only who has the whole key. */
bool
keeps_drop(struct keeps *k, const unsigned char key[KEEPS_KEY])
{
	struct kept *form = keeps_open(k, key, 0, true);
	bool was_there = form != NULL;

	keeps_close(&form);
	return was_there;
}

static void
seal_key(const unsigned char *key, unsigned char out[32])
{
	secret_derive((struct str){ (const char *)key, KEEPS_KEY }, "kept form", out, 32);
}

/* --- as bytes ----------------------------------------------------------------- */

static void
texts_of(struct kept *form, struct str *out[TEXTS])
{
	out[0] = &form->idp;
	out[1] = &form->sub;
	out[2] = &form->host;
	out[3] = &form->target;
	out[4] = &form->type;
	out[5] = &form->body;
}

/* The lengths, then the texts. */
static char *
pack(const struct kept *form, size_t *size)
{
	struct kept copy = *form;
	struct str *texts[TEXTS];
	size_t i, n = TEXTS * sizeof(size_t);
	char *out;

	texts_of(&copy, texts);
	for (i = 0; i < TEXTS; i++)
		n += texts[i]->n;
	out = xmalloc(n);
	*size = n;
	for (i = 0, n = TEXTS * sizeof(size_t); i < TEXTS; i++) {
		memcpy(out + i * sizeof(size_t), &texts[i]->n, sizeof(size_t));
		if (texts[i]->n > 0)
			memcpy(out + n, texts[i]->p, texts[i]->n);
		n += texts[i]->n;
	}
	return out;
}

/* What we sealed ourselves is as we packed it. */
static struct kept *
unpack(char *room, size_t size)
{
	struct kept *form = xcalloc(1, sizeof(*form));
	struct str *texts[TEXTS];
	size_t i, n = TEXTS * sizeof(size_t);

	form->room = room;
	form->room_size = size;
	texts_of(form, texts);
	for (i = 0; i < TEXTS; i++) {
		memcpy(&texts[i]->n, room + i * sizeof(size_t), sizeof(size_t));
		texts[i]->p = room + n;
		n += texts[i]->n;
	}
	return form;
}

static void
wipe(char *p, size_t n)
{
	if (p == NULL)
		return;
	OPENSSL_cleanse(p, n);
	free(p);
}
