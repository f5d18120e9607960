// The event loop under peers that cut, stall, flood and lie: first one case at a time, then all of them together.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { reply } from './lib/backend.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
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

story('a backend connection that owes us nothing but is owed half a body serves nobody else', () => during({}, async (own) => {
	own.backend.on('/early', (r, s) => s.write(reply(200, {}, 'early')));
	for (const rest of ['Content-Length: 100000\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
		const raw = await Raw.open(own.port);
		raw.send(`POST /early HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}`);
		const r = await raw.response('POST');
		assert.equal(r.body.toString(), 'early');
		assert.match(r.get('connection'), /close/);
		const [next] = await exchange(own.port, get('/next'), { ms: 3000 });
		assert.equal(JSON.parse(next.body).target, '/next');
		raw.close();
	}
}));

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

// --- the storm ---

// mulberry32: the seed says it all but for the order in which the kernel delivers.
function random(seed) {
	let a = seed >>> 0;
	const next = () => {
		a = (a + 0x6d2b79f5) >>> 0;
		let t = Math.imul(a ^ (a >>> 15), a | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	const below = (n) => Math.floor(next() * n);
	return { below, chance: (p) => next() < p, pick: (list) => list[below(list.length)], size: () => below([10, 1000, 20000, 70000, 300000][below(5)]) };
}

// What belongs to a token: recognised from its first bytes, whatever its length.
const text = (token, n) => Buffer.from(`${token} `.repeat(Math.ceil(n / (token.length + 1)) + 1)).subarray(0, n);

const cut = (s) => (s.remotePort && !s.encrypted ? s.resetAndDestroy() : s.destroy());

// In pieces that begin and end anywhere; false when the other side has gone.
async function dribble(rng, s, bytes) {
	let at = 0;
	const few = rng.chance(0.6);
	while (at < bytes.length && !s.destroyed && s.writable) {
		const n = few ? 1 + rng.below(65536) : 1 + rng.below(Math.max(40, bytes.length / 6));
		s.write(bytes.subarray(at, at + n));
		at += n;
		for (let i = 0; s.writableNeedDrain && !s.destroyed && i < 500; i++) await sleep(2);
		if (rng.chance(0.3)) await sleep(rng.below(4));
	}
	return at >= bytes.length && !s.destroyed;
}

function inChunks(rng, body) {
	const parts = [];
	for (let at = 0; at < body.length;) {
		const part = body.subarray(at, at + 1 + rng.below(rng.pick([1, 30, 5000, 100000])));
		parts.push(Buffer.from(`${part.length.toString(16)}${rng.chance(0.1) ? ';x=y' : ''}\r\n`), part, Buffer.from('\r\n'));
		at += part.length;
		if (parts.length > 600) { parts.push(Buffer.from(`${(body.length - at).toString(16)}\r\n`), body.subarray(at), Buffer.from('\r\n')); if (at === body.length) parts.splice(-3); break; }
	}
	parts.push(Buffer.from(rng.chance(0.2) ? '0\r\nX-Trailer: t\r\n\r\n' : '0\r\n\r\n'));
	return Buffer.concat(parts);
}

// A backend in a bad mood.  What it says of a token is text(token, ...), and nothing else is.
function moody(rng) {
	const head = (status, more = '') => `HTTP/1.1 ${status} X\r\nContent-Type: text/plain\r\n${more}`;
	const moods = {
		fine: async (s, t) => { const b = text(t, rng.size()); return dribble(rng, s, Buffer.concat([Buffer.from(head(200, `X-Size: ${b.length}\r\nContent-Length: ${b.length}\r\n\r\n`)), b])); },
		chunked: async (s, t) => { const b = text(t, rng.size()); return dribble(rng, s, Buffer.concat([Buffer.from(head(200, `X-Size: ${b.length}\r\nTransfer-Encoding: chunked\r\n\r\n`)), inChunks(rng, b)])); },
		cutChunked: async (s, t) => { const b = text(t, rng.size()), all = inChunks(rng, b); await dribble(rng, s, Buffer.concat([Buffer.from(head(200, `X-Size: ${b.length}\r\nTransfer-Encoding: chunked\r\n\r\n`)), all.subarray(0, rng.below(all.length - 4))])); return rng.chance(0.5) ? s.end() : cut(s); },
		untilClose: async (s, t) => { const b = text(t, rng.size()); await dribble(rng, s, Buffer.concat([Buffer.from(head(200, `X-Size: ${b.length}\r\n\r\n`)), b])); s.end(); },
		closing: async (s, t) => { const b = text(t, rng.size()); await dribble(rng, s, Buffer.concat([Buffer.from(head(200, `X-Size: ${b.length}\r\nConnection: close\r\nContent-Length: ${b.length}\r\n\r\n`)), b])); s.end(); },
		hints: async (s, t) => { for (let i = rng.below(5); i >= 0; i--) await dribble(rng, s, Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')); return moods.fine(s, t); },
		nothing: async (s) => dribble(rng, s, Buffer.from(head(rng.pick([204, 304]), '\r\n'))),
		extra: async (s, t) => { s.write(Buffer.concat([Buffer.from(head(200, 'X-Size: 20\r\nContent-Length: 20\r\n\r\n')), text(t, 20), Buffer.from(rng.pick(['x', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong', '\r\n'])) ])); },
		liar: async (s, t) => { await dribble(rng, s, Buffer.concat([Buffer.from(head(200, 'X-Size: 5000\r\nContent-Length: 5000\r\n\r\n')), text(t, rng.below(5000))])); return rng.chance(0.5) ? s.end() : cut(s); },
		broken: async (s, t) => dribble(rng, s, Buffer.concat([Buffer.from(head(200, 'Transfer-Encoding: chunked\r\n\r\n5\r\n')), text(t, 5), Buffer.from(rng.pick(['zz', '\r\nffffffffffffffffff\r\n', '\r\n-1\r\n']))])),
		garbage: async (s) => s.write(rng.pick(['nonsense\r\n\r\n', '\x00\x01\x02', 'HTTP/1.1 200\r\n\r\n', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(rng.below(200000))}`])),
		reset: async (s, t) => { if (rng.chance(0.5)) await dribble(rng, s, Buffer.from(head(200, `Content-Length: 5000\r\n\r\n${text(t, 50)}`)).subarray(0, rng.below(120))); cut(s); },
		half: async (s) => s.end(),
		silent: async () => {},
	};
	const names = Object.keys(moods);
	return (s) => {
		let bytes = Buffer.alloc(0);
		let skip = 0; // of a body; -1: to the end of a chunked one
		let busy = Promise.resolve();
		const answer = (r) => {
			const mood = moods[rng.chance(0.5) ? rng.pick(['fine', 'chunked']) : rng.pick(names)];
			busy = busy.then(async () => {
				if (s.destroyed) return;
				if (r.method === 'HEAD') { s.write(head(200, 'Content-Length: 99\r\n\r\n')); return; }
				await mood(s, r.token);
			}).catch(() => {});
		};
		const read = (d) => {
			bytes = Buffer.concat([bytes, d]);
			for (;;) {
				if (s.tunnel) { const b = bytes; bytes = Buffer.alloc(0); if (b.length) s.write(b); if (rng.chance(0.05)) cut(s); return; }
				if (skip < 0) {
					const end = bytes.indexOf('0\r\n\r\n');
					if (end < 0) { bytes = bytes.subarray(Math.max(0, bytes.length - 4)); return; }
					bytes = bytes.subarray(end + 5);
					skip = 0;
				}
				const eaten = Math.min(skip, bytes.length);
				bytes = bytes.subarray(eaten);
				skip -= eaten;
				const end = bytes.indexOf('\r\n\r\n');
				if (skip > 0 || end < 0) {
					if (skip === 0 && s.due) { answer(s.due); s.due = null; }
					return;
				}
				if (s.due) { answer(s.due); s.due = null; }
				const lines = bytes.subarray(0, end).toString('latin1');
				bytes = bytes.subarray(end + 4);
				const r = { method: lines.split(' ')[0], token: /^x-token: (\S+)/im.exec(lines)?.[1] ?? 'none' };
				skip = /^transfer-encoding/im.test(lines) ? -1 : Number(/^content-length: (\d+)/im.exec(lines)?.[1] ?? 0);
				if (/^upgrade:/im.test(lines)) {
					if (rng.chance(0.8)) { s.write(SWITCH + `${r.token}!`); s.tunnel = true; } else { s.write(head(403, 'Content-Length: 0\r\n\r\n')); }
				} else if (skip === 0) {
					answer(r);
				} else if (rng.chance(0.2)) {
					answer(r); // early
				} else {
					s.due = r;
				}
			}
		};
		s.on('data', read);
		s.on('end', () => s.end());
		if (rng.chance(0.02)) setTimeout(() => cut(s), rng.below(300));
	};
}

// Raw.open() knows TCP and TLS; this also unix sockets.
async function knock(door) {
	if (typeof door !== 'string') return Raw.open(...door);
	const raw = Object.assign(new Raw(), { bytes: Buffer.alloc(0), closed: false, wake: () => {}, socket: connect(door) });
	await new Promise((resolve, reject) => { raw.socket.once('connect', resolve); raw.socket.once('error', reject); });
	raw.socket.on('error', () => {});
	raw.socket.on('data', (d) => { raw.bytes = Buffer.concat([raw.bytes, d]); raw.wake(); });
	raw.socket.on('close', () => { raw.closed = true; raw.wake(); });
	raw.socket.on('end', () => { raw.ended = true; raw.wake(); });
	return raw;
}

// One client after another, each with its own way to behave.
async function unruly(rng, door, tally) {
	const one = (method, more = '') => {
		const token = `t${(++tally.tokens).toString(36)}-${rng.below(1e9).toString(36)}`;
		return { method, token, bytes: Buffer.from(`${method} /${token} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nX-Token: ${token}\r\n${more}\r\n`) };
	};
	const withBody = () => {
		const body = text('upload', rng.size());
		const expect = rng.chance(0.2) ? 'Expect: 100-continue\r\n' : '';
		const r = rng.chance(0.5) ? one('POST', `${expect}Transfer-Encoding: chunked\r\n`) : one(rng.pick(['POST', 'PUT']), `${expect}Content-Length: ${body.length}\r\n`);
		return { ...r, body: /chunked/.test(r.bytes) ? inChunks(rng, body) : body };
	};
	// The answer, when there is a whole one, is the answer to this request, or the proxy's own.
	const check = async (raw, r) => {
		let a;
		do a = await raw.response(r.method, 9000); while (a && a.status < 200);
		if (!a || a.whole === false) return null;
		if (a.status === 200 && r.method !== 'HEAD') {
			tally.whole++;
			if (!a.body.equals(text(r.token, Number(a.get('x-size'))))) tally.wrong.push(`${r.token}: ${a.body.length} of ${a.get('x-size')}: ${a.body.subarray(0, 80)}`);
		} else {
			tally.other[a.status] = (tally.other[a.status] ?? 0) + 1;
		}
		return /close/i.test(a.get('connection') ?? '') ? null : a;
	};
	const ways = {
		steady: async (raw) => { for (let i = rng.below(8); i >= 0; i--) { const r = one(rng.pick(['GET', 'GET', 'HEAD', 'DELETE'])); await dribble(rng, raw.socket, r.bytes); if (!await check(raw, r)) return; } },
		pipeline: async (raw) => { const all = Array.from({ length: 2 + rng.below(6) }, () => one('GET')); await dribble(rng, raw.socket, Buffer.concat(all.map((r) => r.bytes))); for (const r of all) if (!await check(raw, r)) return; },
		upload: async (raw) => { for (let i = rng.below(3); i >= 0; i--) { const r = withBody(); raw.socket.write(r.bytes); const sent = dribble(rng, raw.socket, r.body); if (!await check(raw, r)) return; await sent; } },
		abandon: async (raw) => { const r = rng.chance(0.5) ? withBody() : one('GET'); const all = Buffer.concat([r.bytes, r.body ?? Buffer.alloc(0)]); await dribble(rng, raw.socket, all.subarray(0, rng.below(all.length))); await sleep(rng.below(100)); cut(raw.socket); },
		halfClose: async (raw) => { const r = rng.chance(0.5) ? withBody() : one('GET'); await dribble(rng, raw.socket, Buffer.concat([r.bytes, r.body ?? Buffer.alloc(0)])); raw.socket.end(); await check(raw, r); },
		stall: async (raw) => { const r = withBody(); const all = Buffer.concat([r.bytes, r.body]); await dribble(rng, raw.socket, all.subarray(0, rng.below(all.length))); await check(raw, r); },
		deaf: async (raw) => { raw.socket.pause(); for (let i = 0; i < 20; i++) raw.socket.write(one('GET').bytes); await sleep(rng.below(2500)); if (rng.chance(0.5)) cut(raw.socket); },
		garbage: async (raw) => { await dribble(rng, raw.socket, Buffer.from(rng.pick(['GET\r\n\r\n', '\x16\x03\x01\x00', `GET / HTTP/1.1\r\nX: ${'y'.repeat(60000)}`, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n']))); await raw.head(4000); },
		tunnel: async (raw) => {
			const r = one('GET', 'Connection: Upgrade\r\nUpgrade: websocket\r\n');
			await dribble(rng, raw.socket, r.bytes);
			const a = await raw.head(9000);
			if (a?.status !== 101) return;
			for (let i = rng.below(6); i >= 0; i--) {
				const said = text(r.token, rng.size());
				const sent = dribble(rng, raw.socket, said);
				const back = await raw.wait((b) => (b.length >= r.token.length + 1 + said.length ? true : undefined), 4000).catch(() => null);
				if (!back) return;
				await sent;
				const got = raw.bytes.subarray(r.token.length + 1);
				tally.echoed++;
				if (!got.equals(said) || !raw.bytes.subarray(0, r.token.length + 1).equals(Buffer.from(`${r.token}!`))) { tally.wrong.push(`tunnel ${r.token}`); return; }
				raw.bytes = raw.bytes.subarray(0, r.token.length + 1);
			}
		},
	};
	const raw = await knock(door).catch(() => null);
	if (!raw) return;
	raw.socket.on('end', () => raw.socket.end());
	await ways[rng.chance(0.4) ? 'steady' : rng.pick(Object.keys(ways))](raw).catch((e) => { if (!/no answer within/.test(e.message)) throw e; tally.late++; });
	if (rng.chance(0.5)) raw.close(); else cut(raw.socket);
}

// Three backends in a bad mood, a proxy with little patience and four doors before them.
async function storming(name, fn) {
	const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1e9);
	const rng = random(seed);
	const path = { listen: join(dir, `${name}.sock`), upstream: join(dir, `${name}-app.sock`) };
	const backends = [
		await server(moody(rng)),
		await server(moody(rng), [0, '127.0.0.1'], (on) => createTlsServer(pem, on)),
		await server(moody(rng), [path.upstream]),
	];
	const tlsPort = await freePort();
	const tally = { seed, tokens: 0, whole: 0, echoed: 0, late: 0, other: {}, wrong: [] };
	const clients = (own, n, end) => Promise.all(Array.from({ length: n }, async () => {
		while (Date.now() < end && own.proxy.code === undefined) await unruly(rng, rng.pick([[own.port], [own.port], [tlsPort, { tls: {} }], path.listen]), tally);
	}));
	const hangups = async (own, end) => {
		while (Date.now() < end) {
			own.proxy.signal('SIGHUP');
			await sleep(300 + rng.below(700));
		}
	};
	try {
		await during({
			workers: 2, shutdownTimeout: '4s', logLevel: 'info', routes: OPEN,
			env: { ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=4' },
			limits: 'header_timeout = "1s" idle_timeout = "2s" body_timeout = "1s" stream_timeout = "1s"',
			servers: [`http://127.0.0.1:${backends[0].port}`, `https://127.0.0.1:${backends[1].port}`, `unix:${path.upstream}`],
			upstream: 'connect_timeout = "1s" response_timeout = "1s" tls_verify = no keepalive = 4',
			top: `listen "unix:${path.listen}" { }\nlisten "127.0.0.1:${tlsPort}" { tls_certificate = "${tls.cert}" tls_certificate_key = "${tls.key}" }`,
		}, (own) => fn(own, { tally, clients, hangups }));
		assert.deepEqual(tally.wrong, []);
	} catch (e) {
		e.message = `CHAOS_SEED=${seed}: ${e.message}`;
		throw e;
	} finally {
		console.error(`${name}: ${JSON.stringify(tally)}`);
		for (const b of backends) await b.stop();
	}
}

story('a storm: no crash, no leak, no answer to somebody else, and calm afterwards', () => storming('storm', async (own, { tally, clients, hangups }) => {
	const sizes = [];
	for (let round = 0; round < 3; round++) {
		const end = Date.now() + 5000;
		await Promise.all([hangups(own, end), clients(own, 32, end)]);
		await gone(own);
		sizes.push(own.proxy.rss() >> 20);
	}
	assert.ok(tally.whole > 200 && tally.echoed > 5, 'the storm did not come about');
	assert.ok(sizes[2] < sizes[1] + 12, `${sizes.join(', ')} MiB`);
	assert.equal((await exchange(own.adminPort, get('/healthz')))[0].status, 200);
}));

story('SIGTERM in the middle of a storm: exit status 0 within shutdown_timeout', () => storming('squall', async (own, { clients }) => {
	const calm = clients(own, 24, Date.now() + 20000);
	await sleep(2000);
	const start = Date.now();
	own.proxy.signal('SIGTERM');
	assert.equal(await own.proxy.ended, 0);
	assert.ok(Date.now() - start < 7000, `${Date.now() - start} ms`);
	await calm;
}));
