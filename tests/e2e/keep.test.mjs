// A form that is posted with a session that has run out: kept, and sent once its user has signed in again.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { reply } from './lib/backend.mjs';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { launch, picture } from './lib/chromium.mjs';
import { sleep, until } from './lib/ports.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story } from './lib/world.mjs';

const ROUTES = `route "/" { upstream = "app" }
	route "/staff" { upstream = "app" claims = {"groups~board"} }
	route "/down" { upstream = "http://127.0.0.1:9" }
	route "/api" { upstream = "app" unauthenticated = "401" }`;
const w = shared({ session: 'timeout = "2s" preserve_post_size = "300k"', routes: ROUTES });
const off = shared({ session: 'timeout = "2s" preserve_post = no', routes: ROUTES });
const unhurried = shared({ session: 'timeout = "5s"', routes: ROUTES });
const brief = shared({ session: 'timeout = "2s" preserve_post_time = "1s"', routes: ROUTES });

const sha = (b) => createHash('sha256').update(b).digest('hex');
const own = (url) => ({ ...NAVIGATE, Origin: url, 'Sec-Fetch-Site': 'same-origin' });
const URLENCODED = { 'Content-Type': 'application/x-www-form-urlencoded' };
// A browser whose session has run out.
const lapsed = async (world = w, user = 'alice') => {
	const { signedIn } = await world();
	const browser = await signedIn(user);
	await sleep(2200);
	return browser;
};
const at = (part) => (a) => a.location?.includes(part) ?? false;
// Post, sign in at once, and stop in front of our page; its address.
const post = async (browser, url, path, o) => {
	const r = await browser.go(`${url}${path}`, { method: 'POST', headers: { ...own(url), ...URLENCODED, ...o.headers }, body: o.body, stop: at('/auth/resume') });
	return r.location;
};
// What our page's form does.
const send = (browser, page, headers = {}) => {
	const action = /<form method="post" enctype="text\/plain" action="([^"]+)"/.exec(page.text)[1].replace(/&amp;/g, '&');
	const { origin } = new URL(page.url);
	return browser.request(origin + action, { method: 'POST', headers: { ...own(origin), 'Content-Type': 'text/plain', ...headers }, body: '' });
};

story('it arrives whole, once, with its type, as what it was posted', async () => {
	const { url, backend, proxy } = await w();
	const alice = await lapsed();
	backend.clear();
	const body = `text=${'x'.repeat(200000)}&more=%26`;
	const to = await post(alice, url, '/form/a?x=1&y=%2F', { body });
	assert.ok(to?.startsWith(`${url}/auth/resume?k=`), to);
	assert.equal(backend.requests.length, 0, 'nothing reached the application before');
	const page = await alice.request(to);
	assert.equal(page.status, 200);
	assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
	assert.match(page.headers['cache-control'], /no-store/);
	assert.match(page.setCookies[0], /^workflow_session\.kept-\S{8}=\S{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
	const r = await send(alice, page);
	assert.equal(r.status, 200);
	assert.deepEqual([r.json.method, r.json.target, r.json.user, r.json.size, r.json.sha256], ['POST', '/form/a?x=1&y=%2F', 'alice', body.length, sha(body)]);
	assert.deepEqual(backend.last.all('content-type'), ['application/x-www-form-urlencoded']);
	assert.deepEqual(backend.last.all('content-length'), [String(body.length)]);
	assert.doesNotMatch(backend.last.get('cookie') ?? '', /kept/);

	const again = await send(alice, page);
	assert.equal(again.status, 410, 'not twice');
	assert.equal(backend.requests.length, 1);
	const back = await alice.request(to);
	assert.equal(back.status, 410, 'the back button finds no form');
	assert.match(back.text, /was sent already/);
	assert.ok(proxy.reasons.includes('form_gone'));
	assert.ok(!proxy.stderr.includes('xxxxxx') && !proxy.stdout.includes('xxxxxx'), 'no log holds it');
	assert.ok(!(proxy.stderr + proxy.stdout).includes(new URL(to).searchParams.get('k')), 'nor its key');
});

story('multipart, in chunks, and bytes of all kinds', async () => {
	const { url, backend, port } = await w();
	const alice = await lapsed();
	const body = Buffer.concat([Buffer.from('--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'), randomBytes(150000), Buffer.from('\r\n--b--\r\n')]);
	const raw = await Raw.open(port);
	raw.send(`POST /upload HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${alice.jar.header(new URL(url))}\r\nOrigin: ${url}\r\nAccept: text/html\r\n`
		+ 'Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n');
	for (let i = 0; i < body.length; i += 40000) {
		const part = body.subarray(i, i + 40000);
		raw.send(`${part.length.toString(16)}\r\n`, part, '\r\n');
		await sleep(30);
	}
	raw.send('0\r\n\r\n');
	const first = await raw.response('POST');
	raw.close();
	assert.equal(first.status, 303);
	for (const c of first.all('set-cookie')) alice.jar.set(new URL(url), c);
	const r = await alice.go(first.get('location'), { headers: NAVIGATE });
	assert.match(r.url, /\/auth\/resume\?k=/);
	const sent = await send(alice, r);
	assert.equal(sent.json.sha256, sha(body));
	assert.equal(backend.last.get('content-type'), 'multipart/form-data; boundary=b');
});

story('two tabs with a form each: each arrives where it belongs', async () => {
	const { url } = await w();
	const alice = await lapsed();
	const one = await alice.request(`${url}/one`, { headers: own(url), form: { n: '1' } });
	const two = await alice.request(`${url}/two`, { headers: own(url), form: { n: '22' } });
	const [p1, p2] = [await alice.go(one.location), await alice.go(two.location)];
	const [r2, r1] = [await send(alice, p2), await send(alice, p1)];
	assert.deepEqual([r1.json.target, r1.json.size, r2.json.target, r2.json.size], ['/one', 3, '/two', 4]);
});

story('another user gets nothing of it, and it is thrown away', async () => {
	const { url, op, backend } = await w();
	const alice = await lapsed();
	op.user = 'bob';
	const to = await post(alice, url, '/form', { body: 'secret=of-alice' });
	backend.clear();
	const page = await alice.request(to);
	assert.equal(page.status, 403);
	assert.match(page.text, /The form was not sent/);
	assert.doesNotMatch(page.text, /of-alice/);
	assert.match((await alice.request(to)).text, /not here any more/);
	// With the cookie of a page of alice's, bob's session sends nothing either.
	op.user = 'alice';
	const again = await lapsed();
	const mine = await again.request(await post(again, url, '/form', { body: 'a=b' }));
	const { signedIn } = await w();
	const bob = await signedIn('bob');
	backend.clear();
	for (const c of mine.setCookies) bob.jar.set(new URL(url), c);
	assert.equal((await send(bob, mine)).status, 410);
	assert.equal(backend.requests.length, 0, 'the empty form did not go on either');
	op.user = 'alice';
});

story('rules are judged anew: the route, the origin, the session', async () => {
	const { url, backend } = await w();
	const alice = await lapsed();
	const page = await alice.request(await post(alice, url, '/form', { body: 'a=b' }));
	backend.clear();
	assert.equal((await send(alice, page, { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' })).status, 403);
	const other = await alice.request(`${url}/other`, { method: 'POST', headers: { ...own(url), 'Content-Type': 'text/plain' }, body: '' });
	assert.equal(other.status, 410, 'it is not for another address');
	await sleep(2200);
	assert.equal((await send(alice, page)).status, 401, 'run out again meanwhile');
	assert.equal(backend.requests.length, 0);
	const staff = await lapsed();
	const there = await staff.request(await post(staff, url, '/staff', { body: 'a=b' }));
	backend.clear();
	assert.equal((await send(staff, there)).status, 403);
	assert.equal(backend.requests.length, 0);
});

// [what, path, headers, body]: as before there were kept forms
const not = [
	['of another site', '/form', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }, 'a=b'],
	['of another site of the same domain', '/form', { Origin: 'http://127.0.0.1:1', 'Sec-Fetch-Site': 'same-site' }, 'a=b'],
	['of who knows where', '/form', { Origin: undefined, 'Sec-Fetch-Site': undefined }, 'a=b'],
	['too long', '/form', {}, `a=${'x'.repeat(310000)}`],
	['empty', '/form', {}, ''],
];
for (const [what, path, headers, body] of not) {
	story(`a form that is ${what} is not kept; its user signs in and sees the page`, async () => {
		const { url } = await w();
		const alice = await lapsed();
		const h = { ...own(url), ...URLENCODED, ...headers };
		for (const [n, v] of Object.entries(h)) if (v === undefined) delete h[n];
		const r = await alice.go(url + path, { method: 'POST', headers: h, body, stop: at('/auth/resume') });
		assert.equal(r.status, 200, r.location);
		assert.equal(r.url, url + path);
		assert.equal(r.json.method, 'GET');
	});
}

story('nor is what no form is, what a forged cookie brings, and a revoked session\'s', async () => {
	const { url, signedIn } = await w();
	const alice = await lapsed();
	for (const headers of [{ ...own(url), 'Content-Type': 'application/json' }, { ...FETCH, Origin: url, ...URLENCODED }]) assert.equal((await alice.request(`${url}/form`, { method: 'POST', headers, body: 'a=b' })).status, 401);
	assert.equal((await alice.request(`${url}/api`, { method: 'POST', headers: { ...own(url), ...URLENCODED }, body: 'a=b' })).status, 401);
	const cookie = alice.jar.get('workflow_session');
	const value = cookie.value;
	const leads = async (browser) => (await browser.go(`${url}/form`, { method: 'POST', headers: { ...own(url), ...URLENCODED }, body: 'a=b', stop: at('/auth/resume') })).location;
	cookie.value = `${value.slice(0, -3)}AAA`;
	assert.equal(await leads(alice), undefined, 'forged');
	assert.equal(await leads(new Browser()), undefined, 'none');
	const gone = await signedIn('alice');
	const kept = gone.jar.get('workflow_session').value;
	await gone.go(`${url}/auth/logout`);
	await sleep(2200);
	const revoked = new Browser();
	assert.equal(await (async () => (await revoked.go(`${url}/form`, { method: 'POST', headers: { ...own(url), ...URLENCODED }, cookie: `workflow_session=${kept}`, body: 'a=b', stop: at('/auth/resume') })).location)(), undefined, 'revoked');
});

story('preserve_post = no, and a form whose time is over', async () => {
	const { url } = await off();
	const r = await (await lapsed(off)).go(`${url}/form`, { method: 'POST', headers: { ...own(url), ...URLENCODED }, body: 'a=b', stop: at('/auth/resume') });
	assert.equal(r.json?.method, 'GET');
	const b = await brief();
	const alice = await lapsed(brief);
	const to = await post(alice, b.url, '/form', { body: 'a=b' });
	await sleep(1300);
	assert.equal((await alice.request(to)).status, 410);
});

story('an application that cannot be reached costs nobody the form', async () => {
	const { url, op } = await w();
	const alice = await lapsed();
	op.user = 'alice';
	const page = await alice.request(await post(alice, url, '/down', { body: 'a=b' }));
	assert.equal((await send(alice, page)).status, 502);
	assert.equal((await alice.request(page.url)).status, 200, 'it can be sent again');
});

story('AUTH/resume with a key of nobody: 410, and who is not signed in is sent to sign in', async () => {
	const { url } = await w();
	for (const k of ['', '?k=', '?k=x', `?k=${'A'.repeat(43)}`, `?k=${'A'.repeat(43)}&k=b`, `?k=${'A'.repeat(5000)}`]) assert.equal((await new Browser().request(`${url}/auth/resume${k}`)).status, 410, k);
	const alice = await lapsed();
	const to = await post(alice, url, '/form', { body: 'a=b' });
	const elsewhere = await new Browser().request(to);
	assert.equal(elsewhere.status, 302);
	assert.match(elsewhere.location, /\/auth\/login\?rd=%2Fauth%2Fresume/);
});

story('no more than 8 of one session, and a flood of them grows nothing without bound', async () => {
	const { url, proxy } = await w();
	const alice = await lapsed();
	const before = proxy.rss();
	let kept = 0;
	for (let i = 0; i < 40; i++) {
		const r = await alice.request(`${url}/form${i}`, { method: 'POST', headers: { ...own(url), ...URLENCODED }, body: `a=${'x'.repeat(250000)}` });
		assert.equal(r.status, 303);
		kept += 1;
	}
	assert.equal(kept, 40);
	assert.equal((proxy.stderr.match(/is kept until/g) ?? []).length >= 8, true);
	assert.match(proxy.stderr, /no room to keep a form/);
	assert.ok(proxy.rss() - before < 60e6, `${proxy.rss() - before}`);
});

// --- in a real browser --------------------------------------------------------------

let browser;
after(async () => { await browser?.close(); });
const FORM = `<!doctype html><meta charset="utf-8"><title>form</title><form method="post" action="/save?id=7" enctype="multipart/form-data">
	<textarea name="text"></textarea><input type="file" name="file"><button>Save</button></form>`;
const openForm = async (c, world) => {
	world.backend.on('/page', async (r, s) => { await r.done; s.write(reply(200, { 'Content-Type': 'text/html', 'Referrer-Policy': 'same-origin' }, FORM)); });
	const page = await c.newPage();
	await page.goto(`${world.url}/page`);
	await page.fill('textarea', 'a long text that took an hour: äöü');
	await page.setInputFiles('input[type=file]', { name: 'b.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(100000, 'q') });
	await sleep(5200);
	return page;
};

story('Chromium: a form with a file, posted too late, arrives without a click', async () => {
	const world = await unhurried();
	world.op.user = 'alice';
	browser ??= await launch();
	const c = await browser.newContext();
	const page = await openForm(c, world);
	world.backend.clear();
	await page.click('button');
	await page.waitForURL(`${world.url}/save?id=7`);
	const saved = await until('the form', () => world.backend.seen('/save?id=7').find((r) => r.method === 'POST' && r.complete));
	assert.match(saved.get('content-type'), /^multipart\/form-data; boundary=/);
	const text = saved.body.toString();
	assert.ok(saved.size > 100000 && text.includes('a long text that took an hour: äöü') && text.includes('filename="b.bin"'));
	assert.equal(world.backend.seen('/save?id=7').length, 1, 'once');
	await page.goBack().catch(() => {});
	await sleep(500);
	assert.equal(world.backend.seen('/save?id=7').length, 1, 'nor by the back button');
	await c.close();
}, 90000);

story('Chromium: without JavaScript there is a button', async () => {
	const world = await unhurried();
	browser ??= await launch();
	const c = await browser.newContext({ javaScriptEnabled: false });
	const page = await openForm(c, world);
	world.backend.clear();
	await page.click('button');
	await page.waitForURL(/\/auth\/resume/);
	await picture(page, 'resume');
	await page.click('text=Send the form');
	await page.waitForURL(`${world.url}/save?id=7`);
	assert.equal(world.backend.seen('/save?id=7').length, 1);
	await c.close();
}, 90000);

closing(w, off, brief, unhurried);
