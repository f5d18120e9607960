// Ending sessions before their time: by an operator, by the provider, for good.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAVIGATE } from './lib/browser.mjs';
import { freePort, until } from './lib/ports.mjs';
import { run, scratch } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const w = shared({});
const JSON_TYPE = { 'Content-Type': 'application/json' };

async function revoke(x, what, headers = {}) {
	const { browser } = await w();
	return browser().request(`${x.proxy.admin}/sessions/revoke`, {
		method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: typeof what === 'string' ? what : JSON.stringify(what), cookie: ' ',
	});
}
const status = async (x, browser, cookie) => (await browser.request(`${x.url}/page`, { headers: { Accept: 'application/json' }, cookie })).status;
const claims = (browser) => {
	const c = browser.jar.get('workflow_session') ?? browser.jar.get('__Host-workflow_session');
	return JSON.parse(Buffer.from(c.value.split('.')[1], 'base64url'));
};

for (const [what, member] of [
	['username', () => ({ username: 'carol' })],
	['sub', () => ({ sub: 'sub-carol' })],
	['sub at its provider', () => ({ sub: 'sub-carol', provider: 'main' })],
	['our sid', (c) => ({ sid: c.sid })],
	['the provider\'s sid', (c) => ({ sid: c.op_sid })],
]) {
	story(`an operator ends sessions by ${what}, and who signs in again has a new one`, async () => {
		const x = await w();
		const carol = await x.signedIn('carol');
		const dave = await x.signedIn('dave');
		const old = carol.jar.header(new URL(x.url));
		assert.equal(await status(x, carol), 200);
		const said = await revoke(x, member(claims(carol)));
		assert.equal(said.status, 200, said.text);
		assert.equal(said.headers['cache-control'], 'no-store');
		assert.ok(said.json.recorded.length > 0 && said.json.until > Date.now() / 1000, said.text);
		assert.equal(await status(x, carol), 401);
		assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
		assert.equal(await status(x, dave), 200);
		const again = await x.signedIn('carol');
		assert.equal(await status(x, again), 200);
		assert.equal(await status(x, again, old), 401, 'the old cookie came back to life');
	});
}

story('a sign-in that is under way when its user\'s sessions end is among them', async () => {
	const x = await w();
	const frank = x.browser();
	const before = x.op.calls.token;
	x.op.user = 'frank';
	x.op.fault = { tokenDelay: 800 };
	try {
		const callback = frank.go(`${x.url}/page`, { stop: (a) => a.setCookies.some((c) => c.startsWith('workflow_session=')) });
		await until('the token request', () => x.op.calls.token > before);
		assert.equal((await revoke(x, { sub: 'sub-frank' })).status, 200);
		await callback;
	} finally {
		x.op.fault = {};
	}
	assert.equal(claims(frank).sub, 'sub-frank');
	assert.equal(await status(x, frank), 401);
	assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
	assert.equal(await status(x, await x.signedIn('frank')), 200);
});

story('what is not understood ends nothing', async () => {
	const x = await w();
	const erin = await x.signedIn('erin');
	for (const [body, want, headers] of [
		['', 400], ['{', 400], ['[]', 400], ['"erin"', 400], ['{}', 400], [{ username: '' }, 400], [{ username: 7 }, 400], [{ username: null }, 400],
		['{"username":"erin","username":"erin"}', 400], [{ username: 'erin', sub: 'sub-erin' }, 400], [{ username: 'erin', more: 1 }, 400],
		[{ username: 'erin', provider: 'main' }, 400], [{ sub: 'sub-erin', provider: 'nobody' }, 400], [{ user: 'erin' }, 400],
		['{"username":"erin\\u0000"}', 400], [{ username: 'x'.repeat(1025) }, 400], [JSON.stringify({ username: 'erin' }) + ' x', 400],
		[{ username: 'erin' }, 415, { 'Content-Type': 'application/x-www-form-urlencoded' }], [{ username: 'erin' }, 415, { 'Content-Type': 'text/plain' }],
		[{ username: 'erin' }, 403, { Origin: 'http://evil.example' }], [{ username: 'erin' }, 403, { Origin: 'null' }], [{ username: 'erin' }, 403, { Origin: x.proxy.admin }],
		[{ username: 'erin' }, 403, { Host: 'evil.example' }], [{ username: 'erin' }, 403, { Host: `evil.example:${x.adminPort}` }],
		[{ username: 'erin' }, 403, { Host: '127.0.0.1.evil.example' }],
	]) {
		const said = await revoke(x, body, headers);
		assert.equal(said.status, want, `${JSON.stringify(body).slice(0, 80)} ${JSON.stringify(headers)}: ${said.text}`);
		assert.ok(said.json.error, said.text);
	}
	for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
		const said = await x.browser().request(`${x.proxy.admin}/sessions/revoke`, { method, headers: JSON_TYPE });
		assert.equal(said.status, 405);
		assert.equal(said.headers.allow, 'POST');
	}
	assert.equal((await x.browser().request(`${x.url}/sessions/revoke`, { method: 'POST', headers: JSON_TYPE, body: '{"username":"erin"}' })).status, 401, 'not for browsers\' listeners');
	assert.equal(await status(x, erin), 200);
	assert.equal((await revoke(x, { username: 'erin' }, { Host: `localhost:${x.adminPort}` })).status, 200);
	assert.equal(await status(x, erin), 401);
});

story('with a token configured nobody ends sessions without it, on loopback either', async () => {
	const x = await world({ admin: 'token = "a token of the operator, 42"' });
	try {
		const frank = await x.signedIn('frank');
		for (const given of [undefined, 'Bearer', 'Bearer ', 'Bearer a token of the operator, 43', 'Bearer a token of the operator, 4', 'Basic a token of the operator, 42', 'a token of the operator, 42']) {
			const said = await revoke(x, { username: 'frank' }, given === undefined ? {} : { Authorization: given });
			assert.equal(said.status, 401, given);
			assert.equal(said.headers['www-authenticate'], 'Bearer');
		}
		assert.equal(await status(x, frank), 200);
		assert.equal((await x.browser().request(`${x.proxy.admin}/healthz`)).status, 200);
		assert.equal((await revoke(x, { username: 'frank' }, { Authorization: 'Bearer a token of the operator, 42' })).status, 200);
		assert.equal(await status(x, frank), 401);
		assert.ok(!x.proxy.stderr.includes('operator, 42'), 'the token is in the log');
	} finally {
		await x.stop();
	}
});

story('an address of others needs a token', async () => {
	const x = await w();
	const dir = scratch();
	try {
		const file = join(dir, 'c.conf');
		writeFileSync(file, x.proxy.text.replace('admin "127.0.0.1:', 'admin "0.0.0.0:'), { mode: 0o600 });
		const said = run(['-t', '-c', file]);
		assert.equal(said.status, 0, said.stderr);
		assert.match(said.stdout + said.stderr, /admin.*token/);
	} finally {
		rmSync(dir, { recursive: true });
	}
	const open = await world({ adminListen: '0.0.0.0' });
	try {
		const gina = await open.signedIn('gina');
		const said = await revoke(open, { username: 'gina' });
		assert.equal(said.status, 401);
		assert.equal(said.headers['www-authenticate'], 'Bearer');
		await open.proxy.logged(/no token is set for admin [^ ]+ \(admin.token\)/);
		assert.equal(await status(open, gina), 200);
	} finally {
		await open.stop();
	}
});

story('streams end within a moment, not at the next look', async () => {
	const x = await w();
	const hal = await x.signedIn('hal');
	const cookie = `Host: 127.0.0.1:${x.port}\r\nCookie: ${hal.jar.header(new URL(x.url))}\r\n`;
	const all = [];
	for (let i = 0; i < 8; i++) {
		const raw = await Raw.open(x.port);
		raw.send(i % 2 ? `GET /sse/1000 HTTP/1.1\r\n${cookie}Accept: text/event-stream\r\n\r\n`
			: `GET /socket HTTP/1.1\r\n${cookie}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
		assert.equal((await raw.head()).status, i % 2 ? 200 : 101);
		all.push(raw);
	}
	const began = Date.now();
	assert.equal((await revoke(x, { username: 'hal' })).status, 200);
	for (const [i, raw] of all.entries()) {
		const close = i % 2 ? undefined : await raw.wait((b) => (b.length >= 4 ? b.subarray(-4).toString('hex') : undefined), 3000);
		assert.ok(await raw.end(3000), 'a stream goes on');
		assert.equal(close, i % 2 ? undefined : '880203f0', 'a WebSocket is told 1008');
	}
	assert.ok(Date.now() - began < 500, `${Date.now() - began} ms`);
});

story('the numbers count them', async () => {
	const x = await w();
	const text = (await x.browser().request(`${x.proxy.admin}/metrics`)).text;
	const value = (name) => Number(new RegExp(`^workflow_proxy_${name} (\\d+)$`, 'm').exec(text)?.[1]);
	assert.ok(value('logouts_total\\{channel="admin"\\}') >= 5, text);
	assert.ok(value('revocations_total') >= 5);
	assert.ok(value('revoked_sessions') >= 5);
});

// --- the provider's server ------------------------------------------------------------------------------------------

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
let serial = 0;
const logoutClaims = (op, more = {}) => ({
	iss: op.url, aud: 'rp', iat: op.now(), exp: op.now() + 120, jti: `jti-${process.pid}-${serial++}`, events: { [EVENT]: {} }, ...more,
});
function logoutToken(op, more = {}, o = {}) {
	const claims = logoutClaims(op, more);
	for (const [n, v] of Object.entries(claims)) if (v === undefined) delete claims[n];
	return op.mint(claims, { ...o, header: { typ: 'logout+jwt', ...o.header } });
}
async function backchannel(x, body, headers = {}) {
	return x.browser().request(`${x.url}/auth/logout/backchannel`, {
		method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers }, cookie: ' ',
		body: typeof body === 'string' && !body.includes('=') ? `logout_token=${body}` : body,
	});
}

story('a logout token ends the session of its sid, and no other of the user', async () => {
	const x = await w();
	const one = await x.signedIn('nina');
	const two = await x.signedIn('nina');
	const said = await backchannel(x, logoutToken(x.op, { sub: 'sub-nina', sid: claims(one).op_sid }));
	assert.equal(said.status, 200, said.text);
	assert.equal(said.headers['cache-control'], 'no-store');
	assert.equal(said.text, '');
	assert.equal(await status(x, one), 401);
	assert.equal(await status(x, two), 200);
});

story('a logout token with a sub alone ends all sessions of the user, and none of others', async () => {
	const x = await w();
	const one = await x.signedIn('otto');
	const two = await x.signedIn('otto');
	const other = await x.signedIn('paul');
	assert.equal((await backchannel(x, logoutToken(x.op, { sub: 'sub-otto' }))).status, 200);
	assert.equal(await status(x, one), 401);
	assert.equal(await status(x, two), 401);
	assert.equal(await status(x, other), 200);
	assert.equal(await status(x, await x.signedIn('otto')), 200);
});

story('sessions that nobody here has seen are ended as well', async () => {
	const x = await w();
	assert.equal((await backchannel(x, logoutToken(x.op, { sid: 'never-seen' }))).status, 200);
	x.op.fault = { claims: { sid: 'seen-before' } };
	const rita = await x.signedIn('rita');
	x.op.fault = {};
	const other = await world({ op: x.op });
	try {
		const cookie = rita.jar.header(new URL(x.url));
		assert.equal((await backchannel(x, logoutToken(x.op, { sid: 'seen-before' }))).status, 200);
		assert.equal(await status(x, rita, cookie), 401);
	} finally {
		other.op = { stop: () => {} };
		await other.stop();
	}
});

let quin;
for (const [what, more, o, reason] of [
	['no signature', { sub: 'sub-quin' }, { alg: 'none' }, 'token_malformed'],
	['a MAC with the client secret', { sub: 'sub-quin' }, { alg: 'HS256', secret: 'client-secret-of-the-tests-0123456789' }, 'token_alg'],
	['an algorithm that is not allowed', { sub: 'sub-quin' }, { alg: 'PS256' }, 'token_alg'],
	['a broken signature', { sub: 'sub-quin' }, { breakSignature: true }, 'token_signature'],
	['the key of somebody else', { sub: 'sub-quin' }, { n: 7 }, 'token_signature'],
	['typ at+jwt', { sub: 'sub-quin' }, { header: { typ: 'at+jwt' } }, 'logout_token'],
	['typ of a number', { sub: 'sub-quin' }, { header: { typ: 7 } }, 'logout_token'],
	['another iss', { sub: 'sub-quin', iss: 'https://evil.example' }, {}, 'logout_issuer'],
	['no iss', { sub: 'sub-quin', iss: undefined }, {}, 'logout_issuer'],
	['another aud', { sub: 'sub-quin', aud: 'other' }, {}, 'token_audience'],
	['no aud', { sub: 'sub-quin', aud: undefined }, {}, 'token_audience'],
	['no iat', { sub: 'sub-quin', iat: undefined }, {}, 'token_claim'],
	['an iat in the future', { sub: 'sub-quin', iat: Math.floor(Date.now() / 1000) + 600 }, {}, 'token_early'],
	['no exp', { sub: 'sub-quin', exp: undefined }, {}, 'token_claim'],
	['an exp in the past', { sub: 'sub-quin', exp: Math.floor(Date.now() / 1000) - 100 }, {}, 'token_expired'],
	['neither sub nor sid', {}, {}, 'logout_token'],
	['no events', { sub: 'sub-quin', events: undefined }, {}, 'logout_token'],
	['another event', { sub: 'sub-quin', events: { 'http://schemas.openid.net/event/other': {} } }, {}, 'logout_token'],
	['an event that is no object', { sub: 'sub-quin', events: { [EVENT]: true } }, {}, 'logout_token'],
	['a nonce', { sub: 'sub-quin', nonce: 'n' }, {}, 'logout_token'],
	['no jti', { sub: 'sub-quin', jti: undefined }, {}, 'logout_token'],
]) {
	story(`a logout token is refused for ${what}`, async () => {
		const x = await w();
		quin ??= await x.signedIn('quin');
		const said = await backchannel(x, logoutToken(x.op, more, o), { Accept: 'text/html' });
		assert.equal(said.status, 400, said.text);
		assert.equal(said.headers['cache-control'], 'no-store');
		assert.match(said.headers['content-type'], /^application\/json/);
		assert.equal(said.json.error, 'invalid_request');
		assert.equal((await x.proxy.lastAccess((a) => a.path === '/auth/logout/backchannel')).reason, reason);
		assert.equal(await status(x, quin), 200);
	});
}

story('what is no logout token at all is refused', async () => {
	const x = await w();
	const good = logoutToken(x.op, { sub: 'nobody' });
	const id = x.op.idToken({ client: 'rp', code: 'abcdefgh', nonce: 'n' });
	for (const [body, headers] of [
		['logout_token='], ['a=b'], [`logout_token=${good}&logout_token=${good}`], ['logout_token=%zz'], ['logout_token=a.b.c'], ['logout_token=..'],
		[`logout_token=${id}`], [`logout_token=${good}.`], [`logout_token=${'x'.repeat(20000)}`], [`logout_token=${good}`, { 'Content-Type': 'text/plain' }],
		[`{"logout_token":"${good}"}`, { 'Content-Type': 'application/json' }],
	]) {
		const said = await backchannel(x, body, headers);
		assert.equal(said.status, 400, body.slice(0, 60));
		assert.equal(said.json.error, 'invalid_request', body.slice(0, 60));
	}
	assert.equal((await backchannel(x, `logout_token=${'x'.repeat(70000)}`)).status, 413);
	const get = await x.browser().request(`${x.url}/auth/logout/backchannel?logout_token=${good}`);
	assert.equal(get.status, 405);
	assert.equal(get.headers.allow, 'POST');
});

story('a logout token counts once', async () => {
	const x = await w();
	const token = logoutToken(x.op, { sub: 'sub-sven' });
	assert.equal((await backchannel(x, token)).status, 200);
	const sven = await x.signedIn('sven');
	const said = await backchannel(x, token);
	assert.equal(said.status, 400);
	assert.equal((await x.proxy.lastAccess((a) => a.path === '/auth/logout/backchannel')).reason, 'logout_replay');
	assert.equal(await status(x, sven), 200);
});

story('a new key of the provider is fetched once, and an unknown one does not make us ask and ask', async () => {
	const x = await world();
	try {
		await x.signedIn('tom');
		const before = x.op.calls.jwks;
		x.op.rotate('k-new', 3);
		assert.equal((await backchannel(x, logoutToken(x.op, { sub: 'sub-tom' }))).status, 200);
		assert.equal(x.op.calls.jwks, before + 1);
		for (let i = 0; i < 5; i++) assert.equal((await backchannel(x, logoutToken(x.op, { sub: 'sub-tom' }, { kid: `k-${i}` }))).status, 400);
		assert.ok(x.op.calls.jwks <= before + 2, `${x.op.calls.jwks - before} fetches`);
	} finally {
		await x.stop();
	}
});

story('logouts are limited by address, more generously for a provider than for a browser', async () => {
	const x = await world({ limits: 'logins_per_minute = 2' });
	try {
		const front = [];
		for (let i = 0; i < 4; i++) front.push(await x.browser().request(`${x.url}/auth/logout/frontchannel?sid=a${i}`));
		assert.deepEqual(front.map((a) => a.status), [200, 200, 429, 429]);
		assert.ok(Number(front[3].headers['retry-after']) > 0);
		assert.equal((await backchannel(x, logoutToken(x.op, { sub: 'x' }))).status, 200, 'the provider is behind the same address');
	} finally {
		await x.stop();
	}
});

story('the certified provider ends a session by itself, and its logout is ours', async () => {
	const x = await world({ real: true, proxy: false });
	try {
		await x.op.stop();
		x.op.settings.clients[0].backchannel_logout_uri = `${x.url}/auth/logout/backchannel`;
		x.op.settings.clients[0].backchannel_logout_session_required = true;
		await x.op.up();
		await x.start();
		const uma = await x.signedIn('uma');
		const old = uma.jar.header(new URL(x.url));
		assert.equal(await status(x, uma), 200);
		assert.ok(claims(uma).op_sid, 'no sid in the ID token');
		// At the provider alone, as from another application.
		const page = await uma.go(`${x.op.url}/session/end`);
		const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)[1];
		await uma.request(`${x.op.url}/session/end/confirm`, { method: 'POST', form: { xsrf, logout: 'yes' }, body: undefined });
		await x.proxy.logged(/provider main ended its session/);
		assert.equal(await status(x, uma, old), 401);
		assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
	} finally {
		await x.stop();
	}
});

// --- the provider's page --------------------------------------------------------------------------------------------

async function frontchannel(x, query, browser = x.browser(), headers = {}) {
	return browser.request(`${x.url}/auth/logout/frontchannel${query}`, { headers: { ...NAVIGATE, 'Sec-Fetch-Dest': 'iframe', 'Sec-Fetch-Site': 'cross-site', ...headers } });
}

for (const [what, query] of [
	['iss and sid', (op, sid) => `?iss=${encodeURIComponent(op.url)}&sid=${sid}`],
	['sid alone, as Entra sends it', (op, sid) => `?sid=${sid}`],
]) {
	story(`a frame of the provider ends the session by ${what}, without a cookie`, async () => {
		const x = await w();
		const vera = await x.signedIn('vera');
		const other = await x.signedIn('vera');
		const said = await frontchannel(x, query(x.op, claims(vera).op_sid));
		assert.equal(said.status, 200, said.text);
		assert.equal(said.headers['cache-control'], 'no-store');
		assert.equal(said.headers['x-frame-options'], undefined);
		const csp = said.headers['content-security-policy'];
		assert.ok(csp.includes(`frame-ancestors ${x.op.url}`), csp);
		assert.ok(csp.includes('default-src \'none\''), csp);
		assert.deepEqual(said.setCookies, []);
		assert.equal(await status(x, vera), 401);
		assert.equal(await status(x, other), 200);
	});
}

story('where cookies of that session come along they are deleted, those of another are not', async () => {
	const x = await w();
	const wim = await x.signedIn('wim');
	assert.deepEqual((await frontchannel(x, '?sid=another', wim)).setCookies, []);
	assert.equal(await status(x, wim), 200);
	const said = await frontchannel(x, `?sid=${claims(wim).op_sid}`, wim);
	assert.ok(said.setCookies.some((c) => /^workflow_session=;/.test(c)), said.setCookies.join());
	assert.equal(wim.jar.get('workflow_session'), undefined);
});

story('a front-channel logout that is none ends nothing', async () => {
	const x = await w();
	const xena = await x.signedIn('xena');
	const sid = claims(xena).op_sid;
	const iss = encodeURIComponent(x.op.url);
	for (const query of ['', '?', '?sid=', `?iss=${iss}`, `?iss=https%3A%2F%2Fevil.example&sid=${sid}`, `?iss=${iss}%2F&sid=${sid}`, `?iss=&sid=${sid}`,
		`?iss=${iss}&iss=${iss}&sid=${sid}`, `?iss=${iss}&sid=${sid}&sid=${sid}`, `?sid=${'x'.repeat(1025)}`, '?sid=a%0Ab', '?sid=%zz', `?sid=${sid}%00`]) {
		const said = await frontchannel(x, query, xena);
		assert.equal(said.status, 400, query);
		assert.deepEqual(said.setCookies, []);
	}
	assert.equal((await x.browser().request(`${x.url}/auth/logout/frontchannel?sid=${sid}`, { method: 'POST', form: { sid } })).status, 405);
	assert.equal(await status(x, xena), 200);
});

story('the numbers tell the channels apart', async () => {
	const x = await w();
	const text = (await x.browser().request(`${x.proxy.admin}/metrics`)).text;
	for (const channel of ['frontchannel', 'backchannel', 'admin']) {
		assert.ok(Number(new RegExp(`^workflow_proxy_logouts_total\\{channel="${channel}"\\} (\\d+)$`, 'm').exec(text)[1]) > 0, channel);
	}
});

// --- refresh tokens -------------------------------------------------------------------------------------------------

story('a sign-out gives the refresh token back to the provider', async () => {
	const x = await world({ proxy: false });
	try {
		x.op.fault = { metadata: { revocation_endpoint: `${x.op.url}/revoke` } };
		await x.start();
		const yara = await x.signedIn('yara');
		const refresh = x.op.issued.at(-3);
		const out = await yara.request(`${x.url}/auth/logout`, { headers: NAVIGATE });
		assert.equal(out.status, 302);
		assert.equal(x.op.givenBack.length, 1);
		const [{ form, authorization }] = x.op.givenBack;
		assert.equal(form.get('token'), refresh);
		assert.equal(form.get('token_type_hint'), 'refresh_token');
		assert.match(authorization, /^Basic /);
		assert.ok(!x.proxy.stderr.includes(refresh) && !x.proxy.stdout.includes(refresh), 'it is in a log');
		// A provider that does not answer, or refuses, keeps nobody.
		x.op.fault.revokeSlow = true;
		const zack = await x.signedIn('zack');
		const old = zack.jar.header(new URL(x.url));
		const began = Date.now();
		assert.equal((await zack.request(`${x.url}/auth/logout`, { headers: NAVIGATE })).status, 302);
		const took = Date.now() - began;
		assert.ok(took > 1000 && took < 3500, `${took} ms`);
		assert.equal(await status(x, zack, old), 401);
		x.op.fault.revokeSlow = false;
		x.op.fault.revokeStatus = 503;
		const abby = await x.signedIn('abby');
		assert.equal((await abby.request(`${x.url}/auth/logout`, { headers: NAVIGATE })).status, 302);
		await x.proxy.logged(/a refresh token is not given back: revocation endpoint: answered with status 503/);
	} finally {
		await x.stop();
	}
});

// --- for good -------------------------------------------------------------------------------------------------------

async function persistent(o = {}) {
	const dir = scratch();
	const file = join(dir, 'revocations');
	const x = await world({ session: `revocations = "${file}"`, ...o });
	x.file = file;
	x.dir = dir;
	x.down = async (signal) => {
		x.proxy.signal(signal);
		await x.proxy.ended;
		x.proxy.stopped = true;
	};
	x.again = async (signal) => {
		await x.down(signal);
		rmSync(x.proxy.dir, { recursive: true });
		await x.start();
	};
	x.end = async () => {
		await x.stop();
		rmSync(dir, { recursive: true });
	};
	return x;
}

story('a kill -9 at any moment loses no revocation that was acknowledged', async () => {
	const x = await persistent({ workers: 2 });
	try {
		const ended = [];
		const bystander = await x.signedIn('zoe');
		for (let round = 0; round < 6; round++) {
			const jars = [];
			for (let i = 0; i < 4; i++) jars.push([`user-${round}-${i}`, await x.signedIn(`user-${round}-${i}`)]);
			const asked = [];
			for (const [name, browser] of jars) {
				asked.push(revoke(x, { username: name }).then((a) => { if (a.status === 200) ended.push([name, browser.jar.header(new URL(x.url))]); }, () => {}));
				for (let i = 0; i < 40; i++) asked.push(revoke(x, { sub: `nobody-${round}-${i}` }).catch(() => {}));
			}
			const goal = ended.length + 2; // the others are under way
			await until('the first acknowledgements', () => ended.length >= goal, 20000);
			await x.again('SIGKILL');
			await Promise.all(asked);
			for (const [name, cookie] of ended) assert.equal(await status(x, bystander, cookie), 401, `${name} is back after round ${round}`);
			assert.equal(await status(x, bystander), 200);
		}
		assert.ok(ended.length >= 12, `only ${ended.length} were acknowledged`);
	} finally {
		await x.end();
	}
}, 180000);

story('a sign-out lasts over a restart', async () => {
	const x = await persistent();
	try {
		const ivy = await x.signedIn('ivy');
		const old = ivy.jar.header(new URL(x.url));
		await ivy.request(`${x.url}/auth/logout`, { headers: NAVIGATE });
		await x.again('SIGTERM');
		assert.equal(await status(x, ivy, old), 401);
		assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
		assert.match(readFileSync(x.file, 'utf8'), /^sid \* \S{22} \d+ \d+\n$/);
	} finally {
		await x.end();
	}
});

story('a torn last line is left out, a foreign one keeps the proxy from starting', async () => {
	const x = await persistent();
	try {
		const until = Math.floor(Date.now() / 1000) + 1000;
		await x.down('SIGTERM');
		writeFileSync(x.file, `username * jack ${Date.now() + 60000} ${until}\nusername * old 1 2\nusername * ji`);
		await x.start();
		await x.proxy.logged(/line 3 was not written to its end/);
		assert.match(readFileSync(x.file, 'utf8'), /^username \* jack \d+ \d+\n$/, 'what has run out, and what was torn, is gone');
		x.op.user = 'jack';
		const jack = x.browser();
		await jack.signIn(`${x.url}/`, 'jack', { hops: 8 });
		assert.equal(await status(x, jack), 401);
		await x.down('SIGTERM');
		for (const text of ['username * jack 1 2\nroot:x:0:0\n', `${'x'.repeat(3000)}`, `${'x'.repeat(200000)}\n`, 'username * jack 1 2\n\n']) {
			writeFileSync(x.file, text);
			const said = run(['-c', x.proxy.file]);
			assert.equal(said.status, 1);
			assert.match(said.stderr, /revocations: line \d is no revocation/);
			assert.equal(readFileSync(x.file, 'utf8'), text, 'it was written over');
		}
		rmSync(x.file);
		await x.start();
	} finally {
		await x.end();
	}
});

story('two processes do not share one file', async () => {
	const x = await persistent();
	try {
		const file = join(x.dir, 'second.conf');
		writeFileSync(file, x.proxy.text.replaceAll(String(x.port), String(await freePort())).replaceAll(String(x.adminPort), String(await freePort())), { mode: 0o600 });
		const said = run(['-c', file]);
		assert.equal(said.status, 1);
		assert.match(said.stderr, /in use by another process/);
	} finally {
		await x.end();
	}
});

story('what cannot be kept is not acknowledged, counts all the same, and is made up for', async () => {
	const x = await persistent();
	try {
		const kim = await x.signedIn('kim');
		const leo = await x.signedIn('leo');
		const old = kim.jar.header(new URL(x.url));
		// The limit of a file's size stands in for a full disk.
		assert.equal(spawnSync('prlimit', ['--pid', String(x.proxy.pid), '--fsize=0:unlimited']).status, 0);
		const out = await kim.request(`${x.url}/auth/logout`, { headers: NAVIGATE });
		assert.equal(out.status, 503, out.text);
		assert.match(out.text, /make sure that it lasts/);
		assert.ok(out.setCookies.some((c) => /workflow_session=;/.test(c)), 'the browser still has its cookie');
		assert.equal(await status(x, kim, old), 401, 'it goes on');
		const said = await revoke(x, { username: 'leo' });
		assert.equal(said.status, 503);
		assert.equal(said.json.error, 'revocation_unkept');
		assert.equal(await status(x, leo), 401);
		assert.equal(spawnSync('prlimit', ['--pid', String(x.proxy.pid), '--fsize=unlimited:unlimited']).status, 0);
		await new Promise((resolve) => { setTimeout(resolve, 2100); });
		assert.equal((await revoke(x, { username: 'mia' })).status, 200);
		await x.again('SIGKILL');
		assert.equal(await status(x, kim, old), 401);
		assert.equal(await status(x, leo), 401);
	} finally {
		await x.end();
	}
});

story('a file that cannot be written is a mistake of the configuration', async () => {
	const x = await w();
	const dir = scratch();
	try {
		mkdirSync(join(dir, 'folder'));
		const check = (path) => {
			const file = join(dir, 'c.conf');
			writeFileSync(file, x.proxy.text.replace('session {', `session { revocations = "${path}"`), { mode: 0o600 });
			return run(['-t', '-c', file]);
		};
		for (const path of [join(dir, 'none/revocations'), join(dir, 'folder'), '/dev/null']) {
			const said = check(path);
			assert.equal(said.status, 1, path);
			assert.match(said.stdout + said.stderr, /c\.conf:\d+: .*revocations/, path);
		}
		assert.equal(check(join(dir, 'revocations')).status, 0);
		assert.equal(check('revocations').status, 0);
		assert.ok(!existsSync(join(dir, 'revocations')), 'a check writes nothing');
	} finally {
		rmSync(dir, { recursive: true });
	}
});

closing(w);
