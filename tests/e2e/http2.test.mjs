// HTTP/2 towards browsers: the same requests on the same road, and nothing of it for the backend to see.
import assert from 'node:assert/strict';
import { acceptKey, frame as wsFrame, frames as wsFrames, TEXT } from '../../demo/websocket.mjs';
import { Browser, NAVIGATE } from './lib/browser.mjs';
import { certificate } from './lib/certificate.mjs';
import { launch } from './lib/chromium.mjs';
import { ask, block, END_HEADERS, END_STREAM, frame, Frames, HEADERS, session } from './lib/http2.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { RELEASE } from './lib/proxy.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const MIB = 1 << 20;
const one = certificate('one.test', 'DNS:one.test');
const options = { publicUrl: 'https://one.test', listen: one.listen };
const w = shared(options);
const to = (path, more = {}) => ({ ':authority': 'one.test', ':path': path, ...more });
const at = (port) => ({ connect: { host: '127.0.0.1', port } });

async function signedIn(own) {
	const browser = new Browser();
	const start = await browser.request('https://one.test/x', at(own.port));
	await browser.request((await browser.request(start.location)).location, at(own.port));
	return browser.jar.header(new URL('https://one.test/'));
}

story('requests of all kinds, and answers in every framing the backend may choose', async () => {
	const { port, backend, proxy } = await w();
	const s = await session(port);
	const got = await ask(s, to('/public/x?a=b', { 'x-own': 'kept', te: 'trailers' }));
	assert.equal(got.status, 200);
	assert.equal(backend.last.target, '/public/x?a=b');
	assert.equal(backend.last.version, 'HTTP/1.1');
	assert.equal(backend.last.get('x-own'), 'kept');
	assert.equal(backend.last.get('x-forwarded-proto'), 'https');
	assert.equal(backend.last.get('x-forwarded-host'), 'one.test');
	for (const name of ['te', 'connection', 'transfer-encoding', ':path', ':authority']) assert.deepEqual(backend.last.all(name), [], name);
	assert.equal((await proxy.lastAccess((a) => a.path === '/public/x')).proto, 'HTTP/2');
	const head = await ask(s, to('/public/x', { ':method': 'HEAD' }));
	assert.deepEqual([head.status, head.size], [200, 0]);
	for (const status of [204, 304, 404, 500]) backend.on(`/public/status/${status}`, (r, q) => q.write(`HTTP/1.1 ${status} X\r\n${status === 204 || status === 304 ? '' : 'Content-Length: 2\r\n'}\r\n${status < 400 ? '' : 'no'}`));
	for (const status of [204, 304, 404, 500]) assert.equal((await ask(s, to(`/public/status/${status}`))).status, status);
	backend.on('/public/chunked', (r, q) => { q.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\nTrailer: x-t\r\n\r\n5\r\nhello\r\n'); setTimeout(() => q.write('6\r\n world\r\n0\r\nx-t: t\r\n\r\n'), 50); });
	const chunked = await ask(s, to('/public/chunked'));
	assert.equal(chunked.body, 'hello world');
	for (const name of ['transfer-encoding', 'keep-alive', 'connection', 'trailer']) assert.equal(chunked.headers[name], undefined, name);
	backend.on('/public/untilclose', (r, q) => q.end('HTTP/1.1 200 OK\r\n\r\nuntil close'));
	assert.equal((await ask(s, to('/public/untilclose'))).body, 'until close');
	backend.on('/public/empty', (r, q) => q.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
	assert.deepEqual((({ status, size, code }) => [status, size, code])(await ask(s, to('/public/empty'))), [200, 0, 0]);
	const posted = await ask(s, to('/public/post', { ':method': 'POST', 'content-type': 'text/plain' }), 'a body without a length');
	assert.equal(JSON.parse(posted.body).size, 23);
	assert.deepEqual(backend.last.all('transfer-encoding'), ['chunked']);
	const measured = await ask(s, to('/public/post', { ':method': 'POST', 'content-length': '4' }), 'four');
	assert.equal(JSON.parse(measured.body).size, 4);
	assert.deepEqual(backend.last.all('content-length'), ['4']);
	const none = await ask(s, to('/public/post', { ':method': 'POST', 'content-length': '0' }));
	assert.equal(none.status, 200);
	s.close();
});

story('a head is passed on as it came, 103 included, and 100-continue is answered', async () => {
	const { port, backend } = await w();
	const s = await session(port);
	backend.on('/public/early', async (r, q) => { q.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'); await sleep(50); q.write('HTTP/1.1 200 OK\r\nX-Upper: Yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok'); });
	const early = await ask(s, to('/public/early'));
	assert.equal(early.interim[0]?.[':status'], 103);
	assert.equal(early.interim[0].link, '</a.css>; rel=preload');
	assert.equal(early.headers['x-upper'], 'Yes');
	assert.deepEqual(early.headers['set-cookie'], ['a=1', 'b=2']);
	const stream = s.request(to('/public/expect', { ':method': 'POST', expect: '100-continue', 'content-length': '3' }));
	await new Promise((resolve) => { stream.once('continue', resolve); });
	stream.end('now');
	const [headers] = await new Promise((resolve) => { stream.once('response', (...a) => resolve(a)); });
	assert.equal(headers[':status'], 200);
	assert.deepEqual(backend.last.all('expect'), []);
	stream.close();
	s.close();
});

story('a browser signs in, its cookies in crumbs', async () => {
	const { port, backend, op } = await w();
	const s = await session(port);
	const navigate = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
	const cookies = new Map();
	const keep = (r) => { for (const line of r.headers['set-cookie'] ?? []) { const [n, v] = line.split(';')[0].split(/=(.*)/s); if (v) cookies.set(n, v); else cookies.delete(n); } };
	const crumbs = () => [...cookies].map(([n, v]) => `${n}=${v}`);
	assert.equal((await ask(s, to('/deep?x=1', { accept: 'application/json' }))).status, 401);
	const start = await ask(s, to('/deep?x=1', navigate));
	assert.equal(start.status, 302);
	assert.match(start.headers.location, new RegExp(`^${op.issuer ?? 'http'}`));
	keep(start);
	const back = new URL((await new Browser().request(start.headers.location)).location);
	const end = await ask(s, to(back.pathname + back.search, { ...navigate, cookie: crumbs() }));
	assert.equal(end.headers.location, '/deep?x=1');
	keep(end);
	const page = await ask(s, to('/deep?x=1', { ...navigate, cookie: ['app=1', ...crumbs(), 'theme=dark'] }));
	assert.equal(page.status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'alice');
	assert.deepEqual(backend.last.all('cookie'), ['app=1; theme=dark']);
	s.close();
});

story('100 streams at once, each with its own answer', async () => {
	const { port } = await w();
	const s = await session(port);
	assert.equal(s.remoteSettings.maxConcurrentStreams, 100);
	const all = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(s, to(`/public/n${i}`, { ':method': i % 3 ? 'GET' : 'POST' }), i % 3 ? undefined : 'x'.repeat(i * 100))));
	assert.ok(all.every((r, i) => r.status === 200 && JSON.parse(r.body).target === `/public/n${i}` && JSON.parse(r.body).size === (i % 3 ? 0 : i * 100)));
	s.close();
});

story('a big answer and a big body pass whole', async () => {
	const { port, backend } = await w();
	const s = await session(port, { maxSessionMemory: 100 });
	backend.on('/public/big', async (r, q) => {
		q.write(`HTTP/1.1 200 OK\r\nContent-Length: ${20 * MIB}\r\n\r\n`);
		for (let i = 0; i < 20; i++) if (!q.write(Buffer.alloc(MIB, 65 + i))) await new Promise((resolve) => { q.once('drain', resolve); });
	});
	const [down, up] = await Promise.all([ask(s, to('/public/big')), ask(s, to('/public/up', { ':method': 'POST' }), Buffer.alloc(20 * MIB, 'u'))]);
	assert.equal(down.size, 20 * MIB);
	assert.equal(JSON.parse(up.body).size, 20 * MIB);
	s.close();
});

story('an answer that breaks off is a reset, never an answer that looks whole', async () => {
	const { port, backend } = await w();
	const s = await session(port);
	backend.on('/public/cut', async (r, q) => { q.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'); await sleep(50); q.destroy(); });
	const cut = await ask(s, to('/public/cut'));
	assert.equal(cut.status, 200);
	assert.equal(cut.code, 2);
	backend.on('/public/garbage', (r, q) => q.end('this is not HTTP\r\n\r\n'));
	assert.equal((await ask(s, to('/public/garbage'))).status, 502);
	assert.equal((await ask(s, to('/public/still'))).status, 200, 'the other streams live on');
	s.close();
});

story('an upstream that answers before it has the body: the answer arrives, the rest is refused, its connection is not reused', async () => {
	const { port, backend } = await w();
	const s = await session(port);
	backend.on('/public/enough', (r, q) => q.write('HTTP/1.1 413 X\r\nContent-Length: 6\r\n\r\nenough'));
	const stream = s.request(to('/public/enough', { ':method': 'POST', 'content-length': String(MIB) }), { endStream: false });
	stream.write('a part of it');
	const closed = new Promise((resolve) => { stream.once('close', () => resolve(stream.rstCode)); });
	let body = '';
	stream.on('data', (d) => { body += d; });
	assert.equal((await new Promise((resolve) => { stream.once('response', resolve); }))[':status'], 413);
	assert.equal(await closed, 0, 'RFC 9113 8.1: RST_STREAM with NO_ERROR');
	assert.equal(body, 'enough');
	const used = backend.last.connection;
	await until('the upstream connection to close', () => !used.open);
	s.close();
});

story('a stream that the browser resets takes its upstream request with it, and no other', async () => {
	const { port, backend, proxy } = await w();
	const s = await session(port);
	backend.on('/public/never', () => {});
	const stream = s.request(to('/public/never'));
	stream.on('error', () => {});
	const other = ask(s, to('/public/beside'));
	await until('the request at the backend', () => backend.seen('/public/never').length === 1);
	stream.close(8);
	await until('the upstream connection to close', () => !backend.seen('/public/never')[0].connection.open);
	assert.equal((await other).status, 200);
	assert.equal((await proxy.lastAccess((a) => a.path === '/public/never')).reason, 'client_gone');
	s.close();
});

// --- WebSocket (RFC 8441) ---

const socket = (s, path, more) => new Promise((resolve, reject) => {
	const stream = s.request(to(path, { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', 'sec-websocket-version': '13', origin: 'https://one.test', ...more }), { endStream: false });
	stream.received = Buffer.alloc(0);
	stream.on('data', (d) => { stream.received = Buffer.concat([stream.received, d]); });
	stream.on('error', () => {});
	stream.on('close', () => { stream.over = true; });
	stream.once('response', (headers) => { stream.headers = headers; resolve(stream); });
	stream.once('error', reject);
});
const echoed = (stream, text) => until(`the echo of ${text}`, () => wsFrames(stream.received).frames.some((f) => f.payload.toString() === `echo:${text}`));

story('a WebSocket over HTTP/2: the backend sees an upgrade, the bytes go both ways', async () => {
	const own = await w();
	const cookie = await signedIn(own);
	const s = await session(own.port);
	assert.equal(s.remoteSettings.enableConnectProtocol, true);
	const first = await socket(s, '/socket/late', { cookie });
	assert.equal(first.headers[':status'], 200);
	for (const name of ['sec-websocket-accept', 'upgrade', 'connection']) assert.equal(first.headers[name], undefined, name);
	const seen = own.backend.seen('/socket/late')[0];
	assert.equal(seen.method, 'GET');
	assert.match(seen.get('sec-websocket-key'), /^[A-Za-z0-9+/]{22}==$/);
	assert.deepEqual([seen.get('upgrade'), seen.get('connection'), seen.get('x-forwarded-user')], ['websocket', 'Upgrade', 'alice']);
	first.write(wsFrame(TEXT, 'one', true));
	await echoed(first, 'one');
	const second = await socket(s, '/socket', { cookie });
	second.write(wsFrame(TEXT, 'two', true));
	await echoed(second, 'two');
	assert.notEqual(own.backend.seen('/socket')[0].get('sec-websocket-key'), seen.get('sec-websocket-key'));
	second.end();
	await until('the second socket to end', () => second.over);
	first.write(wsFrame(TEXT, 'three', true));
	await echoed(first, 'three');
	first.close(8);
	await until('the backend to hear of it', () => !seen.connection.open);
	s.close();
});

story('a WebSocket that is refused, by the backend or by us', async () => {
	const own = await w();
	const cookie = await signedIn(own);
	const s = await session(own.port);
	assert.equal((await socket(s, '/socket/refuse', { cookie })).headers[':status'], 403);
	own.backend.on('/page', (r, q) => { r.notUpgraded = true; q.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage'); });
	assert.equal((await socket(s, '/page', { cookie })).headers[':status'], 502, 'a page is no WebSocket');
	assert.equal((await socket(s, '/socket', {})).headers[':status'], 401);
	assert.equal((await socket(s, '/socket', { cookie, origin: 'https://evil.example' })).headers[':status'], 403);
	assert.equal((await ask(s, to('/public/after'))).status, 200);
	s.close();
});

story('a WebSocket whose handshake is not for its key is none: 502', async () => {
	const own = await w();
	const cookie = await signedIn(own);
	const s = await session(own.port);
	const right = (r) => acceptKey(r.get('sec-websocket-key'));
	for (const [what, fields] of [
		['made up', () => 'Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'],
		['missing', () => 'Upgrade: websocket\r\n'],
		['empty', () => 'Upgrade: websocket\r\nSec-WebSocket-Accept:\r\n'],
		['twice', (r) => `Upgrade: websocket\r\nSec-WebSocket-Accept: ${right(r)}\r\nSec-WebSocket-Accept: ${right(r)}\r\n`],
		['of another protocol', (r) => `Upgrade: tunnel\r\nSec-WebSocket-Accept: ${right(r)}\r\n`],
	]) {
		own.backend.on('/answers', (r, q) => { q.write(`HTTP/1.1 101 X\r\nConnection: Upgrade\r\n${fields(r)}\r\n`); });
		assert.equal((await socket(s, '/answers', { cookie })).headers[':status'], 502, what);
		assert.equal((await own.proxy.lastAccess((a) => a.path === '/answers')).reason, 'upstream_websocket', what);
		await until('the upstream connection to close', () => !own.backend.last.connection.open);
	}
	// A proxy before us hands on the key of a browser that speaks HTTP/1.1 with it: that browser wants the answer to it.
	own.backend.on('/answers', (r, q) => { q.write(`HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${right(r)}\r\n\r\n`); });
	const handed = await socket(s, '/answers', { cookie, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' });
	assert.deepEqual([handed.headers[':status'], handed.headers['sec-websocket-accept']], [200, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
	assert.deepEqual(own.backend.last.all('sec-websocket-key'), ['dGhlIHNhbXBsZSBub25jZQ==']);
	handed.close(8);
	s.close();
});

story('a WebSocket over HTTP/2 ends with its session', async () => {
	const own = await w();
	const cookie = await signedIn(own);
	const s = await session(own.port);
	const stream = await socket(s, '/socket', { cookie });
	stream.write(wsFrame(TEXT, 'hello', true));
	await echoed(stream, 'hello');
	assert.equal((await ask(s, to('/auth/logout', { cookie, ...Object.fromEntries(Object.entries(NAVIGATE).map(([n, v]) => [n.toLowerCase(), v])) }))).status, 302);
	await until('the WebSocket to end', () => stream.over, 5000);
	assert.equal(stream.rstCode, 0);
	assert.equal(stream.received.subarray(-4).toString('hex'), '880203f0', 'it is told 1008');
	s.close();
});

// --- limits and slow sides ---

async function growth(own, during) {
	const s = await session(own.port);
	await ask(s, to('/public/warm'));
	s.close();
	const before = own.proxy.rss();
	let peak = before;
	const timer = setInterval(() => { peak = Math.max(peak, own.proxy.rss()); }, 20);
	try {
		await during();
	} finally {
		clearInterval(timer);
	}
	return Math.max(peak, own.proxy.rss()) - before;
}

story('200 MiB uploaded to a slow backend: the proxy grows by less than 16 MiB', async () => {
	const own = await world({ ...options, bin: RELEASE });
	try {
		own.backend.on('/public/slow-upload', async (r, q) => { q.pause(); await sleep(2000); q.resume(); await r.done; q.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'); });
		const grown = await growth(own, async () => {
			const s = await session(own.port);
			const stream = s.request(to('/public/slow-upload', { ':method': 'POST', 'content-length': String(200 * MIB) }));
			const part = Buffer.alloc(MIB, 'u');
			for (let i = 0; i < 200; i++) if (!stream.write(part)) await new Promise((resolve) => { stream.once('drain', resolve); });
			stream.end();
			const headers = await new Promise((resolve) => { stream.once('response', resolve); });
			assert.equal(headers[':status'], 200);
			s.destroy();
		});
		assert.equal(own.backend.last.size, 200 * MIB);
		assert.ok(grown < 16 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
	} finally {
		await own.stop();
	}
});

story('50 streams of 20 MiB each, to a reader that stalls: the proxy grows by less than 16 MiB', async () => {
	const own = await world({ ...options, bin: RELEASE });
	try {
		own.backend.on('/public/big', async (r, q) => {
			q.write(`HTTP/1.1 200 OK\r\nContent-Length: ${20 * MIB}\r\n\r\n`);
			for (let i = 0; i < 20 && !q.destroyed; i++) if (!q.write(Buffer.alloc(MIB, 'd'))) await new Promise((resolve) => { q.once('drain', resolve); q.once('close', resolve); });
		});
		const grown = await growth(own, async () => {
			const s = await session(own.port, { maxSessionMemory: 100 });
			s.setLocalWindowSize(64 * MIB);
			const all = Array.from({ length: 50 }, () => {
				const stream = s.request(to('/public/big')); // nobody reads it: its window shuts
				stream.on('error', () => {});
				stream.once('response', (h) => { stream.headers = h; });
				return stream;
			});
			await until('all heads', () => all.every((x) => x.headers));
			await sleep(1500);
			let size = 0;
			all[7].on('data', (d) => { size += d.length; });
			await until('one that is read after all', () => size === 20 * MIB, 15000);
			s.destroy();
		});
		assert.ok(grown < 16 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
	} finally {
		await own.stop();
	}
}, 90000);

story('100 streams whose windows never open: less than 64 KiB each', async () => {
	const own = await world({ ...options, workers: 1, bin: RELEASE });
	try {
		own.backend.on('/public/big', (r, q) => { q.write(`HTTP/1.1 200 OK\r\nContent-Length: ${MIB}\r\n\r\n`); q.write(Buffer.alloc(MIB / 4)); });
		let f;
		const grown = await growth(own, async () => {
			f = await Frames.open(own.port, { settings: [[4, 0]] });
			for (let i = 0; i < 100; i++) f.send(frame(HEADERS, END_STREAM | END_HEADERS, 2 * i + 1, block(Object.entries(to('/public/big', { ':method': 'GET', ':scheme': 'https' })).sort(([a], [b]) => (a < b ? -1 : 1)))));
			await f.wait((all) => all.filter((r) => r.type === HEADERS).length === 100, 20000);
			await sleep(500);
		});
		f.close();
		assert.ok(grown < 6.4 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
	} finally {
		await own.stop();
	}
});

story('the limits are those of HTTP/1.1: head, body, times', async () => {
	const own = await world({ ...options, limits: 'header_size = "4k" body_size = "64k" body_timeout = "700ms" idle_timeout = "1500ms"' });
	try {
		const s = await session(own.port);
		assert.equal(s.remoteSettings.maxHeaderListSize, 4096);
		assert.equal((await ask(s, to('/public/x', { 'x-big': 'b'.repeat(5000) }))).status, 431);
		assert.equal((await ask(s, to('/public/x', { ':method': 'POST', 'content-length': '70000' }), Buffer.alloc(70000))).status, 413);
		const over = await ask(s, to('/public/x', { ':method': 'POST' }), Buffer.alloc(200000));
		assert.ok(over.status === 413 || over.code !== 0, `${over.status} ${over.code}`);
		const slow = s.request(to('/public/x', { ':method': 'POST' }), { endStream: false });
		slow.on('error', () => {});
		slow.resume();
		slow.write('half');
		const status = await new Promise((resolve) => { slow.once('response', (h) => resolve(h[':status'])); slow.once('close', () => resolve(`reset ${slow.rstCode}`)); });
		assert.equal(status, 408);
		assert.equal((await own.proxy.lastAccess((a) => a.status === 408)).reason, 'body_timeout');
		const away = new Promise((resolve) => { s.once('goaway', resolve); });
		const closed = new Promise((resolve) => { s.once('close', resolve); });
		assert.equal(await Promise.race([away, sleep(6000).then(() => 'none')]), 0, 'an idle connection ends with GOAWAY');
		await closed;
	} finally {
		await own.stop();
	}
});

story('heads of 100 KiB pass both ways where limits.header_size lets them', async () => {
	const own = await world({ ...options, limits: 'header_size = "128k"' });
	try {
		const big = Array.from({ length: 100 }, (_, i) => [`x-part-${i}`, `${i}`.padEnd(800, '~')]);
		own.backend.on('/public/head', (r, q) => q.write(`HTTP/1.1 200 OK\r\n${big.map(([n, v]) => `${n}: ${v}\r\n`).join('')}Content-Length: 2\r\n\r\nok`));
		const s = await session(own.port, { maxSendHeaderBlockLength: 1 << 20, settings: { maxHeaderListSize: 1 << 20 } });
		const r = await ask(s, to('/public/head', Object.fromEntries(big)));
		assert.equal(r.status, 200);
		for (const [n, v] of big) assert.deepEqual([own.backend.last.get(n), r.headers[n]], [v, v]);
		s.close();
	} finally {
		await own.stop();
	}
});

story('a stream whose reader is still for body_timeout is reset; the others go on', async () => {
	const own = await world({ ...options, limits: 'body_timeout = "1s"' });
	try {
		own.backend.on('/public/big', async (r, q) => { q.write(`HTTP/1.1 200 OK\r\nContent-Length: ${9 * MIB}\r\n\r\n`); q.write(Buffer.alloc(9 * MIB, 'd')); });
		const s = await session(own.port);
		const still = s.request(to('/public/big'));
		still.on('error', () => {});
		const closed = new Promise((resolve) => { still.once('close', () => resolve(still.rstCode)); });
		await new Promise((resolve) => { still.once('response', resolve); });
		assert.equal((await ask(s, to('/public/x'))).status, 200);
		const record = await until('the stall in the log', () => own.proxy.access.find((a) => a.reason === 'client_stalled'), 8000);
		assert.equal(record.path, '/public/big');
		assert.equal((await ask(s, to('/public/x'))).status, 200);
		still.resume();
		assert.notEqual(await closed, 0);
		s.close();
	} finally {
		await own.stop();
	}
});

// --- what the operator sees ---

story('connections by protocol, streams, GOAWAYs and resets stand in the metrics', async () => {
	const own = await world(options);
	try {
		const metrics = async () => Object.fromEntries((await new Browser().request(`${own.proxy.admin}/metrics`)).text.split('\n')
			.filter((l) => /^workflow_proxy_(http2|connections_by)/.test(l)).map((l) => [l.slice(15, l.lastIndexOf(' ')), Number(l.slice(l.lastIndexOf(' ') + 1))]));
		own.backend.on('/public/never', () => {});
		const s = await session(own.port);
		const idle = await session(own.port);
		const stream = s.request(to('/public/never'));
		stream.on('error', () => {});
		await until('the request at the backend', () => own.backend.seen('/public/never').length === 1);
		let m = await metrics();
		assert.equal(m['connections_by_protocol{protocol="h2"}'], 2);
		assert.ok(m['connections_by_protocol{protocol="http/1.1"}'] >= 1);
		assert.deepEqual([m.http2_connections_total, m.http2_streams, m.http2_streams_total], [2, 1, 1]);
		stream.close(8);
		await until('the reset to be counted', async () => (await metrics())['http2_resets_received_total{code="CANCEL"}'] === 1);
		own.backend.on('/public/cut', async (r, q) => { q.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'); await sleep(50); q.destroy(); });
		assert.equal((await ask(s, to('/public/cut'))).code, 2);
		m = await until('our reset to be counted', async () => { const x = await metrics(); return x['http2_resets_sent_total{code="INTERNAL_ERROR"}'] === 1 && x; });
		assert.equal(m.http2_streams, 0);
		s.close();
		idle.close();
		m = await until('the connections to be gone', async () => { const x = await metrics(); return x['connections_by_protocol{protocol="h2"}'] === 0 && x; });
		assert.equal(m.http2_connections_total, 2);
	} finally {
		await own.stop();
	}
});

// --- the end ---

story('SIGTERM: no new streams, the open ones are finished, then the connection and the process end', async () => {
	const own = await world(options);
	try {
		own.backend.on('/public/work', async (r, q) => { await sleep(1200); q.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone'); });
		const s = await session(own.port);
		const idle = await session(own.port);
		const gone = new Promise((resolve) => { idle.once('close', resolve); });
		const away = new Promise((resolve) => { s.once('goaway', resolve); });
		const work = ask(s, to('/public/work'));
		await until('the request at the backend', () => own.backend.seen('/public/work').length === 1);
		own.proxy.signal('SIGTERM');
		assert.equal(await away, 0);
		await gone;
		const r = await work;
		assert.deepEqual([r.status, r.body], [200, 'done']);
		assert.equal(await Promise.race([own.proxy.ended, sleep(2500).then(() => 'still running')]), 0);
	} finally {
		await own.stop();
	}
});

story('a reload closes no connection', async () => {
	const own = await world(options);
	try {
		const s = await session(own.port);
		own.proxy.signal('SIGHUP');
		await sleep(500);
		assert.equal((await ask(s, to('/public/x'))).status, 200);
		s.close();
	} finally {
		await own.stop();
	}
});

story('Chromium speaks HTTP/2 with us: page, script and upload', async () => {
	const port = await freePort();
	const own = await world({ ...options, publicUrl: `https://127.0.0.1:${port}`, top: `listen "127.0.0.1:${port}" { ${one.listen} }`, listen: '' });
	const chromium = await launch();
	try {
		own.backend.on('/public/page', (r, q) => q.write('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 16\r\n\r\n<h1>A page.</h1>'));
		own.backend.on('/public/ws', (r, q) => {
			q.write(`HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(r.get('sec-websocket-key'))}\r\n\r\n`);
			r.listen((d) => { for (const f of wsFrames(d).frames) q.write(wsFrame(TEXT, `echo:${f.payload}`)); });
		});
		const page = await (await chromium.newContext({ ignoreHTTPSErrors: true })).newPage();
		await page.goto(`https://127.0.0.1:${port}/public/page`);
		assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'h2');
		const got = await page.evaluate(async () => {
			const all = await Promise.all(Array.from({ length: 40 }, (_, i) => fetch(`/public/f${i}`, { method: i % 2 ? 'POST' : 'GET', body: i % 2 ? 'x'.repeat(100000) : undefined }).then((r) => r.json())));
			return [all.every((r, i) => r.size === (i % 2 ? 100000 : 0)), performance.getEntriesByType('resource').every((e) => e.nextHopProtocol === 'h2')];
		});
		assert.deepEqual(got, [true, true]);
		const echo = await page.evaluate(() => new Promise((resolve) => {
			const s = new WebSocket(`wss://${location.host}/public/ws`);
			s.onopen = () => s.send('over h2');
			s.onmessage = (m) => resolve(m.data);
			s.onerror = () => resolve('no WebSocket');
		}));
		assert.equal(echo, 'echo:over h2');
		assert.equal((await own.proxy.lastAccess((a) => a.path === '/public/f0')).proto, 'HTTP/2');
	} finally {
		await chromium.close();
		await own.stop();
	}
});

closing(w);
