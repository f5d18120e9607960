// Attacks on the sign-in, the session and the identity, and the ordinary use that a defence must not stop.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { SECRET } from './lib/proxy.mjs';
import { exchange, Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const ROUTES = `route "/" { upstream = "app" claim_headers = {"X-Title=title", "X-Groups=groups"} }
	route "/public" { upstream = "app" auth = "none" }
	route "/admins" { upstream = "app" claims = {"groups~admins"} }
	route "/boss" { upstream = "app" claims = {"groups~admins"} access_denied_url = "/boss/no" }
	route "/short" { upstream = "app" username_match = "^([^@]+)@" username_replace = "\\\\1" }
	route "/redirect" { upstream = "app" unauthenticated = "redirect" }`;
const w = shared({ limits: 'logins_per_minute = 100000', routes: ROUTES, workers: 4 });
const NAME = 'workflow_session';
const session = (browser) => browser.jar.get(NAME);
const same = { ...NAVIGATE, 'Sec-Fetch-Site': 'same-origin' };
const cross = { ...NAVIGATE, 'Sec-Fetch-Site': 'cross-site' };
const unescape = (s) => s.replace(/&amp;/g, '&');
const links = (text) => [...text.matchAll(/(?:href|action)="([^"]*)"/g)].map((m) => unescape(m[1]));

// --- a sign-in ---

story('who is refused can sign in as somebody else: the provider is told to ask, once', async () => {
	const { url, op, signedIn } = await w();
	op.reset();
	const browser = await signedIn('alice');
	const denied = await browser.request(`${url}/admins/x?page=2&sort=a%26b`);
	assert.equal(denied.status, 403);
	assert.match(denied.text, /alice/);
	assert.match(denied.text, /groups~admins/);
	const change = links(denied.text).find((l) => l.includes('/auth/login'));
	assert.ok(change, denied.text);
	op.user = 'bob';
	op.fault = { claims: { groups: ['admins'] } };
	const page = await browser.go(new URL(change, url).href, { headers: same });
	assert.deepEqual(op.lastAuthorize.getAll('prompt'), ['login']);
	assert.equal(page.status, 200);
	assert.equal(page.url, `${url}/admins/x?page=2&sort=a%26b`);
	assert.equal(page.json.user, 'bob');
	await browser.request(`${url}/auth/login?prompt=none&scope=x&client_id=y&redirect_uri=z&state=s`);
	const q = (await browser.request(`${url}/auth/login?prompt=none&scope=x&client_id=y&redirect_uri=z&state=s&nonce=n`)).location;
	const p = new URL(q).searchParams;
	assert.equal(p.get('prompt'), null, 'nobody but us chooses the prompt');
	for (const name of ['scope', 'client_id', 'redirect_uri', 'state', 'nonce']) assert.equal(p.getAll(name).length, 1, name);
	assert.equal(p.get('client_id'), 'rp');
});

story('tabs side by side, and a change of user after them, are no loop', async () => {
	const { url, op } = await w();
	op.reset();
	const browser = new Browser();
	// Ten tabs restored at once: none of the ten first requests has a cookie yet.
	const tabs = await Promise.all(Array.from({ length: 10 }, (_, i) => browser.request(`${url}/tab/${i}`)));
	const ends = await Promise.all(tabs.map((t) => browser.go(t.location)));
	ends.forEach((e, i) => { assert.equal(e.status, 200, e.text.slice(0, 2000)); assert.equal(e.url, `${url}/tab/${i}`); });
	// Ten more in a browser that has its sign-in cookie.
	browser.jar.delete((c) => c.name === NAME);
	const more = await Promise.all(Array.from({ length: 10 }, (_, i) => browser.request(`${url}/tab/${i}`)));
	for (const [i, t] of more.entries()) assert.equal((await browser.go(t.location)).url, `${url}/tab/${i}`);
	for (let i = 0; i < 5; i++) assert.equal((await browser.go(`${url}/auth/login?prompt=login&rd=/x`)).status, 200);
	for (let i = 0; i < 3; i++) {
		const out = await browser.go(`${url}/auth/logout`, { headers: same });
		assert.equal(out.status, 200);
		assert.equal(session(browser), undefined);
		assert.equal((await browser.go(`${url}/again/${i}`)).status, 200, 'out and in again within a minute');
	}
});

story('a tab whose sign-in cookie other tabs replace arrives all the same; one that nobody leaves alone ends on a page', async () => {
	const { url, op } = await w();
	op.reset();
	for (const replaced of [3, 12]) {
		const browser = new Browser();
		let r = await browser.request(`${url}/mine`);
		for (let i = 0; i < replaced && r.location; i++) {
			await browser.request(`${url}/other/${i}`, { cookie: 'none=1' }); // a request that was under way without a cookie
			r = await browser.request((await browser.request(r.location)).location);
		}
		if (replaced === 3) {
			const page = await browser.go(r.location);
			assert.equal(page.status, 200);
			assert.equal(page.url, `${url}/mine`);
		} else {
			assert.equal(r.status, 403);
			assert.equal(session(browser), undefined);
		}
	}
});

story('a callback sent many times at once, to all workers, is redeemed once', async () => {
	const { url, op, port } = await w();
	op.reset();
	const browser = new Browser();
	const callback = new URL((await browser.request((await browser.request(`${url}/once`)).location)).location);
	const head = `GET ${callback.pathname}${callback.search} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/html\r\nCookie: ${browser.jar.header(new URL(url))}\r\n\r\n`;
	const answers = (await Promise.all(Array.from({ length: 24 }, () => exchange(port, head)))).map((a) => a[0]);
	assert.equal(op.calls.token, 1);
	assert.equal(answers.filter((a) => a.all('set-cookie').some((c) => c.startsWith(`${NAME}=`))).length, 1);
	for (const a of answers) assert.ok(a.status < 500, String(a.status));
});

story('a sign-in that fails sets no session cookie, and leaves the one that is there alone', async () => {
	const { url, op, signedIn } = await w();
	for (const [fault, reason] of [[{ breakSignature: true }, 403], [{ alg: 'none' }, 403], [{ claims: { nonce: 'other' } }, 403], [{ claims: { aud: 'other' } }, 403], [{ claims: { sub: '' } }, 403],
		[{ without: ['preferred_username'] }, 403], [{ claims: { title: 'a\u0001b' } }, 403], [{ claims: { preferred_username: 'a\r\nX-Forwarded-User: root' } }, 403], [{ claims: { preferred_username: ' root' } }, 403], [{ claims: { preferred_username: 'root ' } }, 403],
		[{ claims: { preferred_username: ['root'] } }, 403], [{ claims: { preferred_username: 7 } }, 403], [{ claims: { preferred_username: 'a\u0085b' } }, 403],
		[{ response: { error: 'access_denied', error_description: '<img src=x>', state: 'STATE' } }, 403], [{ responseAlso: { iss: 'https://other.example' } }, 403], [{ responseAlso: { iss: '' } }, 403],
		[{ responseAlso: { code: ['CODE', 'x'] } }, 400], [{ responseAlso: { state: ['STATE', 'STATE'] } }, 400], [{ responseAlso: { 'st%61te': 'x', iss: ['a', 'a'] } }, 400], [{ tokenStatus: 500 }, 503], [{ tokenDrop: true }, 503], [{ claims: { title: 'x'.repeat(60000) } }, 503]]) {
		for (const browser of [new Browser(), await (op.reset(), signedIn('alice'))]) {
			const before = session(browser)?.value;
			op.fault = fault;
			const r = await browser.go(`${url}/auth/login?rd=/wanted`, { hops: 8 });
			op.fault = {};
			const what = JSON.stringify(fault).slice(0, 90);
			assert.equal(r.status, reason, what);
			assert.equal(session(browser)?.value, before, what);
			assert.ok(!/<img src=x>/.test(r.text), what);
			assert.match(r.headers['cache-control'], /no-store/);
			if (reason === 503) assert.ok(r.headers['retry-after'], what);
			if (/title/.test(what) && reason === 403) assert.match(r.text, /claim title/, what);
		}
	}
});

story('the page of a refused sign-in leads back to the page that was wanted, and to another account', async () => {
	const { url, op } = await w();
	op.reset();
	op.fault = { without: ['preferred_username'] };
	const browser = new Browser();
	const r = await browser.go(`${url}/wanted?x=1`);
	op.fault = {};
	assert.equal(r.status, 403);
	assert.match(r.text, /preferred_username/);
	for (const kind of [/prompt=login/, /\/auth\/login\?rd=/]) {
		const to = links(r.text).find((l) => kind.test(l));
		assert.ok(to, r.text);
		assert.equal((await browser.go(new URL(to, url).href)).url, `${url}/wanted?x=1`);
		browser.jar.delete((c) => c.name === NAME);
	}
});

story('what is not GET is sent on with GET', async () => {
	const { url, signedIn } = await w();
	for (const method of ['DELETE', 'PUT', 'POST', 'PATCH']) {
		const r = await new Browser().request(`${url}/redirect/x?a=1`, { method, body: 'x', headers: { ...same, 'Content-Type': 'text/plain' } });
		assert.equal(r.status, 303, method);
	}
	const out = await (await signedIn()).request(`${url}/auth/logout`, { method: 'POST', headers: { ...same, Origin: url } });
	assert.equal(out.status, 303);
});

story('only callbacks count against logins_per_minute, per address, trusted proxies looked through', async () => {
	const own = await world({ limits: 'logins_per_minute = 5', top: 'trusted_proxies = {"127.0.0.1"}' });
	try {
		const { url } = own;
		const from = (a) => ({ ...NAVIGATE, 'X-Forwarded-For': a });
		for (let i = 0; i < 20; i++) assert.equal((await new Browser().request(`${url}/x`, { headers: from('192.0.2.1') })).status, 302, 'the way to the provider');
		const callback = (a, more = {}) => new Browser().request(`${url}/auth/callback?code=x&state=y`, { headers: { ...from(a), ...more } });
		for (let i = 0; i < 5; i++) assert.notEqual((await callback('192.0.2.1')).status, 429, String(i));
		const over = await callback('203.0.113.9, 192.0.2.1');
		assert.equal(over.status, 429, 'what the client itself put in front does not count');
		assert.ok(Number(over.headers['retry-after']) > 0);
		assert.match(over.headers['cache-control'], /no-store/);
		assert.equal((await callback('192.0.2.1', FETCH)).json.error, 'rate_limited');
		assert.notEqual((await callback('192.0.2.2')).status, 429, 'a neighbour');
		for (let i = 0; i < 5; i++) assert.notEqual((await callback(`2001:db8:0:1::${i}`)).status, 429);
		assert.equal((await callback('2001:db8:0:1:ffff::1')).status, 429, 'the same /64');
		assert.notEqual((await callback('2001:db8:0:2::1')).status, 429);
		for (let i = 0; i < 12; i++) assert.notEqual((await new Browser().request(`${url}/auth/callback?code=x&state=y`)).status, 429, 'the trusted proxy itself');
	} finally {
		await own.stop();
	}
});

story('a browser that leaves while the provider is asked takes nothing down', async () => {
	const { url, op, port } = await w();
	for (const fault of [{ tokenSlow: true }, { kid: 'unknown', jwksDelay: 300 }, {}]) {
		op.reset();
		const browser = new Browser();
		const callback = new URL((await browser.request((await browser.request(`${url}/x`)).location)).location);
		op.fault = fault;
		const raw = await Raw.open(port);
		raw.send(`GET ${callback.pathname}${callback.search} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/html\r\nCookie: ${browser.jar.header(new URL(url))}\r\n\r\n`);
		await sleep(fault.tokenSlow || fault.kid ? 120 : 1);
		raw.close();
		await sleep(400);
	}
	op.reset();
	assert.equal((await new Browser().go(`${url}/x`)).status, 200);
});

story('what was sealed or signed for one purpose passes for no other', async () => {
	const { url, signedIn } = await w();
	const browser = await signedIn();
	const state = new URL((await new Browser().request(`${url}/x`)).location).searchParams.get('state');
	const values = { state, tokens: browser.jar.get(`${NAME}.t`).value, login: browser.jar.get(`${NAME}.login`).value, session: session(browser).value };
	for (const [what, value] of Object.entries(values)) {
		if (what !== 'session') assert.equal((await new Browser().request(`${url}/x`, { cookie: `${NAME}=${value}`, headers: FETCH })).status, 401, what);
		const r = await new Browser().request(`${url}/auth/callback?code=x&state=${value}`, { cookie: `${NAME}.login=${values.login}` });
		assert.ok([302, 403].includes(r.status), what);
		assert.ok(!r.setCookies.some((c) => c.startsWith(`${NAME}=`)), what);
	}
	const out = await new Browser().request(`${url}/auth/logout`, { headers: same, cookie: `${NAME}=${values.session}; ${NAME}.t=${state}` });
	assert.equal(new URL(out.location).searchParams.get('id_token_hint'), null, 'tokens of nobody');
});

// --- who somebody is ---

story('a name that loses a space in its header is nobody\'s', async () => {
	const { url, op, signedIn, backend } = await w();
	op.reset();
	op.fault = { claims: { preferred_username: 'root @evil.example' } };
	const browser = await signedIn('x');
	op.fault = {};
	const before = backend.requests.length;
	assert.equal((await browser.request(`${url}/short/x`)).status, 403);
	assert.equal(backend.requests.length, before);
	op.fault = { claims: { preferred_username: 'jane@corp.example' } };
	const jane = await signedIn('x');
	op.fault = {};
	assert.equal((await jane.request(`${url}/short/x`)).json.user, 'jane');
});

story('claims with markup, quotes, bidirectional controls and format letters are shown as text, and as JSON', async () => {
	const { url, op, signedIn, proxy } = await w();
	op.reset();
	const name = '<script>alert(1)</script>"\'`&%s%n\u202e\u2028';
	op.fault = { claims: { preferred_username: name, groups: ['</dd><b>x', 'a,b'] } };
	const browser = await signedIn('x');
	op.fault = {};
	const page = await browser.request(`${url}/admins`);
	assert.equal(page.status, 403);
	assert.ok(!/<script|<b>|\u202e|\u2028/.test(page.text), page.text);
	assert.match(page.text, /&lt;script&gt;/);
	const json = await browser.request(`${url}/admins`, { headers: FETCH });
	assert.equal(json.status, 403);
	assert.deepEqual(Object.keys(json.json).sort(), ['error', 'error_description', 'request_id']);
	const me = await browser.request(`${url}/auth/session`, { headers: FETCH });
	assert.equal(me.json.username, name);
	assert.deepEqual(me.json.claims.groups, ['</dd><b>x', 'a,b']);
	assert.equal((await proxy.lastAccess((r) => r.path === '/admins')).user, name);
});

story('a page for the refused that is refused itself ends as a page', async () => {
	const { url, signedIn } = await w();
	const browser = await signedIn();
	const r = await browser.go(`${url}/boss/x`, { headers: same, hops: 8 });
	assert.equal(r.status, 403);
	assert.equal(r.url, `${url}/boss/no`);
});

// --- the end of a session ---

story('after signing out the cookie is refused by every worker, also for streams', async () => {
	const { url, port, signedIn, backend } = await w();
	const browser = await signedIn();
	const cookie = browser.jar.header(new URL(url));
	assert.ok((await browser.request(`${url}/auth/logout`, { headers: same })).status < 400);
	const before = backend.requests.length;
	const ask = (more) => exchange(port, `GET /x HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\nAccept: application/json\r\n${more}\r\n`);
	const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => ask(i % 2 ? '' : 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n')));
	for (const [a] of answers) assert.equal(a.status, 401);
	assert.equal(backend.requests.length, before);
});

story('signing out deletes every cookie of ours with the attributes of its creation, valid or not', async () => {
	const { url, signedIn } = await w();
	const browser = await signedIn();
	const set = new Map(browser.visited.flatMap((v) => v.setCookies).map((c) => [c.split('=')[0], c.slice(c.indexOf(';')).replace(/; (Max-Age|Expires)=[^;]*/g, '')]));
	assert.ok(set.size >= 3, [...set.keys()].join());
	for (const damage of [(c) => c, (c) => c.replace(/workflow_session=[^;]*/, 'workflow_session=damaged')]) {
		const out = await new Browser().request(`${url}/auth/logout`, { headers: same, cookie: damage(browser.jar.header(new URL(url))) });
		const gone = new Map(out.setCookies.map((c) => [c.split('=')[0], c]));
		for (const [name, attributes] of set) {
			assert.ok(gone.has(name), `${name} stays`);
			assert.match(gone.get(name), /^[^=]+=;.*Max-Age=0/);
			assert.equal(gone.get(name).slice(gone.get(name).indexOf(';')).replace(/; (Max-Age|Expires)=[^;]*/g, ''), attributes);
		}
	}
});

story('a sign-out that another site caused asks first, keeps the way on, and tells our server where it came from', async () => {
	const { url, signedIn, op } = await w();
	op.reset();
	const browser = await signedIn();
	for (const o of [{ headers: cross }, { headers: { ...NAVIGATE, Origin: 'https://evil.example' }, method: 'POST' }, { headers: { ...NAVIGATE, Origin: 'null' }, method: 'POST' }]) {
		const asked = await browser.request(`${url}/auth/logout?rd=/public/bye`, o);
		assert.equal(asked.status, 200);
		assert.deepEqual(asked.setCookies, []);
		assert.match(asked.text, /<meta name="referrer" content="same-origin">/);
		assert.ok(links(asked.text).includes('/auth/logout?rd=%2Fpublic%2Fbye'), asked.text);
	}
	const out = await browser.go(`${url}/auth/logout?rd=/public/bye`, { method: 'POST', headers: { ...same, Origin: url } });
	assert.equal(out.url, `${url}/public/bye`);
	assert.equal(op.lastLogout.get('state'), '/public/bye');
});

story('logout/return sends nobody away, and says only what is true', async () => {
	const { url, signedIn } = await w();
	for (const state of ['//evil.example', '/\\evil.example', 'https://evil.example', '/%2f/evil.example', '/a/..//evil.example', '/%0d%0aX:y', '/x\u0000']) {
		const r = await new Browser().request(`${url}/auth/logout/return?state=${encodeURIComponent(state)}`);
		assert.equal(r.status, 200, state);
		assert.equal(r.location, undefined);
	}
	const twice = await new Browser().request(`${url}/auth/logout/return?state=/a&state=/b`);
	assert.equal(twice.location, undefined);
	const browser = await signedIn();
	const r = await browser.request(`${url}/auth/logout/return`);
	assert.equal(r.location, `${url}/`, 'nobody has signed out');
});

story('signing out works while the provider is away', async () => {
	const own = await world({});
	try {
		const browser = await own.signedIn();
		const cookie = browser.jar.header(new URL(own.url));
		await own.op.stop();
		const r = await browser.request(`${own.url}/auth/logout`, { headers: same });
		assert.ok(r.status < 400);
		assert.equal(session(browser), undefined);
		assert.equal((await new Browser().request(`${own.url}/x`, { cookie, headers: FETCH })).status, 401);
	} finally {
		await own.stop();
	}
});

// --- answers of ours ---

story('every answer of ours, whatever the method, is stored, framed, sniffed and referred to by nobody', async () => {
	const { url, port, signedIn } = await w();
	const cookie = (await signedIn()).jar.header(new URL(url));
	const allowed = { login: ['GET', 'HEAD'], callback: ['GET'], logout: ['GET', 'HEAD', 'POST'], 'logout/return': ['GET', 'HEAD'], session: ['GET', 'HEAD'] };
	for (const path of ['login', 'callback', 'callback?code=a&state=b', 'logout', 'logout/return', 'session', 'none', '', 'login/x', 'LOGIN']) {
		for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'X']) {
			for (const accept of ['text/html', 'application/json']) {
				const [r] = await exchange(port, `${method} /auth/${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: ${accept}\r\n${path === 'session' ? `Cookie: ${cookie}\r\n` : ''}\r\n`, { method });
				const what = `${method} ${path} ${accept}: ${r.status}`;
				const may = allowed[path.split('?')[0]];
				assert.ok(r.status < 500, what);
				if (!may) assert.ok([400, 404].includes(r.status), what);
				else if (!may.includes(method)) assert.equal(r.status, 405, what);
				else assert.notEqual(r.status, 405, what);
				if (r.status === 405) assert.equal(r.get('allow'), may.join(', '), what);
				assert.equal(r.get('cache-control'), 'no-store', what);
				assert.equal(r.get('x-content-type-options'), 'nosniff', what);
				assert.equal(r.get('referrer-policy'), 'no-referrer', what);
				assert.equal(r.get('access-control-allow-origin'), undefined, what);
				if (/html/.test(r.get('content-type') ?? '')) assert.match(r.get('content-security-policy'), /frame-ancestors 'none'/, what);
				if (method === 'HEAD') assert.equal(r.body.length, 0, what);
			}
		}
	}
});

story('pages and JSON reflect nothing of an address', async () => {
	const { url } = await w();
	for (const path of ['/auth/%3Cscript%3Ealert(1)%3C/script%3E', '/auth/x?%3Cscript%3Ealert(1)%3C/script%3E', '/auth/callback?error=%3Cscript%3Ealert(1)&state=x', '/auth/session?callback=alert(1)', '/auth/login/%22onload=alert(1)']) {
		for (const headers of [NAVIGATE, FETCH]) {
			const r = await new Browser().request(url, { rawPath: path, headers });
			assert.ok(!/alert\(1/.test(r.text), `${path}: ${r.text}`);
		}
	}
});

story('the admin listener answers GET and HEAD, and tells no secret', async () => {
	const { proxy, signedIn } = await w();
	await signedIn('mallory-of-metrics');
	const admin = new Browser();
	for (const path of ['/healthz', '/readyz', '/metrics']) {
		const r = await admin.request(proxy.admin + path);
		assert.equal(r.status, 200, path);
		assert.match(r.headers['cache-control'], /no-store/);
		for (const secret of [SECRET, 'client-secret-of-the-tests', 'mallory', 'eyJ']) assert.ok(!r.text.includes(secret), path);
		for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) assert.equal((await admin.request(proxy.admin + path, { method })).status, 405);
	}
	for (const path of ['/', '/x', '/auth/login', '/metrics/', '//metrics', '/metrics%20', '/sessions']) assert.equal((await admin.request(proxy.admin, { rawPath: path })).status, 404, path);
	for (const path of ['/healthz', '/readyz', '/metrics']) assert.equal((await admin.request(proxy.url + path)).status, 302, 'only on its own listener');
});

// --- where it is served ---

story('a public_url with a path: cookies, callback, links, home and a page too long to remember stay below it', async () => {
	const port = await freePort();
	const at = `http://127.0.0.1:${port}`;
	const own = await world({
		publicUrl: `${at}/app`, proxy: false,
		routes: 'route "/app" { upstream = "app" }\nroute "/app/admins" { upstream = "app" claims = {"groups~admins"} }\nroute "/" { upstream = "app" auth = "none" }',
	});
	try {
		await own.start({ port });
		const browser = new Browser();
		const first = await browser.request(`${at}/app/x?y=1`);
		assert.equal(new URL(first.location).searchParams.get('redirect_uri'), `${at}/app/auth/callback`);
		const page = await browser.go(first.location);
		assert.equal(page.url, `${at}/app/x?y=1`);
		for (const c of browser.jar.cookies.values()) assert.equal(c.path, '/app', c.name);
		const long = await new Browser().go(`${at}/app/${'a'.repeat(1500)}`);
		assert.equal(long.url, `${at}/app/`);
		const denied = await browser.request(`${at}/app/admins`);
		assert.equal(denied.status, 403);
		for (const l of links(denied.text)) assert.ok(l.startsWith('/app/'), l);
		const lost = await browser.request(`${at}/app/auth/none`);
		assert.equal(lost.status, 404);
		for (const l of links(lost.text)) assert.ok(l.startsWith('/app/'), l);
		const outside = await browser.request(`${at}/auth/login`);
		assert.equal(outside.status, 200, 'not ours');
		const asked = await browser.request(`${at}/app/auth/logout`, { headers: cross });
		for (const l of links(asked.text)) assert.ok(l.startsWith('/app/'), l);
		const out = await browser.go(`${at}/app/auth/logout`, { headers: same });
		assert.equal(new URL(out.url).pathname, '/app/auth/logout/return');
		for (const l of links(out.text)) assert.ok(l.startsWith('/app/'), l);
		assert.equal(browser.jar.cookies.size, 0);
	} finally {
		await own.stop();
	}
});

story('several public hosts: each has its own session, and a state of one opens nothing at another', async () => {
	const port = await freePort();
	const [a, b] = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
	const own = await world({ publicUrl: [a, b], proxy: false });
	try {
		await own.start({ port });
		const browser = new Browser();
		assert.equal((await browser.go(`${a}/x`)).status, 200);
		const cookie = browser.jar.header(new URL(a));
		const ask = (host, c) => exchange(port, `GET /x HTTP/1.1\r\nHost: ${host}\r\nCookie: ${c}\r\nAccept: application/json\r\n\r\n`);
		assert.equal((await ask('127.0.0.1', cookie))[0].status, 200);
		assert.equal((await ask(`localhost:${port}`, cookie))[0].status, 401, 'the session of another host');
		for (const host of ['LOCALHOST', 'localhost.', 'LocalHost.:1', 'localhost:65535']) assert.equal((await ask(host, cookie))[0].status, 401, host);
		for (const host of ['127.0.0.1.', `127.0.0.1:${port}`]) assert.ok([200, 400, 421].includes((await ask(host, cookie))[0].status), host);
		for (const host of ['127.1', '0x7f.0.0.1', '2130706433', 'localhost..', '[::1]', 'localhost@127.0.0.1', 'xlocalhost', 'localhost.evil.example', '']) {
			assert.ok([400, 421].includes((await ask(host, cookie))[0].status), host);
		}
		const start = await browser.request(`${a}/y`, { cookie: 'none=1' });
		assert.equal(new URL(start.location).searchParams.get('redirect_uri'), `${a}/auth/callback`);
		const other = new Browser();
		const begun = await other.request(`${b}/y`);
		assert.equal(new URL(begun.location).searchParams.get('redirect_uri'), `${b}/auth/callback`);
		const answer = new URL((await other.request(begun.location)).location);
		answer.hostname = '127.0.0.1';
		const stolen = await other.request(answer.href);
		assert.equal(session(other), undefined);
		assert.ok([302, 403].includes(stolen.status));
		const page = await other.go(begun.location);
		assert.equal(page.url, `${b}/y`);
	} finally {
		await own.stop();
	}
});

story('SameSite=Strict: a page of ours leads on, so that the new cookie comes along', async () => {
	const own = await world({ session: 'same_site = "Strict"' });
	try {
		const browser = new Browser();
		const end = await browser.go(`${own.url}/wanted?a=1&b=%22%3E`);
		assert.equal(end.status, 200);
		const to = unescape(/http-equiv="refresh" content="0;url=([^"]*)"/.exec(end.text)[1]);
		assert.equal(to, '/wanted?a=1&b=%22%3E');
		assert.match(browser.visited.flatMap((v) => v.setCookies).find((c) => c.startsWith(`${NAME}=`)), /SameSite=Strict/);
		assert.equal((await browser.request(own.url + to)).status, 200);
	} finally {
		await own.stop();
	}
});

story('cookies under https: prefix, Secure, Domain and Path by what allows them, and gone with the same attributes', async () => {
	const host = 'flow.corp.test';
	const variants = [
		['', '', '__Host-workflow_session', '; Path=/; Secure; HttpOnly; SameSite=Lax'],
		['', 'cookie_prefix = "none"', 'workflow_session', '; Path=/; Secure; HttpOnly; SameSite=Lax'],
		['', 'domain = "corp.test"', 'workflow_session', '; Path=/; Domain=corp.test; Secure; HttpOnly; SameSite=Lax'],
		['', 'pass_cookie = yes', 'workflow_session', '; Path=/; Secure; HttpOnly; SameSite=Lax'],
		['', 'same_site = "None" cookie = "other"', '__Host-other', '; Path=/; Secure; HttpOnly; SameSite=None'],
		['/app', '', 'workflow_session', '; Path=/app; Secure; HttpOnly; SameSite=Lax'],
		['/app', 'path = "/"', '__Host-workflow_session', '; Path=/; Secure; HttpOnly; SameSite=Lax'],
	];
	const own = await world({ proxy: false, waitReady: false });
	try {
		for (const [path, settings, name, attributes] of variants) {
			await own.start({ publicUrl: `https://${host}${path}`, session: settings, routes: 'route "/" { upstream = "app" }' });
			const cookies = new Map();
			const get = async (target, headers = same) => {
				const r = await new Browser().request(own.proxy.url, { rawPath: target, headers: { ...headers, Host: host }, cookie: [...cookies].map(([n, v]) => `${n}=${v}`).join('; ') || 'none=1' });
				for (const line of r.setCookies) cookies.set(line.split('=')[0], line.slice(line.indexOf('=') + 1, line.indexOf(';')));
				return r;
			};
			const away = await until('the provider\'s metadata', async () => { const r = await get(`${path}/x`); return r.status === 302 && r; });
			const back = new URL((await new Browser().request(away.location)).location);
			assert.equal(back.origin + back.pathname, `https://${host}${path}/auth/callback`);
			const done = await get(back.pathname + back.search);
			const what = `${path} ${settings}`;
			const line = done.setCookies.find((c) => c.startsWith(`${name}=ey`));
			assert.ok(line, `${what}: ${done.setCookies.map((c) => c.slice(0, 40))}`);
			assert.equal(line.slice(line.indexOf(';')), attributes, what);
			assert.equal(away.setCookies.length, 1);
			assert.match(away.setCookies[0], /; Secure; HttpOnly; SameSite=Lax$/);
			const set = new Map([...away.setCookies, ...done.setCookies].map((c) => [c.split('=')[0], c.slice(c.indexOf(';'))]));
			assert.ok((await get(`${path}/auth/session`, FETCH)).status === 200, what);
			const out = await get(`${path}/auth/logout`);
			for (const [n, a] of set) {
				const gone = out.setCookies.find((c) => c.startsWith(`${n}=;`));
				assert.equal(gone?.slice(gone.indexOf(';')).replace('; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT', ''), a, `${what}: ${n}`);
			}
			await own.proxy.stop();
		}
	} finally {
		await own.stop();
	}
});

// --- in a real browser ---

let real;
const context = async () => {
	const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
	if (!existsSync(executablePath)) throw new Error(`no browser at ${executablePath}; make check installs it`);
	real ??= await chromium.launch({
		executablePath,
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
			'--disable-sync', '--no-proxy-server', '--disable-dev-shm-usage', '--host-resolver-rules=MAP *.test 127.0.0.1'],
	});
	return real.newContext();
};
after(() => real?.close());

story('ten tabs of a browser, restored at once, all arrive where they were', async () => {
	const { url, op } = await w();
	op.reset();
	const c = await context();
	const pages = await Promise.all(Array.from({ length: 10 }, () => c.newPage()));
	for (const round of ['new', 'again']) {
		await Promise.all(pages.map(async (p, i) => {
			const r = await p.goto(`${url}/${round}/${i}`);
			assert.equal(r.status(), 200, await p.content());
			assert.equal(p.url(), `${url}/${round}/${i}`);
		}));
		await c.clearCookies({ name: NAME });
	}
	await c.close();
});

story('SameSite=Strict works with a provider of another site, in one round', async () => {
	const port = await freePort();
	const own = await world({ publicUrl: `http://flow.test:${port}`, proxy: false, waitReady: false, session: 'same_site = "Strict"' });
	try {
		await own.start({ port });
		const c = await context();
		const page = await c.newPage();
		// A click at another site: so it is as well when somebody fills in the provider's form.
		await page.goto(`${own.op.url}/end`);
		await page.setContent(`<a href="http://flow.test:${port}/wanted?a=1&amp;b=2">go</a>`);
		await page.click('a');
		await page.waitForURL(`http://flow.test:${port}/wanted?a=1&b=2`);
		assert.match(await page.textContent('body'), /"user":"alice"/);
		assert.equal(own.op.calls.authorize, 1);
		await c.close();
	} finally {
		await own.stop();
	}
});

story('on plain http, where browsers say less, the question before a sign-out takes yes for an answer', async () => {
	const port = await freePort();
	const at = `http://flow.test:${port}`;
	const own = await world({ publicUrl: at, proxy: false, waitReady: false });
	try {
		await own.start({ port });
		const c = await context();
		const page = await c.newPage();
		await page.goto(`${at}/x`);
		await page.goto(`${own.op.url}/end`);
		await page.setContent(`<form method="post" action="${at}/auth/logout?rd=/y"><button>go</button></form>`);
		await Promise.all([page.waitForURL(/auth\/logout/), page.click('button')]);
		assert.match(await page.textContent('h1'), /Do you want to sign out/);
		await Promise.all([page.waitForURL(`${at}/y`), page.click('button')]);
		assert.equal(own.op.lastLogout.get('state'), '/y');
		await c.close();
	} finally {
		await own.stop();
	}
});

// --- keys ---

story('sessions outlive a new secret while the old one is named, and end with it, or with another client', async () => {
	const other = 'another-secret-of-the-tests-7Hq2Lm9Xc4Wn8Rb';
	const own = await world({});
	try {
		const browser = await own.signedIn();
		const status = async () => (await browser.request(`${own.url}/x`, { headers: FETCH })).status;
		const again = async (more) => { await own.proxy.stop(); await own.start(more); };
		assert.equal(await status(), 200);
		await again({ secret: `secret = {"${other}", "${SECRET}"}` });
		assert.equal(await status(), 200);
		const claims = JSON.parse(Buffer.from(session(browser).value.split('.')[1], 'base64url'));
		const fresh = await own.signedIn();
		assert.equal(createHmac('sha256', other).update(session(fresh).value.split('.').slice(0, 2).join('.')).digest('base64url'), session(fresh).value.split('.')[2]);
		await again({ secret: `secret = {"${SECRET}"}`, clientId: 'other' });
		assert.equal(await status(), 401, 'another client');
		await again({ secret: `secret = {"${other}"}` });
		assert.equal(await status(), 401, 'the old secret is gone');
		assert.equal(claims.aud, 'rp');
	} finally {
		await own.stop();
	}
});

closing(w);
