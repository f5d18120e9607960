// The event loop under peers that cut, stall, flood and lie: first one case at a time, then all of them together.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { reply } from './lib/backend.mjs';
import { sleep, until } from './lib/ports.mjs';
import { ASAN, configuration, run, scratch } from './lib/proxy.mjs';
import { exchange, Raw } from './lib/raw.mjs';
import { story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const tls = { key: join(dir, 'tls.key'), cert: join(dir, 'tls.pem') };
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', tls.key, '-out', tls.cert, '-days', '30', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
const pem = { key: readFileSync(tls.key), cert: readFileSync(tls.cert) };

const OPEN = 'route "/" { upstream = "app" auth = "none" }';
const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
const upgrade = (path) => get(path, 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n');
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

async function during(o, fn) {
	const own = await world({ workers: 1, routes: OPEN, waitReady: false, ...o });
	try {
		await fn(own);
	} catch (e) {
		await own.stop().catch(() => {});
		throw e;
	}
	await own.stop();
}

// A server of bytes on loopback; handler(socket, number of the connection).
async function server(handler, listen = [0, '127.0.0.1'], make = createServer) {
	const sockets = new Set();
	let n = 0;
	const s = make((socket) => {
		sockets.add(socket);
		socket.on('error', () => {});
		socket.on('close', () => sockets.delete(socket));
		handler(socket, n++);
	});
	await new Promise((resolve) => { s.listen(...listen, resolve); });
	return { port: s.address().port, sockets, stop: () => { for (const x of sockets) x.destroy(); return new Promise((r) => { s.close(r); }); } };
}

// A client whose bytes are its own business: it reads only when told to.
async function mute(port) {
	const s = connect({ port, host: '127.0.0.1' });
	s.on('error', () => {});
	s.pause();
	await new Promise((resolve) => { s.once('connect', resolve); });
	return s;
}

async function metric(own, name) {
	const [r] = await exchange(own.adminPort, get('/metrics', 'Connection: close\r\n'));
	return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(r.body.toString())?.[1]);
}

// All but the one that asks.
const gone = (own, ms = 8000) => until('the last connection to be gone', async () => await metric(own, 'workflow_proxy_connections') <= 1, ms);

async function reload(own, text = own.proxy.text, said = /reloaded|not taken over/g) {
	const count = () => (own.proxy.stderr.match(said) ?? []).length;
	const before = count();
	own.proxy.write(text);
	own.proxy.signal('SIGHUP');
	await until('the reload', () => count() > before);
}

const cpu = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0) * 10;

story('a reload that cannot open an address leaves the open ones open', async () => {
	const busy = await server(() => {});
	const path = join(dir, 'kept.sock');
	await during({ top: `listen "unix:${path}" { }` }, async (own) => {
		const good = own.proxy.text;
		await reload(own, `${good}listen "127.0.0.1:${busy.port}" { }\n`);
		assert.match(own.proxy.stderr, /not taken over/);
		for (let i = 0; i < 3; i++) assert.equal((await exchange(own.port, get('/still')))[0].status, 200);
		assert.ok(existsSync(path), 'the unix socket');
		await reload(own, `${good}listen "127.0.0.1:${busy.port}" { }\n`);
		await reload(own, good);
		assert.equal((await exchange(own.port, get('/again')))[0].status, 200);
		assert.equal(await metric(own, 'workflow_proxy_connections'), 1);
	});
	assert.ok(!existsSync(path), 'the unix socket goes with the proxy');
	await busy.stop();
});

story('a kept admin connection outlives reloads', () => during({}, async (own) => {
	const raw = await Raw.open(own.adminPort);
	for (let i = 0; i < 3; i++) {
		raw.send(get('/healthz'));
		assert.equal((await raw.response()).status, 200);
		await reload(own);
	}
	raw.close();
}));

story('out of descriptors: the proxy waits instead of spinning, and goes on when there are some', async () => {
	const bin = join(dir, 'few-descriptors');
	writeFileSync(bin, `#!/bin/sh\nulimit -n 64\nexec ${ASAN} "$@"\n`, { mode: 0o755 });
	await during({ bin }, async (own) => {
		const raws = [];
		for (let i = 0; i < 90; i++) raws.push(await mute(own.port));
		await own.proxy.logged(/accept on .*Too many open files/);
		const before = cpu(own.proxy.pid);
		await sleep(1500);
		assert.ok(cpu(own.proxy.pid) - before < 500, `${cpu(own.proxy.pid) - before} ms of CPU in 1500`);
		assert.ok(own.proxy.stderr.match(/Too many open files/g).length < 10);
		for (const s of raws) s.destroy();
		await until('an answer', async () => (await exchange(own.port, get('/p')).catch(() => []))[0]?.status === 200);
	});
});

story('a file that is no socket is not removed to listen there', () => {
	const path = join(dir, 'precious');
	writeFileSync(path, 'precious');
	const file = join(dir, 'precious.conf');
	writeFileSync(file, configuration({ port: 1, adminPort: 2, top: `listen "unix:${path}" { }`, discoveryUrl: 'http://127.0.0.1:1/', servers: ['http://127.0.0.1:1'], routes: OPEN })
		.replace(/^listen "127.*$/m, '').replace(/^admin .*$/m, ''), { mode: 0o600 });
	const r = run(['-c', file]);
	assert.equal(r.status, 1);
	assert.match(r.stderr, /precious/);
	assert.equal(readFileSync(path, 'utf8'), 'precious');
	const handed = run(['-c', file], { env: { LISTEN_FDS: '1' } });
	assert.equal(handed.status, 1);
	assert.match(handed.stderr, /LISTEN_FDS/);
});

story('an empty chunked body that is sent again ends again', () => during({}, async (own) => {
	own.backend.on('/empty', async (r, s) => {
		if (r.connection.requests > 1) return s.destroy();
		await r.done;
		return s.write(reply(200, {}, 'there'));
	});
	const raw = await Raw.open(own.port);
	raw.send(get('/empty'));
	await raw.response();
	for (let i = 0; i < 2; i++) {
		raw.send('PUT /empty HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
		const r = await raw.response('PUT', 4000);
		assert.equal(r.status, 200);
		assert.equal(r.body.toString(), 'there');
	}
	raw.close();
}));

story('who asks for 100-continue and is gone when it is due leaves nothing behind', async () => {
	const slow = await server(async (s) => {
		await sleep(400);
		const t = new TLSSocket(s, { isServer: true, ...pem });
		t.on('error', () => {});
		t.resume();
	});
	await during({ servers: [`https://127.0.0.1:${slow.port}`], upstream: 'tls_verify = no', limits: 'body_timeout = "2s"' }, async (own) => {
		const s = await mute(own.port);
		s.write('POST /p HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
		await sleep(150);
		s.resetAndDestroy();
		await gone(own);
	});
	await slow.stop();
});

story('a tunnel whose client stops reading ends at stream_timeout', () => during({ limits: 'stream_timeout = "1s"' }, async (own) => {
	own.backend.on('/flood', (r, s) => {
		s.write(SWITCH);
		const part = Buffer.alloc(65536, 'f');
		const push = () => { while (!s.destroyed && s.write(part)); };
		s.on('drain', push);
		push();
	});
	const s = await mute(own.port);
	s.write(upgrade('/flood'));
	await sleep(400);
	s.write('a byte of life');
	await gone(own);
	s.destroy();
}));

story('neither side reads, both send: it ends at body_timeout', () => during({ limits: 'body_timeout = "1s"', upstream: 'response_timeout = "1s"' }, async (own) => {
	own.backend.on('/deadlock', (r, s) => {
		s.pause();
		s.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
		const part = Buffer.alloc(65536, 'f');
		const push = () => { while (!s.destroyed && s.write(part)); };
		s.on('drain', push);
		push();
	});
	const s = await mute(own.port);
	s.write('POST /deadlock HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n');
	await sleep(300); // until the answer has filled its way
	const part = Buffer.alloc(65536, 'u');
	const push = () => { while (!s.destroyed && s.write(part)); };
	s.on('drain', push);
	push();
	await gone(own, 10000);
	s.destroy();
}));

story('an upload that stalls behind a half-read early answer ends at body_timeout', () => during({ limits: 'body_timeout = "1s"', upstream: 'response_timeout = "1s"' }, async (own) => {
	let size = 0;
	own.backend.on('/early', async (r, s) => {
		s.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
		const part = Buffer.alloc(65536, 'f');
		while (s.write(part) && size < 64 << 20) size += part.length;
	});
	const s = await mute(own.port);
	s.write('POST /early HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nsome');
	await sleep(700);
	s.resume();
	await gone(own, 10000);
	s.destroy();
}));

story('what an idle backend connection says unasked is nobody\'s answer', async () => {
	const app = await server((s, number) => {
		s.on('data', (d) => { for (const [, token] of d.toString('latin1').matchAll(/^GET \/(\S+)/gm)) s.write(reply(200, {}, `${number}:${token}`)); });
	});
	await during({ servers: [`http://127.0.0.1:${app.port}`] }, async (own) => {
		const raw = await Raw.open(own.port);
		raw.send(get('/one'));
		assert.match((await raw.response()).body.toString(), /:one$/);
		own.proxy.signal('SIGSTOP');
		await sleep(50);
		raw.send(get('/two'));
		await sleep(50);
		for (const s of app.sockets) s.write(reply(200, {}, 'nobody asked'));
		await sleep(50);
		own.proxy.signal('SIGCONT');
		assert.match((await raw.response()).body.toString(), /:two$/);
		raw.close();
	});
	await app.stop();
});

story('SIGTERM: everyone in the queue gets an answer, however many they are', () => during({ shutdownTimeout: '10s' }, async (own) => {
	own.proxy.signal('SIGSTOP');
	const raws = await Promise.all(Array.from({ length: 300 }, () => Raw.open(own.port)));
	for (const r of raws) r.send(get('/queued'));
	await sleep(100);
	own.proxy.signal('SIGTERM');
	own.proxy.signal('SIGCONT');
	const answers = await Promise.all(raws.map((r) => r.response()));
	assert.deepEqual(answers.filter((r) => r?.status !== 200).length, 0);
	assert.equal(await own.proxy.ended, 0);
}));

story('SIGTERM: who has just connected may still ask; an answer on its way arrives whole', () => during({ shutdownTimeout: '10s' }, async (own) => {
	const SIZE = 60000;
	own.backend.on('/part', (r, s) => s.write(reply(200, {}, Buffer.alloc(SIZE, 'p'))));
	const logged = () => own.proxy.stdout.split('"/part"').length;
	const fill = async (s, most) => {
		for (let n = 0; n < most; n++) {
			const before = logged();
			s.write(get('/part'));
			for (let i = 0; i < 100 && logged() === before; i++) await sleep(2);
			if (logged() === before) return n;
		}
		return most;
	};
	const probe = await mute(own.port);
	const full = await fill(probe, 400); // so many answers fit into the sockets' buffers, and the last one not quite
	probe.destroy();
	const sockets = [];
	for (let n = full - 1; n <= full + 1; n++) {
		const s = await mute(own.port);
		sockets.push({ s, n: await fill(s, n), asked: n });
	}
	const fresh = await Raw.open(own.port);
	await sleep(50);
	own.proxy.signal('SIGTERM');
	await sleep(100);
	fresh.send(get('/newcomer'));
	assert.equal((await fresh.response())?.status, 200);
	await Promise.all(sockets.map(async ({ s, n }) => {
		let bytes = 0;
		s.on('data', (d) => { bytes += d.length; });
		const closed = new Promise((resolve) => { s.once('close', resolve); });
		s.resume();
		s.on('end', () => s.end());
		await closed;
		assert.ok(bytes >= n * SIZE, `${bytes} bytes of ${n} answers`);
	}));
	assert.equal(await own.proxy.ended, 0);
}));

story('the client is looked for through all X-Forwarded-For fields', () => during({ top: 'trusted_proxies = {"127.0.0.1/32", "10.0.0.0/8"}' }, async (own) => {
	await exchange(own.port, get('/xff', 'X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nX-Forwarded-For: 10.1.1.1\r\nX-Forwarded-For: 10.2.2.2, 10.3.3.3\r\n'));
	assert.equal((await own.proxy.lastAccess((r) => r.path === '/xff')).client, '203.0.113.9');
}));
