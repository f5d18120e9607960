// People sign in at each vendor's provider: its discovery document, key set, authorization and token answers, ID token
// and sign-out as that vendor makes them (access tokens: bearer.test.mjs).  What differs by vendor must pass, and what
// looks alike must not.
import assert from 'node:assert/strict';
import { Browser } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { sleep, until } from './lib/ports.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const TID = 'aaaa1111-bbbb-4ccc-8ddd-eeee22223333';
const OID = '05e20000-aaaa-4bbb-8ccc-ddddeeeeffff';
const CLIENT = '0c0ffee0-1111-4222-8333-444455556666';
const XS = 'https://acme.authentication.eu10.hana.ondemand.com/oauth/token';
const KC = 'https://sso.example.com/realms/acme';
const SECRET = 'p+q/r:s%~ &=$';
const x5 = (kid) => ({ x5t: kid, x5c: ['MIIC/TCC'] });
const entra = {
	code_challenge_methods_supported: undefined, http_logout_supported: true, frontchannel_logout_supported: true, subject_types_supported: ['pairwise'],
	token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'], response_modes_supported: ['query', 'fragment', 'form_post'],
	response_types_supported: ['code', 'id_token', 'code id_token', 'token id_token', 'token'], tenant_region_scope: null, request_uri_parameter_supported: false,
};
const people = { family_name: 'Doe', given_name: 'Jane', name: 'Jane Doe' };

// metadata: beside endpoints of this machine; key: of the set, without kid, n, e; response: beside code and state;
// answer: beside the tokens; id: without aud, nonce and times; asks: of the authorization request; basic: how the client
// proves itself; wrong: what makes it a token of somebody else, by reason.
const vendors = [
	{
		kind: 'azure-v1', issuer: `https://sts.windows.net/${TID}/`, settings: 'resource = "https://api.k2.com/" token_endpoint_auth_method = "client_secret_post"',
		metadata: { ...entra, scopes_supported: ['openid'], microsoft_multi_refresh_token: true }, key: (kid) => ({ alg: undefined, ...x5(kid) }),
		response: { session_state: 'c1f1a7c0-0000-4000-8000-000000000001' },
		answer: (now) => ({ expires_in: '3599', ext_expires_in: '3599', expires_on: String(now + 3599), not_before: String(now - 300), resource: 'https://api.k2.com/', scope: 'default' }),
		header: (kid) => ({ x5t: kid }),
		id: { iss: `https://sts.windows.net/${TID}/`, amr: ['pwd', 'mfa'], ipaddr: '192.0.2.10', oid: OID, rh: '0.AXo', sub: 'pAirWise', tid: TID, unique_name: 'jane.doe@example.com', upn: 'jane.doe@example.com', uti: 'AbC', ver: '1.0', ...people },
		nbf: -300, user: 'jane.doe@example.com', asks: { resource: 'https://api.k2.com/', scope: 'openid profile email' },
		renews: {}, also: [{ what: 'a guest without upn', id: { upn: undefined, unique_name: 'guest@partner.example' }, user: 'guest@partner.example' }],
		wrong: { token_issuer: { iss: `https://sts.windows.net/${TID}` }, login_no_username: { upn: undefined, unique_name: undefined } },
	},
	{
		kind: 'ms-identity-v2', issuer: `https://login.microsoftonline.com/${TID}/v2.0`, settings: 'token_endpoint_auth_method = "client_secret_post"',
		metadata: { ...entra, scopes_supported: ['openid', 'profile', 'email', 'offline_access'] }, key: (kid) => ({ alg: undefined, ...x5(kid), issuer: `https://login.microsoftonline.com/${TID}/v2.0` }),
		response: { session_state: 'c1f1a7c0-0000-4000-8000-000000000001' }, answer: () => ({ expires_in: 3599, ext_expires_in: 3599, scope: 'email openid profile' }),
		id: { iss: `https://login.microsoftonline.com/${TID}/v2.0`, email: 'jane.doe@example.com', oid: OID, preferred_username: 'jane.doe@example.com', rh: '0.AXo', roles: ['Approver'], sid: '00a1b2c3-d4e5-4f60-8a7b-9c0d1e2f3a4b', sub: 'pAirWise', tid: TID, uti: 'AbC', ver: '2.0', name: 'Jane Doe' },
		nbf: 0, user: 'jane.doe@example.com', asks: { scope: 'openid profile email offline_access' },
		wrong: { token_issuer: { iss: `https://sts.windows.net/${TID}/` }, login_no_username: { preferred_username: undefined, upn: 'x@example.com' } },
	},
	{
		kind: 'adfs', issuer: 'https://fs.example.com/adfs',
		metadata: {
			code_challenge_methods_supported: undefined, access_token_issuer: 'http://fs.example.com/adfs/services/trust', microsoft_multi_refresh_token: true, capabilities: [],
			token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic', 'private_key_jwt', 'windows_client_authentication'],
			as_access_token_token_binding_supported: true, frontchannel_logout_supported: true, subject_types_supported: ['pairwise'],
		},
		key: (kid) => ({ alg: 'RS256', ...x5(kid) }), header: (kid) => ({ x5t: kid }), answer: () => ({ expires_in: 3600, refresh_token_expires_in: 28800, resource: 'urn:microsoft:userinfo', scope: 'openid' }),
		id: { iss: 'https://fs.example.com/adfs', auth_time: -10, sub: 'q3J/bT0d+e9KXlXU6LsrU9b3K5sUXa8ShnjAAAAAAAA=', unique_name: 'CORP\\jane.doe', upn: 'jane.doe@corp.example.com', sid: 'S-1-5-21-1111111111-2222222222-3333333333-1105', pwd_url: 'https://fs.example.com/x', pwd_exp: '1733602' },
		nbf: 0, user: 'jane.doe@corp.example.com',
		renews: { without: ['refresh_token'] }, also: [{ what: 'an account without upn', id: { upn: undefined }, user: 'CORP\\jane.doe' }],
		wrong: { token_issuer: { iss: 'http://fs.example.com/adfs/services/trust' }, login_no_username: { upn: undefined, unique_name: ['CORP\\a', 'CORP\\b'] } },
	},
	{
		kind: 'okta', issuer: 'https://example.okta.com', metadata: { response_modes_supported: ['query', 'fragment', 'form_post', 'okta_post_message'], request_parameter_supported: true },
		key: () => ({ alg: 'RS256' }), header: () => ({ typ: undefined }), answer: () => ({ scope: 'openid profile email offline_access' }),
		id: { iss: 'https://example.okta.com', sub: '00u1a2b3c4d5e6f7g8h9', name: 'Jane Doe', email: 'jane.doe@example.com', ver: 1, jti: 'ID.aBc', amr: ['mfa', 'otp', 'pwd'], idp: '00o1idp', preferred_username: 'jane.doe@example.com', auth_time: -10 },
		user: 'jane.doe@example.com', asks: { scope: 'openid profile email offline_access' }, state: /^[A-Za-z0-9,._-]+$/,
		wrong: { token_issuer: { iss: 'https://example.okta.com/oauth2/default' }, login_no_username: { preferred_username: undefined } },
	},
	{
		kind: 'auth0', issuer: 'https://example.eu.auth0.com/', settings: 'authorization_parameters = {"audience=https://app.example.com/graphql"}',
		metadata: { id_token_signing_alg_values_supported: ['HS256', 'RS256', 'PS256'], code_challenge_methods_supported: ['S256', 'plain'], request_parameter_supported: false, backchannel_logout_supported: true },
		kid: 'QTk1MjMyOUM2MjlCMTcxMjQ5NjYxMUUwMkNDQkQyNzIxNTk2RkU5NA', key: (kid) => ({ alg: 'RS256', ...x5(kid) }), answer: () => ({ expires_in: 86400 }),
		id: { iss: 'https://example.eu.auth0.com/', nickname: 'jane.doe', name: 'Jane Doe', updated_at: '2025-12-31T20:00:00.000Z', email: 'jane.doe@example.com', email_verified: true, sub: 'auth0|64f0c0ffee0000000000abcd', sid: 'sEsSiOn', 'https://app.example.com/roles': ['approver'] },
		user: 'jane.doe@example.com', asks: { audience: 'https://app.example.com/graphql', scope: 'openid profile email offline_access' },
		wrong: { token_issuer: { iss: 'https://example.eu.auth0.com' }, login_no_username: { email_verified: false }, token_alg: 'HS256' },
	},
	{
		kind: 'keycloak', issuer: KC, iss: true,
		metadata: {
			authorization_response_iss_parameter_supported: true, code_challenge_methods_supported: ['plain', 'S256'], mtls_endpoint_aliases: { token_endpoint: 'https://sso.example.com/x' },
			id_token_signing_alg_values_supported: ['PS384', 'RS384', 'EdDSA', 'ES384', 'HS256', 'HS512', 'ES256', 'RS256', 'HS384'], require_pushed_authorization_requests: false,
		},
		key: (kid) => ({ alg: 'RS256', ...x5(kid), 'x5t#S256': '6PT-' }), encryption: true, response: { session_state: '00a1b2c3-d4e5-4f60-8a7b-9c0d1e2f3a4b' }, life: 300,
		answer: () => ({ expires_in: 300, refresh_expires_in: 1800, 'not-before-policy': 0, session_state: '00a1b2c3', scope: 'openid email profile' }),
		id: { iss: KC, auth_time: -5, jti: '0b1c2d3e', sub: OID, typ: 'ID', azp: CLIENT, sid: '00a1b2c3-d4e5-4f60-8a7b-9c0d1e2f3a4b', acr: '1', email_verified: true, preferred_username: 'jane.doe', email: 'jane.doe@example.com', realm_access: { roles: ['approver'] }, ...people },
		user: 'jane.doe', renews: { claims: { nonce: undefined } }, wrong: { token_issuer: { iss: `${KC}/` }, token_alg: 'HS256' },
	},
	{
		kind: 'sap-xsuaa', issuer: XS, client: 'sb-wfproxy!t4711', settings: 'token_endpoint_auth_method = "client_secret_post" end_session_endpoint = "OP/end"',
		metadata: { id_token_signing_alg_values_supported: ['RS256', 'HS256'], claim_types_supported: ['normal'], id_token_encryption_alg_values_supported: ['none'], response_modes_supported: undefined },
		kid: 'default-jwt-key-0123456789', key: () => ({ alg: 'RS256', value: '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----' }), header: (kid, op) => ({ jku: `${op.url}/jwks` }),
		answer: () => ({ expires_in: 43199, jti: '0123', scope: 'openid' }), life: 43200,
		id: { iss: XS, sub: OID, amr: ['ext', 'mfa'], azp: 'sb-wfproxy!t4711', scope: ['openid'], email: 'jane.doe@example.com', cid: 'sb-wfproxy!t4711', grant_type: 'authorization_code', user_name: 'jane.doe@example.com', zid: TID, origin: 'sap.default', rev_sig: 'b23a72dc', ...people },
		aud: ['sb-wfproxy!t4711'], user: 'jane.doe@example.com', asks: { client_id: 'sb-wfproxy!t4711' },
		wrong: { token_issuer: { iss: 'http://acme.localhost:8080/uaa/oauth/token' }, login_no_username: { user_name: undefined }, token_audience: { aud: ['sb-wfproxy!t4712', 'openid'], azp: undefined } },
	},
	{
		kind: 'google', issuer: 'https://accounts.google.com', client: '111122223333-abc.apps.googleusercontent.com',
		metadata: { end_session_endpoint: undefined, code_challenge_methods_supported: ['plain', 'S256'] }, key: () => ({ alg: 'RS256' }),
		responseAlso: { authuser: '0', hd: 'example.com', prompt: 'none', scope: 'email openid' }, answer: () => ({ access_token: 'ya29.opaque', expires_in: 3599 }),
		id: { iss: 'https://accounts.google.com', azp: '111122223333-abc.apps.googleusercontent.com', sub: '110000000000000000042', hd: 'example.com', email: 'jane.doe@example.com', email_verified: true, picture: 'https://img.example.com/j.png', ...people },
		user: 'jane.doe@example.com', asks: { access_type: 'offline', scope: 'openid profile email' }, stays: true, renews: { without: ['refresh_token'] },
		also: [{ what: 'an issuer without its scheme', id: { iss: 'accounts.google.com' }, user: 'jane.doe@example.com' }],
		wrong: { token_issuer: { iss: 'https://accounts.google.com/' }, login_no_username: { email_verified: false } },
	},
];

// The provider of the other tests with the vendor's tongue.
async function speaking(v) {
	const op = await FaultOp.start();
	const kid = v.kid ?? 'kEyIdSample0123456789abcdef';
	op.keys = [{ kid, n: 1 }];
	op.signer = op.keys[0];
	op.life = v.life ?? 3600;
	op.fault = { metadata: { issuer: v.issuer, ...v.metadata } };
	const plain = op.jwks.bind(op);
	op.jwks = () => {
		const [{ alg, ...key }] = plain().keys;
		const keys = [{ ...key, ...v.key(kid) }];
		if (v.encryption) keys.unshift({ ...key, kid: 'eNcKey', use: 'enc', alg: 'RSA-OAEP' });
		return { keys };
	};
	op.idToken = (c) => {
		const now = op.now();
		const claims = { aud: v.aud ?? c.client, ...v.id, iat: now, exp: now + op.life, nonce: c.nonce, ...op.claims };
		if (v.id.auth_time) claims.auth_time = now + v.id.auth_time;
		if (v.nbf !== undefined) claims.nbf = now + v.nbf;
		return op.mint(claims, { header: v.header?.(kid, op), ...op.signing });
	};
	op.fault.responseAlso = { ...v.response, ...v.responseAlso, ...(v.iss ? { iss: v.issuer } : {}) };
	op.fault.tokenAlso = v.answer(op.now());
	return op;
}

const arrive = (a, browser = new Browser()) => browser.go(`${a.url}/page?x=1`);

async function settings(v) {
	const op = await speaking(v);
	return {
		op, clientId: v.client ?? CLIENT, clientSecret: SECRET, limits: 'logins_per_minute = 10000',
		provider: `kind = "${v.kind}" ${(v.settings ?? '').replace('OP', op.url)}`, routes: 'route "/" { upstream = "app" claim_headers = {"X-Sub=sub"} }',
	};
}

for (const v of vendors) {
	const w = shared(() => settings(v));

	story(`${v.kind}: somebody signs in, is named as the vendor names people, and signs out`, async () => {
		const a = await w();
		const browser = new Browser();
		const r = await arrive(a, browser);
		assert.equal(r.status, 200, `${r.text.slice(0, 300)}\n${a.proxy.stderr.slice(-800)}`);
		assert.equal(r.json.target, '/page?x=1');
		assert.equal(a.backend.last.get('x-forwarded-user'), v.user);
		assert.equal(a.backend.last.get('x-sub'), v.id.sub);
		const asked = a.op.lastAuthorize;
		for (const [name, value] of Object.entries(v.asks ?? {})) assert.deepEqual(asked.getAll(name), [value], name);
		assert.equal(asked.get('code_challenge_method'), 'S256', 'listed or not');
		assert.match(asked.get('state'), v.state ?? /^[A-Za-z0-9_.-]+$/);
		const { form, authorization } = a.op.tokenRequests.at(-1);
		if (/client_secret_post/.test(v.settings)) {
			assert.equal(authorization, undefined);
			assert.deepEqual([form.get('client_id'), form.get('client_secret')], [v.client ?? CLIENT, SECRET]);
		} else {
			const [id, secret] = Buffer.from(authorization.split(' ')[1], 'base64').toString().split(':').map((s) => new URLSearchParams(`v=${s}`).get('v'));
			assert.deepEqual([id, secret], [v.client ?? CLIENT, SECRET], 'encoded as a form is (RFC 6749 2.3.1)');
		}
		a.op.lastLogout = undefined;
		const out = await browser.go(`${a.url}/auth/logout`);
		assert.equal(out.status, 200);
		if (v.stays) assert.equal(a.op.lastLogout, undefined, 'this vendor has no such endpoint');
		else assert.equal(a.op.lastLogout.get('post_logout_redirect_uri'), `${a.url}/auth/logout/return`);
		assert.equal(browser.jar.get('workflow_session'), undefined);
	});

	for (const { what, id, user } of v.also ?? []) {
		story(`${v.kind}: ${what} is taken`, async () => {
			const a = await w();
			a.op.claims = id;
			assert.equal((await arrive(a)).status, 200);
			assert.equal(a.backend.last.get('x-forwarded-user'), user);
		});
	}

	for (const [reason, what] of Object.entries(v.wrong)) {
		story(`${v.kind}: ${JSON.stringify(what, (k, x) => x ?? null)} signs nobody in (${reason})`, async () => {
			const a = await w();
			a.op.claims = typeof what === 'string' ? {} : what;
			a.op.signing = typeof what === 'string' ? { alg: what, secret: SECRET } : {};
			const n = a.backend.requests.length;
			const r = await arrive(a);
			a.op.signing = undefined;
			assert.equal(r.status, 403, r.text.slice(0, 300));
			assert.equal((await a.proxy.lastAccess((x) => x.path === '/auth/callback')).reason, reason);
			assert.equal(a.backend.requests.length, n);
		});
	}
	closing(w);
}

// Entra gives a new refresh token and numbers as text, AD FS and Google give none, Keycloak's new ID tokens have no nonce.
async function renewed(v) {
	const a = await world(await settings(v));
	try {
		a.op.life = 9;
		const browser = new Browser();
		assert.equal((await arrive(a, browser)).status, 200);
		const before = browser.jar.get('workflow_session').value;
		a.op.claims = v.renews.claims;
		a.op.fault.refreshWithout = v.renews.without;
		a.op.fault.refreshAlso = v.answer(a.op.now());
		for (const nth of [1, 2]) {
			await sleep(4800);
			await until(`renewal ${nth}`, async () => {
				const r = await browser.request(`${a.url}/x`);
				assert.equal(r.status, 200, `${v.kind}: ${r.location} ${a.proxy.stderr.slice(-600)}`);
				return a.op.calls.refresh === nth;
			}, 4000);
		}
		assert.notEqual(browser.jar.get('workflow_session').value, before);
		assert.equal(a.backend.last.get('x-forwarded-user'), v.user);
	} finally {
		await a.stop();
	}
}
story('sessions are renewed by refresh tokens as each vendor gives them', () => Promise.all(vendors.filter((v) => v.renews).map(renewed)));

story('adfs 2016: pkce = off leaves the challenge and the verifier out, and nothing else', async () => {
	const o = await settings(vendors.find((v) => v.kind === 'adfs'));
	const a = await world({ ...o, provider: `${o.provider} pkce = "off"` });
	try {
		assert.equal((await arrive(a)).status, 200);
		for (const name of ['code_challenge', 'code_challenge_method']) assert.ok(!a.op.lastAuthorize.has(name), name);
		for (const name of ['nonce', 'state']) assert.ok(a.op.lastAuthorize.get(name).length > 20, name);
		assert.ok(!a.op.tokenRequests[0].form.has('code_verifier'));
	} finally {
		await a.stop();
	}
});

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const logouts = {
	auth0: { header: {}, claims: { events: { [EVENT]: {} }, trace_id: '0123456789abcdef' } },
	keycloak: { header: { typ: 'logout+jwt' }, claims: { events: { [EVENT]: { revoke_offline_access: true } }, typ: 'Logout' } },
};
for (const [kind, { header, claims }] of Object.entries(logouts)) {
	story(`${kind} ends a session by its back channel`, async () => {
		const v = vendors.find((x) => x.kind === kind);
		const a = await world(await settings(v));
		try {
			const browser = new Browser();
			await arrive(a, browser);
			const token = (more) => a.op.mint({ iss: v.issuer, aud: CLIENT, sub: v.id.sub, sid: v.id.sid, iat: a.op.now(), exp: a.op.now() + 120, jti: `jti-${Math.random()}`, ...claims, ...more }, { header });
			const say = (t) => new Browser().request(`${a.url}/auth/logout/backchannel`, { form: { logout_token: t }, headers: {} });
			const there = async () => (await browser.request(`${a.url}/x`, { headers: { Accept: 'application/json' } })).status;
			assert.equal((await say(token({ sid: 'another' }))).status, 200, 'nobody of ours, which is a success (2.8)');
			assert.equal(await there(), 200);
			assert.equal((await say(token())).status, 200);
			assert.equal(await there(), 401);
		} finally {
			await a.stop();
		}
	});
}

// --- what vendors say when they refuse -----------------------------------------------------------------------------------

const TRACE = '\r\nTrace ID: 11112222-3333\r\nCorrelation ID: 99990000-aaaa\r\nTimestamp: 2026-01-01 00:00:00Z';
const refusals = [
	['ms-identity-v2', 'a secret that has run out', 401, { error: 'invalid_client', error_description: `AADSTS7000222: The provided client secret keys are expired.${TRACE}`, error_codes: [7000222], trace_id: '1111' }, 'provider_client', /AADSTS7000222/],
	['ms-identity-v2', 'a code that was redeemed before', 400, { error: 'invalid_grant', error_description: `AADSTS54005: OAuth2 Authorization code was already redeemed.${TRACE}`, error_codes: [54005] }, 'provider_grant', /AADSTS54005/],
	['adfs', 'a client that it does not know so', 400, { error: 'invalid_client', error_description: 'MSIS9622: Client authentication failed.' }, 'provider_client', /MSIS9622/],
	['okta', 'an authorization server that there is not', 404, { errorCode: 'E0000007', errorSummary: 'Not found: Resource not found: x (AuthorizationServer)', errorLink: 'E0000007', errorId: 'oae', errorCauses: [] }, 'provider_error', /E0000007|Not found/],
	['keycloak', 'a session that is over', 400, { error: 'invalid_grant', error_description: 'Session not active' }, 'provider_grant', /Session not active/],
];
for (const [kind, what, status, body, reason, said] of refusals) {
	story(`${kind} names ${what}: a page, and a log line for the operator`, async () => {
		const a = await world(await settings(vendors.find((v) => v.kind === kind)));
		try {
			a.op.fault.tokenStatus = status;
			a.op.fault.tokenBody = body;
			const r = await arrive(a);
			assert.equal((await a.proxy.lastAccess((x) => x.path === '/auth/callback')).reason, reason);
			assert.ok([403, 503].includes(r.status), String(r.status));
			assert.ok(!r.text.includes('AADSTS') && !r.text.includes('MSIS'), 'people are told no codes of the provider\'s token endpoint');
			const lines = a.proxy.stderr.split('\n').filter((l) => said.test(l));
			assert.ok(lines.length >= 1, a.proxy.stderr.slice(-800));
			for (const l of a.proxy.stderr.split('\n')) assert.ok(l === '' || l.startsWith('{'), `a line of its own: ${l}`);
		} finally {
			await a.stop();
		}
	});
}

story('ms-identity-v2: who declines, and who is not assigned, comes to a page that does not go round in circles', async () => {
	const a = await world(await settings(vendors.find((v) => v.kind === 'ms-identity-v2')));
	try {
		for (const [error, text] of [['access_denied', `AADSTS65004: User declined to consent to access the app.${TRACE}`], ['access_denied', '<script>alert(1)</script> AADSTS50105'], ['interaction_required', 'AADSTS50076']]) {
			a.op.fault.response = { error, error_description: text, state: 'STATE', error_uri: 'https://login.microsoftonline.com/error?code=65004' };
			const n = a.op.calls.authorize;
			const r = await arrive(a);
			assert.equal(r.status, 403, r.text.slice(0, 200));
			assert.equal(a.op.calls.authorize, n + 1, 'asked once');
			assert.ok(!r.text.includes('<script>alert'));
			assert.equal((await a.proxy.lastAccess((x) => x.path === '/auth/callback')).reason, 'login_refused');
		}
		for (const l of a.proxy.stderr.split('\n')) assert.ok(l === '' || l.startsWith('{'), `a line of its own: ${l}`);
	} finally {
		await a.stop();
	}
});
