// Access tokens on bearer and any routes: each vendor's tokens as they are, what must not pass for one, what a refusal
// says, and that a second request costs no signature.
import assert from 'node:assert/strict';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { sleep, until } from './lib/ports.mjs';
import { SECRET } from './lib/proxy.mjs';
import { exchange } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const API = 'https://app.example.com/graphql';
const now = () => Math.floor(Date.now() / 1000);
const times = () => ({ iat: now() - 5, nbf: now() - 5, exp: now() + 3600 });

// A request with a token; the answer, and what the backend saw of it.
async function call(world_, path, token, o = {}) {
	const { url, backend } = world_;
	const n = backend.requests.length;
	const headers = { ...FETCH, ...(token === undefined ? {} : { Authorization: o.scheme ? `${o.scheme}${token}` : `Bearer ${token}` }), ...o.headers };
	const answer = await new Browser().request(`${url}${path}`, { method: o.method ?? 'GET', headers });
	return { status: answer.status, headers: answer.headers, text: answer.text, seen: backend.requests.slice(n) };
}

async function accepted(world_, path, token, user, o) {
	const r = await call(world_, path, token, o);
	assert.equal(r.status, 200, `${r.status} ${r.text} ${world_.proxy.stderr.slice(-600)}`);
	assert.equal(r.seen.length, 1);
	assert.deepEqual(r.seen[0].all('x-forwarded-user'), [user]);
	assert.deepEqual(r.seen[0].all('authorization'), [], 'the token is not passed on');
	return r;
}

async function refused(world_, path, token, status, reason, o = {}) {
	const r = await call(world_, path, token, o);
	assert.equal(r.status, status, `${r.status} ${r.text}`);
	assert.equal(r.seen.length, 0, 'nothing reached the backend');
	assert.equal(JSON.parse(r.text).error, reason, r.text);
	assert.match(r.headers['content-type'], /application\/json/);
	assert.match(r.headers['cache-control'], /no-store/);
	const challenge = r.headers['www-authenticate'];
	const error = { 400: 'invalid_request', 401: 'invalid_token', 403: 'insufficient_scope' }[status];
	assert.match(challenge, /^Bearer realm="http:\/\/127\.0\.0\.1:\d+"/);
	if (reason === 'bearer_missing') assert.ok(!/error/.test(challenge), challenge);
	else assert.match(challenge, new RegExp(`, error="${error}", error_description="[^"\\\\]+"`));
	const record = await world_.proxy.lastAccess((a) => a.request_id === JSON.parse(r.text).request_id);
	assert.equal(record.reason, reason);
	assert.equal(record.status, status);
	if (o.challenge) assert.match(challenge, o.challenge);
	if (o.log) await world_.proxy.logged(o.log);
	return r;
}

// --- one provider of kind oidc, many routes ---

const w = shared({
	provider: `audience = {"${API}", "api://second"} access_token_signed_alg = {"RS256", "PS256", "ES256"} clock_tolerance = "2s"`,
	routes: `route "/" { upstream = "app" claim_headers = {"X-Claim-Email=email", "X-Claim-Groups=groups"} }
		route "/api" { upstream = "app" auth = bearer claim_headers = {"X-Claim-Email=email", "X-Claim-Groups=groups"} cors_origins = {"https://spa.example.com", "http://127.0.0.1:9"} }
		route "/api/scoped" { upstream = "app" auth = bearer scopes = {"wf.read", "wf.write"} }
		route "/api/roles" { upstream = "app" auth = bearer app_roles = {"Run", "Run All"} }
		route "/api/staff" { upstream = "app" auth = bearer claims = {"groups~staff"} }
		route "/api/named" { upstream = "app" auth = bearer username_match = "^([a-z]+)@corp$" username_replace = "\\\\1" username_prefix = "CORP\\\\" }
		route "/api/passed" { upstream = "app" auth = bearer pass_authorization = yes }
		route "/any" { upstream = "app" auth = any }
		client "batch" { client_id = "batch-id" username = "svc-batch" app_roles = {"Run"} }
		client "reader" { client_id = "reader-id" username = "svc-reader" scopes = {"wf.read"} }
		client "free" { client_id = "free-id" username = "svc-free" }
		client "retired" { client_id = "retired-id" username = "svc-retired" active = no app_roles = {"Run"} }`,
});
const user = (op, more = {}) => ({
	iss: op.url, aud: API, sub: 'sub-alice', azp: 'spa', scope: 'openid wf.read', preferred_username: 'alice', email: 'alice@example.org',
	groups: ['staff', 'a,b'], ...times(), ...more,
});
const app = (op, id, more = {}) => ({ iss: op.url, aud: API, sub: id, azp: id, ...times(), ...more });
const without = (claims, ...names) => Object.fromEntries(Object.entries(claims).filter(([n]) => !names.includes(n)));

story('a user\'s token opens a bearer route, under the user\'s name and with the claims that the route names', async () => {
	const a = await w();
	const r = await accepted(a, '/api/x?y=1', a.op.mint(user(a.op)), 'alice');
	assert.deepEqual(r.seen[0].all('x-claim-email'), ['alice@example.org']);
	assert.deepEqual(r.seen[0].all('x-claim-groups'), ['staff,a%2Cb']);
	assert.equal(r.seen[0].target, '/api/x?y=1');
	assert.match(r.headers['cache-control'], /private/);
	assert.equal((await a.proxy.lastAccess((x) => x.path === '/api/x')).user, 'alice');
	await accepted(a, '/api/x', a.op.mint(user(a.op, { aud: ['x', 'api://second'] })), 'alice');
	await accepted(a, '/api/x', a.op.mint(user(a.op), { header: { typ: undefined } }), 'alice');
	await accepted(a, '/api/x', a.op.mint(user(a.op, { client_id: 'spa', jti: 'j1' }), { header: { typ: 'at+jwt' } }), 'alice');
	await accepted(a, '/api/x', a.op.mint(user(a.op)), 'alice', { scheme: 'bEARER   ' });
});

story('RS256, PS256 and ES256 are verified', async () => {
	const a = await w();
	a.op.apiKeys = [{ kid: 'ps', alg: 'PS256', n: 5 }, { kid: 'es', alg: 'ES256', n: 1 }];
	// An unknown kid has the keys fetched again, once.
	const before = a.op.calls.jwks;
	await accepted(a, '/api/x', a.op.mint(user(a.op), { alg: 'PS256', kid: 'ps', n: 5 }), 'alice');
	await accepted(a, '/api/x', a.op.mint(user(a.op), { alg: 'ES256', kid: 'es', n: 1 }), 'alice');
	await accepted(a, '/api/x', a.op.mint(user(a.op)), 'alice');
	assert.equal(a.op.calls.jwks, before + 1, 'one fetch of the keys');
});

story('an unknown key asks the provider once in ten seconds, however many tokens name one', async () => {
	const a = await w();
	const before = a.op.calls.jwks;
	for (let i = 0; i < 20; i++) await refused(a, '/api/x', a.op.mint(user(a.op), { kid: `nope-${i}`, n: 9 }), 401, 'token_key');
	assert.ok(a.op.calls.jwks - before <= 2, `${a.op.calls.jwks - before} fetches`);
});

const bad = [
	['another issuer', (op) => op.mint(user(op, { iss: 'http://127.0.0.1:1' })), 'token_issuer'],
	['an issuer with a slash more', (op) => op.mint(user(op, { iss: `${op.url}/` })), 'token_issuer'],
	['no issuer', (op) => op.mint(without(user(op), 'iss')), 'token_issuer'],
	['another audience', (op) => op.mint(user(op, { aud: 'https://graph.microsoft.com' })), 'token_audience'],
	['an audience with a slash more', (op) => op.mint(user(op, { aud: `${API}/` })), 'token_audience'],
	['our client id as audience', (op) => op.mint(user(op, { aud: 'rp' })), 'token_audience'],
	['no audience', (op) => op.mint(without(user(op), 'aud')), 'token_audience'],
	['an empty list of audiences', (op) => op.mint(user(op, { aud: [] })), 'token_audience'],
	['no exp', (op) => op.mint(without(user(op), 'exp')), 'token_claim'],
	['exp as text', (op) => op.mint(user(op, { exp: String(now() + 3600) })), 'token_claim'],
	['an end that has passed', (op) => op.mint(user(op, { exp: now() - 10 })), 'token_expired'],
	['a beginning that is ahead', (op) => op.mint(user(op, { nbf: now() + 60 })), 'token_early'],
	['a broken signature', (op) => op.mint(user(op), { breakSignature: true }), 'token_signature'],
	['the signature of another key', (op) => op.mint(user(op), { n: 7 }), 'token_signature'],
	['alg none', (op) => op.mint(user(op), { alg: 'none' }), 'token_malformed'],
	['HS256 with a guess', (op) => op.mint(user(op), { alg: 'HS256', secret: 'x' }), 'token_alg'],
	['jwk in its header', (op) => op.mint(user(op), { header: { jwk: { kty: 'RSA' } } }), 'token_header'],
	['jku in its header', (op) => op.mint(user(op), { header: { jku: 'http://127.0.0.1:1/keys' } }), 'token_header'],
	['crit in its header', (op) => op.mint(user(op), { header: { crit: ['exp'] } }), 'token_header'],
	['no user', (op) => op.mint(without(user(op), 'preferred_username')), 'token_username'],
	['a user with a line break', (op) => op.mint(user(op, { preferred_username: 'alice\r\nX-Admin: yes' })), 'token_username'],
	['a line break in a claim that becomes a header', (op) => op.mint(user(op, { email: 'a\r\nX-Admin: yes' })), 'token_claim'],
	['the type of a logout token', (op) => op.mint(user(op), { header: { typ: 'logout+jwt' } }), 'token_type'],
	['what a logout token has', (op) => op.mint(user(op, { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })), 'token_type'],
	['what an ID token has', (op) => op.mint(user(op, { nonce: 'n' })), 'token_type'],
	['a key that it is bound to', (op) => op.mint(user(op, { cnf: { jkt: 'x' } })), 'token_type'],
	['at+jwt and no jti', (op) => op.mint(user(op, { client_id: 'spa' }), { header: { typ: 'at+jwt' } }), 'token_claim'],
	['the shape of an opaque one', () => 'ya29.a0AfH6SMBxExample', 'token_malformed'],
	['the shape of an encrypted one', () => 'eyJhbGciOiJkaXIifQ..a.b.c', 'token_malformed'],
	['nothing but dots', () => '.'.repeat(5000), 'token_malformed'],
	['sixteen kilobytes', () => 'a'.repeat(16500), 'token_malformed'],
];
for (const [what, token, reason] of bad) {
	story(`a token with ${what}: 401 ${reason}, on an any route, too`, async () => {
		const a = await w();
		await refused(a, '/api/x', token(a.op), 401, reason);
		await refused(a, '/any/x', token(a.op), 401, reason);
	});
}

story('an ID token is no access token, and a session token of ours is one of a session alone', async () => {
	const a = await w();
	const browser = await a.signedIn();
	const idToken = a.op.issued.filter((t) => t?.split('.').length === 3).pop();
	await refused(a, '/api/x', idToken, 401, 'token_type');
	const cookie = browser.jar.get('workflow_session').value;
	await accepted(a, '/api/x', cookie, 'alice');
	await refused(a, '/api/scoped/x', cookie, 403, 'scope_missing');
	await refused(a, '/api/x', a.op.mint(user(a.op), { alg: 'HS256', secret: SECRET }), 401, 'token_alg');
});

for (const [what, headers, status, reason] of [
	['no Authorization at all', {}, 401, 'bearer_missing'],
	['Basic', { Authorization: 'Basic YTpi' }, 401, 'bearer_missing'],
	['a scheme that begins like it', { Authorization: 'Bearerx abc' }, 401, 'bearer_missing'],
	['the scheme alone', { Authorization: 'Bearer' }, 400, 'bearer_malformed'],
	['the scheme and a space', { Authorization: 'Bearer ' }, 400, 'bearer_malformed'],
	['two tokens', { Authorization: 'Bearer a b' }, 400, 'bearer_malformed'],
	['a comma', { Authorization: 'Bearer a,b' }, 400, 'bearer_malformed'],
	['a quote', { Authorization: 'Bearer "a"' }, 400, 'bearer_malformed'],
]) {
	story(`Authorization with ${what}: ${status} ${reason}`, async () => {
		const a = await w();
		await refused(a, '/api/x', undefined, status, reason, { headers });
	});
}

story('a token in the query is not taken, and beside another one refused', async () => {
	const a = await w();
	const token = a.op.mint(user(a.op));
	await refused(a, `/api/x?access_token=${token}`, undefined, 401, 'bearer_missing');
	await refused(a, `/api/x?access_token=${token}`, token, 400, 'bearer_malformed');
	const [answer] = await exchange(a.port, `GET /api/x HTTP/1.1\r\nHost: 127.0.0.1:${a.port}\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
	assert.equal(answer.status, 400);
	assert.ok(!a.proxy.stdout.includes(token) && !a.proxy.stderr.includes(token), 'no token in a log');
});

story('on an any route a good token counts, a bad one never falls back to the cookie, and without one the session does', async () => {
	const a = await w();
	const browser = await a.signedIn('carol');
	const cookie = browser.jar.header(new URL(a.url));
	await accepted(a, '/any/x', a.op.mint(user(a.op)), 'alice', { headers: { Cookie: cookie } });
	await refused(a, '/any/x', a.op.mint(user(a.op, { exp: now() - 10 })), 401, 'token_expired', { headers: { Cookie: cookie } });
	await refused(a, '/any/x', '', 400, 'bearer_malformed', { headers: { Cookie: cookie } });
	const session = await call(a, '/any/x', undefined, { headers: { Cookie: cookie } });
	assert.deepEqual(session.seen[0].all('x-forwarded-user'), ['carol']);
	assert.equal((await call(a, '/any/x', undefined)).status, 401);
	assert.equal((await new Browser().request(`${a.url}/any/x`, { headers: NAVIGATE })).status, 302, 'browsers sign in');
	// A foreign scheme is the application's, as on a session route; a cookie does not open a bearer route.
	const basic = await call(a, '/any/x', undefined, { headers: { Cookie: cookie, Authorization: 'Basic YTpi' } });
	assert.deepEqual(basic.seen[0].all('authorization'), ['Basic YTpi']);
	await refused(a, '/api/x', undefined, 401, 'bearer_missing', { headers: { Cookie: cookie } });
});

story('pass_authorization hands the token on, and a session route leaves a foreign one alone', async () => {
	const a = await w();
	const token = a.op.mint(user(a.op));
	const r = await call(a, '/api/passed/x', token);
	assert.deepEqual(r.seen[0].all('authorization'), [`Bearer ${token}`]);
	const browser = await a.signedIn();
	const s = await call(a, '/x', 'something', { headers: { Cookie: browser.jar.header(new URL(a.url)) } });
	assert.deepEqual(s.seen[0].all('authorization'), ['Bearer something']);
	assert.equal((await call(a, '/x', token)).status, 401, 'a token opens no session route');
});

story('a user\'s token needs all scopes; the answer names them, the log has what the token has', async () => {
	const a = await w();
	await accepted(a, '/api/scoped/x', a.op.mint(user(a.op, { scope: 'wf.write x wf.read' })), 'alice');
	await accepted(a, '/api/scoped/x', a.op.mint(without(user(a.op, { scp: ['wf.write', 'wf.read'] }), 'scope')), 'alice');
	await refused(a, '/api/scoped/x', a.op.mint(user(a.op)), 403, 'scope_missing', {
		challenge: /scope="wf\.read wf\.write"/, log: /demands the scopes wf\.read wf\.write; the token of application spa has openid, wf\.read/,
	});
	await refused(a, '/api/scoped/x', a.op.mint(user(a.op, { scope: 'wf.readwf.write' })), 403, 'scope_missing');
	await refused(a, '/api/scoped/x', a.op.mint(without(user(a.op), 'scope')), 403, 'scope_missing', { log: /has none/ });
	await refused(a, '/api/scoped/x', a.op.mint(user(a.op, { roles: ['wf.read', 'wf.write'] })), 403, 'scope_missing');
});

story('a program needs a role, and a client section that is registered and active; it acts as its user', async () => {
	const a = await w();
	await accepted(a, '/api/roles/x', a.op.mint(app(a.op, 'batch-id', { roles: ['Run'] })), 'svc-batch');
	await accepted(a, '/api/x', a.op.mint(app(a.op, 'batch-id', { roles: ['Run'] })), 'svc-batch');
	await refused(a, '/api/roles/x', a.op.mint(app(a.op, 'batch-id', { roles: ['Other'] })), 403, 'role_missing', {
		challenge: /error_description="[^"]*Run, Run All; the token has: Other", scope="Run"/, log: /demands one of the app roles Run, Run All; the token of application batch-id has Other/,
	});
	await refused(a, '/api/roles/x', a.op.mint(app(a.op, 'batch-id', { scope: 'Run' })), 403, 'role_missing', { log: /has none/ });
	await refused(a, '/api/roles/x', a.op.mint(app(a.op, 'batch-id', { roles: ['Run All'] })), 403, 'role_missing', { log: /client .*batch.* demands/ });
	await accepted(a, '/api/x', a.op.mint(app(a.op, 'reader-id', { scope: 'wf.read' })), 'svc-reader');
	await refused(a, '/api/x', a.op.mint(app(a.op, 'reader-id', { scope: 'wf.write' })), 403, 'scope_missing', { challenge: /scope="wf\.read"/ });
	await refused(a, '/api/x', a.op.mint(app(a.op, 'free-id', { roles: ['Run'] })), 403, 'role_missing', { log: /nothing lets a program in/ });
	await accepted(a, '/api/roles/x', a.op.mint(app(a.op, 'free-id', { roles: ['Run All'] })), 'svc-free');
	await refused(a, '/api/roles/x', a.op.mint(app(a.op, 'retired-id', { roles: ['Run'] })), 403, 'client_inactive');
	await refused(a, '/api/roles/x', a.op.mint(app(a.op, 'stranger', { roles: ['Run'] })), 403, 'client_unknown', { log: /stranger/ });
	// A user's token through a registered program stays the user's, with the user's demands.
	await accepted(a, '/api/x', a.op.mint(user(a.op, { azp: 'batch-id' })), 'alice');
	await refused(a, '/api/scoped/x', a.op.mint(user(a.op, { azp: 'batch-id', roles: ['Run'] })), 403, 'scope_missing');
});

story('claim rules and username rules hold for tokens as they do for sessions', async () => {
	const a = await w();
	await accepted(a, '/api/staff/x', a.op.mint(user(a.op)), 'alice');
	await refused(a, '/api/staff/x', a.op.mint(user(a.op, { groups: ['guests'] })), 403, 'claim_missing');
	await refused(a, '/api/staff/x', a.op.mint(without(user(a.op), 'groups')), 403, 'claim_missing');
	await accepted(a, '/api/named/x', a.op.mint(user(a.op, { preferred_username: 'bob@corp' })), 'CORP\\bob');
	await refused(a, '/api/named/x', a.op.mint(user(a.op)), 403, 'username_mismatch');
});

story('a second request with a token costs no signature, and is judged anew all the same', async () => {
	const a = await w();
	const count = async () => {
		const text = (await new Browser().request(`${a.proxy.admin}/metrics`)).text;
		return ['hits', 'misses'].map((n) => Number(new RegExp(`^workflow_proxy_token_cache_${n}_total (\\d+)`, 'm').exec(text)[1]));
	};
	const token = a.op.mint(user(a.op, { exp: now() + 2 }));
	const [, misses] = await count();
	// Each of the two workers meets it once.
	for (let i = 0; i < 20; i++) await accepted(a, '/api/x', token, 'alice');
	const [, after] = await count();
	assert.ok(after - misses >= 1 && after - misses <= 2, `${after - misses} verifications`);
	await refused(a, '/api/scoped/x', token, 403, 'scope_missing');
	await refused(a, '/api/staff/x', a.op.mint(user(a.op, { groups: [] })), 403, 'claim_missing');
	await sleep(4500);
	for (let i = 0; i < 4; i++) await refused(a, '/api/x', token, 401, 'token_expired');
	assert.equal((await count())[1] - after, 1, 'an end that has passed is no reason to verify again');
});

story('what one configuration verified another judges anew: audience, client, key', async () => {
	const a = await w();
	const token = a.op.mint(user(a.op));
	const batch = a.op.mint(app(a.op, 'batch-id', { roles: ['Run'] }));
	for (let i = 0; i < 4; i++) { await accepted(a, '/api/x', token, 'alice'); await accepted(a, '/api/x', batch, 'svc-batch'); }
	const text = a.proxy.text;
	const reload = async (to) => {
		const count = () => a.proxy.stderr.split('reloaded ').length;
		const before = count();
		a.proxy.write(to);
		a.proxy.signal('SIGHUP');
		await until('the reload', () => count() > before);
	};
	await reload(text.replace(`{"${API}", "api://second"}`, '"api://second"').replace('active = no', 'active = yes'));
	for (let i = 0; i < 4; i++) await refused(a, '/api/x', token, 401, 'token_audience');
	await reload(text.replace('username = "svc-batch"', 'username = "svc-other"'));
	for (let i = 0; i < 4; i++) await accepted(a, '/api/x', batch, 'svc-other');
	await reload(text.replace('username = "svc-batch"', 'username = "svc-batch" active = no'));
	for (let i = 0; i < 4; i++) await refused(a, '/api/x', batch, 403, 'client_inactive');
	await reload(text);
	for (let i = 0; i < 4; i++) await accepted(a, '/api/x', token, 'alice');
});

story('preflights of the origins named are answered, without a token and never with credentials', async () => {
	const a = await w();
	const ask = (origin, more = {}, path = '/api/x') => call(a, path, undefined, {
		method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type', 'Sec-Fetch-Site': 'cross-site', ...more },
	});
	const r = await ask('https://spa.example.com');
	assert.equal(r.status, 204, r.text);
	assert.equal(r.headers['access-control-allow-origin'], 'https://spa.example.com');
	assert.equal(r.headers['access-control-allow-methods'], 'POST');
	assert.equal(r.headers['access-control-allow-headers'], 'authorization,content-type');
	assert.equal(r.headers['access-control-allow-credentials'], undefined);
	assert.match(r.headers.vary, /Origin/);
	assert.equal(r.headers['content-length'], undefined);
	assert.equal(r.seen.length, 0);
	for (const origin of ['https://spa.example.com.evil.example', 'http://spa.example.com', 'https://spa.example.com:444', 'https://SPA.example.com', 'null', '*', 'https://spa.example.com/']) {
		const no = await ask(origin);
		assert.equal(no.status, 403, origin);
		assert.equal(no.headers['access-control-allow-origin'], undefined);
		assert.equal((await a.proxy.lastAccess((x) => x.request_id === JSON.parse(no.text).request_id)).reason, 'cors_origin');
	}
	assert.equal((await ask('https://spa.example.com', { 'Access-Control-Request-Headers': 'a,b c' })).status, 400);
	assert.equal((await ask('https://spa.example.com', {}, '/api/roles/x')).status, 401, 'a route without cors_origins');
	// OPTIONS that is no preflight is a request like any other.
	assert.equal((await call(a, '/api/x', undefined, { method: 'OPTIONS', headers: { Origin: 'https://spa.example.com' } })).status, 401);
	await accepted(a, '/api/x', a.op.mint(user(a.op)), 'alice', { method: 'OPTIONS' });
});

story('answers on a route with cors_origins say who may read them: ours and the application\'s', async () => {
	const a = await w();
	a.backend.on('/api/cors', (q, s) => s.write('HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nVary: Accept\r\nContent-Length: 2\r\n\r\nok'));
	const token = a.op.mint(user(a.op));
	const good = await call(a, '/api/cors', token, { headers: { Origin: 'https://spa.example.com' } });
	assert.equal(good.status, 200);
	assert.equal(good.headers['access-control-allow-origin'], 'https://spa.example.com');
	assert.equal(good.headers['access-control-allow-credentials'], undefined);
	assert.match(good.headers.vary, /Accept.*Origin|Origin.*Accept/);
	const other = await call(a, '/api/cors', token, { headers: { Origin: 'https://evil.example' } });
	assert.equal(other.headers['access-control-allow-origin'], undefined);
	const none = await call(a, '/api/x', undefined, { headers: { Origin: 'https://spa.example.com' } });
	assert.equal(none.status, 401);
	assert.equal(none.headers['access-control-allow-origin'], 'https://spa.example.com');
	assert.match(none.headers['access-control-expose-headers'], /WWW-Authenticate/);
});

story('a request with a token, of another site, is no forged one: no cookie is asked for', async () => {
	const a = await w();
	await accepted(a, '/any/x', a.op.mint(user(a.op)), 'alice', { method: 'POST', headers: { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' } });
});

// --- the vendors ---

const TID = 'aaaa1111-bbbb-4ccc-8ddd-eeee22223333';
const V1 = `https://sts.windows.net/${TID}/`;
const V2 = `https://login.microsoftonline.com/${TID}/v2.0`;
const DAEMON = 'dae00000-1234-4567-89ab-cdef01234567';
const XS = 'https://acme.authentication.eu10.hana.ondemand.com/oauth/token';
const vendors = [
	{
		kind: 'azure-v1', what: 'Entra v1, an audience that ends in a slash', issuer: V1, audience: 'https://api.k2.com/',
		route: 'scopes = {"user_impersonation"} app_roles = {"wfgen-full"}', client: DAEMON,
		user: { aud: 'https://api.k2.com/', iss: V1, appid: '0c0ffee0', appidacr: '1', oid: '05e2', roles: ['Approver'], scp: 'default user_impersonation', sub: 'pAirWise', unique_name: 'jane.doe@example.com', upn: 'jane.doe@example.com', ver: '1.0' },
		app: { aud: 'https://api.k2.com/', iss: V1, appid: DAEMON, idtyp: 'app', oid: '5e50', roles: ['wfgen-full'], sub: '5e50', ver: '1.0' },
		name: 'jane.doe@example.com', wrong: { aud: 'https://api.k2.com' },
	},
	{
		kind: 'ms-identity-v2', what: 'Entra v2', issuer: V2, audience: 'a9100000-7777-4888-9999-aaaabbbbcccc',
		route: 'scopes = {"wfgen-graphql-full-access"} app_roles = {"wfgen-full"}', client: DAEMON,
		user: { aud: 'a9100000-7777-4888-9999-aaaabbbbcccc', iss: V2, azp: '0c0ffee0', azpacr: '1', oid: '05e2', preferred_username: 'jane.doe@example.com', scp: 'wfgen-graphql-full-access', sub: 'pAirWise', ver: '2.0' },
		app: { aud: 'a9100000-7777-4888-9999-aaaabbbbcccc', iss: V2, azp: DAEMON, azpacr: '2', oid: '5e50', roles: ['wfgen-full'], sub: '5e50', ver: '2.0' },
		name: 'jane.doe@example.com', wrong: { iss: V2.replace('aaaa', 'bbbb') },
	},
	{
		kind: 'ms-identity-v2', what: 'Entra v2 whose API wants tokens of version 1', issuer: V2, audience: API,
		route: 'scopes = {"default"} app_roles = {"wfgen-full"}', client: DAEMON,
		user: { aud: API, iss: V1, appid: '0c0ffee0', oid: '05e2', scp: 'default', sub: 'pAirWise', upn: 'jane.doe@example.com', ver: '1.0' },
		app: { aud: API, iss: V1, appid: DAEMON, oid: '5e50', roles: ['wfgen-full'], sub: '5e50', ver: '1.0' },
		name: 'jane.doe@example.com', wrong: { iss: V1.replace('aaaa', 'bbbb') },
	},
	{
		kind: 'adfs', what: 'AD FS, whose access tokens have an issuer of their own', issuer: 'https://fs.example.com/adfs', audience: API,
		metadata: { access_token_issuer: 'http://fs.example.com/adfs/services/trust' },
		route: 'scopes = {"user_impersonation"}', client: DAEMON, clientMore: 'app_roles = {"Domain Daemons"}',
		user: { aud: API, iss: 'http://fs.example.com/adfs/services/trust', upn: 'jane.doe@corp.example.com', group: ['WF_Users'], apptype: 'Confidential', appid: '0c0ffee0', auth_time: '2025-12-31T23:59:50.000Z', ver: '1.0', scp: 'openid user_impersonation' },
		app: { aud: API, iss: 'http://fs.example.com/adfs/services/trust', apptype: 'Confidential', appid: DAEMON, role: 'Domain Daemons', ver: '1.0' },
		name: 'jane.doe@corp.example.com', wrong: { iss: 'https://fs.example.com/adfs' },
	},
	{
		kind: 'okta', what: 'Okta, whose scopes are an array', issuer: 'https://example.okta.com/oauth2/default', audience: 'api://my-apis', header: { typ: undefined },
		route: 'scopes = {"workflow.read"} app_roles = {"workflow.read"}', client: '0oa9daemon',
		user: { ver: 1, jti: 'AT.a', iss: 'https://example.okta.com/oauth2/default', aud: 'api://my-apis', cid: '0oa1', uid: '00u1', scp: ['openid', 'workflow.read'], sub: 'jane.doe@example.com' },
		app: { ver: 1, jti: 'AT.z', iss: 'https://example.okta.com/oauth2/default', aud: 'api://my-apis', cid: '0oa9daemon', scp: ['workflow.read'], sub: '0oa9daemon' },
		name: 'jane.doe@example.com', wrong: { iss: 'https://example.okta.com' },
	},
	{
		kind: 'auth0', what: 'Auth0', issuer: 'https://example.eu.auth0.com/', audience: API,
		route: 'scopes = {"workflow:read"} app_roles = {"workflow:read"}', client: 'dAemOn',
		user: { iss: 'https://example.eu.auth0.com/', sub: 'auth0|64f0', aud: [API, 'https://example.eu.auth0.com/userinfo'], azp: 'aUth0', scope: 'openid workflow:read', permissions: ['workflow:read'] },
		app: { iss: 'https://example.eu.auth0.com/', sub: 'dAemOn@clients', aud: API, azp: 'dAemOn', scope: 'workflow:read', gty: 'client-credentials' },
		name: 'auth0|64f0', wrong: { iss: 'https://example.eu.auth0.com' },
	},
	{
		kind: 'keycloak', what: 'Keycloak with nested roles', issuer: 'https://sso.example.com/realms/acme', audience: 'workflow-api',
		provider: 'roles_claim = "resource_access.workflow-api.roles"',
		route: 'scopes = {"email"} app_roles = {"wf-full"} claims = {"realm_access.roles~default-roles-acme"}', client: 'wf-daemon',
		user: { iss: 'https://sso.example.com/realms/acme', aud: ['workflow-api', 'account'], sub: '05e2', typ: 'Bearer', azp: 'workflow-proxy', realm_access: { roles: ['default-roles-acme'] }, scope: 'openid email', preferred_username: 'jane.doe' },
		app: { iss: 'https://sso.example.com/realms/acme', aud: ['workflow-api', 'account'], sub: '5e50', typ: 'Bearer', azp: 'wf-daemon', realm_access: { roles: ['default-roles-acme'] }, resource_access: { 'workflow-api': { roles: ['wf-full'] } }, scope: 'email', clientHost: '192.0.2.20', preferred_username: 'service-account-wf-daemon', clientAddress: '192.0.2.20', client_id: 'wf-daemon' },
		name: 'jane.doe', wrong: { typ: 'ID' },
	},
	{
		kind: 'sap-xsuaa', what: 'SAP XSUAA, which names its keys in every token', issuer: XS, audience: 'wfapp!t4711', jku: true,
		route: 'scopes = {"wfapp!t4711.Display"} app_roles = {"wfapp!t4711.WORKFLOW_INSTANCE_START"}', client: 'sb-daemon!t4711',
		user: { iss: XS, sub: '05e2', aud: ['wfapp!t4711', 'openid'], scope: ['wfapp!t4711.Display', 'openid'], client_id: 'sb-p!t4711', cid: 'sb-p!t4711', azp: 'sb-p!t4711', grant_type: 'authorization_code', user_id: '05e2', user_name: 'jane.doe@example.com' },
		app: { iss: XS, sub: 'sb-daemon!t4711', aud: ['wfapp!t4711', 'uaa'], authorities: ['wfapp!t4711.WORKFLOW_INSTANCE_START'], scope: ['wfapp!t4711.WORKFLOW_INSTANCE_START'], client_id: 'sb-daemon!t4711', cid: 'sb-daemon!t4711', azp: 'sb-daemon!t4711', grant_type: 'client_credentials' },
		name: 'jane.doe@example.com', wrong: { iss: 'http://acme.localhost:8080/uaa/oauth/token' },
	},
];
for (const v of vendors) {
	story(`${v.what}: a user and a program get in, each with what the route wants of them`, async () => {
		const op = await FaultOp.start();
		op.fault = { metadata: { issuer: v.issuer, ...v.metadata } };
		const a = await world({
			op, provider: `kind = "${v.kind}" audience = "${v.audience}" ${v.provider ?? ''}`,
			routes: `route "/" { upstream = "app" } route "/api" { upstream = "app" auth = bearer ${v.route} }
				client "daemon" { client_id = "${v.client}" username = "svc-daemon" ${v.clientMore ?? ''} }`,
		});
		try {
			const header = { ...v.header, ...(v.jku ? { jku: `${op.url}/jwks` } : {}) };
			const mint = (claims) => op.mint({ ...claims, ...times() }, { header });
			await accepted(a, '/api/x', mint(v.user), v.name);
			await accepted(a, '/api/x', mint(v.app), 'svc-daemon');
			const scopes = ['scp', 'scope'].find((n) => n in v.user);
			await refused(a, '/api/x', mint({ ...v.user, [scopes]: Array.isArray(v.user[scopes]) ? ['nothing'] : 'nothing' }), 403, 'scope_missing');
			await refused(a, '/api/x', mint(without(v.app, 'roles', 'role', 'permissions', 'authorities', 'resource_access', 'scope', 'scp')), 403, 'role_missing');
			const wrong = await call(a, '/api/x', mint({ ...v.user, ...v.wrong }));
			assert.equal(wrong.status, 401, wrong.text);
			// Never the one for the other: a program's role is nothing to a user.
			const mixed = await call(a, '/api/x', mint({ ...v.app, ...v.user, [scopes]: [], roles: v.app.roles, authorities: v.app.authorities }));
			assert.ok([401, 403].includes(mixed.status), String(mixed.status));
		} finally {
			await a.stop();
		}
	});
}

story('provider down: a token known to its worker is not served past what its keys are good for, and new proxies say 503', async () => {
	const op = await FaultOp.start();
	const token = op.mint(user(op));
	await op.stop();
	const a = await world({ op, waitReady: false, provider: `audience = "${API}" timeout = "1s"`, routes: 'route "/api" { upstream = "app" auth = bearer }' });
	try {
		const r = await call(a, '/api/x', token);
		assert.equal(r.status, 503, r.text);
		assert.match(JSON.parse(r.text).error, /^provider_/);
		assert.ok(r.headers['retry-after']);
		await op.up();
		const end = Date.now() + 30000;
		let status;
		do {
			status = (await call(a, '/api/x', token)).status;
			if (status !== 200) await sleep(500);
		} while (status !== 200 && Date.now() < end);
		assert.equal(status, 200, 'it recovers by itself');
	} finally {
		await a.stop();
	}
});

closing(w);
