// Providers that are slow, rude or gone under those who need them: nothing is sent twice, nothing is lost, all is told.
import assert from 'node:assert/strict';
import { Browser, FETCH } from './lib/browser.mjs';
import { sleep, until } from './lib/ports.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const routes = 'route "/" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" }';
const one = shared({ routes, workers: 1, session: 'timeout = "1h"', provider: 'timeout = "3s"' });

const claimsOf = (browser) => JSON.parse(Buffer.from(browser.jar.get('workflow_session').value.split('.')[1], 'base64url'));
const cookiesOf = (browser) => [...browser.jar.cookies.values()].map((c) => `${c.name}=${c.value}`).join('; ');
async function signedIn(w, user, life) {
	w.op.life = life;
	const browser = await w.signedIn(user);
	w.op.life = 3600;
	return browser;
}
const due = async (browser) => sleep(Math.max(0, claimsOf(browser).refresh_at * 1000 - Date.now()) + 50);

story('a kept connection that closes after the refresh token was read: it is not sent again, and the session goes on', async () => {
	const w = await one();
	w.op.reset();
	const browser = await signedIn(w, 'alice', 3);
	await due(browser);
	w.op.fault = { tokenDropKept: true };
	const before = w.op.tokenRequests.length;
	const answer = await browser.request(`${w.url}/page`);
	assert.equal(answer.status, 200);
	await w.proxy.logged(/it is not sent again.*provider_down/);
	assert.equal(w.op.tokenRequests.length, before + 1);
});

story('a kept connection that closes after the code was read: it is redeemed once, and the answer says 503', async () => {
	const w = await one();
	w.op.reset();
	await w.signedIn('alice');
	w.op.fault = { tokenDropKept: true };
	const before = w.op.tokenRequests.length;
	const browser = new Browser();
	const answer = await browser.signIn(`${w.url}/`, 'bob');
	assert.equal(answer.status, 503, answer.text);
	assert.equal((await w.proxy.lastAccess((r) => r.status === 503)).reason, 'provider_down');
	assert.equal(w.op.tokenRequests.length, before + 1);
});

// 200 / 32 rounds of half a second each: longer than provider.timeout, which begins when a request is sent.
story('200 sessions due at once at a slow provider: each is renewed once, none waits in vain', async () => {
	const w = await world({ routes, workers: 1, session: 'timeout = "1h"', limits: 'logins_per_minute = 6000', provider: 'timeout = "2s"', logLevel: 'info' });
	try {
		const life = 30;
		const browsers = [];
		for (let i = 0; i < 200; i++) {
			w.op.life = life;
			browsers.push(await w.signedIn('alice'));
		}
		w.op.life = 3600;
		w.op.fault = { refreshDelay: 500 };
		await due(browsers.at(-1));
		const answers = await Promise.all(browsers.map((b) => new Browser().request(`${w.url}/x`, { cookie: cookiesOf(b), headers: FETCH })));
		assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
		assert.equal(w.op.calls.refresh, 200);
		assert.equal(answers.filter((a) => a.setCookies.some((c) => c.startsWith('workflow_session.t='))).length, 200);
		assert.ok(!/provider_(timeout|busy)/.test(w.proxy.stderr), w.proxy.stderr.slice(-1000));
	} finally {
		await w.stop();
	}
}, 120000);

closing(one);
