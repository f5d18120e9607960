// Several providers side by side: each with a callback and a cookie of its own, never taken for one another.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { launch, picture, signIn } from './lib/chromium.mjs';
import { certificate } from './lib/certificate.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { Op } from './lib/op.mjs';
import { freePort, until } from './lib/ports.mjs';
import { closing, story, world } from './lib/world.mjs';

// Two certified providers.  The second one answers on another address: browsers do not part cookies by ports.
const routes = (two) => `
provider "two" { discovery_url = "${two.discoveryUrl}" client_id = "rp" client_secret = "client-secret-of-the-tests-0123456789" }
route "/" { upstream = "app" }
route "/two" { upstream = "app" provider = "two" }
route "/both" { upstream = "app" provider = {"main", "two"} }
route "/public" { upstream = "app" auth = none }`;

async function make(o = {}) {
	const w = await world({ real: true, proxy: false, ...o });
	w.two = await Op.start({
		port: await freePort(), host: '127.0.0.2', redirectUris: [`${w.url}/auth/callback/two`], postLogoutUris: [`${w.url}/auth/logout/return`],
	});
	const stop = w.stop;
	w.stop = async (expected) => {
		try {
			await stop(expected);
		} finally {
			await w.two.stop();
		}
	};
	w.settings.routes = `${routes(w.two)}\n${o.more ?? ''}`;
	await w.start();
	return w;
}
let made;
const w = () => { made ??= make(); return made; };
after(async () => { await (await made?.catch(() => {}))?.stop().catch(() => {}); });

const get = (browser, url) => browser.request(url, { headers: FETCH });
const links = (text) => [...text.matchAll(/href="([^"]+)">([^<]+)</g)].map(([, url, name]) => ({ name, url: url.replace(/&amp;/g, '&') }));
const claims = (browser, name) => JSON.parse(Buffer.from(browser.jar.get(name).value.split('.')[1], 'base64url'));

story('each signs in at its own callback, with a cookie of its own that opens no route of the other', async () => {
	const { url, op, two } = await w();
	const browser = new Browser();
	let r = await browser.signIn(`${url}/two/x?y=1`, 'bob');
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.user, 'bob');
	assert.equal(r.json.target, '/two/x?y=1');
	assert.ok(r.chain.some((a) => a.url.startsWith(`${two.url}/auth?`)), 'at the second provider');
	assert.ok(!r.chain.some((a) => a.url.startsWith(op.url)), 'and not at the first');
	const sent = new URL(r.chain.find((a) => a.location?.startsWith(`${two.url}/auth?`)).location).searchParams;
	assert.equal(sent.get('redirect_uri'), `${url}/auth/callback/two`);
	assert.ok(r.chain.some((a) => a.url.startsWith(`${url}/auth/callback/two?`)));
	assert.equal(browser.jar.get('workflow_session'), undefined);
	assert.equal(claims(browser, 'workflow_session-two').idp, 'two');

	assert.equal((await get(browser, `${url}/`)).status, 401, 'a session of the second does not open a route of the first');
	assert.equal((await get(browser, `${url}/two`)).json.user, 'bob');
	assert.equal((await get(browser, `${url}/both`)).json.user, 'bob');

	r = await browser.signIn(`${url}/`, 'alice');
	assert.equal(r.json.user, 'alice');
	assert.ok(r.chain.some((a) => a.url.startsWith(`${url}/auth/callback?`)));
	assert.equal(claims(browser, 'workflow_session').idp, 'main');
	assert.equal((await get(browser, `${url}/`)).json.user, 'alice');
	assert.equal((await get(browser, `${url}/two`)).json.user, 'bob', 'the other session stays');
	assert.equal((await get(browser, `${url}/both`)).json.user, 'alice', 'of two the first that the route names');
});

story('a session under the other one\'s name is no session', async () => {
	const { url } = await w();
	const browser = new Browser();
	await browser.signIn(`${url}/`, 'alice');
	const { value } = browser.jar.get('workflow_session');
	for (const name of ['workflow_session-two', 'workflow_session-three', 'workflow_session-two_1', 'Workflow_session', 'workflow_session-']) {
		assert.equal((await browser.request(`${url}/two`, { headers: FETCH, cookie: `${name}=${value}` })).status, 401, name);
		assert.equal((await browser.request(`${url}/both`, { headers: FETCH, cookie: `${name}=${value}` })).status, 401, name);
	}
});

story('who is signed in where a route does not want it is sent to the one that it does', async () => {
	const { url, two } = await w();
	const browser = new Browser();
	await browser.signIn(`${url}/`, 'alice');
	const r = await browser.request(`${url}/two/page`);
	assert.equal(r.status, 302);
	assert.ok(r.location.startsWith(`${two.url}/auth?`), r.location);
	assert.equal((await get(browser, `${url}/two/page`)).json.error, 'no_session');
});

story('signing out ends the sessions of all, and at the provider of the first', async () => {
	const { url, op, two } = await w();
	const browser = new Browser();
	await browser.signIn(`${url}/two`, 'bob');
	await browser.signIn(`${url}/`, 'alice');
	const held = browser.jar.header(new URL(url));
	assert.match(held, /workflow_session=.*workflow_session-two=|workflow_session-two=.*workflow_session=/);
	let r = await browser.request(`${url}/auth/logout`);
	assert.ok(r.location.startsWith(`${op.url}/session/end?`), r.location);
	const hint = new URL(r.location).searchParams.get('id_token_hint');
	assert.equal(JSON.parse(Buffer.from(hint.split('.')[1], 'base64url')).iss, op.url);
	assert.doesNotMatch(browser.jar.header(new URL(url)), /workflow_session/, 'nothing of ours is left');
	for (const page of ['/', '/two', '/both']) {
		assert.equal((await browser.request(`${url}${page}`, { headers: FETCH, cookie: held })).json.error, 'session_revoked', page);
	}

	await browser.signIn(`${url}/two`, 'bob');
	r = await browser.request(`${url}/auth/logout`);
	assert.ok(r.location.startsWith(`${two.url}/session/end?`), r.location);
	assert.equal(new URL(r.location).searchParams.get('post_logout_redirect_uri'), `${url}/auth/logout/return`);
	assert.doesNotMatch(browser.jar.header(new URL(url)), /workflow_session/);
});

story('GET /auth/session shows the first of them, or that of the provider that is named', async () => {
	const { url } = await w();
	const browser = new Browser();
	const who = async (query) => {
		const r = await get(browser, `${url}/auth/session${query}`);
		return r.status === 200 ? r.json.username : r.status;
	};
	assert.equal(await who(''), 401);
	await browser.signIn(`${url}/two`, 'bob');
	assert.deepEqual([await who(''), await who('?provider=main'), await who('?provider=two')], ['bob', 401, 'bob']);
	await browser.signIn(`${url}/`, 'alice');
	assert.deepEqual([await who(''), await who('?provider=main'), await who('?provider=two')], ['alice', 'alice', 'bob']);
	assert.equal(await who('?provider=three'), 404);
	assert.equal(await who('?provider=two&provider=main'), 400);
});

story('a state or a code of one is refused at the other\'s callback', async () => {
	const { url, op, two } = await w();
	for (const [from, to, mine, other] of [['/', '/auth/callback/two', op, two], ['/two', '/auth/callback', two, op]]) {
		const browser = new Browser();
		const back = (await browser.signIn(`${url}${from}`, 'alice', { stop: (a) => a.location?.startsWith(`${url}/auth/callback`) })).location;
		assert.ok(back.includes('code='), back);
		const query = new URL(back).search;
		let r = await browser.request(`${url}${to}${query}`);
		assert.equal(r.status, 403);
		assert.match(r.text, /Sign-in failed/);
		assert.equal(r.setCookies.filter((c) => /^workflow_session(-two)?=./.test(c)).length, 0);
		// with a state of the other's own, the code is still of one that cannot redeem it, and iss names its issuer
		const begun = await browser.request(`${url}/auth/login?provider=${from === '/' ? 'two' : 'main'}`);
		assert.ok(begun.location.startsWith(other.url));
		const q = new URLSearchParams(query);
		q.set('state', new URL(begun.location).searchParams.get('state'));
		assert.equal(q.get('iss'), mine.url);
		r = await browser.request(`${url}${to}?${q}`);
		assert.equal(r.status, 403);
		assert.equal((await (await w()).proxy.lastAccess((a) => a.path === to)).reason, 'login_iss');
		q.delete('iss');
		assert.equal((await browser.request(`${url}${to}?${q}`)).status, 403);
		assert.equal(browser.jar.header(new URL(`${url}/`)).match(/workflow_session(-two)?=/), null);
		// where it belongs it is good, once
		assert.equal((await browser.go(back)).status, 200);
	}
});

story('a page to choose where a route allows more than one; its links lead to each and back', async () => {
	const { url, op, two } = await w();
	const browser = new Browser();
	let r = await browser.request(`${url}/both/a?b=c&d=%22`);
	assert.equal(r.status, 200);
	assert.match(r.headers['content-type'], /text\/html/);
	assert.match(r.headers['cache-control'], /no-store/);
	assert.match(r.headers['content-security-policy'], /default-src 'none'/);
	assert.deepEqual(links(r.text).map((l) => l.name), ['main', 'two']);
	for (const [i, provider, user] of [[0, op, 'alice'], [1, two, 'bob']]) {
		const b = new Browser();
		const there = await b.request(`${url}${links(r.text)[i].url}`);
		assert.ok(there.location.startsWith(`${provider.url}/auth?`));
		const back = await b.signIn(`${url}${links(r.text)[i].url}`, user);
		assert.equal(back.json.user, user);
		assert.equal(back.json.target, '/both/a?b=c&d=%22');
	}
	assert.equal((await get(browser, `${url}/both`)).status, 401, 'programs are told, not asked');

	// the endpoint knows by the page that is wanted, and asks when that leaves it open
	const to = async (query) => {
		r = await browser.request(`${url}/auth/login${query}`);
		return r.status === 302 ? r.location.slice(0, r.location.indexOf('/auth?')) : r.status;
	};
	assert.equal(await to('?rd=/'), op.url);
	assert.equal(await to('?rd=/two/x%3Fy'), two.url);
	assert.equal(await to('?rd=/both/x&prompt=login'), 200);
	assert.ok(links(r.text).every((l) => l.url.includes('prompt=login') && l.url.includes('rd=%2Fboth%2Fx')), r.text);
	for (const open of ['', '?rd=/public', '?rd=//evil.example', '?rd=/%2e%2e%2ftwo']) {
		assert.equal(await to(open), 200, open);
		assert.ok(!r.text.includes('evil'));
		assert.equal(links(r.text).length, 2);
	}
	assert.equal(await to('?provider=two&rd=/'), two.url);
	assert.equal(await to('?provider=main&rd=/two'), op.url);
	assert.equal(await to('?provider=%22%3E%3Cscript%3E'), 404);
	assert.match(r.text, /Sign-in failed/);
	assert.ok(!r.text.includes('<script>'));
	assert.equal(await to('?provider='), 404);
	assert.equal(await to('?provider=Two'), 404);
	assert.equal(await to('?provider=two&provider=main'), 400);
	assert.equal((await get(browser, `${url}/auth/login?provider=three`)).json.error, 'login_provider');
});

// --- access tokens, and one provider that is away ---

const API = 'https://api.example.com';
async function makeFaulty() {
	const x = await world({ proxy: false });
	x.two = await FaultOp.start();
	x.two.keys = x.two.keys.map(() => ({ kid: 'k1', n: 2 })); // the same kid, another key
	x.two.signer = x.two.keys[0];
	const stop = x.stop;
	x.stop = async (expected) => { try { await stop(expected); } finally { await x.two.stop(); } };
	const provider = (name, op, audience) => `provider "${name}" { discovery_url = "${op.discoveryUrl}" client_id = "rp" client_secret = "client-secret-of-the-tests-0123456789"
		audience = "${audience}" metadata_refresh = "10s" timeout = "2s" }`;
	x.settings.provider = `audience = "${API}" metadata_refresh = "10s" timeout = "2s"`;
	x.settings.limits = 'logins_per_minute = 100000';
	x.settings.routes = `${provider('two', x.two, API)} ${provider('again', x.two, 'api://again')}
		client "batch-main" { client_id = "batch" username = "svc-main" app_roles = "Run" }
		client "batch-two" { provider = "two" client_id = "batch" username = "svc-two" app_roles = "Run" }
		route "/" { upstream = "app" }
		route "/main" { upstream = "app" auth = bearer }
		route "/two" { upstream = "app" auth = bearer provider = "two" app_roles = "Run" }
		route "/both" { upstream = "app" auth = bearer provider = {"main", "two"} app_roles = "Run" }
		route "/any" { upstream = "app" auth = any provider = {"two", "main"} }
		route "/page" { upstream = "app" provider = {"two"} }
		route "/turn" { upstream = "app" auth = bearer provider = {"main", "two", "again"} }`;
	await x.start();
	return x;
}
let faulty;
const f = () => { faulty ??= makeFaulty(); return faulty; };
after(async () => { await (await faulty?.catch(() => {}))?.stop().catch(() => {}); });

const now = () => Math.floor(Date.now() / 1000);
const user = (op, name, more = {}) => ({
	iss: op.url, aud: API, sub: `sub-${name}`, azp: 'spa', scope: 'openid', preferred_username: name, iat: now() - 5, exp: now() + 3600, ...more,
});
const app = (op, more = {}) => ({ iss: op.url, aud: API, sub: 'batch', azp: 'batch', roles: ['Run'], iat: now() - 5, exp: now() + 3600, ...more });

story('an access token is held against the provider that its iss names, and no other', async () => {
	const { url, op, two } = await f();
	const call = async (path, token) => {
		const r = await new Browser().request(`${url}${path}`, { headers: { ...FETCH, Authorization: `Bearer ${token}` } });
		return r.status === 200 ? r.json.user : r.json.error;
	};
	const alice = op.mint(user(op, 'alice')), bob = two.mint(user(two, 'bob'));
	for (let i = 0; i < 2; i++) { // the second time from memory
		assert.equal(await call('/main', alice), 'alice');
		assert.equal(await call('/main', bob), 'token_signature');
		assert.equal(await call('/two', alice), 'token_signature');
		assert.equal(await call('/two', bob), 'bob');
		assert.equal(await call('/both', alice), 'alice');
		assert.equal(await call('/both', bob), 'bob');
		assert.equal(await call('/any', alice), 'alice');
		assert.equal(await call('/any', bob), 'bob');
	}
	// one's issuer with the other's key
	assert.equal(await call('/both', op.mint(user(two, 'mallory'))), 'token_signature');
	assert.equal(await call('/both', two.mint(user(op, 'mallory'))), 'token_signature');
	assert.equal(await call('/both', op.mint(user({ url: 'https://evil.example' }, 'mallory'))), 'token_issuer');
	for (const iss of [null, '', 7, [op.url], { [op.url]: 1 }]) assert.match(await call('/both', op.mint(user(op, 'mallory', { iss }))), /^token_/, String(iss));
	assert.match(await call('/both', op.mint(user(op, 'mallory', { iss: undefined }))), /^token_/);
	assert.match(await call('/both', 'opaque'), /^token_/);
	assert.match(await call('/both', `e30.e30.${'A'.repeat(342)}`), /^token_/);
	assert.match(await call('/both', `${alice.split('.')[0]}.${'W1tb'.repeat(3000)}.AAAA`), /^token_/);
	// a program is the client of its own provider
	assert.equal(await call('/both', op.mint(app(op))), 'svc-main');
	assert.equal(await call('/both', two.mint(app(two))), 'svc-two');
	assert.equal(await call('/two', two.mint(app(two))), 'svc-two');
	// two sections for one issuer: each in turn
	assert.equal(await call('/turn', two.mint(user(two, 'carol', { aud: 'api://again' }))), 'carol');
	assert.equal(await call('/turn', two.mint(user(two, 'carol'))), 'carol');
	assert.equal(await call('/turn', two.mint(user(two, 'carol', { aud: 'api://other' }))), 'token_audience');
	assert.equal(await call('/both', two.mint(user(two, 'carol', { aud: 'api://again' }))), 'token_audience');
});

story('a provider that is away hinders nobody at the other one, and is named by readyz and metrics', async () => {
	const x = await f();
	const { url, op, two, proxy } = x;
	const ready = async () => (await new Browser().request(`${proxy.admin}/readyz`)).json.providers.map((p) => `${p.name} ${p.ready}`);
	const bearer = async (path, token) => (await new Browser().request(`${url}${path}`, { headers: { ...FETCH, Authorization: `Bearer ${token}` } })).json;
	assert.deepEqual(await ready(), ['main true', 'two true', 'again true']);
	const browser = new Browser();
	await browser.signIn(`${url}/page`);
	proxy.write(proxy.text.replaceAll(two.discoveryUrl, 'http://127.0.0.1:9/.well-known/openid-configuration'));
	proxy.signal('SIGHUP');
	await proxy.logged(/reloaded/);
	await until('two to be unknown', async () => (await ready())[1] === 'two false');
	assert.equal((await ready())[0], 'main true');
	const metrics = (await new Browser().request(`${proxy.admin}/metrics`)).text;
	assert.match(metrics, /workflow_proxy_provider_ready\{provider="main"\} 1/);
	assert.match(metrics, /workflow_proxy_provider_ready\{provider="two"\} 0/);
	assert.equal((await new Browser().request(`${proxy.admin}/readyz`)).status, 200);
	assert.equal((await new Browser().request(`${proxy.admin}/readyz?strict`)).status, 503);

	assert.equal((await new Browser().signIn(`${url}/`)).json.user, 'alice', 'sign-ins at the first');
	assert.equal((await bearer('/both', op.mint(user(op, 'alice', { jti: 'new' })))).user, 'alice', 'and its tokens');
	assert.equal((await get(browser, `${url}/page`)).json.user, 'alice', 'sessions of the second go on');
	const r = await new Browser().request(`${url}/page`);
	assert.equal(r.status, 503);
	assert.ok(r.headers['retry-after']);
	assert.equal((await bearer('/both', two.mint(user(two, 'bob', { jti: 'new' })))).error, 'provider_down');
	const out = await browser.request(`${url}/auth/logout`);
	assert.equal(out.location, `${url}/auth/logout/return?local=1`);
	assert.equal((await get(browser, `${url}/page`)).status, 401);
});

// --- several hosts, and providers that answer in different ways ---

async function makeHosts() {
	const x = await world({ proxy: false });
	x.two = await FaultOp.start();
	const stop = x.stop;
	x.stop = async (expected) => { try { await stop(expected); } finally { await x.two.stop(); } };
	const { cert, key } = certificate('localhost', 'DNS:localhost,IP:127.0.0.1');
	x.url = `https://127.0.0.1:${x.port}`;
	x.other = `https://localhost:${x.port}`;
	x.settings.publicUrl = [x.url, x.other];
	x.settings.listen = `tls_certificate = "${cert}" tls_certificate_key = "${key}"`;
	x.settings.top = 'callback_path = "/oidcServices/signinresponse"';
	x.settings.routes = `provider "two" { discovery_url = "${x.two.discoveryUrl}" client_id = "rp-two" client_secret = "client-secret-of-the-tests-0123456789" response_mode = "form_post" }
		route "/" { upstream = "app" }
		route "/two" { upstream = "app" provider = "two" }
		route "localhost/" { upstream = "app" provider = {"two", "main"} }`;
	await x.start();
	return x;
}
let many;
const h = () => { many ??= makeHosts(); return many; };
after(async () => { await (await many?.catch(() => {}))?.stop().catch(() => {}); });

// Signs in at a provider that answers by a form, which a scripted browser has to send by hand.
async function signInByForm(browser, page) {
	const away = await browser.request(page);
	const answer = await new Browser().request(away.location);
	const back = new URL(answer.location);
	return [back, await browser.go(`${back.origin}${back.pathname}`, {
		method: 'POST', body: back.search.slice(1), headers: { ...NAVIGATE, 'Content-Type': 'application/x-www-form-urlencoded', Origin: new URL(away.location).origin, 'Sec-Fetch-Site': 'cross-site' },
	})];
}

story('each host has callbacks and sessions of its own, at each provider', async () => {
	const { url, other, op, two } = await h();
	const browser = new Browser();
	op.user = 'alice';
	two.user = 'bob';
	let r = await browser.go(`${url}/x`);
	assert.equal(r.json.user, 'alice');
	assert.ok(r.chain.some((a) => a.url.startsWith(`${url}/oidcServices/signinresponse?`)));
	const [back, page] = await signInByForm(browser, `${url}/two`);
	assert.equal(`${back.origin}${back.pathname}`, `${url}/oidcServices/signinresponse/two`);
	assert.equal(page.json.user, 'bob');

	const cookies = browser.jar.header(new URL(url));
	for (const path of ['/', '/two']) {
		assert.equal((await browser.request(`${url}${path}`, { headers: FETCH })).status, 200);
		assert.equal((await browser.request(`${other}${path}`, { headers: FETCH, cookie: cookies })).status, 401, 'a session of one host is none of the other\'s');
	}
	// the routes of a host that titles name are its own
	r = await browser.request(`${other}/`);
	assert.equal(r.status, 200);
	const [first, second] = links(r.text);
	assert.deepEqual([first.name, second.name], ['two', 'main']);
	assert.ok((await browser.request(`${other}${second.url}`)).location.includes(encodeURIComponent(`${other}/oidcServices/signinresponse`)));
	const [there, done] = await signInByForm(browser, `${other}${first.url}`);
	assert.equal(`${there.origin}${there.pathname}`, `${other}/oidcServices/signinresponse/two`);
	assert.equal(done.json.user, 'bob');
	assert.equal(claims(browser, '__Host-workflow_session-two').idp, 'two');
	assert.equal((await get(browser, `${url}/two`)).json.user, 'bob', 'and the first host\'s sessions stay');
	assert.equal((await get(browser, `${url}/`)).json.user, 'alice');

	// signing out of one host leaves the other
	await browser.request(`${url}/auth/logout`);
	assert.equal((await get(browser, `${url}/two`)).status, 401);
	assert.equal((await get(browser, `${other}/`)).json.user, 'bob');
});

story('each callback takes the answer in the way that its provider gives it', async () => {
	const { url } = await h();
	const browser = new Browser();
	let r = await browser.request(`${url}/oidcServices/signinresponse`, { form: { state: 'x', code: 'y' } });
	assert.equal(r.status, 405);
	const away = await browser.request(`${url}/two`);
	const back = (await new Browser().request(away.location)).location;
	r = await browser.request(back);
	assert.equal(r.setCookies.filter((c) => /^__Host-workflow_session(-two)?=./.test(c)).length, 0, 'a query is no form');
	assert.notEqual(r.status, 200);
	// the one sign-in cookie has to come along with a form, whoever is asked first
	for (const provider of ['main', 'two']) {
		const begun = await new Browser().request(`${url}/auth/login?provider=${provider}`, { headers: NAVIGATE });
		assert.equal(begun.status, 302);
		assert.match(begun.setCookies.find((c) => c.startsWith('__Host-workflow_session.login=')), /; Secure; HttpOnly; SameSite=None$/);
	}
});

story('the tokens of two sessions never fill the head that a browser may send', async () => {
	const { url, op, two } = await h();
	const browser = new Browser();
	const filler = 'x'.repeat(6000);
	op.fault = { claims: { filler } };
	two.fault = { claims: { filler } };
	await browser.go(`${url}/x`);
	assert.ok(browser.jar.get('__Host-workflow_session.t'), 'the tokens of the first are kept');
	const [, page] = await signInByForm(browser, `${url}/two`);
	op.fault = {};
	two.fault = {};
	assert.equal(page.status, 200);
	const sent = browser.jar.header(new URL(url)).length;
	assert.ok(sent < 16 * 1024, `${sent} bytes of cookies: those of the second are kept as far as there is room`);
	assert.equal((await get(browser, `${url}/`)).status, 200);
	assert.equal((await get(browser, `${url}/two`)).status, 200);
});

story('in a browser: choose, sign in, be refused nothing', async () => {
	const { url } = await w();
	const chromium = await launch();
	try {
		const page = await chromium.newPage();
		const errors = [];
		page.on('console', (m) => { if (m.type() === 'error' && m.location().url.startsWith(url)) errors.push(`${m.text()} ${m.location().url}`); });
		await page.goto(`${url}/both/inbox?x=1`);
		assert.equal(await page.textContent('h1'), 'Where do you want to sign in?');
		await picture(page, 'choose-light');
		await page.emulateMedia({ colorScheme: 'dark' });
		await picture(page, 'choose-dark');
		await page.click('text=two');
		assert.match(page.url(), /^http:\/\/127\.0\.0\.2:/);
		await signIn(page, 'bob');
		await page.waitForURL(`${url}/both/inbox?x=1`);
		assert.equal(JSON.parse(await page.textContent('body')).user, 'bob');
		assert.deepEqual(errors.filter((e) => !/favicon/.test(e)), []);
	} finally {
		await chromium.close();
	}
});

closing(w, f, h);
