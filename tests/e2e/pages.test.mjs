// Pages of the operator's: read and judged before they are used, shown in a real browser, and still nobody's script runs.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { launch, picture } from './lib/chromium.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { until } from './lib/ports.mjs';
import { run } from './lib/proxy.mjs';
import { closing, shared, story } from './lib/world.mjs';

// The samples of the documentation are what is shown here.
const text = readFileSync(fileURLToPath(new URL('../../docs/pages.md', import.meta.url)), 'utf8');
const samples = Object.fromEntries([...text.matchAll(/^```html (\S+)\n([^]*?)^```$/gm)].map(([, name, body]) => [name, body]));
const denied = '<!DOCTYPE html><html lang="en"><title>No</title><style>h1 { color: rgb(1, 2, 3) }</style>'
	+ '<h1 style="margin-left: 7px">Not for you</h1><img alt="logo" src="/public/logo"><p id="who" title="{{username}}">{{username}}</p>'
	+ '<p id="what">{{reason}} {{status}} {{request_id}} {{detail}}</p><a href="{{switch_url}}">other</a></html>';

const dir = mkdtempSync(join(tmpdir(), 'workflow-proxy-pages-'));
const put = (name, body) => writeFileSync(join(dir, name), body, { mode: 0o600 });
for (const [name, body] of Object.entries(samples)) put(name, body);
put('access_denied.html', denied);

let two, browser;
const w = shared(async () => {
	two = await FaultOp.start();
	return {
		top: `pages = "${dir}"`,
		routes: `provider "two" { discovery_url = "${two.discoveryUrl}" client_id = "rp" client_secret = "client-secret-of-the-tests-0123456789" }
			route "/" { upstream = "app" }
			route "/public" { upstream = "app" auth = "none" }
			route "/admins" { upstream = "app" claims = {"groups~admins"} }
			route "/both" { upstream = "app" provider = {"main", "two"} }
			route "/down" { upstream = "http://127.0.0.1:9" auth = "none" }`,
	};
});
after(async () => {
	await browser?.close();
	await two?.stop();
	rmSync(dir, { recursive: true, force: true });
});

// A tab that notes what ran, what was blocked and what was asked for.
async function tab(o) {
	browser ??= await launch();
	const c = await browser.newContext(o);
	const page = await c.newPage();
	const seen = { ran: [], blocked: [], hosts: new Set() };
	page.on('dialog', (d) => { seen.ran.push(d.message()); d.dismiss(); });
	page.on('pageerror', (e) => seen.ran.push(String(e)));
	page.on('console', (m) => { if (/Content Security Policy/.test(m.text())) seen.blocked.push(m.text()); });
	page.on('request', (q) => seen.hosts.add(new URL(q.url()).host));
	return { page, seen, close: () => c.close() };
}

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };
function sane(answer, also = {}) {
	for (const [name, value] of Object.entries({ ...HEADERS, ...also })) assert.equal(answer.headers()[name], value, name);
	const csp = answer.headers()['content-security-policy'];
	assert.match(csp, /default-src 'none'/);
	assert.match(csp, /frame-ancestors 'none'/);
	assert.match(csp, /base-uri 'none'/);
	assert.doesNotMatch(csp, /script-src|unsafe-eval/);
}

const XSS = '"><img src=x onerror=alert(1)><script>alert(2)</script>\' `{{title}}';

story('the documentation has a sample of each page, and all are taken', () => {
	assert.deepEqual(Object.keys(samples).sort(), ['choose.html', 'error.html', 'logout.html', 'signed_out.html']);
	const help = run(['help', 'pages']);
	assert.equal(help.status, 0);
	for (const name of Object.keys(samples)) assert.match(help.stdout, new RegExp(`^${name} - `, 'm'));
	for (const [, value] of Object.values(samples).join('').matchAll(/\{\{[#^]?(\w+)\}\}/g)) assert.match(help.stdout, new RegExp(`\\{\\{#?${value}\\}\\}`), value);
});

story('who may not see a page gets the operator\'s, with who he is and a way out', async () => {
	const { url, op, backend } = await w();
	backend.on('/public/logo', (q, socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Type: image/svg+xml\r\nContent-Length: 69\r\n\r\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>  '));
	op.user = `eve ${XSS}`;
	const t = await tab();
	const r = await t.page.goto(`${url}/admins/x?a=1`);
	assert.equal(r.status(), 403);
	sane(r);
	assert.equal(await t.page.textContent('h1'), 'Not for you');
	assert.equal(await t.page.textContent('#who'), op.user, 'the name is text');
	assert.equal(await t.page.getAttribute('#who', 'title'), op.user, 'in an attribute, too');
	assert.match(await t.page.textContent('#what'), /^claim_missing 403 \S{8,} .*admins/);
	assert.equal(await t.page.evaluate(() => getComputedStyle(document.querySelector('h1')).color), 'rgb(1, 2, 3)');
	assert.equal(await t.page.evaluate(() => getComputedStyle(document.querySelector('h1')).marginLeft), '7px');
	assert.equal(await t.page.evaluate(() => document.querySelector('img').naturalWidth), 9, 'an image of this site is shown');
	assert.equal(await t.page.evaluate(() => document.images.length), 1);
	assert.deepEqual([t.seen.ran, t.seen.blocked], [[], []]);
	await picture(t.page, 'own-access-denied');
	op.user = 'alice';
	op.fault = { claims: { groups: ['admins'] } };
	await t.page.click('text=other');
	await t.page.waitForURL(`${url}/admins/x?a=1`);
	op.reset();
	await t.close();
});

story('what the provider says against a sign-in is shown as text', async () => {
	const { url, op } = await w();
	op.fault = { response: { error: 'access_denied', error_description: `Sorry ${XSS}`, state: 'STATE' } };
	const t = await tab();
	const r = await t.page.goto(`${url}/x${encodeURIComponent(XSS)}?rd=${encodeURIComponent(XSS)}`);
	assert.equal(r.status(), 403);
	sane(r);
	assert.equal(await t.page.title(), 'Sign-in failed - Example Corp.');
	assert.match(await t.page.textContent('body'), /Its answer: .*Sorry "><img src=x onerror=alert\(1\)><script>alert\(2\)<\/script>' `\{\{title\}\}/);
	assert.match(await t.page.textContent('footer'), /^Status 403, login_refused, request \S{8,}\./);
	assert.equal(await t.page.getAttribute('body', 'class'), 'login_refused');
	assert.equal(await t.page.evaluate(() => document.images.length + document.scripts.length), 0);
	assert.deepEqual([t.seen.ran, t.seen.blocked], [[], []]);
	await picture(t.page, 'own-sign-in-failed');
	op.reset();
	await t.page.click('a:text("Try again")');
	await t.page.waitForURL((u) => u.href.startsWith(`${url}/x`));
	assert.equal(JSON.parse(await t.page.textContent('body')).user, 'alice', 'the way out leads where one wanted to go');
	await t.close();
});

story('what is not there, or does not answer, has the operator\'s page; programs get JSON', async () => {
	const { url } = await w();
	const t = await tab();
	for (const [path, status, reason, title] of [['/auth/none', 404, 'no_endpoint', /Page not found/], ['/down', 502, 'upstream_refused', /does not answer/],
		[`/public//${encodeURIComponent(XSS)}%2f..`, 400, 'path_ambiguous', /Bad address/]]) {
		const r = await t.page.goto(url + path);
		assert.equal(r.status(), status, path);
		sane(r);
		assert.match(await t.page.title(), title);
		assert.match(await t.page.textContent('footer'), new RegExp(`^Status ${status}, ${reason}, request`));
		assert.equal(await t.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
		const json = await new Browser().request(url + path, { headers: FETCH });
		assert.equal(json.status, status);
		assert.deepEqual(Object.keys(json.json).sort(), ['error', 'error_description', 'request_id']);
	}
	assert.deepEqual([t.seen.ran, t.seen.blocked], [[], []]);
	await t.close();
});

story('the operator\'s page to choose a provider leads to each', async () => {
	const { url } = await w();
	two.user = 'bob';
	for (const [name, user] of [['main', 'alice'], ['two', 'bob']]) {
		const t = await tab();
		const r = await t.page.goto(`${url}/both?q=1`);
		assert.equal(r.status(), 200);
		sane(r);
		assert.equal(await t.page.textContent('h1'), 'Who are you?');
		assert.deepEqual(await t.page.$$eval('a', (v) => v.map((a) => [a.className, a.textContent])), [['main', 'main'], ['two', 'two']]);
		await t.page.click(`a.${name}`);
		await t.page.waitForURL(`${url}/both?q=1`);
		assert.equal(JSON.parse(await t.page.textContent('body')).user, user);
		assert.deepEqual([t.seen.ran, t.seen.blocked], [[], []]);
		await t.close();
	}
});

for (const answer of ['Sign out', 'Stay signed in']) {
	story(`another site asks to sign out, the operator's page asks, and the person says: ${answer}`, async () => {
		const { url, op } = await w();
		const t = await tab();
		op.pages.set('/lure', `<a href="${url}/auth/logout?rd=/public/bye">win</a>`);
		await t.page.goto(`${url}/in`);
		await t.page.goto(`http://localhost:${op.port}/lure`);
		await t.page.click('text=win');
		await t.page.waitForSelector('h1');
		assert.equal(await t.page.textContent('h1'), 'Do you want to sign out?');
		const sent = t.page.waitForRequest((q) => q.method() === 'POST' || q.url() === `${url}/`);
		await t.page.click(answer === 'Sign out' ? 'form button' : `text=${answer}`);
		const q = await sent;
		if (answer === 'Sign out') assert.equal(await q.headerValue('origin'), url, 'with our own origin: "null" would be asked again');
		await t.page.waitForLoadState();
		const r = await t.page.request.get(`${url}/in`, { headers: FETCH, maxRedirects: 0 });
		assert.equal(r.status(), answer === 'Sign out' ? 401 : 200);
		if (answer === 'Sign out') await t.page.waitForURL(`${url}/public/bye`);
		assert.deepEqual([t.seen.ran, t.seen.blocked], [[], []]);
		op.pages.clear();
		await t.close();
	});
}

story('signed out, the operator\'s page says whether the provider was told', async () => {
	const { url, signedIn } = await w();
	const b = await signedIn();
	const asked = await b.request(`${url}/auth/logout`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'cross-site' } });
	assert.equal(asked.headers['referrer-policy'], 'same-origin');
	assert.match(asked.headers['content-security-policy'], /form-action 'self' https: http:;/);
	const t = await tab();
	for (const [query, told] of [['', true], ['?local=1', false]]) {
		const r = await t.page.goto(`${url}/auth/logout/return${query}`);
		sane(r);
		assert.equal(await t.page.textContent('h1'), 'You are signed out');
		assert.equal(/Close all windows/.test(await t.page.textContent('body')), !told);
		assert.equal(await t.page.getAttribute('a', 'href'), '/');
	}
	await t.close();
});

story('a reload with a broken page keeps all that was in force, and says every mistake', async () => {
	const { url, proxy } = await w();
	const title = async () => /<title>([^<]*)/.exec((await new Browser().request(`${url}/auth/none`, { headers: NAVIGATE })).text)[1];
	put('error.html', '<title>broken {{titel}}\n<a href={{home_url}}>');
	put('logout.html', '<form>{{^logout_url}}{{/logout_url}}');
	proxy.signal('SIGHUP');
	await proxy.logged(/logout\.html:1: has no \{\{logout_url\}\}/);
	assert.match(proxy.stderr, /error\.html:1: .*titel.* is not known on this page; did you mean title\?/);
	assert.match(proxy.stderr, /error\.html:2: \{\{home_url\}\} stands in a value without quotes/);
	assert.equal(await title(), 'Page not found - Example Corp.');
	const r = run(['-t', '-c', proxy.file]);
	assert.equal(r.status, 1);
	assert.match(r.stderr, new RegExp(`^${join(dir, 'error.html')}:1: `, 'm'));
	assert.match(r.stderr, new RegExp(`^${join(dir, 'error.html')}:2: `, 'm'));
	assert.match(r.stderr, new RegExp(`^${join(dir, 'logout.html')}:1: `, 'm'));

	put('error.html', '<title>Neu: {{title}}</title>{{text}} {{reason}} {{request_id}}');
	rmSync(join(dir, 'logout.html'));
	proxy.signal('SIGHUP');
	await until('the new page', async () => await title() === 'Neu: Page not found');
	const ours = await new Browser().request(`${url}/auth/logout`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'cross-site' } });
	assert.match(ours.headers['content-security-policy'], /style-src 'sha256-/, 'a page whose file is gone is the built-in one again');
	assert.equal(ours.headers['referrer-policy'], 'no-referrer');
});

story('a large page arrives whole, over many requests, and a directory that nobody may read keeps what there is', async () => {
	const { url, proxy } = await w();
	put('error.html', `<title>Large</title>${'x'.repeat(250000)}{{text}} {{reason}} {{request_id}} end`);
	proxy.signal('SIGHUP');
	const b = new Browser();
	await until('the large page', async () => (await b.request(`${url}/auth/none`, { headers: NAVIGATE })).text.startsWith('<title>Large'));
	const all = await Promise.all(Array.from({ length: 20 }, () => new Browser().request(`${url}/auth/none`, { headers: NAVIGATE })));
	for (const r of all) assert.ok(r.text.length > 250000 && r.text.endsWith(' end'));
	put('error.html', 'x'.repeat(300000));
	proxy.signal('SIGHUP');
	await proxy.logged(/error\.html:1: is larger than 262144 bytes/);
	assert.ok((await b.request(`${url}/auth/none`, { headers: NAVIGATE })).text.startsWith('<title>Large'));
});

closing(w);
