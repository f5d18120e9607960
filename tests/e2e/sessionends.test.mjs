// How sessions end where several are about, or where something is under way while they end.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { NAVIGATE } from './lib/browser.mjs';
import { sleep, until } from './lib/ports.mjs';
import { RELEASE, scratch } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const giving = (o) => shared(async () => ({ ...o, op: await withRevocation() }));
async function withRevocation() {
	const { FaultOp } = await import('./lib/faultop.mjs');
	const op = await FaultOp.start();
	op.metadata = { revocation_endpoint: `${op.url}/revoke` };
	op.fault = { metadata: op.metadata };
	return op;
}
const worlds = { cookie: giving({}), memory: giving({ session: 'store = memory' }) };

const JSON_ONLY = { headers: { Accept: 'application/json' } };
const tokenOf = (browser) => browser.jar.get('workflow_session').value;
const claimsOf = (browser) => JSON.parse(Buffer.from(tokenOf(browser).split('.')[1], 'base64url'));
const cookieOf = (browser, url) => browser.jar.header(new URL(url));
const status = async (x, browser, cookie) => (await browser.request(`${x.url}/page`, { ...JSON_ONLY, cookie })).status;
// The refresh token that the provider gave last: code, then access, refresh and ID token, then the verifier.
const lastRefresh = (op) => op.issued.at(-3);
const givenBack = (op) => op.givenBack.map((g) => g.form.get('token'));

// --- several at once ------------------------------------------------------------------------------------------------

for (const [store, w] of Object.entries(worlds)) {
	story(`store = ${store}: a sign-out with two sessions ends both, and gives both refresh tokens back`, async () => {
		const x = await w();
		const one = await x.signedIn('alice');
		const refreshOne = lastRefresh(x.op);
		const two = await x.signedIn('bob');
		const refreshTwo = lastRefresh(x.op);
		const both = `${cookieOf(one, x.url)}; ${cookieOf(two, x.url)}`;
		assert.equal(await status(x, x.browser(), both), 401, 'two that differ are none');
		x.op.givenBack = [];
		const out = await x.browser().request(`${x.url}/auth/logout`, { headers: NAVIGATE, cookie: both });
		assert.equal(out.status, 302);
		assert.match(out.location, /\/end\?id_token_hint=/);
		assert.ok(out.setCookies.some((c) => c.startsWith('workflow_session=;')));
		for (const browser of [one, two]) assert.equal(await status(x, x.browser(), cookieOf(browser, x.url)), 401, 'it is still good');
		assert.deepEqual(givenBack(x.op).sort(), [refreshOne, refreshTwo].sort());
		const said = x.proxy.stderr.split('\n').filter((l) => /(alice|bob) signed out/.test(l));
		assert.equal(said.length, 2);
	});
}

story('a session that hides behind many cookies of its name ends as well', async () => {
	const x = await worlds.cookie();
	const carol = await x.signedIn('carol');
	const many = Array.from({ length: 12 }, (_, i) => `workflow_session=tossed${i}`).join('; ');
	await x.browser().request(`${x.url}/auth/logout`, { headers: NAVIGATE, cookie: `${many}; ${cookieOf(carol, x.url)}` });
	assert.equal(await status(x, carol), 401);
	assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
});

// --- a session in another one's place -------------------------------------------------------------------------------

async function persistent(o = {}) {
	const dir = scratch();
	const file = join(dir, 'revocations');
	const x = await world({ ...o, session: `revocations = "${file}" ${o.session ?? ''}` });
	const lines = () => readFileSync(file, 'utf8').split('\n').filter(Boolean).map((l) => l.split(' '));
	const again = async (change = (text) => text) => {
		x.proxy.signal('SIGTERM');
		await x.proxy.ended;
		x.proxy.stopped = true;
		rmSync(x.proxy.dir, { recursive: true });
		writeFileSync(file, change(readFileSync(file, 'utf8')), { mode: 0o600 });
		await x.start();
	};
	const end = async () => {
		await x.stop();
		rmSync(dir, { recursive: true });
	};
	return Object.assign(x, { file, lines, again, end });
}

for (const [how, path, headers] of [
	['signs in again', '/auth/login?rd=/page', NAVIGATE],
	['is renewed in a hidden frame', '/auth/login?prompt=none', { ...NAVIGATE, 'Sec-Fetch-Dest': 'iframe', 'Sec-Fetch-Site': 'same-origin' }],
]) {
	story(`who ${how} has a new session; the old one serves late requests for 60 s, and ends`, async () => {
		const x = await persistent({ session: 'iframe_refresh = yes timeout = "1h"' });
		try {
			const dora = await x.signedIn('dora');
			const old = cookieOf(dora, x.url);
			const was = claimsOf(dora);
			await dora.go(`${x.url}${path}`, { headers, stop: (a) => a.setCookies.some((c) => c.startsWith('workflow_session=')) });
			const now = claimsOf(dora);
			assert.notEqual(now.sid, was.sid);
			assert.equal(await status(x, x.browser(), old), 200, 'a request that was under way');
			const line = await until('the revocation', () => x.lines().find((l) => l[0] === 'replaced'));
			const [, , sid, from, over] = line;
			assert.equal(sid, was.sid);
			assert.ok(Math.abs(Number(from) - now.sst - 60000) < 2000, `from ${from}, signed in ${now.sst}`);
			assert.equal(Number(over), Math.ceil(was.sst / 1000 - 1) + 3600 + 60, 'no longer than it must');
			assert.equal(x.lines().length, 1, 'one sign-in, one entry');
			// A minute later:
			await x.again((text) => text.replace(from, String(Number(from) - 61000)));
			assert.equal(await status(x, x.browser(), old), 401);
			assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
			assert.equal(await status(x, dora), 200);
		} finally {
			await x.end();
		}
	});
}

story('a session in whose place another one is does not come back with a late answer', async () => {
	const x = await world({ session: 'timeout = "1h"' });
	try {
		x.op.life = 3;
		const erik = await x.signedIn('erik');
		const old = cookieOf(erik, x.url);
		await sleep(claimsOf(erik).refresh_at * 1000 - Date.now() + 50);
		x.op.life = 3600;
		// One that waits for its renewal while the browser signs in, and one that comes after.
		x.op.fault = { refreshDelay: 1500 };
		const waiting = x.browser().request(`${x.url}/page`, { ...JSON_ONLY, cookie: old });
		await until('the renewal', () => x.op.calls.refresh === 1);
		await erik.go(`${x.url}/auth/login?rd=/page`);
		const late = await x.browser().request(`${x.url}/page`, { ...JSON_ONLY, cookie: old });
		for (const answer of [await waiting, late]) {
			assert.equal(answer.status, 200);
			assert.deepEqual(answer.setCookies, []);
		}
		assert.equal(x.op.calls.refresh, 1);
		assert.equal(await status(x, erik), 200);
	} finally {
		await x.stop();
	}
});

story('nor with an answer that the application takes long to give', async () => {
	const x = await world({ session: 'timeout = "1h"' });
	try {
		const held = [];
		x.backend.on('/slow', (r, s) => { held.push(s); });
		for (const meanwhile of ['/auth/login?rd=/page', '/auth/logout']) {
			x.op.life = 3;
			const fay = await x.signedIn('fay');
			const old = cookieOf(fay, x.url);
			await sleep(claimsOf(fay).refresh_at * 1000 - Date.now() + 50);
			x.op.life = 3600;
			const waiting = x.browser().request(`${x.url}/slow`, { ...JSON_ONLY, cookie: old });
			await until('the request at the application, renewed', () => held.length === 1);
			await fay.go(`${x.url}${meanwhile}`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'same-origin' } });
			held.pop().write('HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n');
			const answer = await waiting;
			assert.equal(answer.status, 200);
			assert.deepEqual(answer.setCookies, [], meanwhile);
		}
		assert.equal(x.op.calls.refresh, 2, 'both had cookies to give');
	} finally {
		await x.stop();
	}
});

story('a session that has run out is left alone by a sign-in', async () => {
	const x = await persistent({ session: 'timeout = "3s"' });
	try {
		const finn = await x.signedIn('finn');
		await sleep(3100);
		await finn.go(`${x.url}/auth/login?rd=/page`);
		assert.equal(await status(x, finn), 200);
		await sleep(300);
		assert.deepEqual(x.lines(), []);
	} finally {
		await x.end();
	}
});

story('a revocation is kept when somebody has moved, deleted or cut the file meanwhile', async () => {
	const x = await persistent();
	try {
		const users = [];
		for (const harm of [() => {}, () => rmSync(x.file), () => writeFileSync(x.file, ''), () => { renameSync(x.file, `${x.file}.1`); writeFileSync(x.file, 'rubbish\n'); }]) {
			const browser = await x.signedIn(`user${users.length}`);
			users.push(cookieOf(browser, x.url));
			harm();
			assert.equal((await browser.request(`${x.url}/auth/logout`, { headers: NAVIGATE })).status, 302);
		}
		await x.again();
		for (const cookie of users) assert.equal(await status(x, x.browser(), cookie), 401);
	} finally {
		await x.end();
	}
});

// --- a renewal under way --------------------------------------------------------------------------------------------

// Somebody whose tokens are due; `meanwhile` is done when the provider has been asked for new ones, which then say `claims`.
async function whileRenewed(x, user, claims, meanwhile) {
	x.op.reset();
	x.op.life = 3;
	const browser = await x.signedIn(user);
	const cookie = cookieOf(browser, x.url);
	x.op.life = 3600;
	await sleep(claimsOf(browser).refresh_at * 1000 - Date.now() + 50);
	let go;
	const held = new Promise((resolve) => { go = resolve; });
	x.op.fault = { refreshWhen: () => held, claims };
	const waiting = x.browser().request(`${x.url}/page`, { ...JSON_ONLY, cookie });
	await until('the renewal', () => x.op.calls.refresh === 1);
	await meanwhile(browser);
	go();
	return { browser, cookie, answer: await waiting };
}
const revoke = (x, what) => x.browser().request(`${x.proxy.admin}/sessions/revoke`, {
	method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(what), cookie: ' ',
});
const newRefresh = (op) => op.issued.at(-2);

for (const [store, w] of Object.entries(worlds)) {
	for (const [what, claims, meanwhile] of [
		['its user signs out', undefined, async (x, b) => assert.equal((await b.request(`${x.url}/auth/logout`, { headers: NAVIGATE })).status, 302)],
		['it is ended by its username', undefined, async (x) => assert.equal((await revoke(x, { username: 'gerd' })).status, 200)],
		['the username that it is about to get is ended', { preferred_username: 'gerd-married', sub: 'sub-gerd' }, async (x) => assert.equal((await revoke(x, { username: 'gerd-married' })).status, 200)],
		['the provider\'s session that it is about to get is ended', { sid: 'op-new', sub: 'sub-gerd' }, async (x) => assert.equal((await revoke(x, { sid: 'op-new' })).status, 200)],
	]) {
		story(`store = ${store}: a session is renewed while ${what}: it is over, and the new refresh token goes back`, async () => {
			const x = await w();
			const { cookie, answer } = await whileRenewed(x, 'gerd', claims, (b) => meanwhile(x, b));
			await until('the new refresh token to go back', () => givenBack(x.op).includes(newRefresh(x.op)), 3000);
			if (store === 'cookie') assert.equal(answer.status, 401, 'who waited got in');
			assert.deepEqual(answer.setCookies, []);
			const late = await x.browser().request(`${x.url}/page`, { ...JSON_ONLY, cookie });
			assert.equal(late.status, 401);
			assert.deepEqual(late.setCookies, []);
			assert.equal(late.json.error, 'session_revoked');
		});
	}
}

story('a sign-out gives back what a renewal brought of which the browser never heard', async () => {
	const x = await worlds.cookie();
	x.op.reset();
	x.op.life = 3;
	const hans = await x.signedIn('hans');
	await sleep(claimsOf(hans).refresh_at * 1000 - Date.now() + 50);
	x.op.fault = { refreshDelay: 300 };
	const q = request(`${x.url}/gone`, { headers: { Cookie: cookieOf(hans, x.url) }, agent: false });
	q.on('error', () => {});
	q.end();
	await until('the token request', () => x.op.calls.refresh === 1);
	q.destroy();
	await sleep(600);
	assert.equal((await hans.request(`${x.url}/auth/logout`, { headers: NAVIGATE })).status, 302);
	assert.deepEqual(givenBack(x.op), [newRefresh(x.op)]);
});

story('one address cannot fill the table of front-channel logouts', async () => {
	const x = await world({ bin: RELEASE, logLevel: 'error', accessLog: 'off', limits: 'logins_per_minute = 1000000' });
	try {
		const one = await Raw.open(x.port);
		const ask = (i) => `GET /auth/logout/frontchannel?sid=never-${i} HTTP/1.1\r\nHost: 127.0.0.1:${x.port}\r\n\r\n`;
		const count = (b) => { const n = {}; for (const [, s] of b.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)) n[s] = (n[s] ?? 0) + 1; return n; };
		const sum = (n) => Object.values(n).reduce((x, y) => x + y, 0);
		const all = {};
		for (let i = 0; i < 17000; i += 500) {
			one.send(Array.from({ length: 500 }, (_, k) => ask(i + k)).join(''));
			const got = await one.wait((b) => { const n = count(b); return sum(n) === 500 ? n : undefined; }, 30000);
			await sleep(20); // the last one's body
			one.take(one.bytes.length);
			for (const [k, n] of Object.entries(got)) all[k] = (all[k] ?? 0) + n;
		}
		assert.deepEqual(all, { 200: 16384, 429: 616 });
		one.close();
		const other = await x.browser({ localAddress: '127.0.0.3' }).request(`${x.url}/auth/logout/frontchannel?sid=another`);
		assert.equal(other.status, 200, 'another address has its own share');
	} finally {
		await x.stop();
	}
}, 120000);

// --- and where a sign-in ends ---------------------------------------------------------------------------------------

story('a sign-in never ends on an endpoint of ours, in no spelling', async () => {
	const x = await worlds.memory();
	x.op.reset();
	for (const rd of ['/auth/session/frame?done', '/auth/session/frame', '/auth/logout', '/auth/logout?x', '/auth', '/auth/', '/auth/callback?code=1', '/auth//session/frame?done',
		'/auth/./session/frame?done', '/x/../auth/session/frame?done', '/%61uth/session/frame?done', '/auth/session/frame#x']) {
		const browser = x.browser();
		const r = await browser.go(`${x.url}/auth/login?rd=${encodeURIComponent(rd)}`);
		assert.equal(r.status, 200, rd);
		assert.equal(r.url, `${x.url}/`, rd);
		assert.equal(await status(x, browser), 200, rd);
	}
	assert.equal((await x.browser().go(`${x.url}/auth/login?rd=%2Fauthors%3Fauth`)).url, `${x.url}/authors?auth`);
});

closing(...Object.values(worlds));
