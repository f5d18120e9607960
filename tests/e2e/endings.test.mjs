// Ending sessions before their time: by an operator, by the provider, for good.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAVIGATE } from './lib/browser.mjs';
import { Proxy, run, scratch } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const w = shared({});
const JSON_TYPE = { 'Content-Type': 'application/json' };

async function revoke(x, what, headers = {}) {
	const { browser } = await w();
	return browser().request(`${x.proxy.admin}/sessions/revoke`, {
		method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: typeof what === 'string' ? what : JSON.stringify(what), cookie: ' ',
	});
}
const status = async (x, browser, cookie) => (await browser.request(`${x.url}/page`, { headers: { Accept: 'application/json' }, cookie })).status;
const claims = (browser) => {
	const c = browser.jar.get('workflow_session') ?? browser.jar.get('__Host-workflow_session');
	return JSON.parse(Buffer.from(c.value.split('.')[1], 'base64url'));
};

for (const [what, member] of [
	['username', () => ({ username: 'carol' })],
	['sub', () => ({ sub: 'sub-carol' })],
	['sub at its provider', () => ({ sub: 'sub-carol', provider: 'main' })],
	['our sid', (c) => ({ sid: c.sid })],
	['the provider\'s sid', (c) => ({ sid: c.op_sid })],
]) {
	story(`an operator ends sessions by ${what}, and who signs in again has a new one`, async () => {
		const x = await w();
		const carol = await x.signedIn('carol');
		const dave = await x.signedIn('dave');
		const old = carol.jar.header(new URL(x.url));
		assert.equal(await status(x, carol), 200);
		const said = await revoke(x, member(claims(carol)));
		assert.equal(said.status, 200, said.text);
		assert.equal(said.headers['cache-control'], 'no-store');
		assert.ok(said.json.recorded.length > 0 && said.json.until > Date.now() / 1000, said.text);
		assert.equal(await status(x, carol), 401);
		assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
		assert.equal(await status(x, dave), 200);
		const again = await x.signedIn('carol');
		assert.equal(await status(x, again), 200);
		assert.equal(await status(x, again, old), 401, 'the old cookie came back to life');
	});
}

story('what is not understood ends nothing', async () => {
	const x = await w();
	const erin = await x.signedIn('erin');
	for (const [body, want, headers] of [
		['', 400], ['{', 400], ['[]', 400], ['"erin"', 400], ['{}', 400], [{ username: '' }, 400], [{ username: 7 }, 400], [{ username: null }, 400],
		['{"username":"erin","username":"erin"}', 400], [{ username: 'erin', sub: 'sub-erin' }, 400], [{ username: 'erin', more: 1 }, 400],
		[{ username: 'erin', provider: 'main' }, 400], [{ sub: 'sub-erin', provider: 'nobody' }, 400], [{ user: 'erin' }, 400],
		['{"username":"erin\\u0000"}', 400], [{ username: 'x'.repeat(1025) }, 400], [JSON.stringify({ username: 'erin' }) + ' x', 400],
		[{ username: 'erin' }, 415, { 'Content-Type': 'application/x-www-form-urlencoded' }], [{ username: 'erin' }, 415, { 'Content-Type': 'text/plain' }],
		[{ username: 'erin' }, 403, { Origin: 'http://evil.example' }], [{ username: 'erin' }, 403, { Origin: 'null' }], [{ username: 'erin' }, 403, { Origin: x.proxy.admin }],
		[{ username: 'erin' }, 403, { Host: 'evil.example' }], [{ username: 'erin' }, 403, { Host: `evil.example:${x.adminPort}` }],
		[{ username: 'erin' }, 403, { Host: '127.0.0.1.evil.example' }],
	]) {
		const said = await revoke(x, body, headers);
		assert.equal(said.status, want, `${JSON.stringify(body).slice(0, 80)} ${JSON.stringify(headers)}: ${said.text}`);
		assert.ok(said.json.error, said.text);
	}
	for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
		const said = await x.browser().request(`${x.proxy.admin}/sessions/revoke`, { method, headers: JSON_TYPE });
		assert.equal(said.status, 405);
		assert.equal(said.headers.allow, 'POST');
	}
	assert.equal((await x.browser().request(`${x.url}/sessions/revoke`, { method: 'POST', headers: JSON_TYPE, body: '{"username":"erin"}' })).status, 401, 'not for browsers\' listeners');
	assert.equal(await status(x, erin), 200);
	assert.equal((await revoke(x, { username: 'erin' }, { Host: `localhost:${x.adminPort}` })).status, 200);
	assert.equal(await status(x, erin), 401);
});

story('with a token configured nobody ends sessions without it, on loopback either', async () => {
	const x = await world({ admin: 'token = "a token of the operator, 42"' });
	try {
		const frank = await x.signedIn('frank');
		for (const given of [undefined, 'Bearer', 'Bearer ', 'Bearer a token of the operator, 43', 'Bearer a token of the operator, 4', 'Basic a token of the operator, 42', 'a token of the operator, 42']) {
			const said = await revoke(x, { username: 'frank' }, given === undefined ? {} : { Authorization: given });
			assert.equal(said.status, 401, given);
			assert.equal(said.headers['www-authenticate'], 'Bearer');
		}
		assert.equal(await status(x, frank), 200);
		assert.equal((await x.browser().request(`${x.proxy.admin}/healthz`)).status, 200);
		assert.equal((await revoke(x, { username: 'frank' }, { Authorization: 'Bearer a token of the operator, 42' })).status, 200);
		assert.equal(await status(x, frank), 401);
		assert.ok(!x.proxy.stderr.includes('operator, 42'), 'the token is in the log');
	} finally {
		await x.stop();
	}
});

story('an address of others needs a token', async () => {
	const x = await w();
	const dir = scratch();
	try {
		const file = join(dir, 'c.conf');
		writeFileSync(file, x.proxy.text.replace('admin "127.0.0.1:', 'admin "0.0.0.0:'), { mode: 0o600 });
		const said = run(['-t', '-c', file]);
		assert.equal(said.status, 0, said.stderr);
		assert.match(said.stdout + said.stderr, /admin.*token/);
	} finally {
		rmSync(dir, { recursive: true });
	}
	const open = await world({ adminListen: '0.0.0.0' });
	try {
		const gina = await open.signedIn('gina');
		assert.equal((await revoke(open, { username: 'gina' })).status, 401);
		assert.equal(await status(open, gina), 200);
	} finally {
		await open.stop();
	}
});

story('streams end within a moment, not at the next look', async () => {
	const x = await w();
	const hal = await x.signedIn('hal');
	const cookie = `Host: 127.0.0.1:${x.port}\r\nCookie: ${hal.jar.header(new URL(x.url))}\r\n`;
	const all = [];
	for (let i = 0; i < 8; i++) {
		const raw = await Raw.open(x.port);
		raw.send(i % 2 ? `GET /sse/1000 HTTP/1.1\r\n${cookie}Accept: text/event-stream\r\n\r\n`
			: `GET /socket HTTP/1.1\r\n${cookie}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
		assert.equal((await raw.head()).status, i % 2 ? 200 : 101);
		all.push(raw);
	}
	const began = Date.now();
	assert.equal((await revoke(x, { username: 'hal' })).status, 200);
	for (const raw of all) assert.ok(await raw.end(3000), 'a stream goes on');
	assert.ok(Date.now() - began < 500, `${Date.now() - began} ms`);
});

story('the numbers count them', async () => {
	const x = await w();
	const text = (await x.browser().request(`${x.proxy.admin}/metrics`)).text;
	const value = (name) => Number(new RegExp(`^workflow_proxy_${name} (\\d+)$`, 'm').exec(text)?.[1]);
	assert.ok(value('logouts_total\\{channel="admin"\\}') >= 5, text);
	assert.ok(value('revocations_total') >= 5);
	assert.ok(value('revoked_sessions') >= 5);
});

// --- for good -------------------------------------------------------------------------------------------------------

async function persistent(o = {}) {
	const dir = scratch();
	const file = join(dir, 'revocations');
	const x = await world({ session: `revocations = "${file}"`, ...o });
	x.file = file;
	x.again = async (signal) => { // by a signal that leaves no time for anything
		x.proxy.signal(signal);
		await x.proxy.ended;
		x.proxy.stopped = true;
		await x.start();
	};
	x.end = async () => {
		await x.stop();
		rmSync(dir, { recursive: true });
	};
	return x;
}

story('a kill -9 at any moment loses no revocation that was acknowledged', async () => {
	const x = await persistent({ workers: 2 });
	try {
		const ended = [];
		const bystander = await x.signedIn('zoe');
		for (let round = 0; round < 6; round++) {
			const jars = [];
			for (let i = 0; i < 4; i++) jars.push([`user-${round}-${i}`, await x.signedIn(`user-${round}-${i}`)]);
			const asked = [];
			for (const [name, browser] of jars) {
				asked.push(revoke(x, { username: name }).then((a) => { if (a.status === 200) ended.push([name, browser.jar.header(new URL(x.url))]); }, () => {}));
				for (let i = 0; i < 40; i++) asked.push(revoke(x, { sub: `nobody-${round}-${i}` }).catch(() => {}));
			}
			await new Promise((resolve) => { setTimeout(resolve, 5 + round * 25); });
			await x.again('SIGKILL');
			await Promise.all(asked);
			for (const [name, cookie] of ended) assert.equal(await status(x, bystander, cookie), 401, `${name} is back after round ${round}`);
			assert.equal(await status(x, bystander), 200);
		}
		assert.ok(ended.length >= 8, `only ${ended.length} were acknowledged`);
	} finally {
		await x.end();
	}
}, 180000);

story('a sign-out lasts over a restart', async () => {
	const x = await persistent();
	try {
		const ivy = await x.signedIn('ivy');
		const old = ivy.jar.header(new URL(x.url));
		await ivy.request(`${x.url}/auth/logout`, { headers: NAVIGATE });
		await x.again('SIGTERM');
		assert.equal(await status(x, ivy, old), 401);
		assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
		assert.match(readFileSync(x.file, 'utf8'), /^sid \* \S{22} \d+ \d+\n$/);
	} finally {
		await x.end();
	}
});

story('a torn last line is left out, a foreign one keeps the proxy from starting', async () => {
	const x = await persistent();
	try {
		const until = Math.floor(Date.now() / 1000) + 1000;
		x.proxy.signal('SIGTERM');
		await x.proxy.ended;
		x.proxy.stopped = true;
		writeFileSync(x.file, `username * jack ${Date.now() + 60000} ${until}\nusername * old 1 2\nusername * ji`);
		await x.start();
		await x.proxy.logged(/line 3 was not written to its end/);
		assert.match(readFileSync(x.file, 'utf8'), /^username \* jack \d+ \d+\n$/, 'what has run out, and what was torn, is gone');
		x.op.user = 'jack';
		const jack = x.browser();
		await jack.signIn(`${x.url}/`, 'jack', { hops: 8 });
		assert.equal(await status(x, jack), 401);
		x.proxy.signal('SIGTERM');
		await x.proxy.ended;
		x.proxy.stopped = true;
		for (const text of ['username * jack 1 2\nroot:x:0:0\n', `${'x'.repeat(3000)}`, `${'x'.repeat(200000)}\n`, 'username * jack 1 2\n\n']) {
			writeFileSync(x.file, text);
			await assert.rejects(x.start(), /revocations: line \d is no revocation/);
			assert.equal(readFileSync(x.file, 'utf8'), text, 'it was written over');
		}
		rmSync(x.file);
		await x.start();
	} finally {
		await x.end();
	}
});

story('two processes do not share one file', async () => {
	const x = await persistent();
	try {
		await assert.rejects(Proxy.start({ ...x.settings, port: x.port + 1, adminPort: x.adminPort + 1 }), /in use by another process/);
	} finally {
		await x.end();
	}
});

story('what cannot be kept is not acknowledged, counts all the same, and is made up for', async () => {
	const x = await persistent();
	try {
		const kim = await x.signedIn('kim');
		const leo = await x.signedIn('leo');
		const old = kim.jar.header(new URL(x.url));
		// The limit of a file's size stands in for a full disk.
		assert.equal(spawnSync('prlimit', ['--pid', String(x.proxy.pid), '--fsize=0:unlimited']).status, 0);
		const out = await kim.request(`${x.url}/auth/logout`, { headers: NAVIGATE });
		assert.equal(out.status, 503, out.text);
		assert.match(out.text, /make sure that it lasts/);
		assert.ok(out.setCookies.some((c) => /workflow_session=;/.test(c)), 'the browser still has its cookie');
		assert.equal(await status(x, kim, old), 401, 'it goes on');
		const said = await revoke(x, { username: 'leo' });
		assert.equal(said.status, 503);
		assert.equal(said.json.error, 'revocation_unkept');
		assert.equal(await status(x, leo), 401);
		assert.equal(spawnSync('prlimit', ['--pid', String(x.proxy.pid), '--fsize=unlimited:unlimited']).status, 0);
		await new Promise((resolve) => { setTimeout(resolve, 2100); });
		assert.equal((await revoke(x, { username: 'mia' })).status, 200);
		await x.again('SIGKILL');
		assert.equal(await status(x, kim, old), 401);
		assert.equal(await status(x, leo), 401);
	} finally {
		await x.end();
	}
});

story('a file that cannot be written is a mistake of the configuration', async () => {
	const x = await w();
	const dir = scratch();
	try {
		mkdirSync(join(dir, 'folder'));
		const check = (path) => {
			const file = join(dir, 'c.conf');
			writeFileSync(file, x.proxy.text.replace('session {', `session { revocations = "${path}"`), { mode: 0o600 });
			return run(['-t', '-c', file]);
		};
		for (const path of [join(dir, 'none/revocations'), join(dir, 'folder'), '/dev/null']) {
			const said = check(path);
			assert.equal(said.status, 1, path);
			assert.match(said.stdout + said.stderr, /c\.conf:\d+: .*revocations/, path);
		}
		assert.equal(check(join(dir, 'revocations')).status, 0);
		assert.equal(check('revocations').status, 0);
		assert.ok(!existsSync(join(dir, 'revocations')), 'a check writes nothing');
	} finally {
		rmSync(dir, { recursive: true });
	}
});

closing(w);
