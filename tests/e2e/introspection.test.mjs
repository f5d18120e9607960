// Opaque access tokens: what the provider says of them, how often it is asked, and what becomes of answers that lie.
import assert from 'node:assert/strict';
import { Browser, FETCH } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { CLIENT_SECRET } from './lib/op.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { runAside } from './lib/proxy.mjs';
import { closing, shared, story } from './lib/world.mjs';

const API = 'https://app.example.com/graphql';
const BATCH_SECRET = 'secret-of-the-program-0123456789abcdef';
const now = () => Math.floor(Date.now() / 1000);

async function call(a, path, token) {
	const n = a.backend.requests.length;
	const answer = await new Browser().request(`${a.url}${path}`, { headers: { ...FETCH, Authorization: `Bearer ${token}` } });
	return { status: answer.status, headers: answer.headers, text: answer.text, seen: a.backend.requests.slice(n) };
}

async function accepted(a, path, token, user) {
	const r = await call(a, path, token);
	assert.equal(r.status, 200, `${r.status} ${r.text} ${a.proxy.stderr.slice(-600)}`);
	assert.deepEqual(r.seen.at(-1).all('x-forwarded-user'), [user]);
	assert.deepEqual(r.seen.at(-1).all('authorization'), []);
	return r;
}

async function refused(a, path, token, status, reason) {
	const r = await call(a, path, token);
	assert.equal(r.status, status, `${r.status} ${r.text}`);
	assert.equal(JSON.parse(r.text).error, reason, r.text);
	assert.equal(r.seen.length, 0);
	assert.equal((await a.proxy.lastAccess((x) => x.request_id === JSON.parse(r.text).request_id)).reason, reason);
	if (status === 503) assert.ok(Number(r.headers['retry-after']) > 0);
	else assert.match(r.headers['www-authenticate'], /error="invalid_token"/);
	assert.ok(!a.proxy.stderr.includes(token) && !a.proxy.stdout.includes(token), 'the token is logged');
	return r;
}

// --- a certified provider with opaque tokens ---

const real = shared(async () => {
	const port = await freePort();
	return {
		real: true, workers: 1,
		opSettings: {
			port, resource: API,
			moreClients: [{
				client_id: 'batch', client_secret: BATCH_SECRET, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
			}],
		},
		provider: `audience = "${API}" decode_access_token = no introspection_endpoint = "http://127.0.0.1:${port}/token/introspection"
			access_token_username_claim = "sub" app_only = "client_id=batch" timeout = "3s" additional_scopes = "read" metadata_refresh = "1d"`,
		routes: `route "/" { upstream = "app" access_token_header = "X-Access-Token" }
			route "/api" { upstream = "app" auth = bearer scopes = {"read"} }
			route "/any" { upstream = "app" auth = any }
			route "/program" { upstream = "app" auth = bearer }
			client "batch" { client_id = "batch" username = "svc-batch" scopes = {"write"} }`,
	};
});
// A user's token: our own sign-in's, which the backend is told.
const usersToken = async (a, user) => {
	await a.signedIn(user);
	return a.backend.requests.at(-1).all('x-access-token')[0];
};
const post = (a, path, fields, client = `rp:${CLIENT_SECRET}`) => new Browser().request(`${a.op.url}${path}`, {
	form: fields, headers: { Authorization: `Basic ${Buffer.from(client).toString('base64')}` },
});

let revoked; // a token that is taken back while the proxy still trusts it
story('a user\'s opaque token opens a bearer route, and an unknown one does not', async () => {
	const a = await real();
	const token = await usersToken(a, 'alice');
	assert.ok(token && !token.includes('.'), token);
	await accepted(a, '/api/x', token, 'alice');
	await accepted(a, '/any/x', token, 'alice');
	await refused(a, '/api/x', `${token}x`, 401, 'token_inactive');
	await refused(a, '/api/x', 'nobody-knows-this-one', 401, 'token_inactive');
	await refused(a, '/any/x', 'nobody-knows-that-one', 401, 'token_inactive');
});

story('a token that is revoked is let in for a moment', async () => {
	const a = await real();
	const token = await usersToken(a, 'bob');
	await accepted(a, '/api/x', token, 'bob');
	revoked = { token, until: Date.now() + 61500 };
	assert.equal((await post(a, '/token/revocation', { token })).status, 200);
	await accepted(a, '/api/x', token, 'bob');
	const never = await usersToken(a, 'carol'); // and one that was not seen before is not
	assert.equal((await post(a, '/token/revocation', { token: never })).status, 200);
	await refused(a, '/api/x', never, 401, 'token_inactive');
});

story('a program\'s opaque token needs its client section, as a signed one does', async () => {
	const a = await real();
	const answer = await post(a, '/token', { grant_type: 'client_credentials', scope: 'read write' }, `batch:${BATCH_SECRET}`);
	assert.equal(answer.status, 200, answer.text);
	await accepted(a, '/program/x', answer.json.access_token, 'svc-batch');
	const less = await post(a, '/token', { grant_type: 'client_credentials', scope: 'read' }, `batch:${BATCH_SECRET}`);
	assert.equal((await call(a, '/program/x', less.json.access_token)).status, 403);
});

story('a provider that is down is a 503 for tokens it was not asked about; the others go on', async () => {
	const a = await real();
	const known = await usersToken(a, 'dora');
	const fresh = await usersToken(a, 'emil');
	await accepted(a, '/api/x', known, 'dora');
	await a.op.stop();
	await accepted(a, '/api/x', known, 'dora');
	await refused(a, '/api/x', fresh, 503, 'provider_down');
	await a.op.up(); // with nothing in its memory
	await refused(a, '/api/x', fresh, 401, 'token_inactive');
});

// --- a provider that lies on request ---

const w = shared(async () => {
	const op = await FaultOp.start();
	op.fault = { metadata: { introspection_endpoint: `${op.url}/nowhere` } }; // by hand wins
	return {
		op, workers: 1,
		provider: `audience = "${API}" decode_access_token = no introspection_endpoint = "${op.url}/introspect" timeout = "1s" clock_tolerance = "1s"`,
		routes: `route "/" { upstream = "app" }
			route "/api" { upstream = "app" auth = bearer claim_headers = {"X-Claim-Email=email"} }
			client "batch" { client_id = "batch" username = "svc-batch" scopes = {"run"} }`,
	};
});
const several = shared(async () => {
	const [op, two] = [await FaultOp.start(), await FaultOp.start()];
	const opaque = (o) => `audience = "${API}" decode_access_token = no introspection_endpoint = "${o.url}/introspect"`;
	return {
		op, two, workers: 1, provider: opaque(op),
		routes: `provider "two" { discovery_url = "${two.discoveryUrl}" client_id = "rp" client_secret = "${CLIENT_SECRET}" ${opaque(two)} }
			route "/" { upstream = "app" }
			route "/api" { upstream = "app" auth = bearer provider = {"main", "two"} }
			route "/one" { upstream = "app" auth = bearer }`,
	};
});
let n = 0;
const fresh = () => `opaque-${n++}-${Math.random().toString(36).slice(2)}`;
const good = (a, more = {}) => ({
	active: true, iss: a.op.url, aud: API, sub: 'sub-alice', username: 'alice', client_id: 'spa', scope: 'read', token_type: 'Bearer',
	email: 'alice@example.org', iat: now(), exp: now() + 600, ...more,
});

story('the question proves who asks, and the answer becomes name and claims', async () => {
	const a = await w();
	a.op.fault.introspect = () => good(a);
	const token = fresh();
	const r = await accepted(a, '/api/x', token, 'alice');
	assert.deepEqual(r.seen[0].all('x-claim-email'), ['alice@example.org']);
	const asked = a.op.introspections.at(-1);
	assert.deepEqual([...asked.form], [['token', token], ['token_type_hint', 'access_token']]);
	assert.equal(asked.authorization, `Basic ${Buffer.from(`rp:${CLIENT_SECRET}`).toString('base64')}`);
	assert.equal(asked.accept, 'application/json');
	assert.equal((await a.proxy.lastAccess((x) => x.path === '/api/x')).user, 'alice');
	a.op.fault.introspect = () => good(a, { sub: 'batch', client_id: 'batch', scope: 'run' });
	await accepted(a, '/api/x', fresh(), 'svc-batch');
});

const lies = [
	['active as a text', (a) => good(a, { active: 'true' }), 503, 'provider_answer'],
	['active as a number', (a) => good(a, { active: 1 }), 503, 'provider_answer'],
	['no active', (a) => good(a, { active: undefined }), 503, 'provider_answer'],
	['not active, with all that a good one has', (a) => good(a, { active: false }), 401, 'token_inactive'],
	['no aud', (a) => good(a, { aud: undefined }), 401, 'token_audience'],
	['another aud', (a) => good(a, { aud: 'https://graph.microsoft.com' }), 401, 'token_audience'],
	['no exp', (a) => good(a, { exp: undefined }), 401, 'token_claim'],
	['an end that has passed', (a) => good(a, { exp: now() - 5 }), 401, 'token_expired'],
	['a beginning that is ahead', (a) => good(a, { nbf: now() + 60 }), 401, 'token_early'],
	['another issuer', (a) => good(a, { iss: 'https://evil.example' }), 401, 'token_issuer'],
	['a refresh token', (a) => good(a, { token_type: 'refresh_token' }), 401, 'token_type'],
	['a token bound to a key', (a) => good(a, { cnf: { jkt: 'x' } }), 401, 'token_type'],
	['nobody\'s name', (a) => good(a, { username: undefined }), 401, 'token_username'],
	['a name with a line break', (a) => good(a, { username: 'alice\r\nX-Admin: yes' }), 401, 'token_username'],
	['a claim with a line break', (a) => good(a, { email: 'a\r\nX-Admin: yes' }), 401, 'token_claim'],
	['a list', (a) => [good(a)], 503, 'provider_answer'],
];
for (const [name, answer, status, reason] of lies) {
	story(`an answer with ${name} lets nobody in`, async () => {
		const a = await w();
		a.op.fault.introspect = () => answer(a);
		await refused(a, '/api/x', fresh(), status, reason);
	});
}

const raw = (status, type, body) => (token, s) => { s.writeHead(status, { 'Content-Type': type }); s.end(body); };
const broken = [
	['a refusal of our client', raw(401, 'application/json', '{"error":"invalid_client"}'), 'provider_status'],
	['a failure', raw(500, 'application/json', '{"active":true}'), 'provider_status'],
	['a redirect', (token, s) => s.writeHead(302, { Location: '/introspect' }).end(), 'provider_status'],
	['a signed answer', raw(200, 'application/token-introspection+jwt', 'eyJ.eyJ.x'), 'provider_answer'],
	['a page', raw(200, 'text/html', '<h1>Welcome</h1>'), 'provider_answer'],
	['a member twice', raw(200, 'application/json', '{"active":false,"active":true}'), 'provider_answer'],
	['megabytes', (token, s) => { s.writeHead(200, { 'Content-Type': 'application/json' }); for (let i = 0; i < 50 && !s.destroyed; i++) s.write('x'.repeat(65536)); s.end(); }, 'provider_too_large'],
	['half an answer', (token, s) => { s.writeHead(200, { 'Content-Type': 'application/json' }); s.write('{"active":'); }, 'provider_timeout'],
	['no answer', () => {}, 'provider_timeout'],
	['a connection that is cut', (token, s) => s.destroy(), 'provider_down'],
];
for (const [name, introspect, reason] of broken) {
	story(`${name} of the endpoint is a 503`, async () => {
		const a = await w();
		a.op.fault.introspect = introspect;
		const r = await call(a, '/api/x', fresh());
		assert.equal(r.status, 503, r.text);
		assert.equal(JSON.parse(r.text).error, reason);
		assert.ok(Number(r.headers['retry-after']) > 0);
	});
}

story('a token in force is asked about once, however often it comes, and however many come at once', async () => {
	const a = await w();
	a.op.fault.introspect = async () => { await sleep(300); return good(a); };
	const token = fresh();
	const before = a.op.introspections.length;
	const all = await Promise.all(Array.from({ length: 25 }, () => call(a, '/api/x', token)));
	assert.deepEqual([...new Set(all.map((r) => r.status))], [200]);
	assert.equal(a.op.introspections.length, before + 1);
	for (let i = 0; i < 5; i++) await accepted(a, '/api/x', token, 'alice');
	assert.equal(a.op.introspections.length, before + 1);
});

story('a client that leaves does not take the others\' answer along', async () => {
	const a = await w();
	a.op.fault.introspect = async () => { await sleep(400); return good(a); };
	const token = fresh();
	const before = a.op.introspections.length;
	const gone = new AbortController();
	const first = fetch(`${a.url}/api/x`, { headers: { Authorization: `Bearer ${token}` }, signal: gone.signal }).catch(() => 'gone');
	await until('the question', () => a.op.introspections.length > before);
	const second = call(a, '/api/x', token);
	await sleep(50);
	gone.abort();
	assert.equal(await first, 'gone');
	assert.equal((await second).status, 200);
	assert.equal(a.op.introspections.length, before + 1);
	// And when all have left, the next one asks anew.
	const other = fresh();
	const alone = new AbortController();
	const third = fetch(`${a.url}/api/x`, { headers: { Authorization: `Bearer ${other}` }, signal: alone.signal }).catch(() => 'gone');
	await until('the question', () => a.op.introspections.length > before + 1);
	alone.abort();
	assert.equal(await third, 'gone');
	await sleep(600);
	await accepted(a, '/api/x', other, 'alice');
	assert.equal(a.op.introspections.length, before + 3);
});

story('a bad token is asked about every five seconds at most', async () => {
	const a = await w();
	a.op.fault.introspect = () => ({ active: false });
	const token = fresh();
	const before = a.op.introspections.length;
	for (let i = 0; i < 10; i++) await refused(a, '/api/x', token, 401, 'token_inactive');
	assert.equal(a.op.introspections.length, before + 1);
	a.op.fault.introspect = () => good(a); // it came to be
	await sleep(5200);
	await accepted(a, '/api/x', token, 'alice');
	assert.equal(a.op.introspections.length, before + 2);
});

story('a token is let in no longer than it says', async () => {
	const a = await w();
	const exp = now() + 3;
	a.op.fault.introspect = () => good(a, { exp });
	const token = fresh();
	await accepted(a, '/api/x', token, 'alice');
	await sleep((exp - now() + 2) * 1000);
	await refused(a, '/api/x', token, 401, 'token_expired');
});

story('doctor asks the endpoint, and says what is wrong with it', async () => {
	const a = await w();
	const doctor = async () => (await runAside(['doctor', '-c', a.proxy.file])).stdout;
	a.op.fault.introspect = () => ({ active: false });
	assert.match(await doctor(), /ok .*introspection: .*answers us/);
	a.op.fault.introspect = () => good(a);
	assert.match(await doctor(), /FAIL .*introspection: .*never issued/);
	a.op.fault.introspect = raw(401, 'application/json', '{"error":"invalid_client"}');
	assert.match(await doctor(), /FAIL .*introspection: .*HTTP 401: it refuses to answer us/);
});

story('where several providers have opaque tokens each is asked in turn', async () => {
	const a = await several();
	a.two = a.settings.two;
	const [token, both] = [fresh(), fresh()];
	a.op.fault.introspect = () => ({ active: false });
	a.two.fault.introspect = (t) => (t === token ? { ...good(a), iss: a.two.url, username: 'bob' } : { active: false });
	await accepted(a, '/api/x', token, 'bob');
	assert.equal(a.op.introspections.length, 1);
	await refused(a, '/api/x', both, 401, 'token_inactive');
	await refused(a, '/one/x', token, 401, 'token_inactive');
	// Where one cannot be asked, nobody can say that the token is bad.
	a.op.fault.introspect = raw(500, 'text/html', '');
	await refused(a, '/api/x', fresh(), 503, 'provider_status');
	const other = fresh();
	a.two.fault.introspect = (t) => (t === other ? { ...good(a), iss: a.two.url, username: 'bob' } : { active: false });
	await accepted(a, '/api/x', other, 'bob');
});

story('a reload asks anew', async () => {
	const a = await w();
	a.op.fault.introspect = () => good(a);
	const token = fresh();
	await accepted(a, '/api/x', token, 'alice');
	const before = a.op.introspections.length;
	a.proxy.signal('SIGHUP');
	await until('another question', async () => { await accepted(a, '/api/x', token, 'alice'); return a.op.introspections.length > before; });
});

story('a revoked token is refused a minute later', async () => {
	const a = await real();
	await sleep(Math.max(0, revoked.until - Date.now()));
	await refused(a, '/api/x', revoked.token, 401, 'token_inactive');
}, 90000);

story('the second provider ends', async () => { await (await several()).settings.two.stop(); });

closing(real, w, several);
