// Users' own tokens for upstreams where several instances share a Redis: no refresh token is ever used twice, whoever
// asks, whoever leaves, and whatever becomes of the Redis.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { Browser } from './lib/browser.mjs';
import { code, JSON_ONLY, within } from './lib/cluster.mjs';
import { sleep, until } from './lib/ports.mjs';
import { story } from './lib/world.mjs';

const routes = `outbound "mail" { grant = refresh_token provider = "main" scope = "openid profile" }
	outbound "files" { grant = refresh_token provider = "main" scope = "openid email" }
	route "/" { upstream = "app" }
	route "/mail" { upstream = "app" upstream_token = "mail" }
	route "/files" { upstream = "app" upstream_token = "files" }`;
const settings = { routes, provider: 'timeout = "3s"', logLevel: 'debug' };

const cookiesOf = (browser) => [...browser.jar.cookies.values()].map((c) => `${c.name}=${c.value}`).join('; ');
const used = (op) => op.tokenRequests.map((t) => t.form.get('refresh_token')).filter(Boolean);
const twice = (list) => list.filter((x, i) => list.indexOf(x) !== i);

for (const store of ['cookie', 'redis']) {
	story(`store = ${store}: two instances get tokens for two sections with one session, and no refresh token is used twice`, () => within({ session: `store = ${store} timeout = "1h"`, settings }, async (c) => {
		const [a, b] = c.proxies;
		c.op.life = 30;
		const alice = await c.signedIn(a);
		const cookie = cookiesOf(alice);
		c.op.fault.refreshDelay = 100;
		const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => code(c.at([a, b][i % 2], new Browser(), ['/mail', '/files'][(i >> 1) % 2], { ...JSON_ONLY, cookie }))));
		assert.deepEqual([...new Set(answers)], ['200']);
		assert.equal(used(c.op).length, 4, 'one for each instance and section');
		assert.deepEqual(twice(used(c.op)), []);
		assert.equal(await code(c.at(b, alice, '/files')), '200');
		assert.equal(used(c.op).length, 4);
	}));
}

story('a Redis that goes right after: a refresh token that was replaced while its browser left is not forgotten', () => within({ n: 1, session: 'store = cookie timeout = "1h"', settings }, async (c) => {
	const [p] = c.proxies;
	const alice = await c.signedIn(p);
	const cookie = cookiesOf(alice);
	c.op.fault.refreshDelay = 300;
	const q = request(`${p.url}/mail`, { headers: { Host: new URL(c.url).host, Cookie: cookie }, agent: false });
	q.on('error', () => {});
	q.end();
	await until('the token request', () => c.op.calls.refresh === 1);
	q.destroy();
	await sleep(600);
	await c.redis.down();
	const failed = await c.at(p, new Browser(), '/files', { ...JSON_ONLY, cookie });
	assert.equal(failed.status, 502, failed.text);
	assert.equal(c.op.calls.refresh, 1);
	const late = new Browser();
	const answer = await c.at(p, late, '/mail', { ...JSON_ONLY, cookie });
	assert.equal(answer.status, 200);
	assert.ok(late.jar.get('workflow_session')?.value, 'the session that has the new refresh token');
	assert.ok(late.jar.get('workflow_session.t')?.value, 'and that token');
	await c.redis.up();
	await until('the Redis', () => p.stderr.match(/can be used/g).length === 2);
	await sleep(10500);
	assert.equal((await c.at(p, new Browser(), '/files', { ...JSON_ONLY, cookie })).status, 200, 'with the cookies of before, still');
	assert.deepEqual(twice(used(c.op)), []);
}));

for (const [what, end] of [['an administrator', (c, p) => c.revoke(p, { username: 'alice' })], ['another instance', (c) => c.revoke(c.proxies[1], { username: 'alice' })]]) {
	story(`a session that ${what} ends: its tokens for upstreams are forgotten`, () => within({ session: 'store = redis timeout = "1h"', settings }, async (c) => {
		const [p] = c.proxies;
		const alice = await c.signedIn(p);
		const bob = await c.signedIn(p, 'bob');
		assert.equal(await code(c.at(p, alice, '/mail')), '200');
		assert.equal(await code(c.at(p, bob, '/mail')), '200');
		await sleep(1500); // a job looks back for as long
		assert.equal((await end(c, p)).status, 200);
		await p.logged(/1 tokens for upstreams were forgotten/);
		assert.equal(await code(c.at(p, bob, '/mail')), '200');
		assert.equal(used(c.op).length, 2);
	}));
}
