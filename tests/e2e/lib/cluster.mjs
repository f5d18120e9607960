// Several proxies that share a Redis and are one site to browsers.
import assert from 'node:assert/strict';
import { Backend } from './backend.mjs';
import { Browser } from './browser.mjs';
import { FaultOp } from './faultop.mjs';
import { freePort, until } from './ports.mjs';
import { Proxy } from './proxy.mjs';
import { Redis } from './redis.mjs';

export const JSON_ONLY = { headers: { Accept: 'application/json' } };

// A Redis, a provider, a backend, and n proxies that browsers know under one name; o.session: more of that section.
export async function cluster(o = {}) {
	const c = { redis: o.redis ?? await Redis.start(o.redisOptions), op: await FaultOp.start(), backend: await Backend.start(), proxies: [] };
	c.front = o.front ?? await freePort();
	c.url = `http://127.0.0.1:${c.front}`;
	c.settings = {
		publicUrl: c.url, discoveryUrl: c.op.discoveryUrl, servers: [c.backend.url], workers: 2, ...o.settings,
		session: `redis = "${c.redis.url}" redis_prefix = "wp:" ${o.session ?? 'store = redis'}`,
	};
	c.add = async (more = {}) => {
		const p = await Proxy.start({ ...c.settings, port: await freePort(), adminPort: await freePort(), ...more });
		c.proxies.push(p);
		if (o.waitReady !== false) await until('the provider\'s metadata', async () => (await new Browser().request(`${p.admin}/readyz?strict`)).status === 200);
		return p;
	};
	for (let i = 0; i < (o.n ?? 2); i++) await c.add(o.each?.(i));
	// A request for the common name at one of them.
	c.at = (p, browser, path = '/page', more = JSON_ONLY) => browser.request(c.url + path, { ...more, connect: { host: '127.0.0.1', port: p.port } });
	c.signedIn = async (p, user = 'alice') => {
		c.op.user = user;
		const browser = new Browser();
		let answer = await browser.request(`${c.url}/`, { connect: { host: '127.0.0.1', port: p.port } });
		for (let i = 0; i < 10 && answer.location; i++)
			answer = await browser.request(answer.location, answer.location.startsWith(c.url) ? { connect: { host: '127.0.0.1', port: p.port } } : {});
		assert.equal(answer.status, 200, `${answer.url}: ${answer.text}\n${p.stderr.slice(-1500)}`);
		return browser;
	};
	c.revoke = (p, what) => new Browser().request(`${p.admin}/sessions/revoke`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(what) });
	c.readyz = async (p, query = '') => (await new Browser().request(`${p.admin}/readyz${query}`));
	c.stop = async () => {
		try {
			for (const p of c.proxies) if (p.code === undefined) await p.stop();
		} finally {
			for (const p of c.proxies) if (p.code === undefined) p.signal('SIGKILL');
			await c.op.stop();
			await c.backend.stop();
			await c.redis.stop();
		}
	};
	return c;
}
export async function within(o, fn) {
	const c = await cluster(o);
	try {
		await fn(c);
		await c.stop();
	} catch (e) {
		for (const p of c.proxies) console.error(p.stderr.split('\n').filter((l) => !/"level":"debug"/.test(l)).slice(-15).join('\n'));
		await c.stop().catch(() => {});
		throw e;
	}
}

export const sidOf = (browser) => JSON.parse(Buffer.from(browser.jar.get('workflow_session').value.split('.')[1], 'base64url')).sid;
export const code = async (answer) => { const a = await answer; return a.status === 200 ? '200' : `${a.status} ${a.json.error}`; };
