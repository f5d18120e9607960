/* conf/conf_listen.c - where to listen; see conf/build.h */
#include <stdlib.h>
#include <string.h>

#include "conf/build.h"
#include "conf/conf_expiry.h"
#include "conf/conf_listen.h"
#include "conf/conf_top.h"
#include "conf/pem.h"
#include "conf/value.h"

#define PEM_MOST ((size_t)4 * 1024 * 1024)

static void one(struct build *, struct group *, struct conf_listen *);
static void address(struct build *, struct group *, struct conf_listen *);
static void token(struct build *, struct group *, struct conf_listen *);
static void browsers_only(struct build *, struct group *, struct conf_listen *);
static void proxy_protocol(struct build *, struct group *, struct conf_listen *);
static void certificates(struct build *, struct group *, struct conf_listen *);

void
conf_listen_build(struct build *b)
{
	static const enum section kinds[] = { SECTION_LISTEN, SECTION_ADMIN };
	struct conf *c = b->conf;

	c->listens = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*c->listens));
	for (size_t i = 0; i < 2; i++)
		for (struct group *g = NULL; (g = build_next(b, kinds[i], g)) != NULL;) {
			struct conf_listen *l = &c->listens[c->n_listens++];

			l->admin = kinds[i] == SECTION_ADMIN;
			one(b, g, l);
		}
	if (build_next(b, SECTION_LISTEN, NULL) == NULL && getenv("LISTEN_FDS") == NULL && !b->broken)
		notes_mistake(
		    b->notes, 0, "listen", "required, and not there; write listen \"127.0.0.1:8080\" { }");
}

static void
one(struct build *b, struct group *g, struct conf_listen *l)
{
	l->at = build_place(b, g->place);
	l->tls_min_version = 0x0303;
	build_fill(b, g, l);
	address(b, g, l);
	certificates(b, g, l);
	if (l->admin) {
		conf_top_peers(b, groups_entry(g, "allow"), false, &l->allow);
		token(b, g, l);
	} else
		browsers_only(b, g, l);
}

/* Two sections for one address cannot both be bound, whatever their kind. */
static void
address(struct build *b, struct group *g, struct conf_listen *l)
{
	struct value_address mine, other;
	struct err why;

	l->address = mem_strdup(b->mem, g->title);
	if (g->flawed)
		return;
	if (value_address(str_of(g->title), &mine, &why) == -1) {
		notes_mistake(b->notes, g->place, g->label, "%s", why.text);
		g->flawed = true;
		return;
	}
	for (size_t i = 0; i < b->groups->n; i++) {
		const struct group *was = &b->groups->v[i];

		if ((was->section == SECTION_LISTEN || was->section == SECTION_ADMIN) &&
		    was->place < g->place && value_address(str_of(was->title), &other, &why) == 0 &&
		    strcmp(mine.text, other.text) == 0) {
			build_same_title(b, g, was);
			return;
		}
	}
}

/* Without one /sessions/revoke is for this machine only; the rest of the admin endpoints does without. */
static void
token(struct build *b, struct group *g, struct conf_listen *l)
{
	struct build_secrets s = build_secrets(b, g, "token");
	struct str address = str_of(l->address);

	if (s.n > 1)
		build_refuse(b, s.entry, &s.v[1], "is a second token; write one");
	else if (s.n == 1)
		l->token = build_secret(b, s.v[0].text);
	else if (!g->flawed && !str_begins(address, STR("unix:")) && !str_begins(address, STR("127.")) &&
		 !str_begins(address, STR("[::1]")) && !str_begins(address, STR("localhost:")))
		notes_warning(b->notes, g->place, g->label,
		    "has no token, so that /sessions/revoke is refused there; set token or token_file");
}

static void
browsers_only(struct build *b, struct group *g, struct conf_listen *l)
{
	struct entry *version = groups_entry(g, "tls_min_version"), *hsts = groups_entry(g, "hsts");
	struct entry *redirect = groups_entry(g, "https_redirect"), *http2 = groups_entry(g, "http2");
	bool tls = groups_entry(g, "tls_certificate")->given;
	struct item *item = build_value(hsts);
	struct err why;

	proxy_protocol(b, g, l);
	l->tls_min_version = build_number(version) == 1 ? 0x0304 : 0x0303;
	if (item != NULL && !str_is(item->text, STR("no")) &&
	    value_duration(item->text, &l->hsts, &why) == -1)
		build_mistake(b, hsts, item,
		    "%s is neither no nor a duration; write no, or for example \"365d\"",
		    notes_quote(item->text).text);
	if (!http2->given)
		l->http2 = tls;
	else if (l->http2 && !tls)
		build_refuse(b, http2, build_value(http2),
		    "is agreed on by TLS only; set tls_certificate, or write no");
	if (l->https_redirect && tls)
		build_refuse(b, redirect, build_value(redirect),
		    "would lead back here: this address speaks https already; write no");
	for (size_t i = 0; i < b->conf->n_origins && l->https_redirect && !redirect->flawed; i++)
		if (!b->conf->origins[i].https) {
			build_refuse(b, redirect, build_value(redirect),
			    "would lead to a public_url that is http; write no");
			break;
		}
}

/* Without anybody whose header is read every connection would be what it is without the setting. */
static void
proxy_protocol(struct build *b, struct group *g, struct conf_listen *l)
{
	const struct conf_peers *from = &b->conf->trusted_proxies;
	struct entry *e = groups_entry(g, "proxy_protocol"),
		     *trusted = groups_entry(build_next(b, SECTION_TOP, NULL), "trusted_proxies");
	bool is_unix = str_begins(str_of(l->address), STR("unix:"));

	if (!l->proxy_protocol || trusted->flawed || b->broken ||
	    (is_unix ? from->unix_sockets : from->n > 0))
		return;
	build_refuse(b, e, build_value(e),
	    is_unix
		? "reads the header from trusted_proxies only, and unix: is not among them; add it"
		: "reads the header from trusted_proxies only, and these name no address; add those that the "
		  "balancer connects from");
}

/* Every file is there and was read once; here they are understood. */
static void
certificates(struct build *b, struct group *g, struct conf_listen *l)
{
	struct entry *cert = groups_entry(g, "tls_certificate"),
		     *key = groups_entry(g, "tls_certificate_key");
	struct entry *longer = cert->n > key->n ? cert : key;

	if (cert->n != key->n && !g->unfinished)
		notes_mistake(b->notes, longer->place, longer->label,
		    "%zu certificates and %zu keys; write one key for each", cert->n, key->n);
	for (size_t i = 0; i < cert->n; i++)
		conf_listen_pair(b, cert, &cert->v[i], key, i < key->n ? &key->v[i] : NULL);
	if (l->tls_certificate.n != l->tls_certificate_key.n)
		l->tls_certificate.n = l->tls_certificate_key.n =
		    0; /* refused; nothing reads further than this */
}

void
conf_listen_pair(struct build *b, struct entry *ce, struct item *cert, struct entry *ke, struct item *key)
{
	struct mem *m = mem_new(PEM_MOST);
	struct file_text text;
	X509 *x = NULL;
	EVP_PKEY *k = key == NULL || key->flawed ? NULL : conf_listen_key(b, ke, key, m);
	struct err why;

	if (!cert->flawed &&
	    (file_read(m, cert->text.p, PEM_MOST, &text, &why) == -1 ||
		(x = pem_certificate(text.text, &why)) == NULL || (k != NULL && pem_pair(x, k, &why) == -1)))
		build_refuse(b, ce, cert, why.text);
	else if (x != NULL) {
		if (pem_dates(x) < 0)
			notes_warning(b->notes, cert->place, ce->label, "%s is not valid yet",
			    notes_quote(cert->text).text);
		conf_expiry_certificate(b, ce, cert, x);
	}
	X509_free(x);
	EVP_PKEY_free(k);
	mem_free(&m);
}

EVP_PKEY *
conf_listen_key(struct build *b, struct entry *e, struct item *item, struct mem *m)
{
	struct file_text text;
	struct err why;
	EVP_PKEY *k;

	if (file_read(m, item->text.p, PEM_MOST, &text, &why) == -1 ||
	    (k = pem_key(text.text, &why)) == NULL) {
		build_refuse(b, e, item, why.text);
		return NULL;
	}
	if (file_open_to_others(&text))
		notes_warning(b->notes, item->place, e->label,
		    "%s can be read or written by others (mode %04o); allow the owner and the group only",
		    notes_quote(item->text).text, text.mode);
	return k;
}

void
conf_listen_authorities(struct build *b, struct entry *e)
{
	struct mem *m = mem_new(PEM_MOST);
	struct item *item = build_value(e);
	struct file_text text;
	struct err why;
	X509 *x = NULL;

	if (item != NULL && (file_read(m, item->text.p, PEM_MOST, &text, &why) == -1 ||
				(x = pem_certificate(text.text, &why)) == NULL))
		build_refuse(b, e, item, why.text);
	X509_free(x);
	mem_free(&m);
}
