/*
 * oidc/keeper.c, oidc/certstore.c: keys of a provider that has no discovery
 * document: a key set, federation metadata, certificates on this machine.
 * Hours pass when clock_gettime() says so.
 */
#include <signal.h>
#include <sys/stat.h>

#include "oidc/certstore.h"
#include "oidc/fetch.h"
#include "oidc/jose.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"
#include "oidc/oidc.h"
#include "tests/unit/loop.h"
#include "tests/unit/metadata.h"
#include "tests/unit/server.h"
#include "tests/unit/tokens.h"

#define HOUR   3600
#define ENTITY "http://fs.example.com/adfs/services/trust"
#define STS    "fed:SecurityTokenServiceType"

/* --- the provider: what its two documents say --- */

static _Atomic(char *) metadata, key_set;

static void
play(struct exchange *x)
{
	const char *body = strcmp(x->path, "/metadata") == 0 ? metadata
			   : strcmp(x->path, "/keys") == 0   ? key_set
							     : NULL;

	if (body == NULL)
		server_answer(x, 404, "text/plain", "nothing here");
	else
		server_answer(x, 200, "application/xml", body);
}

/* --- the main thread of a proxy --- */

static EVP_PKEY *key[2];
static X509 *certificate[2];
static struct mem *m;
static struct server *server;
static struct keeper *keeper;
static struct oidc *oidc;
static struct conf_provider conf;
static struct conf_certificate sections[2];
static char folder[64];
static const char *const algs[] = { "RS256", "ES256" };

static void
make_keys(void)
{
	for (int i = 0; i < 2; i++) {
		key[i] = EVP_EC_gen("P-256");
		certificate[i] =
		    certificate_new(&(struct certificate_of){ .key = key[i], .subject = "CN=signing" });
	}
}

static void
drop_keys(void)
{
	for (int i = 0; i < 2; i++) {
		X509_free(certificate[i]);
		EVP_PKEY_free(key[i]);
	}
}

static void
publish(bool first, bool second)
{
	char *keys = mem_printf(m, "%s%s",
	    first ? metadata_key(m, " use=\"signing\"", metadata_base64(m, certificate[0])) : "",
	    second ? metadata_key(m, " use=\"signing\"", metadata_base64(m, certificate[1])) : "");

	metadata = metadata_document(m, ENTITY, metadata_role(m, STS, keys));
	key_set = mem_printf(m, "{\"keys\":[%s%s%s]}", first ? token_jwk(m, key[0], ",\"kid\":\"k0\"") : "",
	    first && second ? "," : "", second ? token_jwk(m, key[1], ",\"kid\":\"k1\"") : "");
}

static char *
url(const char *path)
{
	return mem_printf(m, "%s%s", server->url, path);
}

static void
store(const char *name, X509 *x)
{
	FILE *f = fopen(mem_printf(m, "%s/%s", folder, name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert(fputs(certificate_pem(m, x), f) >= 0 && fclose(f) == 0);
}

static void
remove_folder(void)
{
	ck_assert_int_eq(system(mem_printf(m, "rm -rf %s", folder)), 0);
}

static void
setup(void)
{
	m = mem_new(1 << 24);
	server = server_new(play, NULL, NULL, 0);
	(void)snprintf(folder, sizeof(folder), "/tmp/test-keeper-store-%d", (int)getpid());
	remove_folder();
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	publish(true, false);
	conf = (struct conf_provider){ .name = "main",
		.kind = "oidc",
		.issuer = "https://issuer.test",
		.authorization_endpoint = "https://issuer.test/authorize",
		.token_endpoint = "https://issuer.test/token",
		.end_session_endpoint = "https://issuer.test/end",
		.metadata_refresh = 1000 * HOUR,
		.clock_tolerance = 60000,
		.timeout = 5000 };
	sections[0] = (struct conf_certificate){ .name = "own name",
		.find = FIND_SUBJECT_NAME,
		.value = "signing",
		.directory = folder,
		.require_valid = true };
	loop_begin(LOG_LEVEL_INFO);
	keeper = keeper_new(base, post, fetch);
}

static void
teardown(void)
{
	oidc_unref(&oidc);
	keeper_free(&keeper);
	loop_end();
	server_free(&server);
	remove_folder();
	mem_free(&m);
}

static const char *
trouble(void)
{
	char text[320];

	(void)oidc_is_ready(oidc, now(), text);
	return mem_strdup(m, text);
}

static bool
is_ready(void)
{
	char text[320];

	return oidc_is_ready(oidc, now(), text);
}

static bool
has_failed(void)
{
	const char *text = trouble();

	return text[0] != '\0' && strstr(text, "not reached yet") == NULL;
}

static void
tend(void)
{
	oidc = oidc_new(&conf, NULL);
	keeper_tend(keeper, oidc);
}

static size_t
count_keys(void)
{
	struct err e;
	const struct oidc_view *v = oidc_view(oidc, now(), &e);
	size_t n = v == NULL ? 0 : jwks_count(v->keys);

	oidc_view_release(&v);
	return n;
}

static int
ask_keys(void)
{
	int n = 0;
	struct oidc_op *o = oidc_ask_keys(oidc, post, count, &n);
	struct err e;

	WAIT_FOR(n == 1);
	return oidc_take_keys(&o, &e);
}

/* Does a token of this key, which names it so, verify now? */
static enum jose_result
verify(int which, const char *naming)
{
	const struct conf_strings list = { 2, (const char **)(uintptr_t)algs };
	struct err e;
	const struct oidc_view *v = oidc_view(oidc, now(), &e);
	struct jose_check c = { .algs = &list, .now = now(), .mem = m };
	struct jose_token t;
	enum jose_result r;

	ck_assert_msg(v != NULL, "%s", e.text);
	c.keys = v->keys;
	r = jose_verify(&c,
	    token_of(
		m, key[which], "ES256", str_of(mem_printf(m, "{\"alg\":\"ES256\"%s}", naming)), STR("{}")),
	    &t, &e);
	oidc_view_release(&v);
	return r;
}

static const char *
by_x5t(int which)
{
	return mem_printf(m, ",\"x5t\":\"%s\"", certificate_name_of(m, certificate[which], EVP_sha1()));
}

static void
expect_by_hand(const char *issuer, const char *keys)
{
	struct err e;
	const struct oidc_view *v = oidc_view(oidc, now(), &e);

	ck_assert_ptr_nonnull(v);
	ck_assert_str_eq(v->meta.issuer, issuer);
	ck_assert_str_eq(v->meta.authorization_endpoint, conf.authorization_endpoint);
	ck_assert_str_eq(v->meta.token_endpoint, conf.token_endpoint);
	ck_assert_str_eq(v->meta.end_session_endpoint, conf.end_session_endpoint);
	ck_assert_str_eq(v->meta.jwks_uri, keys);
	ck_assert(v->meta.userinfo_endpoint == NULL && !v->meta.response_iss);
	oidc_view_release(&v);
}

/* --- a key set ------------------------------------------------------------------ */

static void
use_key_set(void)
{
	conf.discovery = DISCOVERY_JWKS;
	conf.jwks_uri = url("/keys");
	tend();
	WAIT_FOR(is_ready());
}

START_TEST(of_a_key_set_nothing_else_is_fetched)
{
	use_key_set();
	expect_by_hand("https://issuer.test", conf.jwks_uri);
	ck_assert_int_eq(server_count(server, "/keys"), 1);
	ck_assert_int_eq(server_connections(server), 1);
	ck_assert_int_eq(verify(0, ",\"kid\":\"k0\""), JOSE_OK);
}
END_TEST

START_TEST(a_key_set_is_fetched_again_for_an_unknown_key)
{
	use_key_set();
	publish(false, true);
	ck_assert_int_eq(verify(1, ",\"kid\":\"k1\""), JOSE_NEED_KEYS);
	ck_assert_int_eq(ask_keys(), 0);
	ck_assert_int_eq(verify(1, ",\"kid\":\"k1\""), JOSE_OK);
	ck_assert_int_eq(ask_keys(), -1); /* cooling down */
	ck_assert_int_eq(server_count(server, "/keys"), 2);
}
END_TEST

START_TEST(a_key_set_that_is_gone_leaves_the_old_one)
{
	use_key_set();
	key_set = NULL;
	ck_assert_int_eq(ask_keys(), -1);
	ck_assert_int_eq(server_count(server, "/keys"), 2); /* there is no document to look into */
	ck_assert_int_eq(verify(0, ",\"kid\":\"k0\""), JOSE_OK);
	travel(25 * HOUR);
	WAIT_FOR(!is_ready());
}
END_TEST

/* --- federation ------------------------------------------------------------------- */

static void
use_federation(void)
{
	conf.discovery = DISCOVERY_FEDERATION;
	conf.discovery_url = url("/metadata");
	tend();
}

START_TEST(federation_says_who_it_is_unless_the_operator_does)
{
	conf.issuer = _i == 0 ? NULL : "https://fs.example.com/adfs";
	use_federation();
	WAIT_FOR(is_ready());
	expect_by_hand(_i == 0 ? ENTITY : "https://fs.example.com/adfs", conf.discovery_url);
	ck_assert_int_eq(server_count(server, "/metadata"), 1);
	ck_assert_int_eq(server_connections(server), 1);
	ck_assert_ptr_nonnull(strstr(server->last_head, "Accept: application/samlmetadata+xml, "));
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_OK);
	ck_assert_int_eq(verify(0, ""), JOSE_OK);
}
END_TEST

START_TEST(federation_is_fetched_again_for_an_unknown_thumbprint)
{
	use_federation();
	WAIT_FOR(is_ready());
	publish(true, true);
	ck_assert_int_eq(verify(1, by_x5t(1)), JOSE_NEED_KEYS);
	ck_assert_int_eq(ask_keys(), 0);
	ck_assert_int_eq(verify(1, by_x5t(1)), JOSE_OK);
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_OK); /* both, during a rollover */
	ck_assert_int_eq(ask_keys(), -1);
	ck_assert_int_eq(server_count(server, "/metadata"), 2);
	publish(false, true);
	travel(HOUR + 1); /* the early flight has not put off the regular one */
	WAIT_FOR(server_count(server, "/metadata") == 3);
	WAIT_FOR(count_keys() == 1);
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_NEED_KEYS);
}
END_TEST

static const struct {
	const char *document; /* NULL: none */
	enum reason reason;
	const char *text;
} documents[] = {
	{ NULL, REASON_PROVIDER_STATUS, "/metadata: HTTP 404 instead of a document" },
	{ "<html/>", REASON_PROVIDER_ANSWER,
	    "/metadata: federation metadata: XML, but not an EntityDescriptor" },
	{ "{\"issuer\":\"https://x\"}", REASON_PROVIDER_ANSWER, "not well-formed XML" },
	{ "<!DOCTYPE x><x/>", REASON_PROVIDER_ANSWER, "has a DOCTYPE" },
	{ "@", REASON_PROVIDER_ISSUER,
	    "issuer is https://sts.windows.net/{tenant}/, which stands for every tenant" },
};

START_TEST(federation_that_is_none_gives_no_view_but_a_reason)
{
	struct err e;

	metadata = mem_strdup(m, documents[_i].document == NULL ? "" : documents[_i].document);
	if (strcmp(metadata, "@") == 0)
		metadata = metadata_document(m, "https://sts.windows.net/{tenant}/",
		    metadata_role(m, STS, metadata_key(m, "", metadata_base64(m, certificate[0]))));
	if (documents[_i].document == NULL)
		metadata = NULL;
	conf.issuer = NULL;
	use_federation();
	WAIT_FOR(has_failed());
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_str_eq(reason_word(e.reason), reason_word(documents[_i].reason));
	ck_assert_msg(strstr(e.text, documents[_i].text) != NULL, "%s", e.text);
	publish(true, false);
	travel(2);
	WAIT_FOR(is_ready());
}
END_TEST

START_TEST(federation_that_breaks_leaves_the_old_keys)
{
	use_federation();
	WAIT_FOR(is_ready());
	metadata = mem_strdup(m, "<x/>");
	ck_assert_int_eq(ask_keys(), -1);
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_OK);
	ck_assert_ptr_nonnull(strstr(trouble(), "not an EntityDescriptor"));
}
END_TEST

/* --- a store --------------------------------------------------------------------- */

static void
use_store(void)
{
	conf.discovery = DISCOVERY_STORE;
	conf.certificates = sections;
	conf.n_certificates = 1;
	tend();
}

START_TEST(a_store_needs_no_network)
{
	store("a.pem", certificate[0]);
	use_store();
	WAIT_FOR(is_ready());
	expect_by_hand("https://issuer.test", "the configured certificates");
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_OK);
	ck_assert_int_eq(verify(0, ",\"kid\":\"own name\""), JOSE_OK);
	ck_assert_int_eq(verify(0, ""), JOSE_OK);
	ck_assert_int_eq(verify(1, ""), JOSE_BAD);
	ck_assert_int_eq(server_connections(server), 0);
}
END_TEST

START_TEST(a_certificate_that_is_put_beside_the_old_one_is_found)
{
	store("a.pem", certificate[0]);
	use_store();
	WAIT_FOR(is_ready());
	store("b.pem", certificate[1]);
	ck_assert_int_eq(verify(1, by_x5t(1)), JOSE_NEED_KEYS);
	ck_assert_int_eq(ask_keys(), 0);
	ck_assert_int_eq(verify(1, by_x5t(1)), JOSE_OK);
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_OK);
	ck_assert_int_eq(ask_keys(), -1);
	ck_assert_int_eq(unlink(mem_printf(m, "%s/a.pem", folder)), 0);
	travel(HOUR + 1);
	WAIT_FOR(count_keys() == 1);
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_NEED_KEYS);
}
END_TEST

START_TEST(a_store_without_its_certificate_is_told_and_tried_again)
{
	struct err e;

	use_store();
	WAIT_FOR(has_failed());
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	ck_assert_msg(
	    strstr(e.text, "provider \"main\": certificate \"own name\": no certificate with subject_name "
			   "\"signing\" among the 0 in ") != NULL,
	    "%s", e.text);
	store("a.pem", certificate[0]);
	travel(2);
	WAIT_FOR(is_ready());
	/* what is gone later serves for a while */
	ck_assert_int_eq(unlink(mem_printf(m, "%s/a.pem", folder)), 0);
	travel(HOUR + 1);
	WAIT_FOR(has_failed());
	ck_assert_int_eq(verify(0, by_x5t(0)), JOSE_OK);
}
END_TEST

/* It holds for half a day; the keys of the last reading would serve for a whole one. */
START_TEST(a_certificate_that_runs_out_ends_with_its_day)
{
	X509 *brief = certificate_new(&(struct certificate_of){
	    .key = key[0], .subject = "CN=signing", .from = -HOUR, .to = 12 * HOUR });

	store("a.pem", brief);
	X509_free(brief);
	conf.metadata_refresh = INT64_C(1000) * 1000 * HOUR; /* it is not read again meanwhile */
	sections[0].require_valid = _i == 0;
	use_store();
	WAIT_FOR(is_ready());
	ahead = 12 * HOUR - 30;
	ck_assert_int_eq(verify(0, ""), JOSE_OK);
	ahead = 12 * HOUR + 30;
	ck_assert_int_eq(verify(0, ""), _i == 0 ? JOSE_BAD : JOSE_OK);
}
END_TEST

START_TEST(a_store_of_others_begins_anew)
{
	static struct conf_provider next;
	static struct conf_certificate other;
	struct oidc *same, *changed;
	struct err e;
	const struct oidc_view *v;

	store("a.pem", certificate[0]);
	use_store();
	WAIT_FOR(is_ready());
	next = conf;
	same = oidc_new(&next, oidc);
	v = oidc_view(same, now(), &e);
	ck_assert_ptr_nonnull(v);
	oidc_view_release(&v);
	oidc_unref(&same);
	for (int i = 0; i < 6; i++) {
		other = sections[0];
		next.certificates = &other;
		if (i == 0)
			other.value = "other";
		else if (i == 1)
			other.find = FIND_ISSUER_NAME;
		else if (i == 2)
			other.require_valid = false;
		else if (i == 3)
			other.ca = "/x";
		else if (i == 4)
			other.name = "x";
		else
			next.n_certificates = 0;
		changed = oidc_new(&next, oidc);
		ck_assert_msg(oidc_view(changed, now(), &e) == NULL, "%d", i);
		oidc_unref(&changed);
	}
}
END_TEST

/* --- certstore_read() ------------------------------------------------------------- */

static struct jwks *
read_at(int64_t when, struct err *e)
{
	conf.certificates = sections;
	return certstore_read(&conf, when, e);
}

START_TEST(every_section_adds_its_keys)
{
	struct err e;
	struct jwks *k;

	store("a.pem", certificate[0]);
	store("b.pem", certificate[1]);
	sections[1] = (struct conf_certificate){
		.name = "two", .find = FIND_FILE, .file = mem_printf(m, "%s/b.pem", folder)
	};
	conf.n_certificates = 2;
	k = read_at(now(), &e);
	ck_assert_msg(k != NULL, "%s", e.text);
	ck_assert_uint_eq(jwks_count(k), 3); /* one has two names */
	ck_assert(jwks_at(k, 0)->dated && !jwks_at(k, 2)->dated);
	ck_assert_str_eq(jwks_at(k, 2)->alias, "two");
	jwks_free(&k);
	sections[1].file = mem_printf(m, "%s/nowhere", folder);
	ck_assert_ptr_null(read_at(now(), &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	ck_assert_ptr_nonnull(strstr(e.text, "certificate \"two\": "));
}
END_TEST

START_TEST(dates_are_those_of_the_time_that_is_given)
{
	struct err e;
	struct jwks *k;

	store("a.pem", certificate[0]);
	conf.n_certificates = 1;
	ck_assert_ptr_null(read_at(now() + 25 * HOUR, &e));
	ck_assert_msg(strstr(e.text, "has expired on") != NULL, "%s", e.text);
	ck_assert_ptr_null(read_at(now() - 25 * HOUR, &e));
	ck_assert_msg(strstr(e.text, "is not valid before") != NULL, "%s", e.text);
	sections[0].require_valid = false;
	k = read_at(now() + 25 * HOUR, &e);
	ck_assert_ptr_nonnull(k);
	jwks_free(&k);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/keeper");
	TCase *t = tcase_create("keeper");
	SRunner *r;
	int failed;

	server_alone();
	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, of_a_key_set_nothing_else_is_fetched);
	tcase_add_test(t, a_key_set_is_fetched_again_for_an_unknown_key);
	tcase_add_test(t, a_key_set_that_is_gone_leaves_the_old_one);
	tcase_add_loop_test(t, federation_says_who_it_is_unless_the_operator_does, 0, 2);
	tcase_add_test(t, federation_is_fetched_again_for_an_unknown_thumbprint);
	tcase_add_loop_test(t, federation_that_is_none_gives_no_view_but_a_reason, 0,
	    sizeof(documents) / sizeof(documents[0]));
	tcase_add_test(t, federation_that_breaks_leaves_the_old_keys);
	tcase_add_test(t, a_store_needs_no_network);
	tcase_add_test(t, a_certificate_that_is_put_beside_the_old_one_is_found);
	tcase_add_test(t, a_store_without_its_certificate_is_told_and_tried_again);
	tcase_add_loop_test(t, a_certificate_that_runs_out_ends_with_its_day, 0, 2);
	tcase_add_test(t, a_store_of_others_begins_anew);
	tcase_add_test(t, every_section_adds_its_keys);
	tcase_add_test(t, dates_are_those_of_the_time_that_is_given);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
