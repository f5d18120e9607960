// Whom the backend is told it talks to: nothing a client sends may pass for it, on any kind of route.
import assert from 'node:assert/strict';
import { frame, TEXT } from '../../demo/websocket.mjs';
import { Raw, exchange } from './lib/raw.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({
	routes: `route "/" { upstream = "app" claim_headers = {"X-Claim-Groups=groups"} }
		route "/public" { upstream = "app" auth = "none" }
		route "/named" { upstream = "app" username_header = "REMOTE-USER" set_headers = {"X-Backend-Key=from-the-proxy"} }
		route "/authz" { upstream = "app" pass_authorization = yes }`,
});

const IDENTITY = ['X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Preferred-Username', 'X-Forwarded-Access-Token',
	'Remote-User', 'X-Remote-User', 'X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-Request-Anything', 'X-Claim-Groups', 'X-Backend-Key'];
const spellings = (name) => [name, name.toLowerCase(), name.toUpperCase(), name.replace(/-/g, '_'), name.replace(/-/g, '.'), name.replace('-', '_').toLowerCase(),
	name.replace(/-/g, '!'), name.replace(/-/g, '~'), name.replace(/-/g, '+')];

async function arrives(path, lines, { cookie, method = 'GET', body = '' } = {}) {
	const { port, backend } = await w();
	const n = backend.requests.length;
	const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${cookie ? `Cookie: ${cookie}\r\n` : ''}${lines.map((l) => `${l}\r\n`).join('')}\r\n${body}`;
	const [answer] = await exchange(port, head, { method });
	return { answer, seen: backend.requests.slice(n) };
}
// As CGI and its like fold names: case, and any character but letters and digits.
const fold = (name) => name.toLowerCase().replace(/[^a-z0-9]/g, '-');
const identityOf = (r) => r.fields.filter(([n]) => IDENTITY.some((i) => fold(i) === fold(n)) || fold(n).startsWith('x-auth-request'));

for (const [where, path, expect] of [['an open route', '/public/x', null], ['a protected route', '/x', 'alice'], ['a route with another header name', '/named/x', 'alice']]) {
	story(`identity headers of the client are removed in every spelling on ${where}`, async () => {
		const { signedIn, url } = await w();
		const cookie = (await signedIn()).jar.header(new URL(url));
		for (const name of IDENTITY) {
			const lines = [...new Set(spellings(name))].map((s) => `${s}: mallory`);
			const { answer, seen } = await arrives(path, [...lines, ...lines.slice(0, 2)], { cookie: expect ? cookie : undefined });
			assert.equal(answer.status, 200, name);
			const got = identityOf(seen[0]);
			assert.ok(!got.some(([, v]) => /mallory/.test(v)), JSON.stringify(got));
			if (expect) assert.equal(seen[0].get(path.startsWith('/named') ? 'remote-user' : 'x-forwarded-user'), 'alice');
			if (path.startsWith('/named')) assert.deepEqual(seen[0].all('x-backend-key'), ['from-the-proxy']);
		}
	});
}

story('on an open route a signed-in browser sends no identity of its own making either', async () => {
	const { seen } = await arrives('/public/x', ['X-Forwarded-User: mallory', 'X_Forwarded_User: mallory']);
	assert.deepEqual(identityOf(seen[0]), []);
});

story('Connection cannot take away what the proxy sets', async () => {
	const { signedIn, url } = await w();
	const cookie = (await signedIn()).jar.header(new URL(url));
	for (const c of ['X-Forwarded-User', 'x-forwarded-user', 'close, X-Forwarded-User', 'X-Claim-Groups, X-Forwarded-User', 'keep-alive,X-Forwarded-User,,', 'X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-User, Host']) {
		const { answer, seen } = await arrives('/x', [`Connection: ${c}`, 'X-Forwarded-User: mallory'], { cookie });
		assert.equal(answer.status, 200, c);
		assert.deepEqual(seen[0].all('x-forwarded-user'), ['alice'], c);
		assert.equal(seen[0].all('host').length, 1);
	}
	const many = Array.from({ length: 60 }, (_, i) => `Connection: x-a${i}, x-b${i}`);
	const { seen } = await arrives('/x', [...many, 'X-Forwarded-User: mallory'], { cookie });
	assert.ok(!seen[0] || seen[0].get('x-forwarded-user') === 'alice');
});

story('hop-by-hop headers and what Connection names stay with us', async () => {
	const { seen } = await arrives('/public/x', ['Connection: X-Hop, close', 'X-Hop: 1', 'Keep-Alive: 5', 'Proxy-Authorization: Basic x', 'Proxy-Connection: x', 'TE: trailers', 'Upgrade: h2c', 'HTTP2-Settings: x', 'X-End: 2']);
	for (const name of ['x-hop', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'upgrade', 'http2-settings']) assert.equal(seen[0].get(name), undefined, name);
	assert.equal(seen[0].get('x-end'), '2');
});

story('two requests on one connection, the second without a cookie: the second has no identity', async () => {
	const { signedIn, url, port, backend } = await w();
	const cookie = (await signedIn()).jar.header(new URL(url));
	const raw = await Raw.open(port);
	raw.send(`GET /x HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\n\r\n`);
	assert.equal((await raw.response()).status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'alice');
	raw.send(`GET /public/y HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
	assert.equal((await raw.response()).status, 200);
	assert.deepEqual(identityOf(backend.last), []);
	raw.send(`GET /x HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\n\r\n`);
	assert.equal((await raw.response()).status, 401);
	raw.close();
});

story('two users on one connection are two users', async () => {
	const { signedIn, url, port, backend } = await w();
	const [a, b] = [await signedIn('alice'), await signedIn('bob')].map((x) => x.jar.header(new URL(url)));
	const raw = await Raw.open(port);
	for (let i = 0; i < 6; i++) {
		raw.send(`GET /x${i} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${i % 2 ? a : b}\r\n\r\n`);
		await raw.response();
		assert.equal(backend.last.get('x-forwarded-user'), i % 2 ? 'alice' : 'bob');
	}
	raw.close();
});

story('an upgrade carries the same identity, and none that the client made up', async () => {
	const { signedIn, url, port, backend } = await w();
	const cookie = (await signedIn()).jar.header(new URL(url));
	const upgrade = (path, more) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade, X-Forwarded-User\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Forwarded-User: mallory\r\nX_Forwarded_User: mallory\r\n${more}\r\n`;
	const raw = await Raw.open(port);
	raw.send(upgrade('/socket', `Cookie: ${cookie}\r\nOrigin: ${url}\r\n`));
	assert.equal((await raw.head()).status, 101);
	assert.deepEqual(identityOf(backend.last).filter(([n]) => n.toLowerCase() !== 'x-claim-groups').map(([, v]) => v), ['alice']);
	raw.send(frame(TEXT, 'hi', true));
	await raw.wait((b) => (b.includes('echo:hi') ? true : undefined));
	raw.close();
	const n = backend.requests.length;
	const foreign = await Raw.open(port);
	foreign.send(upgrade('/socket', `Cookie: ${cookie}\r\nOrigin: https://evil.example\r\n`));
	assert.equal((await foreign.response()).status, 403, 'a foreign Origin');
	foreign.close();
	const nobody = await Raw.open(port);
	nobody.send(upgrade('/socket', ''));
	assert.equal((await nobody.response()).status, 401);
	nobody.close();
	assert.equal(backend.requests.length, n);
});

story('other methods, OPTIONS included, need a session like GET', async () => {
	const { backend } = await w();
	const before = backend.requests.length;
	for (const method of ['OPTIONS', 'PROPFIND', 'PATCH', 'get', 'Get', 'FOO', 'TRACK', 'M'.repeat(20)]) {
		const { answer } = await arrives('/x', ['X-Forwarded-User: mallory', 'Accept: application/json', 'Origin: https://evil.example', 'Access-Control-Request-Method: GET'], { method });
		assert.ok(answer.status >= 400 && answer.status !== 500, `${method}: ${answer.status}`);
		assert.equal(answer.get('access-control-allow-origin'), undefined);
	}
	assert.equal(backend.requests.length, before);
});

story('Authorization of somebody else passes only as the contract says', async () => {
	const { signedIn, url } = await w();
	const cookie = (await signedIn()).jar.header(new URL(url));
	const two = await arrives('/public/x', ['Authorization: Basic YTpi', 'Authorization: Basic YTpj']);
	assert.equal(two.answer.status, 400, 'two Authorization headers are refused');
	assert.equal(two.seen.length, 0);
	const one = await arrives('/x', ['Authorization: Basic YTpi'], { cookie });
	assert.equal(one.answer.status, 200);
});

story('forwarding headers say what we saw, not what the client claims', async () => {
	const { port } = await w();
	const { seen } = await arrives('/public/x', ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example', 'X-Real-IP: 6.6.6.6', 'Forwarded: for=6.6.6.6;host=evil.example', 'X-Forwarded-Port: 1', 'X_Forwarded_For: 6.6.6.6', 'X-Request-Id: chosen-by-client']);
	const r = seen[0];
	const all = JSON.stringify(r.fields);
	assert.ok(!all.includes('6.6.6.6') && !all.includes('evil.example') && !all.includes('chosen-by-client'), all);
	assert.match(r.get('x-forwarded-for'), /127\.0\.0\.1$/);
	assert.equal(r.get('x-forwarded-proto'), 'http');
	assert.equal(r.get('host'), `127.0.0.1:${port}`, 'preserve_host');
	assert.ok(r.get('x-request-id'));
});

story('of the backend\'s answer, hop-by-hop fields and cookies in our names stay with us', async () => {
	const { port, signedIn, url } = await w();
	const cookie = (await signedIn()).jar.header(new URL(url));
	const [h] = await exchange(port, `GET /hop HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\n\r\n`);
	assert.equal(h.status, 200);
	assert.equal(h.get('x-kept'), 'yes');
	for (const name of ['x-private', 'proxy-authenticate', 'upgrade']) assert.equal(h.get(name), undefined, name);
	const [c] = await exchange(port, `GET /cookies HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\n\r\n`);
	assert.deepEqual(c.all('set-cookie'), ['app=1; Path=/']);
});

closing(w);
