// Sessions that are not used end; those that are used do not, and keep the end that they began with.
import assert from 'node:assert/strict';
import { FETCH } from './lib/browser.mjs';
import { sleep } from './lib/ports.mjs';
import { configuration } from './lib/proxy.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({ session: 'idle_timeout = "4s" timeout = "9s"' });
const sealed = shared({ session: 'timeout = "1h"' });
const other = shared({ session: 'timeout = "1h" cookie = "other_session"' });
const payload = (browser) => browser.jar.get('workflow_session').value.split('.');
const claimsOf = (browser) => JSON.parse(Buffer.from(payload(browser)[1], 'base64url'));

story('a session that is not used for idle_timeout ends', async () => {
	const { signedIn, url } = await w();
	const browser = await signedIn();
	const c = claimsOf(browser);
	assert.equal(c.exp - c.iat, 4);
	assert.equal((await browser.request(`${url}/x`, { headers: FETCH })).status, 200);
	await sleep(claimsOf(browser).exp * 1000 - Date.now() + 100);
	assert.equal((await browser.request(`${url}/x`, { headers: FETCH })).status, 401);
	assert.equal((await browser.request(`${url}/x`)).status, 302);
});

story('a session in use is written anew when a quarter of idle_timeout has passed, until its end and no further', async () => {
	const { signedIn, url } = await w();
	const browser = await signedIn();
	const first = claimsOf(browser);
	const at = (ms) => sleep(first.sst + ms - Date.now());
	const soon = await browser.request(`${url}/soon`);
	assert.deepEqual(soon.setCookies, []);
	let written = 0;
	for (let t = 1500; t < 8500; t += 1500) {
		await at(t);
		const answer = await browser.request(`${url}/t${t}`, { headers: FETCH });
		assert.equal(answer.status, 200, `after ${t} ms`);
		if (!answer.setCookies.length) continue;
		written++;
		assert.equal(answer.headers['cache-control'], 'private, no-cache');
		const c = claimsOf(browser);
		assert.equal(c.sid, first.sid);
		assert.equal(c.sst, first.sst);
		assert.ok(c.exp * 1000 <= first.sst + 10000, 'never beyond timeout');
	}
	assert.ok(written >= 3, `${written} times`);
	await at(9200);
	assert.equal((await browser.request(`${url}/over`, { headers: FETCH })).status, 401);
});

story('encrypt may be turned on and off by a reload, and nobody is signed out', async () => {
	const { signedIn, url, proxy, settings, backend } = await sealed();
	const plain = await signedIn('alice');
	const reload = async (session) => {
		const before = proxy.stderr.split('reloaded').length;
		proxy.write(configuration({ ...settings, session }));
		proxy.signal('SIGHUP');
		for (let i = 0; i < 100 && proxy.stderr.split('reloaded').length === before; i++) await sleep(50);
	};
	await reload('timeout = "1h" encrypt = yes');
	assert.equal((await plain.request(`${url}/x`, { headers: FETCH })).status, 200);
	const hidden = await signedIn('bob');
	const parts = payload(hidden);
	assert.equal(parts.length, 5);
	assert.equal(parts[1], '');
	const header = JSON.parse(Buffer.from(parts[0], 'base64url'));
	assert.equal(header.alg, 'dir');
	assert.equal(header.enc, 'A256GCM');
	for (const p of parts) assert.ok(!Buffer.from(p, 'base64url').toString('latin1').includes('bob'));
	assert.equal((await hidden.request(`${url}/x`, { headers: FETCH })).status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'bob');
	const cookie = `workflow_session=${parts.slice(0, 4).join('.')}.${parts[4].startsWith('A') ? 'B' : 'A'}${parts[4].slice(1)}`;
	assert.equal((await hidden.request(`${url}/x`, { headers: FETCH, cookie })).status, 401);
	await reload('timeout = "1h" encrypt = no');
	for (const browser of [plain, hidden]) assert.equal((await browser.request(`${url}/x`, { headers: FETCH })).status, 200);
	assert.equal(payload(await signedIn('carol')).length, 3);
});

story('secrets are rotated by a reload: the old one verifies while it is listed, and no longer', async () => {
	const { signedIn, url, proxy, settings } = await sealed();
	const [one, two] = ['one-secret-of-the-tests-2q8Zr7XbN4vK9mTd', 'two-secret-of-the-tests-8fT3kLw0sGx5Yb1P'];
	const reload = async (secret) => {
		const before = proxy.stderr.split('reloaded').length;
		proxy.write(configuration({ ...settings, secret }));
		proxy.signal('SIGHUP');
		for (let i = 0; i < 100 && proxy.stderr.split('reloaded').length === before; i++) await sleep(50);
	};
	const old = await signedIn('alice');
	await reload(`secret = {"${two}", "${one}"}`);
	assert.equal((await old.request(`${url}/x`, { headers: FETCH })).status, 200);
	const fresh = await signedIn('bob');
	await reload(`secret = "${two}"`);
	assert.equal((await old.request(`${url}/x`, { headers: FETCH })).status, 401);
	assert.equal((await fresh.request(`${url}/x`, { headers: FETCH })).status, 200);
});

story('two proxies on one host keep out of each other\'s way when their cookies have different names', async () => {
	const one = await sealed();
	const two = await other();
	const browser = await one.signedIn('alice');
	two.op.user = 'bob';
	assert.equal((await browser.signIn(`${two.url}/`)).status, 200);
	for (let i = 0; i < 2; i++) {
		assert.equal((await browser.request(`${one.url}/x`, { headers: FETCH })).status, 200);
		assert.equal(one.backend.last.get('x-forwarded-user'), 'alice');
		assert.equal((await browser.request(`${two.url}/x`, { headers: FETCH })).status, 200);
		assert.equal(two.backend.last.get('x-forwarded-user'), 'bob');
	}
	await browser.go(`${two.url}/auth/logout`, { headers: { ...FETCH } });
	assert.equal((await browser.request(`${two.url}/x`, { headers: FETCH })).status, 401);
	assert.equal((await browser.request(`${one.url}/x`, { headers: FETCH })).status, 200);
});

closing(w, sealed, other);
