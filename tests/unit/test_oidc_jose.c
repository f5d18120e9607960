/* oidc/jose.c: the form of a token, its header and its payload */
#include "tests/unit/signed.h"

/* --- what is accepted ------------------------------------------------------- */

START_TEST(every_algorithm_of_the_list_is_verified)
{
	EVP_PKEY *const by[] = { rsa, rsa, rsa, rsa, rsa, rsa, p256, p384, p521 };
	struct str t;

	hold(mem_printf(m, "%s,%s,%s,%s", token_jwk(m, rsa, ""), token_jwk(m, p256, ""),
	    token_jwk(m, p384, ""), token_jwk(m, p521, "")));
	t = token_of(
	    m, by[_i], every.v[_i], str_of(mem_printf(m, "{\"alg\":\"%s\"}", every.v[_i])), STR("{\"a\":1}"));
	expect(every.v[_i], verify(&every, t), JOSE_OK, REASON_NONE);

	/* One bit of the signature, of the payload, of the header. */
	for (size_t at = 1; at < t.n; at += t.n / 7) {
		char *bad = mem_text(m, t);

		bad[at] = bad[at] == 'A' ? 'B' : 'A';
		if (t.p[at] == '.')
			continue;
		ck_assert_int_ne(verify(&every, (struct str){ bad, t.n }), JOSE_OK);
	}
	if (every.v[_i][0] != 'R')
		return;
	ck_assert_int_eq(verify(&(struct conf_strings){ 1, &every_name[6] }, t), JOSE_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_ALG);
}
END_TEST

static const struct {
	const char *name, *token, *jwk;
} published[] = {
	{ "RFC 7515 A.2",
	    "eyJhbGciOiJSUzI1NiJ9"
	    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
	    "O8W2Fp5jujG"
	    "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6"
	    "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
	    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
	    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
	    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL"
	    "-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
	    "bSf63kpaSHSXndS5z5rexMdbBYUsLA"
	    "9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
	    "DWNmoudF8N"
	    "Aco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}" },
	{ "RFC 7515 A.3",
	    "eyJhbGciOiJFUzI1NiJ9"
	    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}" },
	{ "RFC 7515 A.4",
	    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA"
	    ".AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
	    "7XdtAG8GaSwF"
	    "KdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
	    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\""
	    "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
	    "\"y\":\""
	    "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}" },
#define RFC7520_HEADER(alg) alg "sImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
#define RFC7520_PAYLOAD                                                                                      \
	".SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0a" \
	"GUg"                                                                                                \
	"cm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2" \
	"h0"                                                                                                 \
	"IGJlIHN3ZXB0IG9mZiB0by4"
#define RFC7520_KID "\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\","
#define RFC7520_RSA                                                                                          \
	"{\"kty\":\"RSA\"," RFC7520_KID "\"e\":\"AQAB\",\"n\":\""                                            \
	"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_"           \
	"AJmSCpMaJMRB"                                                                                       \
	"SFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-"                 \
	"OfVfHd1E6cS6M1FZcD"                                                                                 \
	"1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_"         \
	"mzSnbLY7h_"                                                                                         \
	"qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\"}"
	{ "RFC 7520 4.1",
	    RFC7520_HEADER("eyJhbGciOiJSUzI1NiI") RFC7520_PAYLOAD
	    ".MRjdkly7_-"
	    "oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7P"
	    "NDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9e"
	    "Ro4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4"
	    "uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
	    RFC7520_RSA },
	{ "RFC 7520 4.2",
	    RFC7520_HEADER("eyJhbGciOiJQUzM4NCI") RFC7520_PAYLOAD
	    ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-"
	    "tPid6VrklHkqsGqDqHCdP6O8TTB5dD"
	    "DItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ij"
	    "Q7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAj"
	    "VKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
	    RFC7520_RSA },
	{ "RFC 7520 4.3",
	    RFC7520_HEADER("eyJhbGciOiJFUzUxMiI") RFC7520_PAYLOAD
	    ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-"
	    "JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPB"
	    "u_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
	    "{\"kty\":\"EC\"," RFC7520_KID "\"crv\":\"P-521\",\"x\":\""
	    "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\","
	    "\"y\":\""
	    "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1\"}" },
};

START_TEST(the_examples_of_the_rfcs_are_accepted)
{
	struct jose_check c = { .algs = &every, .mem = m };
	struct jose_token t;

	hold(published[_i].jwk);
	c.keys = keys;
	expect(published[_i].name, jose_verify_text(&c, str_of(published[_i].token), &t, &e), JOSE_OK,
	    REASON_NONE);
	ck_assert_ptr_null(t.claims);
	ck_assert_uint_gt(t.text.n, 0);
}
END_TEST

/* --- the header ------------------------------------------------------------- */

#define KID_256                                                                                              \
	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" \
	"kkkkkk"                                                                                             \
	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" \
	"kkkkkk"                                                                                             \
	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"

/* Each is signed, with RS256, by the key that the set holds: it is the header alone that decides. */
static const struct {
	const char *header;
	enum jose_result want;
	enum reason reason;
} headers[] = {
	{ "{\"alg\":\"RS256\"}", JOSE_OK, REASON_NONE },
	{ "{\"alg\":\"RS256\",\"kid\":\"one\"}", JOSE_OK, REASON_NONE },
	{ " {\"typ\":\"JWT\",\"alg\":\"RS256\",\n\"cty\":1,\"nonce\":\"x\"} ", JOSE_OK, REASON_NONE },
	/* algorithms: CVE-2015-2951, CVE-2016-10555, HAProxy 726635018 */
	{ "{\"alg\":\"none\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"None\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"nOnE\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"NONE\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"no\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"n\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"rs256\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"RS256 \"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"RS2566\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"RS384\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"PS256\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":\"HS256\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":null}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":0}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"alg\":[\"RS256\"]}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{\"ALG\":\"RS256\"}", JOSE_BAD, REASON_TOKEN_ALG },
	{ "{}", JOSE_BAD, REASON_TOKEN_ALG },
	/* members that change the meaning or bring a key: CVE-2018-0114, CVE-2024-28180 */
	{ "{\"alg\":\"RS256\",\"crit\":[]}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"crit\":null}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"b64\":false}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"b64\":true}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"zip\":\"DEF\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"jku\":\"https://evil.example/keys\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"x5u\":\"https://evil.example/\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"x5c\":[]}", JOSE_BAD, REASON_TOKEN_HEADER },
	/* the same member twice: the last one wins in other readers */
	{ "{\"alg\":\"none\",\"alg\":\"RS256\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"alg\":\"none\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"kid\":\"one\",\"kid\":\"two\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"a\":{\"b\":1,\"b\":1}}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	/* kid is foreign text */
	{ "{\"alg\":\"RS256\",\"kid\":\"\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":1}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":null}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":[\"one\"]}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":\"one\\n\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":\"on\303\251\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":\"one\\u0000\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"kid\":\"" KID_256 "k\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"kid\":\"" KID_256 "\"}", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "{\"alg\":\"RS256\",\"kid\":\"One\"}", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "{\"alg\":\"RS256\",\"kid\":\"one \"}", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "{\"alg\":\"RS256\",\"kid\":\"../../etc/passwd\"}", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "{\"alg\":\"RS256\",\"kid\":\"' or 1=1 --\"}", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "{\"alg\":\"RS256\",\"x5t\":7}", JOSE_BAD, REASON_TOKEN_HEADER },
	{ "{\"alg\":\"RS256\",\"x5t#S256\":\"\"}", JOSE_BAD, REASON_TOKEN_HEADER },
	/* not a JSON object */
	{ "", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "null", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "\"RS256\"", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "[{\"alg\":\"RS256\"}]", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\"", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\"}x", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\"}{}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{'alg':'RS256'}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "\357\273\277{\"alg\":\"RS256\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"x\":\"\377\"}", JOSE_BAD, REASON_TOKEN_MALFORMED },
	{ "{\"alg\":\"RS256\",\"x\":1e999}", JOSE_BAD, REASON_TOKEN_MALFORMED },
};

START_TEST(a_header_decides_before_any_key_is_tried)
{
	hold(token_jwk(m, rsa, ",\"kid\":\"one\",\"use\":\"sig\""));
	expect(headers[_i].header, verify(&rs256, sign(headers[_i].header, "{}")), headers[_i].want,
	    headers[_i].reason);
}
END_TEST

START_TEST(a_header_is_bounded_in_size_and_depth)
{
	char *fill = mem_alloc(m, JOSE_HEADER_MAX + 1);
	const char frame[] = "{\"alg\":\"RS256\",\"x\":\"\"}";

	hold(token_jwk(m, rsa, ""));
	memset(fill, 'x', JOSE_HEADER_MAX + 1);
	for (int more = 0; more < 2; more++) {
		int n = (int)(JOSE_HEADER_MAX - strlen(frame)) + more;

		expect("size",
		    verify(&rs256, sign(mem_printf(m, "{\"alg\":\"RS256\",\"x\":\"%.*s\"}", n, fill), "{}")),
		    more ? JOSE_BAD : JOSE_OK, REASON_TOKEN_MALFORMED);
	}
	memset(fill, '[', 1000);
	for (int depth = JOSE_DEPTH_MAX - 1; depth < 1000; depth += 967) {
		const char *closing = "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";

		expect("depth",
		    verify(&rs256,
			sign(mem_printf(m, "{\"alg\":\"RS256\",\"x\":%.*s%s}", depth, fill, closing), "{}")),
		    depth < JOSE_DEPTH_MAX ? JOSE_OK : JOSE_BAD, REASON_TOKEN_MALFORMED);
	}
	expect("one too deep",
	    verify(&rs256, sign("{\"alg\":\"RS256\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]"
				"]]]]]]]]]]]]]}",
			       "{}")),
	    JOSE_BAD, REASON_TOKEN_MALFORMED);
	expect("brackets in a text are no depth",
	    verify(&rs256,
		sign("{\"alg\":\"RS256\",\"x\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}",
		    "{}")),
	    JOSE_OK, REASON_NONE);
}
END_TEST

/* --- the text --------------------------------------------------------------- */

START_TEST(anything_but_three_canonical_parts_is_malformed)
{
	static const char *const texts[] = { "", ".", "..", "...", "....", "a", "a.b", "a.b.c.d", "a.b.c.d.e",
		"e30", "e30.", "e30.e30", ".e30.e30", "e30..e30.", "e30.e30.", "..e30", " e30.e30.e30",
		"e30.e30.e30 ", "e30.e30.e30\n", "e30=.e30.e30", "e30.e30=.e30",
		"e30.e30.e30=", "e30.e30.e30==", "e3+.e30.e30", "e3/.e30.e30", "e\t30.e30.e30",
		"e30.e 30.e30", "e31.e30.e30", "e30.e31.e30", "e30.e30.e31", "e3.e30.e30", "a.e30.e30",
		"e30.a.e30", "e30.e30.a", "e30.abcde.e30", "{\"alg\":\"RS256\"}.{}.e30", "\xc3\xa9.e30.e30",
		"e30.e30.\xff" };
	char *dots = mem_alloc(m, JOSE_TOKEN_MAX + 1);

	hold(token_jwk(m, rsa, ""));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(texts[i], verify(&every, str_of(texts[i])), JOSE_BAD, REASON_TOKEN_MALFORMED);
	expect("NUL", verify(&every, STR("e30\0.e30.e30")), JOSE_BAD, REASON_TOKEN_MALFORMED);
	expect("NUL", verify(&every, STR("e30.e30.e30\0")), JOSE_BAD, REASON_TOKEN_MALFORMED);
	memset(dots, '.', JOSE_TOKEN_MAX + 1);
	expect("dots", verify(&every, (struct str){ dots, 10000 }), JOSE_BAD, REASON_TOKEN_MALFORMED);
	expect("dots", verify(&every, (struct str){ dots, JOSE_TOKEN_MAX + 1 }), JOSE_BAD,
	    REASON_TOKEN_MALFORMED);
	memset(dots, 'A', JOSE_TOKEN_MAX + 1);
	for (size_t n = JOSE_TOKEN_MAX; n <= JOSE_TOKEN_MAX + 1; n++) {
		expect("size", verify(&every, (struct str){ dots, n }), JOSE_BAD, REASON_TOKEN_MALFORMED);
		ck_assert((strstr(e.text, "accepted: 1 to 16384") != NULL) == (n > JOSE_TOKEN_MAX));
	}
}
END_TEST

/* A valid token in another spelling would be another text for revocation and caches. */
START_TEST(a_valid_token_has_one_spelling)
{
	struct str t = sign("{\"alg\":\"RS256\",\"a\":1}", "{\"a\":12}");
	static const char *const more[] = { "=", "==", "\n", " ", "\t", "\r\n", "\v", "A", ".", "%3D",
		"\xc2\xa0" };

	hold(token_jwk(m, rsa, ""));
	expect("itself", verify(&rs256, t), JOSE_OK, REASON_NONE);
	ck_assert_int_eq(verify(&rs256, (struct str){ t.p, t.n - 1 }), JOSE_BAD);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		for (size_t at = 0; at <= t.n; at++) {
			if (at != 0 && at != t.n && t.p[at] != '.' && t.p[at - 1] != '.')
				continue;
			ck_assert_int_eq(verify(&rs256, str_of(mem_printf(
							    m, "%.*s%s%s", (int)at, t.p, more[i], t.p + at))),
			    JOSE_BAD);
		}
	for (size_t at = 0; at <= t.n; at++) /* the unused bits of each part's last character */
		if (at == t.n || t.p[at] == '.') {
			char *other = mem_text(m, t);

			other[at - 1]++;
			ck_assert_int_eq(verify(&rs256, str_of(other)), JOSE_BAD);
		}
}
END_TEST

START_TEST(a_token_of_16384_bytes_is_taken_and_one_more_is_not)
{
	const char *header = "{\"alg\":\"RS256\"}";
	size_t frame = sign(header, "{\"x\":\"\"}").n, room = JOSE_TOKEN_MAX - frame;
	char *fill = mem_alloc(m, JOSE_TOKEN_MAX);
	struct str t;

	memset(fill, 'x', JOSE_TOKEN_MAX);
	hold(token_jwk(m, rsa, ""));
	t = sign(header, mem_printf(m, "{\"x\":\"%.*s\"}", (int)(room / 4 * 3), fill));
	ck_assert_uint_le(t.n, JOSE_TOKEN_MAX);
	ck_assert_uint_ge(t.n, JOSE_TOKEN_MAX - 4);
	expect("fits", verify(&rs256, t), JOSE_OK, REASON_NONE);
	t = sign(header, mem_printf(m, "{\"x\":\"%.*s\"}", (int)(room / 4 * 3) + 6, fill));
	ck_assert_uint_gt(t.n, JOSE_TOKEN_MAX);
	expect("too long", verify(&rs256, t), JOSE_BAD, REASON_TOKEN_MALFORMED);
}
END_TEST

/* --- the payload ------------------------------------------------------------ */

static const struct {
	const char *payload;
	enum jose_result want;
} payloads[] = {
	{ "{}", JOSE_OK },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", JOSE_OK },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", JOSE_BAD },
	{ "", JOSE_BAD },
	{ "foo", JOSE_BAD },
	{ "[]", JOSE_BAD },
	{ "\"x\"", JOSE_BAD },
	{ "{\"sub\":\"a\",\"sub\":\"b\"}", JOSE_BAD },
	{ "{\"sub\":\"a\\u0000b\"}", JOSE_BAD },
	{ "{\"sub\":\"\xff\"}", JOSE_BAD },
	{ "{\"sub\":\"\xed\xa0\x80\"}", JOSE_BAD },
	{ "{\"exp\":1e400}", JOSE_BAD },
	{ "{\"exp\":99999999999999999999}", JOSE_BAD },
	{ "{\"exp\":NaN}", JOSE_BAD },
	{ "{} {}", JOSE_BAD },
	{ "{\"a\":1", JOSE_BAD },
};

START_TEST(a_signed_payload_is_still_a_json_object_or_refused)
{
	hold(token_jwk(m, rsa, ""));
	expect(payloads[_i].payload, verify(&rs256, sign("{\"alg\":\"RS256\"}", payloads[_i].payload)),
	    payloads[_i].want, REASON_TOKEN_MALFORMED);
}
END_TEST

START_TEST(nothing_of_a_payload_is_said_or_judged_before_the_signature)
{
	struct str t = token_of(m, rsa2, "RS256", STR("{\"alg\":\"RS256\"}"), STR("no JSON at all"));

	hold(token_jwk(m, rsa, ""));
	expect("payload", verify(&rs256, t), JOSE_BAD, REASON_TOKEN_SIGNATURE);
}
END_TEST

START_TEST(an_error_does_not_quote_the_json_it_is_about)
{
	static const char *const broken[] = { "{\"access_token\":\"SECRET\" \"x\"}",
		"{\"SECRET\":1,\"SECRET\":2}", "{\"a\":SECRET}", "{\"a\":\"SECRET\\q\"}" };

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		ck_assert_ptr_null(jose_json(str_of(broken[i]), 100, REASON_PROVIDER_ANSWER, &e));
		ck_assert_int_eq(e.reason, REASON_PROVIDER_ANSWER);
		ck_assert_ptr_null(strstr(e.text, "SECRET"));
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/jose");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_algorithm_of_the_list_is_verified, 0, COUNT(every_name));
	tcase_add_loop_test(t, the_examples_of_the_rfcs_are_accepted, 0, COUNT(published));
	tcase_add_loop_test(t, a_header_decides_before_any_key_is_tried, 0, COUNT(headers));
	tcase_add_test(t, a_header_is_bounded_in_size_and_depth);
	tcase_add_test(t, anything_but_three_canonical_parts_is_malformed);
	tcase_add_test(t, a_valid_token_has_one_spelling);
	tcase_add_test(t, a_token_of_16384_bytes_is_taken_and_one_more_is_not);
	tcase_add_loop_test(t, a_signed_payload_is_still_a_json_object_or_refused, 0, COUNT(payloads));
	tcase_add_test(t, nothing_of_a_payload_is_said_or_judged_before_the_signature);
	tcase_add_test(t, an_error_does_not_quote_the_json_it_is_about);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
