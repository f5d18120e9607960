// POST token: an app trades a user's access token for a session token of ours, which is then good as a bearer and as a
// cookie, with the scopes that the access token had.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { until } from './lib/ports.mjs';
import { SECRET } from './lib/proxy.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const API = 'https://app.example.com/graphql';
const now = () => Math.floor(Date.now() / 1000);
const payload = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const user = (op, more = {}) => ({
	iss: op.url, aud: API, sub: 'sub-alice', azp: 'phone', scope: 'openid wf.read', preferred_username: 'alice',
	groups: ['staff', 'a,b'], sid: 'op-session', iat: now() - 5, exp: now() + 600, ...more,
});
const without = (claims, ...names) => Object.fromEntries(Object.entries(claims).filter(([n]) => !names.includes(n)));

const routes = `route "/" { upstream = "app" claim_headers = {"X-Groups=groups"} }
	route "/staff" { upstream = "app" claims = {"groups~staff"} }
	route "/board" { upstream = "app" claims = {"groups~board"} }
	route "/open" { upstream = "app" auth = none }
	route "/passed" { upstream = "app" pass_authorization = yes }
	route "/any" { upstream = "app" auth = any }
	route "/any/write" { upstream = "app" auth = any scopes = {"wf.write"} }
	route "/api" { upstream = "app" auth = bearer }
	route "/api/read" { upstream = "app" auth = bearer scopes = {"wf.read"} }
	route "/api/write" { upstream = "app" auth = bearer scopes = {"wf.read", "wf.write"} }`;
const w = shared({ provider: `audience = "${API}"`, session: 'mobile_clients = {"tablet", "phone"} mobile_timeout = "1h" timeout = "5m"', routes });

async function call(a, path, o = {}) {
	const n = a.backend.requests.length;
	const headers = { ...FETCH, ...(o.token === undefined ? {} : { Authorization: `Bearer ${o.token}` }), ...o.headers };
	const answer = await new Browser().request(`${a.url}${path}`, { method: o.method ?? 'GET', headers, body: o.body });
	return { status: answer.status, headers: answer.headers, text: answer.text, seen: a.backend.requests.slice(n) };
}
const trade = (a, token, o = {}) => call(a, '/auth/token', { method: 'POST', token, ...o });
async function traded(a, claims = {}) {
	const r = await trade(a, a.op.mint(user(a.op, claims)));
	assert.equal(r.status, 200, r.text);
	return JSON.parse(r.text).access_token;
}
async function accepted(a, path, o) {
	const r = await call(a, path, o);
	assert.equal(r.status, 200, `${path}: ${r.status} ${r.text} ${a.proxy.stderr.slice(-500)}`);
	assert.deepEqual(r.seen[0].all('x-forwarded-user'), ['alice']);
	return r;
}
// RFC 6750 3.1
async function refused(a, r, status, reason) {
	assert.equal(r.status, status, `${r.status} ${r.text}`);
	assert.equal(r.seen.length, 0);
	assert.equal(JSON.parse(r.text).error, reason);
	assert.match(r.headers['cache-control'], /no-store/);
	const error = { 400: 'invalid_request', 401: 'invalid_token', 403: 'insufficient_scope' }[status];
	const challenge = r.headers['www-authenticate'];
	assert.match(challenge, /^Bearer realm="http:\/\/127\.0\.0\.1:\d+"/);
	if (reason === 'bearer_missing') assert.ok(!/error/.test(challenge), challenge);
	else assert.match(challenge, new RegExp(`, error="${error}", error_description="[^"]+"`));
	return challenge;
}

story('an app trades a user\'s access token for a session token', async () => {
	const a = await w();
	const token = a.op.mint(user(a.op));
	const r = await trade(a, token);
	assert.equal(r.status, 200, r.text);
	assert.match(r.headers['content-type'], /^application\/json/);
	assert.match(r.headers['cache-control'], /no-store/);
	assert.equal(r.headers['set-cookie'], undefined);
	const answer = JSON.parse(r.text);
	assert.deepEqual(Object.keys(answer).sort(), ['access_token', 'expires_in', 'token_type']);
	assert.equal(answer.token_type, 'Bearer');
	assert.equal(answer.expires_in, 3600);
	const claims = payload(answer.access_token);
	assert.deepEqual(
		{ iss: claims.iss, aud: claims.aud, sub: claims.sub, username: claims.username, idp: claims.idp, op_sid: claims.op_sid, scope: claims.scope, client_id: claims.client_id, groups: claims.groups },
		{ iss: a.url, aud: 'rp', sub: 'sub-alice', username: 'alice', idp: 'main', op_sid: 'op-session', scope: 'openid wf.read', client_id: 'phone', groups: ['staff', 'a,b'] },
	);
	assert.equal(claims.exp - claims.iat, 3600);
	// A backend in any language verifies it with the secret's bytes.
	const [h, p, s] = answer.access_token.split('.');
	assert.equal(createHmac('sha256', SECRET).update(`${h}.${p}`).digest('base64url'), s);
	assert.notEqual(payload(JSON.parse((await trade(a, token)).text).access_token).sid, claims.sid, 'a sid of its own each time');
	assert.equal((await a.proxy.lastAccess((x) => x.path === '/auth/token')).user, 'alice');
	for (const text of [a.proxy.stdout, a.proxy.stderr]) assert.ok(!text.includes(token) && !text.includes(answer.access_token), 'no token in a log');
});

story('the session token opens session, any and bearer routes, as a bearer and as a cookie', async () => {
	const a = await w();
	const token = await traded(a);
	const cookie = { Cookie: `workflow_session=${token}` };
	for (const path of ['/x', '/staff/x', '/any/x', '/api/x', '/api/read/x']) {
		const r = await accepted(a, path, { token });
		assert.deepEqual(r.seen[0].all('authorization'), [], `${path}: the token is not passed on`);
		await accepted(a, path, { headers: cookie });
	}
	assert.deepEqual((await accepted(a, '/x', { token })).seen[0].all('x-groups'), ['staff,a%2Cb']);
	assert.deepEqual((await accepted(a, '/passed/x', { token })).seen[0].all('authorization'), [`Bearer ${token}`]);
	assert.deepEqual((await call(a, '/open/x', { token })).seen[0].all('authorization'), [], 'nor where nobody asked for one');
	assert.deepEqual((await call(a, '/open/x', { token: 'foreign' })).seen[0].all('authorization'), ['Bearer foreign']);
	const me = await call(a, '/auth/session', { headers: cookie });
	assert.equal(JSON.parse(me.text).username, 'alice');
	const carol = (await a.signedIn('carol')).jar.header(new URL(a.url));
	assert.equal(JSON.parse((await call(a, '/auth/session', { token, headers: { Cookie: carol } })).text).username, 'alice', 'the bearer counts');
	assert.equal(JSON.parse((await call(a, '/auth/session', { token: 'foreign', headers: { Cookie: carol } })).text).username, 'carol');
	assert.equal((await call(a, '/auth/session', { token: `${token.slice(0, -3)}AAA`, headers: { Cookie: carol } })).status, 401);
});

story('it keeps the scopes of the token that it was traded for', async () => {
	const a = await w();
	const token = await traded(a);
	for (const o of [{ token }, { headers: { Cookie: `workflow_session=${token}` } }]) {
		for (const path of ['/api/write/x', '/any/write/x']) {
			const r = await call(a, path, o);
			assert.equal(r.status, 403, `${path} ${r.text}`);
			assert.equal(JSON.parse(r.text).error, 'scope_missing');
			if (o.token) assert.match(await refused(a, r, 403, 'scope_missing'), path === '/any/write/x' ? /scope="wf\.write"/ : /scope="wf\.read wf\.write"/);
		}
	}
	const more = await traded(a, { scope: ['wf.write', 'wf.read', 'wf.admin x'] });
	assert.equal(payload(more).scope, 'wf.write wf.read', 'what is no scope does not become two');
	await accepted(a, '/api/write/x', { token: more });
	await accepted(a, '/any/write/x', { headers: { Cookie: `workflow_session=${more}` } });
	assert.equal(payload(await traded(a, { scope: undefined })).scope, undefined);
});

story('claim rules hold for it, and its refusals are those of a bearer', async () => {
	const a = await w();
	const token = await traded(a);
	await refused(a, await call(a, '/board/x', { token, headers: NAVIGATE }), 403, 'claim_missing');
	const wrong = `${token.slice(0, -2)}${token.at(-2) === 'A' ? 'B' : 'A'}${token.at(-1)}`;
	for (const path of ['/x', '/any/x', '/api/x']) await refused(a, await call(a, path, { token: wrong }), 401, 'session_invalid');
	const browser = await a.signedIn('carol');
	const cookie = browser.jar.header(new URL(a.url));
	for (const path of ['/x', '/any/x']) {
		await refused(a, await call(a, path, { token: wrong, headers: { Cookie: cookie } }), 401, 'session_invalid');
		assert.deepEqual((await accepted(a, path, { token, headers: { Cookie: cookie } })).seen[0].all('x-forwarded-user'), ['alice'], 'the bearer counts, not the cookie');
	}
	// A foreign token on a session route is the application's, as ever.
	const foreign = await call(a, '/x', { token: 'foreign', headers: { Cookie: cookie } });
	assert.deepEqual(foreign.seen[0].all('authorization'), ['Bearer foreign']);
	assert.deepEqual(foreign.seen[0].all('x-forwarded-user'), ['carol']);
});

story('no site can make a browser send a bearer, so its origin does not matter; a cookie\'s does', async () => {
	const a = await w();
	const token = await traded(a);
	const headers = { Origin: 'https://elsewhere.example', 'Sec-Fetch-Site': 'cross-site' };
	for (const path of ['/x', '/any/x', '/api/x']) {
		await accepted(a, path, { token, method: 'POST', body: 'x', headers });
		const r = await call(a, path, { method: 'POST', body: 'x', headers: { ...headers, Cookie: `workflow_session=${token}` } });
		assert.equal(r.status, 403);
		assert.equal(JSON.parse(r.text).error, 'cross_origin');
	}
});

story('a browser\'s session token as a bearer: it has no scopes; as a cookie it opens no bearer route', async () => {
	const a = await w();
	const browser = await a.signedIn('alice');
	const token = browser.jar.get('workflow_session').value;
	await accepted(a, '/x', { token });
	await accepted(a, '/any/x', { token });
	await accepted(a, '/api/x', { token });
	await refused(a, await call(a, '/api/read/x', { token }), 403, 'scope_missing');
	await refused(a, await call(a, '/any/write/x', { token }), 403, 'scope_missing');
	await accepted(a, '/any/write/x', { headers: { Cookie: `workflow_session=${token}` } });
	await refused(a, await call(a, '/api/x', { headers: { Cookie: `workflow_session=${token}` } }), 401, 'bearer_missing');
});

story('what ended a user\'s sessions ends those that an older access token could bring', async () => {
	const a = await w();
	const bob = (more) => a.op.mint(user(a.op, { sub: 'sub-bob', preferred_username: 'bob', sid: 'op-bob', ...more }));
	const old = bob({ iat: now() - 120 });
	const session = JSON.parse((await trade(a, old)).text).access_token;
	const said = await new Browser().request(`${a.proxy.admin}/sessions/revoke`, {
		method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ username: 'bob' }),
	});
	assert.equal(said.status, 200, said.text);
	await refused(a, await call(a, '/x', { token: session }), 401, 'session_revoked');
	await refused(a, await trade(a, old), 401, 'session_revoked');
	await refused(a, await trade(a, bob({ iat: undefined })), 401, 'session_revoked');
	const r = await trade(a, bob({ iat: now() }));
	assert.equal(r.status, 200, r.text);
	assert.equal((await call(a, '/x', { token: JSON.parse(r.text).access_token })).status, 200);
});

story('a session token cannot be traded again', async () => {
	const a = await w();
	await refused(a, await trade(a, await traded(a)), 401, 'token_type');
	const browser = await a.signedIn('alice');
	await refused(a, await trade(a, browser.jar.get('workflow_session').value), 401, 'token_type');
	const r = await call(a, '/auth/token', { method: 'POST', headers: { Cookie: browser.jar.header(new URL(a.url)) } });
	await refused(a, r, 401, 'bearer_missing');
});

for (const [what, claims, status, reason] of [
	['of an application that is not listed', (u) => ({ ...u, azp: 'stranger' }), 403, 'mobile_client'],
	['that names no application', (u) => without(u, 'azp'), 403, 'mobile_client'],
	['of a listed application for itself', (u) => ({ ...without(u, 'preferred_username'), sub: 'phone' }), 403, 'mobile_user'],
	['without a subject', (u) => without(u, 'sub'), 401, 'token_claim'],
	['without a name for its user', (u) => without(u, 'preferred_username'), 401, 'token_username'],
	['that has run out', (u) => ({ ...u, exp: now() - 100 }), 401, 'token_expired'],
	['for another API', (u) => ({ ...u, aud: 'https://graph.microsoft.com' }), 401, 'token_audience'],
	['of another issuer', (u) => ({ ...u, iss: 'https://elsewhere.example' }), 401, 'token_issuer'],
	['that is an ID token', (u) => ({ ...u, nonce: 'n' }), 401, 'token_type'],
	['with a line break in a claim that becomes a header', (u) => ({ ...u, groups: ['a\r\nX-Admin: 1'] }), 401, 'token_claim'],
]) {
	story(`POST token with a token ${what}: ${status} ${reason}`, async () => {
		const a = await w();
		const r = await trade(a, a.op.mint(claims(user(a.op))));
		await refused(a, r, status, reason);
	});
}

story('POST token: what is no bearer, in the query, with another method, or of a program', async () => {
	const a = await w();
	const token = a.op.mint(user(a.op));
	await refused(a, await trade(a, undefined), 401, 'bearer_missing');
	await refused(a, await trade(a, undefined, { headers: { Authorization: 'Basic YTpi' } }), 401, 'bearer_missing');
	await refused(a, await trade(a, undefined, { headers: { Authorization: 'Bearer a b' } }), 400, 'bearer_malformed');
	await refused(a, await call(a, `/auth/token?access_token=${token}`, { method: 'POST' }), 401, 'bearer_missing');
	await refused(a, await call(a, `/auth/token?access_token=${token}`, { method: 'POST', token }), 400, 'bearer_malformed');
	await refused(a, await trade(a, 'ya29.opaque'), 401, 'token_malformed');
	await refused(a, await trade(a, a.op.mint(user(a.op), { breakSignature: true })), 401, 'token_signature');
	for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
		const r = await call(a, '/auth/token', { method, token });
		assert.equal(r.status, 405);
		assert.equal(r.headers.allow, 'POST');
	}
	assert.equal((await trade(a, token, { body: 'grant_type=whatever', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })).status, 200, 'a body does no harm');
});

story('a session token ends: with the sign-out of its holder, with mobile_timeout, and when the app leaves the list', async () => {
	// One worker: of several each comes to a reload in its own time.
	const b = await world({ workers: 1, provider: `audience = "${API}"`, session: 'mobile_clients = {"phone"} mobile_timeout = "2s"', routes });
	try {
		const token = await traded(b);
		await accepted(b, '/x', { token });
		await until('its end', async () => (await call(b, '/x', { token })).status === 401, 8000);
		await refused(b, await call(b, '/x', { token }), 401, 'session_expired');
		b.proxy.write(b.proxy.text.replace('"2s"', '"1h"'));
		b.proxy.signal('SIGHUP');
		await until('the longer life', async () => JSON.parse((await trade(b, b.op.mint(user(b.op)))).text).expires_in === 3600);
		const [one, other] = [await traded(b), await traded(b)];
		await call(b, '/auth/logout', { method: 'POST', headers: { Cookie: `workflow_session=${one}`, 'Sec-Fetch-Site': 'same-origin' } });
		await refused(b, await call(b, '/x', { token: one }), 401, 'session_revoked');
		await accepted(b, '/x', { token: other });
		const third = await traded(b);
		const out = await call(b, '/auth/logout', { method: 'POST', token: third, headers: { Cookie: `workflow_session=${other}` } });
		assert.equal(out.status, 303, out.text);
		await refused(b, await call(b, '/x', { token: third }), 401, 'session_revoked');
		await accepted(b, '/x', { token: other });
		b.proxy.write(b.proxy.text.replace('{"phone"}', '{"tablet"}'));
		b.proxy.signal('SIGHUP');
		await until('the list', async () => (await call(b, '/x', { token: other })).status === 401);
		await refused(b, await call(b, '/x', { token: other }), 401, 'session_revoked');
		await refused(b, await trade(b, b.op.mint(user(b.op))), 403, 'mobile_client');
	} finally {
		await b.stop();
	}
});

story('an opaque access token is asked about, every time that it is traded', async () => {
	const op = await FaultOp.start();
	op.fault = { introspect: (t) => (t === 'opaque-of-alice' ? user(op, { active: true }) : { active: false }) };
	const b = await world({
		op, session: 'mobile_clients = "phone"', routes,
		provider: `audience = "${API}" decode_access_token = no introspection_endpoint = "${op.url}/introspect"`,
	});
	try {
		await accepted(b, '/api/x', { token: 'opaque-of-alice' });
		for (let i = 1; i < 3; i++) {
			const token = await trade(b, 'opaque-of-alice');
			assert.equal(token.status, 200, token.text);
			await accepted(b, '/api/read/x', { token: JSON.parse(token.text).access_token });
			assert.equal(op.introspections.length, 1 + i);
		}
		await refused(b, await trade(b, 'opaque-of-nobody'), 401, 'token_inactive');
	} finally {
		await b.stop();
	}
});

story('without mobile_clients there is no such endpoint', async () => {
	const b = await world({ provider: `audience = "${API}"`, routes });
	try {
		assert.equal((await trade(b, b.op.mint(user(b.op)))).status, 404);
	} finally {
		await b.stop();
	}
});

story('POST token counts as a sign-in: 429 with Retry-After beyond logins_per_minute', async () => {
	const b = await world({ provider: `audience = "${API}"`, session: 'mobile_clients = "phone"', routes, limits: 'logins_per_minute = 3' });
	try {
		const token = b.op.mint(user(b.op));
		for (let i = 0; i < 3; i++) assert.equal((await trade(b, token)).status, 200);
		const r = await trade(b, token);
		assert.equal(r.status, 429);
		assert.ok(Number(r.headers['retry-after']) > 0);
		assert.equal(JSON.parse(r.text).error, 'rate_limited');
	} finally {
		await b.stop();
	}
});

closing(w);
