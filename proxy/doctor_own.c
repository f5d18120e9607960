/* proxy/doctor_own.c - what is our own: addresses, cookies, certificates; see proxy/doctor.h */
#include <string.h>

#include <openssl/x509v3.h>

#include "conf/file.h"
#include "conf/pem.h"
#include "conf/url.h"
#include "proxy/doctor.h"
#include "session/session.h"

#define PEM_MAX 1048576

static void show_addresses(struct doctor *, const struct conf_origin *);
static void check_cookies(struct doctor *, const struct conf_origin *);
static const char *no_host_prefix(struct doctor *, const struct conf_origin *);
static void check_listens(struct doctor *);
static void check_certificate(struct doctor *, const struct conf_listen *, const char *, bool *);
static bool fits(X509 *, const struct conf_origin *, struct mem *);

void
doctor_own(struct doctor *d)
{
	for (size_t i = 0; i < d->conf->n_origins; i++) {
		show_addresses(d, &d->conf->origins[i]);
		check_cookies(d, &d->conf->origins[i]);
	}
	check_listens(d);
}

/* Providers compare them byte for byte. */
static void
show_addresses(struct doctor *d, const struct conf_origin *o)
{
	const struct conf *c = d->conf;
	struct url u;
	struct err e;

	for (size_t i = 0; i < c->n_providers; i++) {
		const char *subject = mem_printf(d->mem, "provider %s", c->providers[i].name);

		finding_ok(&d->f, subject, "redirect URI to register: %s%s%s", o->origin, o->path,
		    c->providers[i].callback_path);
		finding_ok(&d->f, subject, "post-logout redirect URI to register: %s%s%s/logout/return",
		    o->origin, o->path, c->auth_path);
	}
	if (!o->https)
		finding_warn(&d->f, mem_printf(d->mem, "public_url %s", o->url),
		    "http: everybody on the way can read and take over sessions%s; use https",
		    url_parse(str_of(o->url), &u, &e) == 0 && url_is_loopback(&u)
			? " (on loopback that is this machine)"
			: ", and most providers take no such redirect URI");
}

static void
check_cookies(struct doctor *d, const struct conf_origin *o)
{
	const struct conf *c = d->conf;
	const char *subject = mem_printf(d->mem, "public_url %s", o->url);
	const char *why = no_host_prefix(d, o);

	for (size_t i = 0; i < c->n_providers; i++) {
		const char *name =
		    session_cookie_name(&c->session, o, i == 0 ? NULL : c->providers[i].name, "", d->mem);
		const char **set = session_cookie_set(&c->session, o, name, STR("..."), NULL, d->mem);

		if (set != NULL)
			finding_ok(&d->f, subject, "session cookie %s", set[0]);
		else
			finding_fail(&d->f, subject,
			    "session cookie %s leaves no room for a value; shorten session.cookie, path or "
			    "domain",
			    name);
	}
	if (why != NULL)
		finding_warn(&d->f, subject,
		    "its cookies have no __Host- prefix, so another host or path of the same domain can "
		    "set them: %s",
		    why);
	if (c->session.domain != NULL)
		finding_warn(&d->f, subject,
		    "session.domain = \"%s\" sends the session to every host below it; leave it out unless "
		    "they all need it",
		    c->session.domain);
}

/* session_cookie_name() decides (RFC 6265bis 4.1.3.2), this names its reason.  Over http there is none
 * anywhere. */
static const char *
no_host_prefix(struct doctor *d, const struct conf_origin *o)
{
	const struct conf_session *c = &d->conf->session;
	const char *path = c->path != NULL ? c->path : o->path;

	if (!o->https || str_begins(str_of(session_cookie_name(c, o, NULL, "", d->mem)), STR("__Host-")))
		return NULL;
	if (c->domain != NULL)
		return "session.domain is set";
	if (path[0] != '\0' && strcmp(path, "/") != 0)
		return mem_printf(d->mem, "their path is %s", path);
	if (c->pass_cookie)
		return "session.pass_cookie is on";
	return "session.cookie_prefix is none";
}

/* Every https host of ours needs a certificate with its name, unless TLS ends in front of us. */
static void
check_listens(struct doctor *d)
{
	const struct conf *c = d->conf;
	bool *named = mem_zalloc(d->mem, c->n_origins * sizeof(*named)), any = false;

	for (size_t i = 0; i < c->n_listens; i++) {
		const struct conf_listen *l = &c->listens[i];

		for (size_t k = 0; k < l->tls_certificate.n; k++)
			check_certificate(d, l, l->tls_certificate.v[k], named);
		any = any || (!l->admin && l->tls_certificate.n > 0);
	}
	for (size_t i = 0; i < c->n_origins; i++) {
		const char *subject = mem_printf(d->mem, "public_url %s", c->origins[i].url);

		if (!c->origins[i].https)
			continue;
		if (named[i])
			finding_ok(&d->f, subject, "a certificate names %s", c->origins[i].host);
		else if (any)
			finding_fail(&d->f, subject,
			    "no listen.tls_certificate names %s: browsers will refuse it; add a certificate "
			    "for this host",
			    c->origins[i].host);
		else
			finding_ok(&d->f, subject,
			    "no listener has a certificate: TLS must end in front of this proxy%s",
			    c->trusted_proxies.n == 0 && !c->trusted_proxies.unix_sockets
				? "; name that machine in trusted_proxies, so that users have their own "
				  "addresses"
				: "");
	}
}

static void
check_certificate(struct doctor *d, const struct conf_listen *l, const char *path, bool *named)
{
	const char *subject = mem_printf(d->mem, "listen %s", l->address);
	struct mem *m = mem_new(PEM_MAX);
	struct file_text f;
	X509 *x = NULL;
	struct err e;

	if (file_read(m, path, PEM_MAX, &f, &e) == 0)
		x = pem_certificate(f.text, &e);
	if (x == NULL) {
		finding_fail(&d->f, subject, "%s %s", path, e.text);
	} else {
		for (size_t i = 0; i < d->conf->n_origins; i++)
			named[i] = named[i] || (!l->admin && fits(x, &d->conf->origins[i], m));
	}
	X509_free(x);
	mem_free(&m);
}

static bool
fits(X509 *x, const struct conf_origin *o, struct mem *m)
{
	struct str host = str_of(o->host);

	if (host.n > 2 && host.p[0] == '[')
		host = (struct str){ host.p + 1, host.n - 2 };
	return X509_check_host(x, host.p, host.n, 0, NULL) == 1 ||
	       X509_check_ip_asc(x, mem_text(m, host), 0) == 1;
}
