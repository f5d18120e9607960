/*
 * proxy/login.h - a sign-in under way, between the steps of proxy/login.c
 */
#ifndef PROXY_LOGIN_H
#define PROXY_LOGIN_H
#include "proxy/binding.h"
#include "proxy/request.h"

#define LOGIN_UNCOUNTED 255 /* flow.round of a sign-in that tells nothing about loops */

struct login {
	size_t provider; /* index; never changes */
	struct binding binding;
	struct authreq flow;
	enum reason why;    /* for the log: what led to the sign-in */
	bool silent;        /* in a hidden frame: it ends on session/frame, whatever happens */
	const char *prompt; /* "Sign in as someone else": what makes the provider ask; NULL: as it likes */
	const struct oidc_view *view;
	struct oidc_code code;
	struct oidc_tokens tokens;
	const char *userinfo; /* JSON text; NULL: none */
	const struct identity *who;
	const char **cookies;     /* of the new session */
	struct str detail;        /* for the page */
	struct str session_state; /* the provider's; n is 0: it said none */
};

/* What came back with the browser. */
struct response {
	struct str state, code, error, error_description, session_state;
	struct str iss; /* p is NULL when there is none */
};

/* The sign-in of this request; made for this provider, with what the browser's binding cookie says, when
 * there is none yet. */
struct login *login_of(struct request *r, size_t provider);
/* `provider` of the query.  0: its index; 1: none is named; -1: refused. */
int login_named(struct request *r, size_t *provider);
bool login_within_rate(struct request *r);  /* false: refused, with Retry-After */
bool login_find_session(struct request *r); /* r->session is set when there is one */
/* Set by hand, else by the provider's kind. */
struct conf_strings login_username_claims(struct mem *m, const struct conf_provider *p);
/* The provider as it is known now, in login->view; kept until the request ends. */
bool login_take_view(struct request *r, struct err *e);
struct str login_wanted_page(struct request *r);   /* a path of ours, always */
const char *login_asked_prompt(struct request *r); /* NULL: none was asked for */
struct str login_asked_hint(struct request *r);    /* the same: n is 0 */
/* The answer that takes the browser to the provider: a redirect, or a form that sends itself. */
void login_lead_away(struct request *r, const char *endpoint, const struct authreq_params *ask);
void login_count(struct request *r);                   /* a sign-in is done: one round, or a tab */
enum reason login_loop_cause(const struct request *r); /* NONE: no loop */
int login_read_response(
    struct request *r, struct response *a); /* -1: a parameter twice, or not where it belongs */
bool login_right_issuer(struct request *r, const struct response *a, struct err *e);
void login_set_binding(struct request *r);
/*
 * The browser has a new session: those that it brought end LOGIN_LATE seconds
 * later, when what it had under way is through.  Meanwhile they are not renewed,
 * so that no late answer puts an old cookie in the new one's place.  Their
 * refresh tokens are not given back: at several providers that would end the
 * user's session there, and so the new one.
 */
#define LOGIN_LATE 60
void login_replace(struct request *r, const struct visit *v, const struct session *fresh);
size_t login_size_of(const char **set_cookies); /* bytes; NULL is none */
size_t login_held_of_others(
    struct request *r); /* bytes that the browser sends for its sessions at other providers */

#endif
