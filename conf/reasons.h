/*
 * conf/reasons.h - every reason for which something is refused or fails
 *
 * One row each: name, the stable word in the log (`reason=`) and in the
 * metrics, the HTTP status the caller gets, and one sentence for the
 * operator's manual (docs/reasons.md is printed from these rows).
 * The words are an interface: they are added to, never renamed.
 *
 * X(name, word, status, meaning)
 */
#ifndef CONF_REASONS_H
#define CONF_REASONS_H

/* clang-format off */ /* a row a line: tests/reasons.sh reads them */
#define REASONS(X) \
	X(NONE, "", 200, "nothing was refused") \
	/* what a client sent */ \
	X(BAD_REQUEST, "bad_request", 400, "the message is not well-formed HTTP/1.1") \
	X(BAD_FRAMING, "bad_framing", 400, "the length of the message is ambiguous (RFC 9112 6)") \
	X(BAD_HOST, "bad_host", 400, "no Host, several, or one that is not a host") \
	X(BAD_TARGET, "bad_target", 400, "the request target holds what no target may hold") \
	X(PATH_AMBIGUOUS, "path_ambiguous", 400, "the path can be read in two ways that lead to different routes") \
	X(BAD_VERSION, "bad_version", 505, "an HTTP version that is not 1.0 or 1.1") \
	X(BAD_METHOD, "bad_method", 501, "a method that is never relayed (CONNECT, TRACE)") \
	X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "one of our own endpoints does not take this method") \
	X(BAD_UPGRADE, "bad_upgrade", 400, "an upgrade with a body, or not as RFC 9110 7.8 has it") \
	X(BAD_EXPECT, "bad_expect", 417, "an expectation other than 100-continue") \
	X(HEADER_TOO_LARGE, "header_too_large", 431, "the head exceeds limits.header_size") \
	X(BODY_TOO_LARGE, "body_too_large", 413, "the body exceeds limits.body_size") \
	X(HEADER_TIMEOUT, "header_timeout", 408, "the head was not complete within limits.header_timeout") \
	X(BODY_TIMEOUT, "body_timeout", 408, "nothing of the body came for limits.body_timeout") \
	X(CLIENT_GONE, "client_gone", 499, "the client closed before it had its answer") \
	X(CLIENT_STALLED, "client_stalled", 499, "the client stopped reading its answer") \
	X(WRONG_HOST, "wrong_host", 421, "a host that no public_url names") \
	X(NO_ROUTE, "no_route", 404, "no route has this path") \
	X(NO_ENDPOINT, "no_endpoint", 404, "nothing of ours has this name below auth_path") \
	X(OVERLOADED, "overloaded", 503, "limits.max_connections is reached") \
	X(HTTP2_ABUSE, "http2_abuse", 429, "an HTTP/2 connection that makes work and asks for nothing") \
	X(BAD_PROXY_HEADER, "bad_proxy_header", 400, "a connection of trusted_proxies without a PROXY header, or with a broken one (listen.proxy_protocol)") \
	X(RATE_LIMITED, "rate_limited", 429, "more sign-ins from one address than limits.logins_per_minute") \
	X(DRAINING, "draining", 503, "the proxy is stopping") \
	X(BAD_TYPE, "bad_type", 415, "a body of another Content-Type than the endpoint takes") \
	X(NOT_ADMIN, "not_admin", 403, "an address that admin.allow does not name") \
	X(ADMIN_FOREIGN, "admin_foreign", 403, "sessions are to be revoked by a browser, or through another name of this machine") \
	X(ADMIN_TOKEN, "admin_token", 401, "sessions are to be revoked without admin.token") \
	/* who may pass */ \
	X(NO_SESSION, "no_session", 401, "nobody is signed in") \
	X(SESSION_EXPIRED, "session_expired", 401, "the session has run out") \
	X(SESSION_INVALID, "session_invalid", 401, "the session cookie is malformed, forged, or of another proxy") \
	X(SESSION_DUPLICATE, "session_duplicate", 401, "several differing session cookies that all verify") \
	X(SESSION_REVOKED, "session_revoked", 401, "the session was ended") \
	X(REVOCATION_FULL, "revocation_full", 503, "the table of ended sessions is full") \
	X(REVOCATION_UNKEPT, "revocation_unkept", 503, "a session was ended, but that could not be kept (session.revocations)") \
	X(CROSS_ORIGIN, "cross_origin", 403, "an unsafe request that another site caused (session.origin_check)") \
	X(CLAIM_MISSING, "claim_missing", 403, "a claim that the route demands is not what it must be") \
	X(CLAIM_OVERAGE, "claim_overage", 403, "a claim that the route demands is too large for the token, which only names it") \
	X(USERNAME_MISMATCH, "username_mismatch", 403, "the username does not match route.username_match") \
	X(FORM_GONE, "form_gone", 410, "a form that was kept over a sign-in (session.preserve_post) is not there any more") \
	X(FORM_OTHER_USER, "form_other_user", 403, "a form was kept for another user than who signed in, and is thrown away") \
	X(VERIFY_UNTRUSTED, "verify_untrusted", 403, "verify was asked by a server that trusted_proxies does not name") \
	X(VERIFY_UNCLEAR, "verify_unclear", 403, "verify was not told, or not clearly, which request is meant") \
	/* who may pass with an access token */ \
	X(BEARER_MISSING, "bearer_missing", 401, "a bearer route, and no access token in the Authorization header") \
	X(BEARER_MALFORMED, "bearer_malformed", 400, "an access token that is not sent as RFC 6750 2.1 has it") \
	X(SCOPE_MISSING, "scope_missing", 403, "the access token lacks a scope that the route or the client demands") \
	X(ROLE_MISSING, "role_missing", 403, "the program's access token has none of the app roles demanded") \
	X(CLIENT_UNKNOWN, "client_unknown", 403, "no client section has the program that the access token is for") \
	X(CLIENT_INACTIVE, "client_inactive", 403, "the program's client section has active = no") \
	X(MOBILE_CLIENT, "mobile_client", 403, "POST token: session.mobile_clients does not name the application") \
	X(MOBILE_USER, "mobile_user", 403, "POST token: an access token that has no user") \
	X(CORS_ORIGIN, "cors_origin", 403, "a preflight from an origin that route.cors_origins does not name") \
	/* a sign-in */ \
	X(SIGN_IN, "sign_in", 302, "sent to the provider to sign in") \
	X(LOGIN_BAD_REQUEST, "login_bad_request", 400, "a protocol parameter twice, or a callback that is none") \
	X(LOGIN_PROVIDER, "login_provider", 404, "a sign-in at a provider that is not configured") \
	X(LOGIN_STATE, "login_state", 403, "the sign-in does not belong to this browser or is too old") \
	X(LOGIN_NO_COOKIE, "login_no_cookie", 403, "the browser does not send our sign-in cookie back") \
	X(LOGIN_LOOP_COOKIE, "login_loop_cookie", 403, "sign-ins succeed but the session cookie does not come back") \
	X(LOGIN_LOOP_CLOCK, "login_loop_clock", 403, "sign-ins succeed but the session has always run out: clocks differ") \
	X(LOGIN_LOOP_APP, "login_loop_app", 403, "the application keeps sending a signed-in browser to the sign-in") \
	X(LOGIN_ISS, "login_iss", 403, "the response is of another issuer (RFC 9207)") \
	X(LOGIN_REFUSED, "login_refused", 403, "the provider answered the sign-in with an error") \
	X(LOGIN_NO_USERNAME, "login_no_username", 403, "the claim that is to name the user is missing") \
	X(LOGIN_OTHER_USER, "login_other_user", 403, "somebody else signed in where a session was to be renewed or a form sent") \
	X(LOGIN_CLAIM, "login_claim", 403, "a claim that a header is made of cannot be put into one") \
	X(LOGOUT_BAD_REQUEST, "logout_bad_request", 400, "a logout of the provider's that is none: a parameter is missing, there twice, or not encoded") \
	X(LOGOUT_ISSUER, "logout_issuer", 400, "a logout of a provider that is none of ours") \
	X(LOGOUT_TOKEN, "logout_token", 400, "not a logout token: its typ, no event, a nonce, neither sub nor sid, no jti") \
	X(LOGOUT_REPLAY, "logout_replay", 400, "a logout token that came before") \
	/* the provider */ \
	X(PROVIDER_DOWN, "provider_down", 503, "the provider cannot be reached") \
	X(PROVIDER_TIMEOUT, "provider_timeout", 503, "the provider did not answer in time") \
	X(PROVIDER_BUSY, "provider_busy", 503, "more requests to the provider are under way than it answers, and one waited too long for its turn") \
	X(PROVIDER_STATUS, "provider_status", 503, "the provider answered with an HTTP error") \
	X(PROVIDER_ANSWER, "provider_answer", 503, "the provider's answer is not what the specification says") \
	X(PROVIDER_TOO_LARGE, "provider_too_large", 503, "the provider's answer exceeds its limit") \
	X(PROVIDER_ISSUER, "provider_issuer", 503, "the discovery document is of another issuer") \
	X(PROVIDER_NO_KEYS, "provider_no_keys", 503, "no key set is known, or the last good one is over a day old") \
	X(PROVIDER_CLIENT, "provider_client", 403, "the provider refuses our client id or secret (invalid_client)") \
	X(PROVIDER_GRANT, "provider_grant", 403, "the provider refuses the code (invalid_grant)") \
	X(PROVIDER_ERROR, "provider_error", 403, "the token endpoint answered with another error") \
	X(PROVIDER_USERINFO, "provider_userinfo", 403, "userinfo is malformed or of another subject") \
	/* a token: 403 at the end of a sign-in, 401 where it came as a bearer */ \
	X(TOKEN_MALFORMED, "token_malformed", 403, "not a compact JWS as RFC 7515 has it") \
	X(TOKEN_HEADER, "token_header", 403, "a header that is refused: crit, b64, zip, jku, jwk, x5u, x5c") \
	X(TOKEN_ALG, "token_alg", 403, "an algorithm that is not in the allow-list") \
	X(TOKEN_KEY, "token_key", 403, "no key of the provider fits the token") \
	X(TOKEN_SIGNATURE, "token_signature", 403, "the signature is wrong") \
	X(TOKEN_ISSUER, "token_issuer", 403, "iss is not the provider") \
	X(TOKEN_TENANT, "token_tenant", 403, "tid is none of provider.tenants") \
	X(TOKEN_AUDIENCE, "token_audience", 403, "aud or azp is not us") \
	X(TOKEN_EXPIRED, "token_expired", 403, "exp has passed, clock_tolerance included") \
	X(TOKEN_EARLY, "token_early", 403, "iat or nbf is in the future, clock_tolerance included") \
	X(TOKEN_NONCE, "token_nonce", 403, "nonce is not the one of this sign-in") \
	X(TOKEN_ACR, "token_acr", 403, "acr is none of the acr_values that were asked for") \
	X(TOKEN_AUTH_TIME, "token_auth_time", 403, "auth_time is missing, or older than max_age") \
	X(TOKEN_CLAIM, "token_claim", 403, "a required claim is missing or of the wrong type") \
	X(TOKEN_HASH, "token_hash", 403, "at_hash does not fit the access token") \
	X(TOKEN_TYPE, "token_type", 403, "another kind of token where an access token must be, or one bound to a key") \
	X(TOKEN_INACTIVE, "token_inactive", 403, "the provider says that the access token is not in force") \
	X(TOKEN_USERNAME, "token_username", 403, "an access token that is no program's and names no user") \
	/* the upstream */ \
	X(UPSTREAM_REFUSED, "upstream_refused", 502, "the upstream does not accept connections") \
	X(UPSTREAM_CONNECT_TIMEOUT, "upstream_connect_timeout", 504, "no connection within upstream.connect_timeout") \
	X(UPSTREAM_TLS, "upstream_tls", 502, "the TLS handshake with the upstream failed") \
	X(UPSTREAM_CLOSED, "upstream_closed", 502, "the upstream closed before its answer was complete") \
	X(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "the upstream was silent for upstream.response_timeout") \
	X(UPSTREAM_BAD_RESPONSE, "upstream_bad_response", 502, "the upstream's answer is not well-formed HTTP/1.1") \
	X(UPSTREAM_WEBSOCKET, "upstream_websocket", 502, "the upstream switched protocols, but its Sec-WebSocket-Accept does not belong to the key it was sent") \
	X(UPSTREAM_LOOP, "upstream_loop", 508, "the application redirects the browser to the page it asked for") \
	X(UPSTREAM_RESOLVE, "upstream_resolve", 502, "the upstream's name has no address") \
	X(OUTBOUND_TOKEN, "outbound_token", 502, "the token that the upstream wants of us cannot be had") \
	/* the Redis that instances share */ \
	X(REDIS_DOWN, "redis_down", 503, "the Redis cannot be reached, or refuses what it is asked for") \
	X(REVOCATIONS_STALE, "revocations_stale", 503, "which sessions were ended elsewhere has not been known for session.revocation_stale") \
	/* ourselves */ \
	X(MEMORY_BUDGET, "memory_budget", 500, "one request needed more memory than it may") \
	X(SYSTEM, "system", 500, "the kernel or a library said no") \
	X(CONFIG, "config", 500, "the configuration is wrong") \
	X(STREAM_TIMEOUT, "stream_timeout", 200, "an upgraded connection or event stream was silent for limits.stream_timeout") \
	X(SIGNED_OUT, "signed_out", 302, "the session was ended by its user") \
	X(HTTPS_REDIRECT, "https_redirect", 308, "sent from http to public_url")

/* clang-format on */

#endif
