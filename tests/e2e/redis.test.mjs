// Many machines: several proxies share a Redis, and a user does not notice which one answers, or that one dies.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { Proxy, runAside, scratch } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { Redis } from './lib/redis.mjs';
import { code, JSON_ONLY, sidOf, within } from './lib/cluster.mjs';
import { story } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

story('a session of one instance is one of the other; what ends at one ends at the other within a second', () => within({}, async (c) => {
	const [a, b] = c.proxies;
	const alice = await c.signedIn(a);
	const bob = await c.signedIn(b, 'bob');
	for (const p of [a, b]) for (const browser of [alice, bob]) assert.equal(await code(c.at(p, browser)), '200');
	assert.equal((await c.revoke(a, { username: 'alice' })).status, 200);
	const from = Date.now();
	assert.equal(await code(c.at(a, alice)), '401 session_revoked', 'here at once');
	await until('the other instance to know', async () => await code(c.at(b, alice)) === '401 session_revoked', 2000);
	assert.ok(Date.now() - from < 1000, `${Date.now() - from} ms`);
	assert.equal(await code(c.at(b, bob)), '200');
	// And one that comes later.
	const late = await c.add();
	assert.equal(await code(c.at(late, alice)), '401 session_revoked', 'before the first request is served');
	assert.equal(await code(c.at(late, bob)), '200');
}));

story('a WebSocket at one instance ends when the session is ended at the other', () => within({}, async (c) => {
	const [a, b] = c.proxies;
	const alice = await c.signedIn(a);
	const socket = await Raw.open(b.port);
	socket.send(`GET /socket HTTP/1.1\r\nHost: 127.0.0.1:${c.front}\r\nCookie: ${alice.jar.header(new URL(c.url))}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
	assert.equal((await socket.head()).status, 101);
	assert.equal((await c.revoke(a, { sid: sidOf(alice) })).status, 200);
	assert.ok(await socket.end(1000), 'the WebSocket goes on');
	assert.equal((await b.lastAccess((r) => r.path === '/socket')).reason, 'session_revoked');
}));

story('a WebSocket ends when nobody can say any more which sessions were ended', () => within({ n: 1, session: 'store = cookie revocation_stale = "2s"' }, async (c) => {
	const [a] = c.proxies;
	const alice = await c.signedIn(a);
	const socket = await Raw.open(a.port);
	socket.send(`GET /socket HTTP/1.1\r\nHost: 127.0.0.1:${c.front}\r\nCookie: ${alice.jar.header(new URL(c.url))}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
	assert.equal((await socket.head()).status, 101);
	assert.ok(!(await socket.end(2500).catch(() => false)), 'it ended with the Redis there');
	await c.redis.down();
	const from = Date.now();
	assert.ok(await socket.end(6000), 'the WebSocket goes on');
	assert.ok(Date.now() - from > 1000, `${Date.now() - from} ms`);
	assert.equal((await a.lastAccess((r) => r.path === '/socket')).reason, 'revocations_stale');
	assert.equal(await code(c.at(a, alice)), '503 revocations_stale');
}));

story('signing out at one instance ends the session at the other, and its tokens are gone', () => within({}, async (c) => {
	const [a, b] = c.proxies;
	const alice = await c.signedIn(a);
	const old = alice.jar.header(new URL(c.url));
	assert.equal(c.redis.cli('KEYS', 'wp:tokens:*').split('\n').filter(Boolean).length, 1);
	await c.at(b, alice, '/auth/logout');
	await until('the first instance to know', async () => await code(c.at(a, alice, '/page', { ...JSON_ONLY, cookie: old })) === '401 session_revoked', 2000);
	assert.equal(c.redis.cli('KEYS', 'wp:tokens:*'), '');
}));

story('a renewal at one instance that lands while the user signs out at the other leaves nothing behind', () => within({ waitReady: false, n: 0 }, async (c) => {
	c.op.fault = { metadata: { revocation_endpoint: `${c.op.url}/revoke` } };
	const [a, b] = [await c.add(), await c.add()];
	for (const p of [a, b]) await until('the provider\'s metadata', async () => (await c.readyz(p, '?strict')).status === 200);
	c.op.life = 3;
	const alice = await c.signedIn(a);
	c.op.life = 3600;
	const cookie = alice.jar.header(new URL(c.url));
	await sleep(2100);
	// The provider answers when the sign-out is over at its instance, which is before the other one has heard of it.
	c.op.fault.refreshWhen = () => until('the sign-out', () => c.op.givenBack.length > 0);
	await c.at(b, new Browser(), '/page', { ...JSON_ONLY, cookie });
	await until('the renewal', () => c.op.calls.refresh === 1);
	assert.equal((await c.at(a, alice, '/auth/logout')).status, 302);
	await until('the new refresh token to go back', () => c.op.givenBack.length === 2, 5000);
	assert.equal(c.op.givenBack[1].form.get('token'), c.op.issued.at(-2));
	await until('the tokens to be forgotten', () => c.redis.cli('KEYS', 'wp:tokens:*') === '', 3000);
	for (const p of [a, b]) assert.equal(await code(c.at(p, new Browser(), '/page', { ...JSON_ONLY, cookie })), '401 session_revoked');
}));

story('what Redis holds is sealed, has an end, and stands under the prefix', () => within({}, async (c) => {
	await c.signedIn(c.proxies[0]);
	const keys = c.redis.cli('KEYS', '*').split('\n');
	assert.ok(keys.every((k) => k.startsWith('wp:')), keys.join());
	const key = keys.find((k) => k.startsWith('wp:tokens:'));
	const ttl = Number(c.redis.cli('TTL', key));
	assert.ok(ttl > 60 && ttl <= 7 * 86400, String(ttl));
	const record = c.redis.cli('GET', key);
	assert.match(record, /^[A-Za-z0-9_-]+$/);
	assert.doesNotMatch(record, /eyJ/);
	assert.doesNotMatch(Buffer.from(record, 'base64url').toString('latin1'), /eyJ|alice/);
}));

story('Redis gone: sessions go on, what needs it is refused with its reason, and all is well again by itself', () => within({
	redisOptions: { aof: true }, session: 'store = redis revocation_stale = "3s"',
}, async (c) => {
	const [a, b] = c.proxies;
	const alice = await c.signedIn(a);
	const bob = await c.signedIn(a, 'bob');
	assert.equal((await c.revoke(a, { username: 'bob' })).status, 200);
	await c.redis.down();
	assert.equal(await code(c.at(a, alice)), '200', 'its view is fresh enough');
	assert.equal((await c.revoke(a, { username: 'alice2' })).status, 503, 'not acknowledged: nobody has it');
	const refused = await new Browser().request(`${c.url}/`, { connect: { host: '127.0.0.1', port: a.port } });
	assert.equal(refused.status, 302, 'to the provider');
	const callback = await new Browser().request(refused.location).catch(() => null);
	assert.ok(callback?.location);
	await until('the view to be too old', async () => await code(c.at(a, alice)) === '503 revocations_stale', 6000);
	assert.equal((await c.at(a, alice)).headers['retry-after'], '10');
	assert.equal(await code(c.at(a, alice, '/auth/session')), '503 revocations_stale');
	assert.equal(await code(c.at(a, alice, '/public')), '200', 'open routes need no view');
	assert.equal((await c.readyz(a)).status, 503);
	assert.match((await c.readyz(a)).text, /redis/);
	// An instance that starts now serves nobody before it has read.
	const late = await c.add({}).catch((e) => e);
	assert.ok(late instanceof Error, 'it waits for readiness in vain');
	const third = c.proxies.at(-1);
	assert.equal(await code(c.at(third, alice)), '503 revocations_stale');
	await c.redis.up();
	for (const p of [a, b, third]) await until('sessions to be served again', async () => await code(c.at(p, alice)) === '200', 10000);
	for (const p of [a, b, third]) assert.equal(await code(c.at(p, bob)), '401 session_revoked');
	assert.equal((await c.readyz(a)).status, 200);
	assert.doesNotMatch(a.stderr, /client-secret-of-the-tests/);
}));

story('a Redis that hangs holds nobody up for long, not at the start either', () => within({
	n: 1, settings: { routes: 'route "/" { upstream = "app" }\nroute "/token" { upstream = "app" access_token_header = "X-Access" }' },
}, async (c) => {
	const [p] = c.proxies;
	const alice = await c.signedIn(p);
	assert.equal(await code(c.at(p, alice, '/token')), '200');
	c.redis.child.kill('SIGSTOP');
	try {
		const took = async (what) => { const from = Date.now(); return { is: await what, ms: Date.now() - from }; };
		const plain = await took(code(c.at(p, alice)));
		assert.ok(plain.is === '200' && plain.ms < 500, JSON.stringify(plain));
		const hung = await took(code(c.at(p, alice, '/token')));
		assert.ok(hung.is === '503 redis_down' && hung.ms < 3500, JSON.stringify(hung));
		const from = Date.now();
		const late = await Proxy.start({ ...c.settings, port: await freePort(), adminPort: await freePort() });
		c.proxies.push(late);
		assert.ok(Date.now() - from < 5000, 'it waits for the Redis');
		assert.equal(await code(c.at(late, alice)), '503 revocations_stale');
		c.redis.child.kill('SIGCONT');
		for (const one of c.proxies) await until('recovery', async () => await code(c.at(one, alice, '/token')) === '200');
	} finally {
		c.redis.child.kill('SIGCONT');
	}
}));

story('a kept form waits while nobody can say which sessions ended, and sends nobody round and round', () => within({
	n: 1, session: 'store = cookie timeout = "6s" revocation_stale = "2s"',
}, async (c) => {
	const [p] = c.proxies;
	const alice = await c.signedIn(p);
	await sleep(6100);
	const to = await c.at(p, alice, '/form', { method: 'POST', body: 'a=b', headers: { Accept: 'text/html', Origin: c.url, 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'application/x-www-form-urlencoded' } });
	let answer = to;
	for (let i = 0; i < 10 && answer.location && !answer.location.includes('/auth/resume?k='); i++)
		answer = answer.location.startsWith(c.url) ? await c.at(p, alice, answer.location.slice(c.url.length), {}) : await alice.request(answer.location);
	const resume = answer.location.slice(c.url.length);
	await c.redis.down();
	await until('the view to be too old', async () => await code(c.at(p, alice)) === '503 revocations_stale', 5000);
	assert.equal(await code(c.at(p, alice, resume)), '503 revocations_stale');
	await c.redis.up();
	await until('the view to be fresh', async () => (await c.at(p, alice, resume)).status !== 503, 5000);
}));

story('a Redis that has forgotten everything is told again what ended', () => within({}, async (c) => {
	const [a, b] = c.proxies;
	const alice = await c.signedIn(a);
	assert.equal((await c.revoke(a, { username: 'alice' })).status, 200);
	await until('the other instance to know', async () => await code(c.at(b, alice)) === '401 session_revoked', 2000);
	await c.redis.down();
	await c.redis.up();
	await a.logged(/did not have the revocations that are known here; 1 were added/);
	await until('the stream', () => Number(c.redis.cli('XLEN', 'wp:revocations')) > 0);
	const late = await c.add();
	assert.equal(await code(c.at(late, alice)), '401 session_revoked');
}));

// One table's worth.  Each takes a line in the stream; a Redis that lost them gets 32 in an entry.
story('131072 revocations are read at the start and told to a Redis that lost them, and nobody waits for that', () => within({ n: 0 }, async (c) => {
	const until_ = Math.floor(Date.now() / 1000) + 3600;
	const fill = `for i=1,131072 do redis.call('XADD','wp:revocations','*','r','sid * s'..string.format('%021d',i)..' 9223372036854775807 ${until_}') end`;
	c.redis.cli('EVAL', fill, '0');
	await until('the stream', () => c.redis.cli('XLEN', 'wp:revocations') === '131072', 30000);
	const began = Date.now();
	const p = await c.add();
	assert.ok(Date.now() - began < 20000, `ready after ${Date.now() - began} ms`);
	const alice = await c.signedIn(p);
	c.redis.cli('FLUSHALL');
	c.redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
	let slowest = 0;
	await until('what was lost to be there', async () => {
		const at = Date.now();
		assert.equal((await c.readyz(p)).status, 200);
		slowest = Math.max(slowest, Date.now() - at);
		assert.match(await code(c.at(p, alice)), /^(200|503 redis_down|401 no_session)$/);
		return c.redis.cli('XLEN', 'wp:revocations') === '4096';
	}, 40000);
	await p.logged(/did not have the revocations that are known here; 131072 were added/);
	assert.ok(slowest < 2500, `${slowest} ms`);
	assert.ok(p.rss() < 1500e6);
}), 120000);

story('a revocation that Redis has not answered yet is kept over a reload to another Redis, which is told of it, too', () => within({ n: 1, session: 'store = cookie' }, async (c) => {
	const [p] = c.proxies;
	const alice = await c.signedIn(p);
	const other = await Redis.start();
	try {
		c.redis.child.kill('SIGSTOP');
		const ending = c.revoke(p, { username: 'alice' });
		await until('the revocation', async () => (await code(c.at(p, alice))) === '401 session_revoked');
		p.write(p.text.replace(c.redis.url, other.url));
		p.signal('SIGHUP');
		await p.logged(/reloaded/);
		c.redis.child.kill('SIGCONT');
		assert.equal((await ending).status, 200);
		assert.equal(c.redis.cli('XLEN', 'wp:revocations'), '1');
		await until('the other Redis to know', () => other.cli('XLEN', 'wp:revocations') === '1');
	} finally {
		c.redis.child.kill('SIGCONT');
		await other.stop();
	}
}));

story('what has run out is deleted from the stream', () => within({ n: 1 }, async (c) => {
	const now = Math.floor(Date.now() / 1000);
	c.redis.cli('XADD', 'wp:revocations', '*', 'r', `username * gone 9223372036854775807 ${now - 5}`);
	c.redis.cli('XADD', 'wp:revocations', '*', 'r', `username * there 9223372036854775807 ${now + 500}`);
	c.redis.cli('XADD', 'wp:revocations', '*', 'x', 'of another version');
	await until('one to be deleted', () => c.redis.cli('XLEN', 'wp:revocations') === '2', 5000);
	await c.proxies[0].logged(/no revocation that this version knows/);
}));

story('with an ACL user, over TLS; the password is in no log', async () => {
	const [key, cert] = [join(dir, 'redis.key'), join(dir, 'redis.pem')];
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '30', '-subj', '/CN=redis.test', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
	await within({
		redisOptions: { user: 'wp', password: 's3cr3t/of@redis', tls: { ca: cert, cert, key } }, session: `store = redis redis_tls_ca = "${cert}"`,
	}, async (c) => {
		const [a, b] = c.proxies;
		const alice = await c.signedIn(a);
		assert.equal(await code(c.at(b, alice)), '200');
		assert.equal((await c.revoke(a, { username: 'alice' })).status, 200);
		await until('the other instance to know', async () => await code(c.at(b, alice)) === '401 session_revoked', 2000);
		for (const p of c.proxies) assert.doesNotMatch(p.stderr + p.stdout, /s3cr3t/);
		// Another authority, another password: not used, and said why.
		const other = join(dir, 'other.pem');
		execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(dir, 'other.key'), '-out', other, '-days', '30', '-subj', '/CN=other.test'], { stdio: 'ignore' });
		for (const [session, says] of [
			[c.settings.session.replace(cert, other), /cannot be used: .*certificate/],
			[c.settings.session.replace('s3cr3t', 'wrong'), /cannot be used: .*WRONGPASS/],
			[c.settings.session.replace('127.0.0.1', 'localhost'), /cannot be used: .*certificate/],
		]) {
			const p = await Proxy.start({ ...c.settings, session, port: await freePort(), adminPort: await freePort() });
			c.proxies.push(p);
			await p.logged(says);
			assert.equal(await code(c.at(p, alice)), '503 revocations_stale');
			assert.doesNotMatch(p.stderr, /s3cr3t|wrong%2F|wrong\/of/);
		}
	});
});

for (const store of ['redis', 'cookie']) {
	story(`20 requests at two instances renew a session once (store = ${store}), and late-comers get what came of it`, () => within({
		session: `store = ${store} timeout = "1h"`, settings: { provider: 'timeout = "3s"' },
	}, async (c) => {
		const [a, b] = c.proxies;
		c.op.life = 3;
		const alice = await c.signedIn(a);
		c.op.life = 3600;
		const old = alice.jar.header(new URL(c.url));
		const claims = JSON.parse(Buffer.from(alice.jar.get('workflow_session').value.split('.')[1], 'base64url'));
		await sleep(Math.max(0, claims.refresh_at * 1000 - Date.now()) + 50);
		c.op.fault.refreshDelay = 300;
		const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => {
			const tab = new Browser(); // each comes with the cookies from before
			return c.at([a, b][i % 2], tab, '/page', { ...JSON_ONLY, cookie: old }).then((answer) => ({ answer, tab }));
		}));
		for (const { answer } of answers) assert.equal(answer.status, 200, answer.text);
		await until('the renewal', () => c.op.calls.refresh === 1);
		await sleep(600);
		assert.equal(c.op.calls.refresh, 1, 'a refresh token that is used twice ends them all');
		// Who has new cookies goes on with them, at either; who has the old ones is served too, and triggers nothing.
		for (const { tab } of answers.filter(({ tab: t }) => t.jar.cookies.size > 0))
			for (const p of [a, b]) assert.equal(await code(c.at(p, tab)), '200');
		for (const p of [a, b]) assert.equal(await code(c.at(p, alice, '/page', { ...JSON_ONLY, cookie: old })), '200');
		assert.equal(c.op.calls.refresh, 1);
		if (store === 'cookie') assert.ok(answers.every(({ tab }) => tab.jar.get('workflow_session')), 'each answer carries the new cookies');
		for (const p of [a, b]) assert.doesNotMatch(p.stderr, /invalid_grant/);
		assert.equal(c.redis.cli('KEYS', 'wp:lock:*'), '', 'the lock is given back');
	}));
}

story('a record that stands under another session\'s key opens for nobody', () => within({
	n: 1, settings: { routes: 'route "/" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" }' },
}, async (c) => {
	const [p] = c.proxies;
	const [alice, bob] = [await c.signedIn(p), await c.signedIn(p, 'bob')];
	const token = async (browser) => (await c.at(p, browser)).json.fields.find(([n]) => n.toLowerCase() === 'x-forwarded-access-token')?.[1];
	const [hers, his] = [await token(alice), await token(bob)];
	assert.ok(hers && his && hers !== his);
	c.redis.cli('COPY', `wp:tokens:${sidOf(bob)}`, `wp:tokens:${sidOf(alice)}`, 'REPLACE');
	assert.equal(await token(alice), undefined);
	assert.equal(await token(bob), his);
	c.redis.cli('SET', `wp:tokens:${sidOf(bob)}`, 'x'.repeat(5000));
	assert.equal(await token(bob), undefined);
	await c.redis.down();
	await until('the record to be missed', async () => await code(c.at(p, bob)) === '503 redis_down');
}));

story('a lock is waited for, and is ended by nobody but its owner', () => within({
	n: 1, session: 'store = redis timeout = "1h"', settings: { provider: 'timeout = "3s"' },
}, async (c) => {
	const [p] = c.proxies;
	c.op.life = 3;
	const alice = await c.signedIn(p);
	c.op.life = 3600;
	const lock = `wp:lock:${sidOf(alice)}`;
	const claims = JSON.parse(Buffer.from(alice.jar.get('workflow_session').value.split('.')[1], 'base64url'));
	c.redis.cli('SET', lock, 'somebody else');
	await sleep(Math.max(0, claims.refresh_at * 1000 - Date.now()) + 50);
	assert.equal(await code(c.at(p, alice)), '200');
	await sleep(700);
	assert.equal(c.op.calls.refresh, 0, 'somebody else is at it');
	c.op.fault.refreshDelay = 500;
	c.redis.cli('DEL', lock);
	await until('the renewal', () => c.op.calls.refresh === 1);
	assert.ok(Number(c.redis.cli('TTL', lock)) > 3 + 15 + 3 * 3, 'longer than the renewal may take');
	c.redis.cli('SET', lock, 'somebody else'); // ours has run out, so to say
	await sleep(900);
	assert.equal(c.redis.cli('GET', lock), 'somebody else');
	assert.equal(await code(c.at(p, alice)), '200');
	assert.equal(c.op.calls.refresh, 1);
}));

story('without the Redis nothing is renewed, and the session goes on as long as its tokens do', () => within({
	n: 1, session: 'store = cookie timeout = "1h"', settings: { provider: 'timeout = "3s"' },
}, async (c) => {
	const [p] = c.proxies;
	c.op.life = 4;
	const alice = await c.signedIn(p);
	const claims = JSON.parse(Buffer.from(alice.jar.get('workflow_session').value.split('.')[1], 'base64url'));
	await c.redis.down();
	await sleep(Math.max(0, claims.refresh_at * 1000 - Date.now()) + 50);
	assert.equal(await code(c.at(p, alice)), '200');
	assert.equal(c.op.calls.refresh, 0, 'nobody could say whether another instance does the same');
	await p.logged(/could not be renewed: redis:/);
}));

// HAProxy before all of them, without stickiness.
async function balancer(c, port) {
	const file = join(dir, `haproxy-${port}.cfg`);
	writeFileSync(file, `global
	log stderr local0 warning
defaults
	mode http
	retries 3
	option redispatch
	retry-on conn-failure empty-response response-timeout
	timeout connect 1s
	timeout client 30s
	timeout server 30s
listen front
	bind 127.0.0.1:${port}
	balance roundrobin
${c.proxies.map((p, i) => `	server p${i} 127.0.0.1:${p.port} check inter 200 fall 1 rise 1 on-marked-down shutdown-sessions`).join('\n')}
`);
	const child = spawn('haproxy', ['-f', file, '-db'], { stdio: 'ignore' });
	await until('haproxy', () => new Browser().request(`http://127.0.0.1:${port}/public`, JSON_ONLY).then((r) => r.status === 200, () => false));
	return { stop: () => { child.kill('SIGKILL'); } };
}

for (const store of ['redis', 'cookie']) {
	story(`an instance is killed under load (store = ${store}): nobody has to sign in again`, () => within({ session: `store = ${store}` }, async (c) => {
		const lb = await balancer(c, c.front);
		try {
			const users = [];
			for (const name of ['alice', 'bob', 'carol', 'dave']) {
				c.op.user = name;
				const browser = new Browser();
				assert.equal((await browser.signIn(`${c.url}/`, name)).status, 200);
				users.push(browser);
			}
			const bad = [];
			let served = 0, going = true;
			const load = users.flatMap((u) => [u, u]).map(async (u) => {
				while (going) {
					const answer = await u.request(`${c.url}/page`, JSON_ONLY).catch((e) => ({ status: 0, text: String(e) }));
					served++;
					// What was in flight at the victim may break; nobody may be sent to the sign-in.
					if (answer.status !== 200 && ![0, 502, 503, 504].includes(answer.status)) bad.push(`${answer.status} ${answer.text}`);
				}
			});
			await sleep(500);
			c.proxies[0].signal('SIGKILL');
			await c.proxies[0].ended;
			await sleep(1500);
			going = false;
			await Promise.all(load);
			assert.deepEqual(bad, []);
			assert.ok(served > 50, String(served));
			for (const u of users) assert.equal((await u.request(`${c.url}/page`, JSON_ONLY)).status, 200);
			const page = await users[0].request(`${c.url}/auth/session`, JSON_ONLY);
			assert.equal(page.json.username, 'alice');
		} finally {
			lb.stop();
		}
	}));
}

story('a reload that names a Redis, another one, and none again drops nobody', () => within({ n: 1, session: 'store = cookie' }, async (c) => {
	const [p] = c.proxies;
	const alice = await c.signedIn(p);
	const other = await Redis.start();
	const bad = [];
	let going = true;
	const load = (async () => {
		while (going) {
			const got = await code(c.at(p, alice));
			if (got !== '200') bad.push(got);
		}
	})();
	const text = p.text;
	try {
		for (const next of [text.replace(/redis = "[^"]*" redis_prefix = "wp:"/, ''), text.replace(c.redis.url, other.url), text]) {
			p.write(next);
			const n = (p.stderr.match(/reloaded/g) ?? []).length;
			p.signal('SIGHUP');
			await until('the reload', () => (p.stderr.match(/reloaded/g) ?? []).length > n);
			await sleep(300);
		}
		going = false;
		await load;
		assert.deepEqual(bad, []);
		assert.equal((await c.revoke(p, { username: 'alice' })).status, 200);
		assert.notEqual(c.redis.cli('XLEN', 'wp:revocations'), '0');
		assert.equal(await code(c.at(p, alice)), '401 session_revoked');
	} finally {
		going = false;
		await other.stop();
	}
}));

story('metrics and readyz say how the Redis is', () => within({ n: 1 }, async (c) => {
	const [p] = c.proxies;
	await c.signedIn(p);
	let metrics = (await new Browser().request(`${p.admin}/metrics`)).text;
	assert.match(metrics, /^workflow_proxy_redis_up 1$/m);
	assert.match(metrics, /^workflow_proxy_redis_commands_total [1-9]/m);
	assert.match(metrics, /^workflow_proxy_redis_duration_seconds_count [1-9]/m);
	assert.deepEqual((await c.readyz(p)).json.redis, { at: c.redis.url, ready: true });
	await c.redis.down();
	await until('readyz to say so', async () => (await c.readyz(p)).json.redis.ready === false);
	assert.equal((await c.readyz(p)).status, 200, 'sessions go on');
	assert.equal((await c.readyz(p, '?strict')).status, 503);
	assert.match((await c.readyz(p)).json.redis.reason, /cannot|refused|closed/i);
	metrics = (await new Browser().request(`${p.admin}/metrics`)).text;
	assert.match(metrics, /^workflow_proxy_redis_up 0$/m);
}));

story('doctor looks at the Redis step by step', () => within({ n: 1, redisOptions: { password: 'geheim-geheim' } }, async (c) => {
	const text = c.proxies[0].text;
	const file = join(dir, 'doctor.conf');
	const doctor = async (t) => { writeFileSync(file, t, { mode: 0o600 }); const r = await runAside(['doctor', '-c', file]); assert.doesNotMatch(r.stdout + r.stderr, /geheim/); return r.stdout + r.stderr; };
	const good = await doctor(text);
	assert.match(good, /^ok .*redis.*version 7/im);
	assert.match(good, /^ok .*redis.*clock/im);
	assert.match(await doctor(text.replace('geheim-geheim@', 'other@')), /^FAIL .*redis.*WRONGPASS/im);
	c.redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
	assert.match(await doctor(text), /^warn .*redis.*allkeys-lru/im);
	await c.redis.down();
	assert.match(await doctor(text), /^FAIL .*redis.*refused/im);
}));

