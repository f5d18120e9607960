// The same in a real browser: clicks, tabs, the back button, streams; and each page of ours, light and dark.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { launch, picture, signIn } from './lib/chromium.mjs';
import { freePort } from './lib/ports.mjs';
import { closing, shared, story } from './lib/world.mjs';

let inbox;
const w = shared(async () => {
	const port = await freePort();
	inbox = fork(fileURLToPath(new URL('../../demo/backend.mjs', import.meta.url)), [String(port)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
	await new Promise((resolve, reject) => { inbox.once('message', resolve); inbox.once('exit', reject); });
	return {
		real: true, servers: [`http://127.0.0.1:${port}`],
		routes: `route "/" { upstream = "app" claim_headers = {"X-Claim-Name=name"} }
			route "/public" { upstream = "app" auth = "none" }
			route "/admins" { upstream = "app" claims = {"groups~admins"} }
			route "/down" { upstream = "http://127.0.0.1:9" }`,
	};
});
let browser;
const chromium = async () => { browser ??= await launch(); return browser; };
after(async () => {
	await browser?.close();
	inbox?.kill('SIGKILL');
});
const context = async (o) => (await chromium()).newContext(o);

story('a person signs in, works, and signs out', async () => {
	const { url } = await w();
	const c = await context();
	const page = await c.newPage();
	const errors = [];
	page.on('pageerror', (e) => errors.push(String(e)));
	page.on('console', (m) => { if (m.type() === 'error' && m.location().url.startsWith(url)) errors.push(`${m.text()} ${m.location().url}`); });
	await page.goto(`${url}/?from=mail`);
	assert.match(page.url(), /\/interaction\//);
	await signIn(page, 'alice');
	await page.waitForURL(`${url}/?from=mail`);
	assert.equal(await page.textContent('#greeting'), 'Hello, alice');
	await page.waitForFunction(() => /UTC/.test(document.querySelector('#clock').textContent));
	await page.waitForFunction(() => document.querySelector('#said').textContent === 'connected');
	await page.click('#say button');
	await page.waitForFunction(() => document.querySelector('#said').textContent === 'alice said: hello');
	await page.setInputFiles('#file', { name: 'a.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(3000000, 'a') });
	await page.click('form[action=upload] button');
	await page.waitForSelector('text=bytes received from alice');
	await page.click('button[aria-label^="Approve: Review"]');
	await page.waitForSelector('.done');
	await picture(page, 'inbox-light');
	await page.emulateMedia({ colorScheme: 'dark' });
	await picture(page, 'inbox-dark');
	await page.emulateMedia({ colorScheme: 'light' });
	assert.deepEqual(errors, []);

	await page.click('text=Sign out');
	await page.waitForSelector('button[name=logout], button[autofocus]');
	await page.click('button[value=yes], button[autofocus]');
	await page.waitForURL(/\/auth\/logout\/return/);
	await picture(page, 'signed-out-light');
	await page.emulateMedia({ colorScheme: 'dark' });
	await picture(page, 'signed-out-dark');
	await page.goto(`${url}/`);
	assert.match(page.url(), /\/interaction\//, 'signed out: the provider asks again');
	await c.close();
});

story('two tabs begun before either finishes both arrive', async () => {
	const { url } = await w();
	const c = await context();
	const [one, two] = [await c.newPage(), await c.newPage()];
	await one.goto(`${url}/?tab=1`);
	await two.goto(`${url}/?tab=2`);
	await signIn(one);
	await one.waitForURL(`${url}/?tab=1`);
	await signIn(two);
	await two.waitForURL(`${url}/?tab=2`);
	for (const p of [one, two]) assert.equal(await p.textContent('#greeting'), 'Hello, alice');
	await c.close();
});

story('the back button after a sign-in leads no one into an error', async () => {
	const { url } = await w();
	const c = await context();
	const page = await c.newPage();
	await page.goto(`${url}/public/status`);
	await page.goto(`${url}/?x=1`);
	await signIn(page);
	await page.waitForURL(`${url}/?x=1`);
	await page.goBack();
	await page.goForward();
	await page.goto(`${url}/?x=2`);
	assert.equal(await page.textContent('#greeting'), 'Hello, alice');
	await c.close();
});

story('fetch() in a page whose session ended gets 401 JSON, not the provider\'s page', async () => {
	const { url } = await w();
	const c = await context();
	const page = await c.newPage();
	await page.goto(`${url}/`);
	await signIn(page);
	await page.waitForURL(`${url}/`);
	await c.clearCookies();
	const r = await page.evaluate(async () => { const a = await fetch('/data'); return { status: a.status, type: a.headers.get('content-type'), redirected: a.redirected }; });
	assert.equal(r.status, 401);
	assert.match(r.type, /application\/json/);
	assert.equal(r.redirected, false);
	await c.close();
});

for (const colorScheme of ['light', 'dark']) {
	story(`our pages are readable, ${colorScheme}: each has a language, one heading, a title and no blocked style`, async () => {
		const { url, op } = await w();
		const c = await context({ colorScheme });
		const page = await c.newPage();
		const blocked = [];
		page.on('console', (m) => { if (/Content Security Policy/.test(m.text())) blocked.push(m.text()); });
		await page.goto(`${url}/`);
		await signIn(page);
		await page.waitForURL(`${url}/`);
		for (const [name, path, status] of [['access-denied', '/admins', 403], ['backend-unavailable', '/down', 502], ['no-endpoint', '/auth/none', 404], ['sign-in-failed', '/auth/callback?error=access_denied&error_description=You%20may%20not&state=x', 403]]) {
			let r = await page.goto(url + path);
			if (name === 'sign-in-failed') {
				// Signed in already this would lead to the page; a fresh browser gets the page that names the error.
				const fresh = await context({ colorScheme });
				const p = await fresh.newPage();
				r = await p.goto(`${url}/`);
				const state = new URL((await fresh.request.get(`${url}/x`, { maxRedirects: 0, headers: { Accept: 'text/html' } })).headers().location).searchParams.get('state');
				r = await p.goto(`${url}/auth/callback?error=access_denied&error_description=You%20may%20not&iss=${encodeURIComponent(op.url)}&state=${state}`);
				assert.match(await p.textContent('main'), /You may not/);
				assert.equal(r.status(), status, name);
				await picture(p, `${name}-${colorScheme}`);
				await look(p);
				await fresh.close();
				continue;
			}
			assert.equal(r.status(), status, name);
			await picture(page, `${name}-${colorScheme}`);
			await look(page);
		}
		assert.deepEqual(blocked, []);
		await c.close();
	});
}

async function look(page) {
	const seen = await page.evaluate(() => ({
		lang: document.documentElement.lang, title: document.title, h1: document.querySelectorAll('h1').length, main: document.querySelectorAll('main').length,
		color: getComputedStyle(document.body).color, background: getComputedStyle(document.body).backgroundColor, overflow: document.documentElement.scrollWidth > document.documentElement.clientWidth,
	}));
	assert.ok(seen.lang);
	assert.ok(seen.title);
	assert.equal(seen.h1, 1);
	assert.equal(seen.main, 1);
	assert.notEqual(seen.color, seen.background);
	assert.equal(seen.overflow, false);
}

closing(w);
