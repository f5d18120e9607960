// What a web page may use: GET session, session.js and its hidden frame; in Chromium, with the certified provider and with one
// that has a page to watch its session (OpenID Connect Session Management 1.0).
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { reply } from './lib/backend.mjs';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { launch, signIn } from './lib/chromium.mjs';
import { until } from './lib/ports.mjs';
import { closing, shared, story } from './lib/world.mjs';

const PAGE = `<!doctype html><title>page</title><script>
	window.events = [];
	for (const n of ['session', 'expiring', 'expired', 'renewed', 'renewal-failed', 'changed'])
		addEventListener('workflow-proxy:' + n, (e) => events.push([n, e.detail]));
</script><script src="/auth/session.js" data-warn="4"></script><h1>page</h1>`;
const withPage = (world) => {
	world.backend.on('/page', async (r, s) => { await r.done; s.write(reply(200, { 'Content-Type': 'text/html', 'Content-Security-Policy': `default-src 'self' 'unsafe-inline'; frame-src 'self' ${world.op.url}` }, PAGE)); });
	return world;
};
const certified = shared({ real: true, session: 'timeout = "12s" iframe_refresh = yes', routes: 'route "/" { upstream = "app" claim_headers = {"X-Groups=groups"} }' });
const watched = shared({ session: 'iframe_refresh = yes', routes: 'route "/" { upstream = "app" claim_headers = {"X-Groups=groups"} }', waitReady: false });
const plain = shared({ session: 'timeout = "9s"' });

let browser;
const chromium = async () => { browser ??= await launch(); return browser; };
after(async () => { await browser?.close(); });
const event = (page, name, ms = 20000) => page.waitForFunction((n) => window.events.find(([e]) => e === n), name, { timeout: ms }).then((h) => h.jsonValue());
const count = (page, name) => page.evaluate((n) => window.events.filter(([e]) => e === n).length, name);

story('GET session: who, how long, what is forwarded; 401 JSON when there is nobody', async () => {
	const { url, signedIn, op } = await watched();
	op.fault.responseAlso = {};
	const alice = await signedIn('alice');
	const r = await alice.request(`${url}/auth/session`, { headers: FETCH });
	assert.equal(r.status, 200);
	assert.match(r.headers['content-type'], /^application\/json/);
	assert.match(r.headers['cache-control'], /no-store/);
	assert.equal(r.json.authenticated, true);
	assert.equal(r.json.username, 'alice');
	assert.ok(r.json.expires_in > 3500 && r.json.expires_in <= 3600, String(r.json.expires_in));
	assert.deepEqual(r.json.claims, { groups: ['workflow-users', 'staff'] });
	assert.equal(r.json.check_session, undefined, 'the provider said no session_state');
	for (const headers of [FETCH, NAVIGATE]) {
		const none = await new Browser().request(`${url}/auth/session`, { headers });
		assert.equal(none.status, 401);
		assert.match(none.headers['content-type'], /^application\/json/);
		assert.equal(none.json.authenticated, false);
		assert.equal(none.json.error, 'no_session');
		assert.ok(none.json.error_description && none.json.request_id);
	}
});

story('session.js and its frame are static, and only pages of this site may frame', async () => {
	const { url, signedIn, op } = await watched();
	const js = await new Browser().request(`${url}/auth/session.js`, { headers: FETCH });
	assert.equal(js.status, 200);
	assert.match(js.headers['content-type'], /^text\/javascript/);
	assert.equal(js.headers['x-content-type-options'], 'nosniff');
	op.fault.metadata = { check_session_iframe: `${op.url}/check` };
	const frame = await (await signedIn('alice')).request(`${url}/auth/session/frame`);
	assert.equal(frame.status, 200);
	assert.match(frame.headers['content-security-policy'], /frame-ancestors 'self'/);
	assert.match(frame.headers['content-security-policy'], /script-src 'self';/);
	assert.doesNotMatch(frame.text, /<script>|javascript:|onload/);
	for (const q of ['?failed=%3Cscript%3E', '?done']) assert.equal((await new Browser().request(`${url}/auth/session/frame${q}`)).text, frame.text, q);
	assert.equal((await new Browser().request(`${url}/auth/session.js`, { method: 'POST', headers: FETCH, body: 'x' })).status, 405);
});

story('a silent sign-in ends on the hidden page, well or not, and nowhere else', async () => {
	const { url, signedIn, op, proxy } = await watched();
	const alice = await signedIn('alice');
	const done = (a) => a.location?.includes('/session/frame') ?? false;
	const start = async (b, headers) => b.go(`${url}/auth/login?prompt=none&rd=/page`, { headers, stop: done });
	const iframe = { ...NAVIGATE, 'Sec-Fetch-Dest': 'iframe', 'Sec-Fetch-Site': 'same-origin' };
	const sid = () => alice.jar.get('workflow_session').value;
	const before = sid();
	const r = await start(alice, iframe);
	assert.equal(op.lastAuthorize.get('prompt'), 'none');
	assert.equal(r.location, `${url}/auth/session/frame?done`);
	assert.notEqual(sid(), before, 'a new session');

	op.fault.response = { error: 'login_required', state: 'STATE' };
	assert.equal((await start(alice, iframe)).location, `${url}/auth/session/frame?failed=login_refused`);
	op.fault.response = undefined;
	const kept = sid();
	op.user = 'bob';
	assert.equal((await start(alice, iframe)).location, `${url}/auth/session/frame?failed=login_other_user`);
	assert.equal(sid(), kept, 'nothing changed');
	assert.equal((await alice.request(`${url}/auth/session`, { headers: FETCH })).json.username, 'alice');
	assert.equal((await start(new Browser(), iframe)).location, `${url}/auth/session/frame?failed=login_other_user`, 'nobody was signed in');
	assert.equal((await start(alice, { ...iframe, 'Sec-Fetch-Site': 'cross-site' })).location, `${url}/auth/session/frame?failed=cross_origin`);
	op.user = 'alice';
	// A state that was redeemed, and one of another browser: never to the provider again.
	const callback = r.chain.find((a) => a.location?.includes('/auth/callback')).location;
	for (const b of [new Browser(), await signedIn('alice')]) {
		const again = await b.request(callback, { headers: iframe });
		assert.match(again.location, /\/auth\/session\/frame\?failed=login_/);
	}
	assert.ok(proxy.reasons.includes('login_other_user'));
});

story('Chromium: a page that includes session.js never sees its session end', async () => {
	const { url } = withPage(await certified());
	const c = await (await chromium()).newContext();
	const page = await c.newPage();
	const errors = [];
	page.on('pageerror', (e) => errors.push(String(e)));
	await page.goto(`${url}/page`);
	await signIn(page, 'alice');
	await page.waitForURL(`${url}/page`);
	const [, who] = await event(page, 'session');
	assert.equal(who.username, 'alice');
	await event(page, 'renewed');
	await until('it to be renewed once more', async () => await count(page, 'renewed') >= 2, 15000);
	assert.equal(await count(page, 'expired'), 0);
	assert.equal(await page.evaluate(async () => (await fetch('/auth/session')).status), 200);
	assert.equal(page.url(), `${url}/page`);
	assert.equal(await page.evaluate(() => document.querySelectorAll('iframe').length), 0, 'no frame is left behind');

	// The provider forgets: the end is announced, then it comes.
	await c.clearCookies({ name: /^_session/ });
	const [, failed] = await event(page, 'renewal-failed');
	assert.equal(failed.reason, 'login_refused');
	const [, warning] = await event(page, 'expiring');
	assert.ok(warning.expires_in <= 4, String(warning.expires_in));
	await event(page, 'expired');
	assert.equal(page.url(), `${url}/page`, 'the page stays where it is');
	assert.deepEqual(errors, []);
	await c.close();
}, 90000);

story('Chromium: without renewal the end is announced, and another site\'s message is not believed', async () => {
	const { url } = withPage(await plain());
	const c = await (await chromium()).newContext();
	const page = await c.newPage();
	await page.goto(`${url}/page`);
	await event(page, 'session');
	await page.evaluate(() => {
		window.postMessage({ workflowProxy: 'renewed' }, '*');
		window.postMessage({ workflowProxy: 'changed' }, '*');
	});
	assert.equal(await page.evaluate(() => window.workflowProxy.renew()), false);
	await event(page, 'expiring');
	await event(page, 'expired');
	assert.equal(await count(page, 'renewed') + await count(page, 'changed'), 0);
	await c.close();
});

story('Chromium: the provider\'s session is watched; its end renews ours or is announced', async () => {
	const { url, op, proxy } = withPage(await watched());
	op.fault = { metadata: { check_session_iframe: `${op.url}/check` }, responseAlso: { session_state: 'abc-1.salt' } };
	op.pages.set('/status', 'unchanged');
	op.pages.set('/check', `<!doctype html><script>addEventListener('message', async (e) => {
		const [client, state] = e.data.split(' ');
		parent.postMessage(client === 'rp' && /^abc-\\d\\.salt$/.test(state) ? await (await fetch('/status?' + state)).text() : 'error', e.origin);
	});</script>`);
	await proxy.stop();
	await (await watched()).start(); // the metadata is read anew
	const c = await (await chromium()).newContext();
	const page = await c.newPage();
	const asked = [];
	page.on('request', (q) => { if (q.url().startsWith(`${op.url}/status`)) asked.push(q.url()); });
	await page.goto(`${url}/page`);
	await event(page, 'session');
	await until('the provider\'s page to be asked', () => asked.length > 0, 15000);
	assert.match(asked[0], /abc-1\.salt/);
	assert.deepEqual(await page.evaluate(async () => (await (await fetch('/auth/session')).json()).check_session),
		{ iframe: `${op.url}/check`, client_id: 'rp', session_state: 'abc-1.salt' });
	assert.equal(await count(page, 'changed'), 0);

	op.fault.responseAlso = { session_state: 'abc-2.salt' };
	op.pages.set('/status', 'changed');
	await event(page, 'renewed');
	op.pages.set('/status', 'unchanged');
	await until('the new state to be watched', () => asked.some((u) => u.includes('abc-2.salt')), 15000);
	await page.reload();
	await event(page, 'session');
	op.fault.response = { error: 'login_required', state: 'STATE' };
	op.pages.set('/status', 'changed');
	await event(page, 'changed');
	assert.equal(await count(page, 'renewed'), 0);
	assert.equal(page.url(), `${url}/page`);
	await c.close();
}, 90000);

closing(certified, watched, plain);
