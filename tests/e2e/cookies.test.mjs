// Cookies as rubbish, as forgery and as freight: who holds no authentic one is nobody, and ours go no further.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Browser, FETCH } from './lib/browser.mjs';
import { SECRET } from './lib/proxy.mjs';
import { Raw, exchange } from './lib/raw.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({ routes: 'route "/" { upstream = "app" claim_headers = {"X-Groups=groups"} }\nroute "/public" { upstream = "app" auth = "none" }' });
const short = shared({ session: 'timeout = "2s"' });
const NAME = 'workflow_session';

async function status(lines, path = '/x') {
	const { port } = await w();
	const [r] = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n${lines.map((l) => `Cookie: ${l}\r\n`).join('')}Connection: close\r\n\r\n`);
	return r?.status;
}
const token = async (user) => (await (await w()).signedIn(user)).jar.get(NAME).value;
const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url');

story('malformed Cookie headers are no session and no harm', async () => {
	for (const c of ['', ';;', '=', '=;', 'a', ' ; =x', NAME, `${NAME}=`, `${NAME}`, `=${NAME}`, ';'.repeat(1000), `${NAME};${NAME}=;${NAME}==`, `${NAME}="`, `${NAME}=""`, `${NAME}_1=a`, `${NAME}_99999999=a`, `${NAME}_-1=a; ${NAME}=`,
		`${NAME}=%s%n%x`, `${NAME}=${'.'.repeat(5000)}`, `${NAME}=${'a.'.repeat(3000)}`, `${NAME}=\xff\xfe`, `${NAME}=a b c`, `${NAME}=a,b`, `a=b;`.repeat(500), `${NAME}=eyJ..`, `${NAME}=..`, `${NAME}=e30.e30.`]) {
		assert.equal(await status([c]), 401, JSON.stringify(c.slice(0, 60)));
		assert.equal(await status([c], '/public'), 200, JSON.stringify(c.slice(0, 60)));
	}
	assert.ok([401, 431].includes(await status([`${NAME}=${'A'.repeat(30000)}`])));
});

story('a cookie with any byte changed is no session', async () => {
	const t = await token();
	assert.equal(await status([`${NAME}=${t}`]), 200);
	const step = Math.max(1, Math.floor(t.length / 60));
	for (let i = 0; i < t.length; i += step) {
		const bad = t.slice(0, i) + (t[i] === 'A' ? 'B' : 'A') + t.slice(i + 1);
		assert.equal(await status([`${NAME}=${bad}`]), 401, `byte ${i}`);
	}
	for (const bad of [`${t}=`, `${t}A`, t.slice(0, -1), `${t}.`, `.${t}`, t.replace('.', '..'), t.split('.').slice(0, 2).join('.'), `${t.split('.').slice(0, 2).join('.')}.`, ` ${t.replace('.', '. ')}`, t.toLowerCase()]) {
		assert.equal(await status([`${NAME}=${bad}`]), 401, bad.slice(-20));
	}
});

story('forged tokens: alg none, other secret, other issuer, audience, time or provider', async () => {
	const t = await token();
	const [h, p] = t.split('.');
	const header = JSON.parse(Buffer.from(h, 'base64url'));
	const claims = JSON.parse(Buffer.from(p, 'base64url'));
	const make = (hdr, c, key = SECRET) => { const i = `${b64(hdr)}.${b64(c)}`; return `${i}.${createHmac('sha256', key).update(i).digest('base64url')}`; };
	assert.equal(await status([`${NAME}=${b64({ ...header, alg: 'none' })}.${p}.`]), 401, 'none');
	assert.equal(await status([`${NAME}=${make(header, claims, 'another secret of more than thirty-two bytes')}`]), 401, 'other secret');
	assert.equal(await status([`${NAME}=${make(header, claims, '')}`]), 401, 'empty secret');
	assert.equal(await status([`${NAME}=${make({ ...header, alg: 'HS512' }, claims)}`]), 401, 'HS512');
	const now = Math.floor(Date.now() / 1000);
	for (const change of [{ iss: 'http://127.0.0.1:1' }, { aud: 'other' }, { idp: 'other' }, { sub: '' }, { username: '' }, { exp: now - 1 }, { exp: undefined }, { iss: undefined }, { aud: undefined }, { sub: undefined }, { username: undefined }, { idp: undefined }, { exp: 'never' }, { exp: null }, { iat: now + 86400 }]) {
		assert.equal(await status([`${NAME}=${make(header, { ...claims, ...change })}`]), 401, JSON.stringify(change));
	}
});

story('of several cookies of one name the only one that verifies counts; two that verify count for nothing', async () => {
	const { proxy } = await w();
	const [a, b] = [await token('alice'), await token('bob')];
	assert.equal(await status([`${NAME}=rubbish; ${NAME}=${a}`]), 200);
	assert.equal(await status([`${NAME}=${a}; ${NAME}=rubbish`]), 200);
	assert.equal(await status([`${NAME}=rubbish`, `x=y; ${NAME}=${a}`]), 200);
	assert.equal(await status([`${NAME}=${a}; ${NAME}=${a}`]), 200, 'the same twice');
	assert.equal(await status([`${NAME}=${a}; ${NAME}=${b}`]), 401);
	assert.equal((await proxy.lastAccess((r) => r.status === 401)).reason, 'session_duplicate');
});

story('our cookies are not passed to the backend, all others are, in their order', async () => {
	const { backend, signedIn, url } = await w();
	const browser = await signedIn();
	const ours = browser.jar.header(new URL(url));
	await status([`first=1; ${ours}; second="a b"; ${NAME}_1=x; ${NAME}.t=y; third=3`, 'fourth=4']);
	assert.equal(backend.last.all('cookie').join('; '), 'first=1; second="a b"; third=3; fourth=4');
	await status([ours]);
	assert.equal(backend.last.get('cookie'), undefined, 'no empty Cookie');
	await status([`${ours}; open=1`], '/public');
	assert.equal(backend.last.get('cookie'), 'open=1', 'on open routes too');
	await status([`${NAME}x=1; my_${NAME}=2`], '/public');
	assert.equal(backend.last.get('cookie'), `${NAME}x=1; my_${NAME}=2`, 'names that only look like ours');
});

story('a browser that brings a forged cookie is sent to sign in, not into a loop', async () => {
	const { url } = await w();
	const browser = new Browser();
	browser.jar.set(new URL(url), `${NAME}=forged.forged.forged; Path=/`);
	const r = await browser.go(`${url}/page`);
	assert.equal(r.status, 200);
	assert.equal(r.json.user, 'alice');
});

story('a session of many groups is split over several cookies, works, and shrinks cleanly', async () => {
	const { op, url, signedIn, backend } = await w();
	op.fault = { claims: { groups: Array.from({ length: 150 }, (_, i) => `group-with-a-rather-long-name-${i}`) } };
	const browser = await signedIn();
	assert.ok(browser.jar.get(`${NAME}_1`), 'a second part');
	assert.equal((await browser.request(`${url}/many`)).status, 200);
	assert.match(backend.last.get('x-groups'), /name-149$/);
	browser.jar.delete((c) => c.name === `${NAME}_1`);
	assert.equal((await browser.request(`${url}/many`, { headers: FETCH })).status, 401, 'a missing part is no session');
	op.fault = {};
	const again = await browser.go(`${url}/small`);
	assert.equal(again.status, 200);
	assert.equal(browser.jar.get(`${NAME}_1`), undefined);
	assert.equal((await browser.request(`${url}/small`)).status, 200);
});

story('a session that has run out is 401 for programs, a new sign-in for browsers, and never extended', async () => {
	const { signedIn, url, proxy } = await short();
	const browser = await signedIn();
	const cookie = browser.jar.header(new URL(url));
	for (let i = 0; i < 4; i++) {
		await new Promise((resolve) => { setTimeout(resolve, 800); });
		await browser.request(`${url}/use`);
	}
	const r = await new Browser().request(`${url}/x`, { cookie, headers: FETCH });
	assert.equal(r.status, 401);
	assert.equal((await proxy.lastAccess((a) => a.status === 401)).reason, 'session_expired');
	assert.equal((await browser.go(`${url}/y`)).status, 200);
});

story('a text of one purpose is refused for another: state, sealed tokens and binding as session', async () => {
	const { url } = await w();
	const browser = new Browser();
	const start = await browser.request(`${url}/x`);
	const state = new URL(start.location).searchParams.get('state');
	await browser.go(start.location);
	for (const c of browser.jar.cookies.values()) {
		if (c.name === NAME) continue;
		assert.equal(await status([`${NAME}=${c.value}`]), 401, c.name);
	}
	assert.equal(await status([`${NAME}=${state}`]), 401, 'state');
});

story('a hundred thousand cookies of one connection do not slow the next request', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	const many = Array.from({ length: 1500 }, (_, i) => `${NAME}=x${i}`).join('; ').slice(0, 28000);
	const start = Date.now();
	for (let i = 0; i < 60; i++) {
		raw.send(`GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nCookie: ${many}\r\n\r\n`);
		assert.equal((await raw.response()).status, 401);
	}
	assert.ok(Date.now() - start < 4000);
	raw.close();
});

closing(w, short);
