// A stream that is given up, a connection that is cut, a reload, a stop: in whatever the request on it waits for just then.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { after } from 'node:test';
import { Browser } from './lib/browser.mjs';
import { certificate } from './lib/certificate.mjs';
import { block, DATA, END_HEADERS, END_STREAM, frame, Frames, GOAWAY, HEADERS, RST_STREAM, u32, WINDOW_UPDATE } from './lib/http2.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { Redis } from './lib/redis.mjs';
import { story, world } from './lib/world.mjs';

const API = 'https://app.example.com/api';
const one = certificate('one.test', 'DNS:one.test');
const DONE = END_STREAM | END_HEADERS;
const get = (path, more = [], method = 'GET') => [[':method', method], [':scheme', 'https'], [':path', path], [':authority', 'one.test'], ...more];
const head = (id, fields, flags = DONE) => frame(HEADERS, flags, id, block(fields));
const at = (port) => ({ connect: { host: '127.0.0.1', port } });
const STREAMS = 5;

// A server that has stopped, and whose queue is full: who connects waits.
async function deaf() {
	const port = await freePort();
	const child = spawn(process.execPath, ['-e', `require('net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => console.log('up'))`], { stdio: ['ignore', 'pipe', 'inherit'] });
	await new Promise((resolve) => { child.stdout.once('data', resolve); });
	child.kill('SIGSTOP');
	const sockets = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
	await sleep(200);
	return { url: `http://127.0.0.1:${port}`, stop: () => { for (const s of sockets) s.destroy(); child.kill('SIGKILL'); } };
}

async function made() {
	const w = { redis: await Redis.start(), deaf: await deaf() };
	Object.assign(w, await world({
		publicUrl: 'https://one.test', listen: one.listen, workers: 1, logLevel: 'info', shutdownTimeout: '2s',
		session: `store = "redis" redis = "${w.redis.url}"`, provider: `audience = "${API}" timeout = "30s" metadata_refresh = "1h"`, upstream: 'connect_timeout = "30s"',
		routes: `upstream "deaf" { servers = {"${w.deaf.url}"} connect_timeout = "30s" }
			route "/" { upstream = "app" }
			route "/public" { upstream = "app" auth = "none" }
			route "/deaf" { upstream = "deaf" auth = "none" }
			route "/api" { upstream = "app" auth = "bearer" }`,
	}));
	// What the provider is asked for is held back while there is a gate.
	const answer = w.op.answer.bind(w.op);
	w.op.answer = async (q, s) => { w.asked = (w.asked ?? 0) + 1; await w.gate; return answer(q, s); };
	w.shut = () => { w.asked = 0; w.gate = new Promise((resolve) => { w.open = () => { w.gate = undefined; resolve(); }; }); };
	w.backend.on('/public/never', () => {});
	w.backend.on('/public/slow', (r, q) => { q.pause(); });
	w.backend.on('/public/big', (r, q) => { q.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 24}\r\n\r\n`); q.write(Buffer.alloc(1 << 24)); });
	w.backend.on('/public/stream', (r, q) => { q.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'); });
	const stop = w.stop;
	w.stop = async (...a) => {
		if (w.stopped) return;
		w.stopped = true;
		w.open?.();
		w.redis.child.kill('SIGCONT');
		w.deaf.stop();
		try { await stop(...a); } finally { await w.redis.stop(); }
	};
	return w;
}

const ids = Array.from({ length: STREAMS }, (_, i) => 2 * i + 1);
const seen = (w, path, n) => until(`${path} at the backend`, () => w.backend.requests.filter((r) => r.path === path).length - n >= STREAMS);
const count = (w, path) => w.backend.requests.filter((r) => r.path === path).length;

// A sign-in that has come back from the provider: the request that redeems its code.
async function callback(w) {
	const browser = new Browser();
	const start = await browser.request('https://one.test/x', at(w.port));
	const back = new URL((await browser.request(start.location)).location);
	return get(back.pathname + back.search, [['cookie', browser.jar.header(back)]]);
}

// [what is waited for, (w, f): begins the streams and returns when they wait, (w): what is let go at the end]
const states = [
	['the rest of a head', async (w, f) => { await f.ping(); f.send(head(1, get('/public/x'), END_STREAM)); await sleep(100); }],
	['the provider\'s keys', async (w, f) => {
		const now = Math.floor(Date.now() / 1000);
		w.shut();
		for (const id of ids) f.send(head(id, get('/api/x', [['authorization', `Bearer ${w.op.mint({ iss: w.op.url, aud: API, sub: 'a', azp: 'spa', scope: 'openid', preferred_username: 'alice', iat: now, exp: now + 60 }, { kid: `unknown-${id}-${Math.random()}` })}`]])));
		await sleep(300);
	}, (w) => w.open()],
	['the provider\'s tokens', async (w, f) => {
		const requests = [];
		for (const id of ids) requests.push(head(id, await callback(w)));
		w.shut();
		f.send(...requests);
		await until('the token endpoint to be asked', () => w.asked >= STREAMS);
	}, (w) => w.open()],
	['the Redis', async (w, f) => {
		const requests = [];
		for (const id of ids) requests.push(head(id, await callback(w)));
		w.redis.child.kill('SIGSTOP');
		f.send(...requests);
		await sleep(500);
	}, (w) => { w.redis.child.kill('SIGCONT'); }],
	['the upstream\'s connection', async (w, f) => {
		f.send(...ids.map((id) => head(id, get('/deaf/x'))));
		await sleep(200);
	}],
	['the upstream\'s head', async (w, f) => {
		const n = count(w, '/public/never');
		f.send(...ids.map((id) => head(id, get('/public/never'))));
		await seen(w, '/public/never', n);
	}],
	['the rest of a body', async (w, f) => {
		const n = count(w, '/public/never');
		f.send(...ids.flatMap((id) => [head(id, get('/public/never', [], 'POST'), END_HEADERS), frame(DATA, 0, id, 'half')]));
		await seen(w, '/public/never', n);
	}],
	['the rest of a form that we read ourselves', async (w, f) => {
		f.send(...ids.flatMap((id) => [head(id, get('/auth/logout/backchannel', [['content-type', 'application/x-www-form-urlencoded']], 'POST'), END_HEADERS), frame(DATA, 0, id, 'logout_token=')]));
		await sleep(200);
	}],
	['an upstream that does not read', async (w, f) => {
		const n = count(w, '/public/slow');
		f.send(...ids.map((id) => head(id, get('/public/slow', [], 'POST'), END_HEADERS)));
		await seen(w, '/public/slow', n);
		for (let i = 0; i < 12; i++) f.send(...ids.map((id) => frame(DATA, 0, id, Buffer.alloc(16000))));
		await sleep(300);
	}],
	['a client that does not read', async (w, f) => {
		f.send(...ids.map((id) => head(id, get('/public/big'))));
		await until('the windows to be shut', () => f.received.filter((r) => r.type === DATA).reduce((n, r) => n + r.payload.length, 0) >= 65535);
	}],
	['the next event of a stream', async (w, f) => {
		f.send(...ids.map((id) => head(id, get('/public/stream'))));
		await until('the first events', () => f.received.filter((r) => r.type === DATA).length >= STREAMS);
	}],
];

let own;
after(() => own?.stop().catch(() => {}));
story('a world that can be made to wait', async () => { own = await made(); });

const metric = async (name) => Number(new RegExp(`^workflow_proxy_${name} (\\d+)$`, 'm').exec((await new Browser().request(`${own.proxy.admin}/metrics`)).text)[1]);
const nothingLeft = async () => {
	await until('the streams to be gone', async () => await metric('http2_streams') === 0);
	const f = await Frames.open(own.port);
	f.send(head(1, get('/public/x')));
	assert.equal(await f.status(1), 200, 'others are served');
	f.close();
};

for (const [what, begin, letGo = () => {}] of states) {
	const during = async (act) => {
		const f = await Frames.open(own.port);
		try {
			await begin(own, f);
			await act(f);
		} finally {
			await letGo(own);
			f.close();
		}
		await nothingLeft();
	};

	story(`waiting for ${what}: each stream is reset, the connection serves on`, () => during(async (f) => {
		if (what === 'the rest of a head') return;
		f.send(...ids.map((id) => frame(RST_STREAM, 0, id, u32(8))), frame(WINDOW_UPDATE, 0, 0, u32(1 << 20)), head(101, get('/public/x')));
		assert.equal(await f.status(101), 200);
		await until('the streams to be gone', async () => await metric('http2_streams') === 0);
	}));

	story(`waiting for ${what}: the connection is cut`, () => during(async (f) => {
		f.close();
		await until('the streams to be gone', async () => await metric('http2_streams') === 0);
	}));

	story(`waiting for ${what}: a reload changes nothing`, () => during(async (f) => {
		const before = await metric('reloads_total');
		own.proxy.signal('SIGHUP');
		await until('the reload', async () => await metric('reloads_total') > before);
		assert.ok(!f.closed && !f.received.some((r) => r.type === GOAWAY || r.type === RST_STREAM));
		if (what !== 'the rest of a head') {
			f.send(head(101, get('/public/x')));
			assert.equal(await f.status(101), 200);
		}
	}));
}

story('everything at once, and then the process is told to stop: it ends within its time', async () => {
	const all = [];
	for (const [, begin] of states.filter(([what]) => !/Redis|tokens/.test(what))) {
		const f = await Frames.open(own.port);
		await begin(own, f);
		all.push(f);
	}
	own.proxy.signal('SIGTERM');
	for (const f of all) assert.equal(await f.wait((r) => r.find((x) => x.type === GOAWAY), 5000).then((x) => x?.payload.readUInt32BE(4) ?? 0), 0);
	assert.equal(await Promise.race([own.proxy.ended, sleep(6000).then(() => 'still running')]), 0);
	for (const f of all) f.close();
	await own.stop();
});
