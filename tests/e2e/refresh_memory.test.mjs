// store = "memory": tokens stay in the process, over reloads, and sessions are renewed in the background.
import assert from 'node:assert/strict';
import { Browser } from './lib/browser.mjs';
import { sleep, until } from './lib/ports.mjs';
import { closing, shared, story } from './lib/world.mjs';

const inMemory = shared({
	routes: `route "/" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" }`,
	session: 'timeout = "1h" store = "memory"', provider: 'timeout = "3s"',
});
const claimsOf = (browser) => JSON.parse(Buffer.from(browser.jar.get('workflow_session').value.split('.')[1], 'base64url'));
const cookiesOf = (browser) => [...browser.jar.cookies.values()].map((c) => `${c.name}=${c.value}`).join('; ');

// Somebody signed in with tokens that are good for `life` seconds; those that come later are for an hour.
async function signedIn(w, user, life = 3) {
	w.op.reset();
	w.op.life = life;
	const browser = await w.signedIn(user);
	w.op.life = 3600;
	return browser;
}
const due = async (browser) => {
	const wait = claimsOf(browser).refresh_at * 1000 - Date.now();
	await sleep(Math.max(0, wait) + 50);
};

story('store = "memory": the browser holds no tokens, requests do not wait, and the next one brings the new session', async () => {
	const w = await inMemory();
	const browser = await signedIn(w, 'alice', 6);
	assert.equal(browser.jar.get('workflow_session.t'), undefined);
	await due(browser);
	w.op.fault = { refreshDelay: 800 };
	const began = Date.now();
	const first = await browser.request(`${w.url}/first`);
	assert.equal(first.status, 200);
	assert.ok(Date.now() - began < 700, 'it did not wait for the provider');
	assert.deepEqual(first.setCookies, []);
	await until('the renewal', () => w.op.calls.refresh === 1);
	await sleep(1000);
	const next = await browser.request(`${w.url}/next`);
	assert.ok(next.setCookies.some((c) => c.startsWith('workflow_session=')));
	assert.equal(w.op.calls.refresh, 1);
	assert.deepEqual((await browser.request(`${w.url}/third`)).setCookies, []);
	await browser.request(`${w.url}/token`);
	assert.ok(w.backend.last.get('x-forwarded-access-token'));
});

story('store = "memory": when the tokens have run out, requests wait for new ones', async () => {
	const w = await inMemory();
	const browser = await signedIn(w, 'alice');
	await sleep(claimsOf(browser).tokens_end * 1000 - Date.now() + 50);
	w.op.fault = { refreshDelay: 400 };
	const cookie = cookiesOf(browser);
	const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => new Browser().request(`${w.url}/n${i}`, { cookie })));
	assert.deepEqual(answers.map((a) => a.status), Array(20).fill(200));
	for (const a of answers) assert.ok(a.setCookies.some((c) => c.startsWith('workflow_session=')));
	assert.equal(w.op.calls.refresh, 1);
});

story('store = "memory": tokens survive a reload', async () => {
	const w = await inMemory();
	const browser = await signedIn(w, 'alice');
	w.proxy.signal('SIGHUP');
	await w.proxy.logged(/reloaded/);
	await due(browser);
	await sleep(1000);
	assert.equal((await browser.request(`${w.url}/x`)).status, 200);
	assert.equal(w.op.calls.refresh, 1);
	assert.ok(claimsOf(browser).refresh_at - Date.now() / 1000 > 1000);
});

closing(inMemory);
