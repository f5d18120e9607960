// access_token_header and id_token_header: an upstream that calls further gets the user's own tokens, and nobody else
// can put one there.
import assert from 'node:assert/strict';
import { Browser, FETCH } from './lib/browser.mjs';
import { exchange } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const API = 'https://app.example.com/graphql';
const now = () => Math.floor(Date.now() / 1000);
const user = (op, more = {}) => ({ iss: op.url, aud: API, sub: 'sub-alice', azp: 'spa', scope: 'wf.read', preferred_username: 'alice', iat: now() - 5, exp: now() + 600, ...more });

const w = shared({
	provider: `audience = "${API}"`,
	routes: `route "/" { upstream = "app" }
		route "/both" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" id_token_header = "X-Id-Token" }
		route "/access" { upstream = "app" access_token_header = "X-Access" }
		route "/api" { upstream = "app" auth = bearer access_token_header = "X-Access" id_token_header = "X-Id-Token" }
		route "/passed" { upstream = "app" auth = any access_token_header = "X-Access" pass_authorization = yes }
		route "/open" { upstream = "app" auth = none access_token_header = "X-Access" }`,
});
const names = ['x-forwarded-access-token', 'x-access', 'x-id-token'];
const tokensOf = (seen) => Object.fromEntries(names.map((n) => [n, seen.all(n)]).filter(([, v]) => v.length > 0));

async function get(a, path, headers = {}, browser = new Browser()) {
	const n = a.backend.requests.length;
	const answer = await browser.request(`${a.url}${path}`, { headers: { ...FETCH, ...headers } });
	assert.equal(answer.status, 200, answer.text);
	return a.backend.requests[n];
}

// What the provider handed out last: access token, refresh token, ID token, code verifier.
const handedOut = (op) => ({ access: op.issued.at(-4), id: op.issued.at(-2) });

story('a session\'s tokens reach the routes that name a header for them, and no other', async () => {
	const a = await w();
	const browser = await a.signedIn();
	const { access, id } = handedOut(a.op);
	assert.deepEqual(tokensOf(await get(a, '/both/x', {}, browser)), { 'x-forwarded-access-token': [access], 'x-id-token': [id] });
	assert.deepEqual(tokensOf(await get(a, '/access/x', {}, browser)), { 'x-access': [access] });
	assert.deepEqual(tokensOf(await get(a, '/x', {}, browser)), {});
	assert.deepEqual(tokensOf(await get(a, '/open/x', {}, browser)), {}, 'nobody is signed in there');
	for (const text of [a.proxy.stdout, a.proxy.stderr]) assert.ok(!text.includes(access) && !text.includes(id), 'no token in a log');
});

story('a session keeps its own tokens: another one\'s sealed cookie opens nothing', async () => {
	const a = await w();
	const alice = await a.signedIn();
	const bob = await a.signedIn('bob');
	const cookie = (b, name) => `${name}=${b.jar.get(name).value}`;
	const mixed = `${cookie(bob, 'workflow_session')}; ${cookie(alice, 'workflow_session.t')}`;
	assert.deepEqual(tokensOf(await get(a, '/both/x', { Cookie: mixed })), {});
	assert.deepEqual(tokensOf(await get(a, '/both/x', { Cookie: cookie(bob, 'workflow_session') })), {}, 'nor is there one without it');
});

story('an access token that came as a bearer is the one that goes on', async () => {
	const a = await w();
	const token = a.op.mint(user(a.op));
	for (const path of ['/api/x', '/passed/x']) {
		const seen = await get(a, path, { Authorization: `Bearer ${token}` });
		assert.deepEqual(tokensOf(seen), { 'x-access': [token] });
		assert.deepEqual(seen.all('authorization'), path === '/api/x' ? [] : [`Bearer ${token}`]);
	}
	// The second time it comes from memory.
	assert.deepEqual(tokensOf(await get(a, '/api/x', { Authorization: `Bearer ${token}` })), { 'x-access': [token] });
	const browser = await a.signedIn();
	assert.deepEqual(tokensOf(await get(a, '/passed/x', {}, browser)), { 'x-access': [handedOut(a.op).access] });
});

story('with the tokens on the server a session token as a bearer brings them, too', async () => {
	const b = await world({ session: 'store = memory', routes: 'route "/" { upstream = "app" access_token_header = "X-Access" id_token_header = "X-Id-Token" }' });
	try {
		const browser = await b.signedIn();
		const { access, id } = handedOut(b.op);
		const token = browser.jar.get('workflow_session').value;
		assert.deepEqual(tokensOf(await get(b, '/x', {}, browser)), { 'x-access': [access], 'x-id-token': [id] });
		assert.deepEqual(tokensOf(await get(b, '/x', { Authorization: `Bearer ${token}` })), { 'x-access': [access], 'x-id-token': [id] });
	} finally {
		await b.stop();
	}
});

story('nobody outside sets such a header, in any spelling and on any route', async () => {
	const a = await w();
	const browser = await a.signedIn();
	const forged = { 'X-Access': 'forged', x_access: 'forged', 'X.ID_TOKEN': 'forged', 'X-Forwarded-Access-Token': 'forged', Connection: 'close' };
	for (const path of ['/', '/open/x', '/both/x', '/access/x', '/passed/x']) {
		const n = a.backend.requests.length;
		const cookie = browser.jar.header(new URL(a.url));
		const head = Object.entries({ ...forged, Cookie: cookie }).map(([k, v]) => `${k}: ${v}\r\n`).join('');
		await exchange(a.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${a.port}\r\n${head}\r\n`);
		assert.ok(!JSON.stringify(a.backend.requests[n].fields).includes('forged'), `${path}: ${JSON.stringify(a.backend.requests[n].fields)}`);
	}
	// Nor takes ours away.
	assert.deepEqual(tokensOf(await get(a, '/access/x', { Connection: 'close, X-Access' }, browser)), { 'x-access': [handedOut(a.op).access] });
});

closing(w);
