// The PROXY protocol: a balancer that relays bytes says whose connection this is, and nobody else can.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { LOCAL, SIGNATURE, haproxy, nginxStream, relay, tlv, v1, v2, v2From } from './lib/balancer.mjs';
import { Browser } from './lib/browser.mjs';
import { ask, session } from './lib/http2.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { ASAN, configuration, scratch } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const [key, cert] = [join(dir, 'tls.key'), join(dir, 'tls.pem')];
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '30', '-subj', '/CN=one.test', '-addext', 'subjectAltName=DNS:one.test'], { stdio: 'ignore' });
const tls = `tls_certificate = "${cert}" tls_certificate_key = "${key}"`;

// The balancer connects from 127.0.0.1; 127.0.0.2 is anybody.  198.51.100.9 is a proxy on the way to the balancer.
const BALANCER = '127.0.0.1', ANYBODY = '127.0.0.2', CHAINED = '198.51.100.9', USER = '203.0.113.7', USER6 = '2001:db8::77';
const settings = async (more = {}) => {
	const [plain, secure, ordinary, path] = [await freePort(), await freePort(), await freePort(), join(dir, `s${await freePort()}`)];
	return {
		plain, secure, ordinary, path, publicUrl: ['https://one.test', 'http://plain.test'],
		listen: 'proxy_protocol = yes',
		top: `trusted_proxies = {"${BALANCER}", "${CHAINED}", "unix:"}
listen "127.0.0.1:${plain}" { proxy_protocol = yes }
listen "127.0.0.1:${secure}" { ${tls} proxy_protocol = yes }
listen "127.0.0.1:${ordinary}" { }
listen "unix:${path}" { proxy_protocol = yes }`,
		...more,
	};
};
const made = shared(() => settings());
const w = async () => { const x = await made(); return { ...x.settings, ...x }; };

const GET = (path, ...fields) => `GET ${path} HTTP/1.1\r\nHost: plain.test\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`;
const loud = (proxy) => proxy.stderr.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l)).filter((l) => l.level !== 'debug');
let serial = 0;

// One request on a connection that begins with this header; what the application and the log say of it.
async function through(header, o = {}) {
	const { plain, backend, proxy } = await w();
	const target = `/public/n${++serial}`;
	const raw = await Raw.open(o.port ?? plain, { localAddress: o.from ?? BALANCER, path: o.path });
	raw.send(Buffer.concat([header, Buffer.from(GET(target, ...o.fields ?? []), 'latin1')]));
	const r = await raw.response('GET', 5000);
	raw.close();
	const seen = backend.seen(target)[0];
	const line = seen && await proxy.lastAccess((l) => l.path === target);
	return { status: r?.status, xff: seen?.get('x-forwarded-for'), proto: seen?.get('x-forwarded-proto'), id: seen?.get('x-request-id'), client: line?.client };
}

for (const [what, header, want] of [
	['version 1', v1(USER), USER],
	['version 1, IPv6', v1(USER6), USER6],
	['version 1, IPv4 in IPv6', v1(`::ffff:${USER}`, '::1'), USER],
	['version 2', v2From(USER), USER],
	['version 2, IPv6', v2From(USER6), USER6],
	['version 2 with what AWS appends', v2From(USER, tlv(0xea, Buffer.from('\x01vpce-08d2bf15fac5001c9')), tlv(4, Buffer.alloc(84))), USER],
	['version 2 of 4 KiB', v2From(USER, tlv(4, Buffer.alloc(4096 - 16 - 12 - 3))), USER],
]) {
	story(`${what}: the address in the header is the client's, in the log and for the application`, async () => {
		const r = await through(header);
		assert.deepEqual({ status: r.status, xff: r.xff, client: r.client, proto: r.proto }, { status: 200, xff: want, client: want, proto: 'http' });
	});
}

for (const [what, header] of [['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')], ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::1 1 2\r\n')],
	['LOCAL', LOCAL], ['LOCAL with an address', v2(0, 0x11, v2From(USER).subarray(16))], ['AF_UNSPEC', v2(1, 0)],
	['AF_UNIX', v2(1, 0x31, Buffer.alloc(216))], ['a datagram', v2(1, 0x12, v2From(USER).subarray(16))]]) {
	story(`${what}: the socket's own address stands, and nothing is believed`, async () => {
		const r = await through(header, { fields: [`X-Forwarded-For: ${USER}`, 'X-Forwarded-Proto: https', 'X-Request-Id: mine'] });
		assert.deepEqual({ status: r.status, xff: r.xff, client: r.client, proto: r.proto }, { status: 200, xff: BALANCER, client: BALANCER, proto: 'http' });
		assert.notEqual(r.id, 'mine');
	});
}

story('the header holds for every request of the connection, and for this connection alone', async () => {
	const { plain, backend } = await w();
	const raw = await Raw.open(plain);
	raw.send(Buffer.concat([v2From(USER), Buffer.from(GET('/public/k1') + GET('/public/k2'))]));
	assert.equal((await raw.response()).status, 200);
	assert.equal((await raw.response()).status, 200);
	raw.send(GET('/public/k3'));
	assert.equal((await raw.response()).status, 200);
	raw.close();
	for (const target of ['/public/k1', '/public/k2', '/public/k3']) assert.equal(backend.seen(target)[0].get('x-forwarded-for'), USER);
	assert.equal((await through(v1('203.0.113.8'))).xff, '203.0.113.8');
});

story('a second header is the client\'s, and no request', async () => {
	const { plain, backend, proxy } = await w();
	for (const [client, second] of [['203.0.113.31', v1('203.0.113.9')], ['203.0.113.32', v2From('203.0.113.9')]]) {
		const before = backend.requests.length;
		const raw = await Raw.open(plain);
		raw.send(Buffer.concat([v2From(client), second, Buffer.from(GET('/public/second'))]));
		assert.equal((await raw.response()).status, 400);
		raw.close();
		assert.equal(backend.requests.length, before);
		assert.equal((await proxy.lastAccess((l) => l.client === client)).status, 400);
	}
});

// --- who is believed ---------------------------------------------------------------

const FORGED = ['X-Forwarded-For: 192.0.2.66', 'X-Forwarded-Proto: https', 'Forwarded: for=192.0.2.66;proto=https', 'X-Request-Id: forged-by-the-client'];

story('a balancer that relays bytes relays forged headers, too: they are the client\'s, and not believed', async () => {
	for (const header of [v1(USER), v2From(USER), v2From(USER6)]) {
		const r = await through(header, { fields: FORGED });
		const want = header.includes('TCP4') || header[13] === 0x11 ? USER : USER6;
		assert.deepEqual({ xff: r.xff, client: r.client, proto: r.proto }, { xff: want, client: want, proto: 'http' });
		assert.notEqual(r.id, 'forged-by-the-client');
	}
});

story('from a trusted proxy on the other side of the balancer they are believed', async () => {
	const r = await through(v2From(CHAINED), { fields: FORGED });
	assert.deepEqual(r, { status: 200, xff: `192.0.2.66, ${CHAINED}`, client: '192.0.2.66', proto: 'https', id: 'forged-by-the-client' });
});

story('on an ordinary listener the same peer is believed as ever, and its header is a bad request', async () => {
	const { ordinary } = await w();
	assert.equal((await through(Buffer.alloc(0), { port: ordinary, fields: ['X-Forwarded-For: 192.0.2.66'] })).client, '192.0.2.66');
	assert.equal((await through(v1(USER), { port: ordinary })).status, 400);
	assert.equal((await through(v2From(USER), { port: ordinary })).status, 400);
});

story('nobody outside chooses an address: a header from anyone else is a bad request', async () => {
	const { backend, proxy } = await w();
	const before = backend.requests.length, headers = [v1(USER), v1(USER6), v2From(USER), LOCAL, Buffer.from('PROXY UNKNOWN\r\n')];
	const refused = () => proxy.access.filter((l) => l.client === ANYBODY && l.status === 400).length, had = refused();
	for (const header of headers) assert.equal((await through(header, { from: ANYBODY })).status, 400);
	await until('the lines', () => refused() - had === headers.length);
	assert.equal(backend.requests.length, before);
});

story('anyone else is served without a header, and not believed', async () => {
	const r = await through(Buffer.alloc(0), { from: ANYBODY, fields: FORGED });
	assert.deepEqual({ status: r.status, xff: r.xff, client: r.client, proto: r.proto }, { status: 200, xff: ANYBODY, client: ANYBODY, proto: 'http' });
});

story('verify: who comes through the balancer is no server that may ask', async () => {
	const { plain } = await w();
	const verify = async (header) => {
		const raw = await Raw.open(plain);
		raw.send(Buffer.concat([header, Buffer.from(GET('/auth/verify', 'X-Original-URI: /public', 'Accept: application/json'))]));
		const r = await raw.response();
		raw.close();
		return { status: r.status, error: r.status === 200 ? undefined : JSON.parse(r.body.toString()).error };
	};
	assert.deepEqual(await verify(v2From(USER)), { status: 403, error: 'verify_untrusted' });
	assert.deepEqual(await verify(LOCAL), { status: 403, error: 'verify_untrusted' });
	assert.equal((await verify(v2From(CHAINED))).status, 200);
});

story('sign-ins are counted by the address in the header', async () => {
	const own = await world(await settings({ limits: 'logins_per_minute = 2' }));
	const callback = async (header) => {
		const raw = await Raw.open(own.settings.plain);
		raw.send(Buffer.concat([header, Buffer.from(GET('/auth/callback?code=x&state=y'))]));
		const r = await raw.response();
		raw.close();
		return r.status;
	};
	try {
		for (const one of [v1(USER), LOCAL]) {
			const got = [];
			for (let i = 0; i < 4; i++) got.push(await callback(one));
			assert.deepEqual(got.map((s) => s === 429), [false, false, true, true], one.toString('latin1'));
		}
		assert.notEqual(await callback(v2From('203.0.113.8')), 429, 'another client of the same balancer');
		assert.equal(await callback(v2From(USER)), 429);
	} finally {
		await own.stop();
	}
});

story('a unix socket: trusted by unix:, named by the header', async () => {
	const { path, proxy } = await w();
	assert.deepEqual(await through(v1(USER), { path }).then((r) => [r.status, r.xff, r.client]), [200, USER, USER]);
	const nobody = await through(LOCAL, { path, fields: FORGED });
	assert.deepEqual([nobody.status, nobody.xff, nobody.proto], [200, 'unknown', 'http']);
	const raw = await Raw.open(0, { path });
	raw.send(GET('/public'));
	assert.equal(await raw.response(), null);
	await proxy.logged(/a connection of a unix socket was closed: listen\.proxy_protocol demands a PROXY header/);
});

// --- what is no header -------------------------------------------------------------

story('a trusted peer without a header, or with a broken one, is closed, with one reason and no answer', async () => {
	const { plain, secure, backend, proxy } = await w();
	const bad = [GET('/public'), 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n', 'PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n', `PROXY ${'x'.repeat(200)}`, Buffer.from([0x16, 3, 1, 2, 0, 1]),
		Buffer.concat([SIGNATURE, Buffer.from([0x11, 0x11, 0, 12])]), v2(1, 0x11, Buffer.alloc(4)), v2From(USER, tlv(3, Buffer.alloc(4))), v2(0, 0, Buffer.alloc(5000))];
	const before = backend.requests.length;
	const count = async () => Number(/workflow_proxy_refusals_total\{reason="bad_proxy_header"\} (\d+)/.exec((await new Browser().request(`${proxy.admin}/metrics`)).text)?.[1] ?? 0);
	const had = await count();
	for (const port of [plain, secure]) {
		for (const bytes of bad) {
			const said = loud(proxy).length;
			const raw = await Raw.open(port);
			raw.send(bytes);
			assert.equal(await raw.end(3000), true);
			assert.equal(raw.bytes.length, 0, raw.bytes.toString('latin1'));
			await until('the line', () => loud(proxy).length > said);
			assert.equal(loud(proxy)[said].reason, 'bad_proxy_header');
			assert.equal(loud(proxy)[said].level, 'warn');
		}
	}
	assert.equal(await count() - had, 2 * bad.length);
	assert.equal(backend.requests.length, before);
});

story('a connection that ends within its header is said, too', async () => {
	const { plain, proxy } = await w();
	const raw = await Raw.open(plain);
	raw.send('PROXY TCP4 1.2');
	await sleep(50);
	raw.socket.end();
	await proxy.logged(/the connection ended within it/);
});

story('health probes are no news: a connection without a byte, a reset, a LOCAL header and nothing else', async () => {
	const { plain, secure, proxy } = await w();
	await sleep(200);
	const before = loud(proxy).length;
	for (const port of [plain, secure]) {
		for (const bytes of ['', LOCAL, v1(USER)]) {
			for (const how of ['end', 'destroy', 'resetAndDestroy']) {
				const raw = await Raw.open(port);
				if (bytes) raw.send(bytes);
				await sleep(20);
				raw.socket[how]();
			}
		}
	}
	await sleep(300);
	assert.deepEqual(loud(proxy).slice(before), []);
});

// --- in pieces ---------------------------------------------------------------------

for (const [what, header] of [['version 1', v1(USER)], ['version 2', v2From(USER6, tlv(4, Buffer.alloc(3)))]]) {
	story(`${what}: split at every byte, and byte by byte`, async () => {
		const { plain, backend } = await w();
		const all = (target) => Buffer.concat([header, Buffer.from(GET(target))]);
		await Promise.all(Array.from({ length: header.length + 2 }, async (_, at) => {
			const raw = await Raw.open(plain);
			raw.socket.setNoDelay(true);
			const bytes = all(`/public/split${what.slice(-1)}${at}`);
			raw.send(bytes.subarray(0, at));
			await sleep(60);
			raw.send(bytes.subarray(at));
			assert.equal((await raw.response())?.status, 200, `at ${at}`);
			raw.close();
		}));
		for (let at = 0; at < header.length + 2; at++) assert.equal(backend.seen(`/public/split${what.slice(-1)}${at}`)[0].get('x-forwarded-for'), header === v2From(USER) || what === 'version 1' ? USER : USER6);
		const raw = await Raw.open(plain);
		raw.socket.setNoDelay(true);
		for (const byte of all('/public/bytes')) {
			raw.send(Buffer.from([byte]));
			await sleep(2);
		}
		assert.equal((await raw.response()).status, 200);
		raw.close();
	});
}

story('a header that does not end, or trickles, is cut off by header_timeout, and delays nobody', async () => {
	const own = await world(await settings({ limits: 'header_timeout = "1s"', workers: 1 }));
	const { plain, secure } = own.settings;
	try {
		const slow = [];
		for (const [port, bytes, again] of [[plain, 'PROXY TCP4', ''], [secure, SIGNATURE.toString('latin1'), ''], [plain, 'PROXY UNKNOWN ', 'x'], [plain, '', ''], [secure, v1(USER), '']]) {
			const raw = await Raw.open(port);
			raw.socket.setNoDelay(true);
			raw.send(bytes);
			const trickle = again && setInterval(() => raw.send(again), 100);
			slow.push(raw.end(5000).then((ended) => { clearInterval(trickle); return { ended, at: Date.now() }; }));
		}
		const began = Date.now();
		for (let i = 0; i < 20; i++) {
			const raw = await Raw.open(plain);
			raw.send(Buffer.concat([v1(USER), Buffer.from(GET('/public'))]));
			assert.equal((await raw.response()).status, 200);
			raw.close();
		}
		assert.ok(Date.now() - began < 900, 'the others are served meanwhile');
		for (const end of await Promise.all(slow)) {
			assert.equal(end.ended, true);
			assert.ok(end.at - began < 3500, `${end.at - began} ms`);
		}
		await sleep(50);
		const said = loud(own.proxy).filter((l) => l.reason === 'bad_proxy_header');
		assert.equal(said.length, 3, JSON.stringify(said));
		for (const l of said) assert.match(l.msg, /not complete within limits\.header_timeout/);
	} finally {
		await own.stop();
	}
});

// --- TLS and HTTP/2 ----------------------------------------------------------------

// A relay in front of the TLS listener for as long as fn runs.
async function relayed(header, fn, from = BALANCER) {
	const { secure } = await w();
	const r = await relay(secure, header, from);
	try {
		return await fn(r.port);
	} finally {
		r.stop();
	}
}
const overTls = (port, options = {}) => Raw.open(port, { tls: { servername: 'one.test', ...options } });

for (const version of ['TLSv1.2', 'TLSv1.3']) {
	for (const [what, header] of [['version 1', v1(USER)], ['version 2', v2From(USER)]]) {
		story(`${version} behind a header of ${what}, in one piece with the ClientHello`, () => relayed(header, async (port) => {
			const { backend, proxy } = await w();
			const raw = await overTls(port, { minVersion: version, maxVersion: version });
			assert.equal(raw.socket.getProtocol(), version);
			const target = `/public/tls${++serial}`;
			raw.send(GET(target, ...FORGED));
			assert.equal((await raw.response()).status, 200);
			raw.close();
			assert.equal(backend.seen(target)[0].get('x-forwarded-for'), USER);
			assert.equal(backend.seen(target)[0].get('x-forwarded-proto'), 'https');
			assert.equal((await proxy.lastAccess((l) => l.path === target)).client, USER);
		}));
	}
}

story('a ClientHello that comes long after the header, which came in two pieces', async () => {
	const { secure, backend } = await w();
	const raw = await Raw.open(secure);
	const header = v2From(USER6);
	raw.send(header.subarray(0, 20));
	await sleep(50);
	raw.send(header.subarray(20));
	await sleep(50);
	const socket = connectTls({ socket: raw.socket, servername: 'one.test', rejectUnauthorized: false });
	await new Promise((resolve, reject) => { socket.once('secureConnect', resolve); socket.once('error', reject); });
	socket.write(GET('/public/late'));
	await until('the request', () => backend.seen('/public/late').length > 0);
	assert.equal(backend.seen('/public/late')[0].get('x-forwarded-for'), USER6);
	socket.destroy();
});

story('HTTP/2: every stream has the address, and no stream can choose another', () => relayed(v2From(USER), async (port) => {
	const { backend } = await w();
	const s = await session(port, { servername: 'one.test' });
	const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(s, { ':path': `/public/h${i}`, ':authority': 'one.test', 'x-forwarded-for': '192.0.2.66', 'x-request-id': 'forged' })));
	s.close();
	assert.deepEqual(answers.map((a) => a.status), Array(8).fill(200));
	for (let i = 0; i < 8; i++) {
		assert.equal(backend.seen(`/public/h${i}`)[0].get('x-forwarded-for'), USER);
		assert.notEqual(backend.seen(`/public/h${i}`)[0].get('x-request-id'), 'forged');
	}
}));

story('HTTP/2 whose header names nobody: no stream is believed', () => relayed(LOCAL, async (port) => {
	const { backend } = await w();
	const s = await session(port, { servername: 'one.test' });
	assert.equal((await ask(s, { ':path': '/public/h-local', ':authority': 'one.test', 'x-forwarded-for': '192.0.2.66' })).status, 200);
	s.close();
	assert.equal(backend.seen('/public/h-local')[0].get('x-forwarded-for'), BALANCER);
}));

story('TLS of anyone else: a header is no handshake, and without one it is served', async () => {
	const { backend } = await w();
	await relayed(v1(USER), (port) => assert.rejects(overTls(port)), ANYBODY);
	await relayed(Buffer.alloc(0), async (port) => {
		const raw = await overTls(port);
		raw.send(GET('/public/direct', ...FORGED));
		assert.equal((await raw.response()).status, 200);
		raw.close();
		assert.equal(backend.seen('/public/direct')[0].get('x-forwarded-for'), ANYBODY);
	}, ANYBODY);
});

story('a sign-in through the balancer', () => relayed(v2From(USER), async (port) => {
	const { op, backend } = await w();
	op.user = 'alice';
	const browser = new Browser(), at = { connect: { host: '127.0.0.1', port } };
	const start = await browser.request('https://one.test/deep', at);
	const end = await browser.request((await browser.request(start.location)).location, at);
	assert.equal(end.location, 'https://one.test/deep');
	assert.equal((await browser.request(end.location, at)).status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'alice');
	assert.equal(backend.last.get('x-forwarded-for'), USER);
}));

story('a balancer that ended TLS says so, and counts as https; one that did not does not', async () => {
	const ssl = (flags) => tlv(0x20, Buffer.from([flags, 0, 0, 0, 0]));
	assert.equal((await through(v2From(USER, ssl(1)), { fields: ['X-Forwarded-Proto: http'] })).proto, 'https');
	assert.equal((await through(v2From(USER, ssl(0)), { fields: ['X-Forwarded-Proto: https'] })).proto, 'http');
});

// --- reload and stop ---------------------------------------------------------------

story('a reload turns it on and off for new connections; those that are open stay as they are', async () => {
	const own = await world(await settings());
	const { plain } = own.settings;
	const one = async (bytes) => {
		const raw = await Raw.open(plain);
		raw.send(bytes);
		const r = await raw.response();
		raw.close();
		return r?.status;
	};
	const reload = async (text) => {
		const before = own.proxy.stderr.split('reloaded').length;
		own.proxy.write(text);
		own.proxy.signal('SIGHUP');
		await until('the reload', () => own.proxy.stderr.split('reloaded').length > before);
	};
	try {
		const open = await Raw.open(plain), waiting = await Raw.open(plain);
		open.send(Buffer.concat([v1(USER), Buffer.from(GET('/public/before'))]));
		assert.equal((await open.response()).status, 200);
		const text = configuration({ ...own.settings, port: own.port, adminPort: own.adminPort });
		await reload(text.replaceAll('proxy_protocol = yes', ''));
		assert.equal(await one(GET('/public')), 200);
		assert.equal(await one(v1(USER)), 400);
		open.send(GET('/public/after'));
		assert.equal((await open.response()).status, 200);
		assert.equal(own.backend.seen('/public/after')[0].get('x-forwarded-for'), USER);
		waiting.send(Buffer.concat([v1(USER), Buffer.from(GET('/public/waited'))]));
		assert.equal((await waiting.response()).status, 200);
		assert.equal(own.backend.seen('/public/waited')[0].get('x-forwarded-for'), USER);
		await reload(text);
		assert.equal(await one(GET('/public')), undefined);
		open.close();
		waiting.close();
	} finally {
		await own.stop();
	}
});

story('a stop waits for the header of who has just connected, but not for long', async () => {
	const own = await world(await settings({ shutdownTimeout: '10s' }));
	const { plain, secure } = own.settings;
	const newcomer = await Raw.open(plain), silent = await Raw.open(secure);
	await sleep(100);
	const began = Date.now();
	own.proxy.signal('SIGTERM');
	await sleep(100);
	newcomer.send(Buffer.concat([v1(USER), Buffer.from(GET('/public'))]));
	assert.equal((await newcomer.response()).status, 200);
	await own.stop();
	assert.ok(Date.now() - began < 4000, `${Date.now() - began} ms`);
	silent.close();
});

story('a socket that systemd hands over has the TLS and the proxy_protocol of its section', async () => {
	const own = await world(await settings({ proxy: false, waitReady: false }));
	const { secure } = own.settings;
	const file = join(dir, 'activated.conf');
	writeFileSync(file, configuration({ ...own.settings, port: own.port, adminPort: own.adminPort }), { mode: 0o600 });
	const server = createServer();
	await new Promise((resolve) => { server.listen(secure, '127.0.0.1', resolve); });
	const child = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -c "$1"', ASAN, file], { stdio: ['ignore', 'ignore', 'pipe', server._handle] });
	let said = '';
	child.stderr.on('data', (d) => { said += d; });
	const code = new Promise((resolve) => { child.once('close', resolve); });
	server.close();
	const front = await relay(secure, v2From(USER));
	try {
		const raw = await until('TLS', () => overTls(front.port).catch(() => undefined));
		raw.send(GET('/public/activated'));
		assert.equal((await raw.response()).status, 200, said);
		raw.close();
		assert.equal(own.backend.seen('/public/activated')[0].get('x-forwarded-for'), USER);
	} finally {
		front.stop();
		child.kill('SIGTERM');
		assert.equal(await code, 0, said);
		await own.stop();
	}
});

// --- HAProxy and nginx -------------------------------------------------------------

const behind = async (make, fn) => {
	const front = await make;
	try {
		return await fn(front);
	} finally {
		await front.stop();
	}
};
// The client comes from an address of its own; HAProxy and nginx connect from 127.0.0.1.
const CLIENT = '127.0.0.3';
async function overFront(port, tlsOptions) {
	const { backend } = await w();
	const target = `/public/front${++serial}`;
	const tcp = await Raw.open(port, { localAddress: CLIENT });
	let socket = tcp.socket;
	if (tlsOptions) {
		socket = connectTls({ socket, servername: 'one.test', rejectUnauthorized: false, ...tlsOptions });
		socket.on('error', () => {});
	}
	socket.write(GET(target, ...FORGED));
	const seen = await until('the request', () => backend.seen(target)[0]).finally(() => socket.destroy());
	return { xff: seen.get('x-forwarded-for'), proto: seen.get('x-forwarded-proto') };
}

for (const how of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id', 'send-proxy-v2-ssl-cn proxy-v2-options crc32c,ssl,cert-sig,cert-key,authority']) {
	story(`HAProxy, ${how}: plain, and TLS passed through`, async () => {
		const { plain, secure } = await w();
		await behind(haproxy(`127.0.0.1:${plain}`, { server: how }), async ({ port }) => {
			assert.deepEqual(await overFront(port), { xff: CLIENT, proto: 'http' });
		});
		await behind(haproxy(`127.0.0.1:${secure}`, { server: how }), async ({ port }) => {
			assert.deepEqual(await overFront(port, {}), { xff: CLIENT, proto: 'https' });
			const s = await session(port, { servername: 'one.test', localAddress: CLIENT });
			assert.equal((await ask(s, { ':path': '/public/h-front', ':authority': 'one.test' })).status, 200);
			s.close();
		});
	});
}

story('HAProxy that ends TLS and says so', async () => {
	const { plain } = await w();
	const pem = join(dir, 'both.pem');
	writeFileSync(pem, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
	for (const [how, proto] of [['send-proxy-v2-ssl', 'https'], ['send-proxy-v2', 'http']]) {
		await behind(haproxy(`127.0.0.1:${plain}`, { bind: `ssl crt ${pem}`, server: how }), async ({ port }) => {
			assert.deepEqual(await overFront(port, {}), { xff: CLIENT, proto });
		});
	}
});

story('HAProxy\'s health checks: up, and not a word in the log', async () => {
	const { plain, secure, proxy } = await w();
	await sleep(100);
	const before = loud(proxy).length;
	for (const [port, check] of [[plain, 'send-proxy-v2 check check-send-proxy inter 50'], [plain, 'send-proxy check inter 50'], [secure, 'send-proxy-v2 check check-send-proxy inter 50'], [plain, 'send-proxy-v2 proxy-v2-options crc32c check check-send-proxy inter 50']]) {
		await behind(haproxy(`127.0.0.1:${port}`, { server: check }), async (front) => {
			await sleep(400);
			await overFront(front.port, port === secure ? {} : undefined);
			assert.ok(!/DOWN/.test(front.said()), front.said());
		});
	}
	assert.deepEqual(loud(proxy).slice(before), []);
});

story('HAProxy over a unix socket', async () => {
	const { path } = await w();
	await behind(haproxy(`unix@${path}`, { server: 'send-proxy-v2' }), async ({ port }) => {
		assert.deepEqual(await overFront(port), { xff: CLIENT, proto: 'http' });
	});
});

story('nginx, stream with proxy_protocol on: plain, and TLS passed through', async () => {
	const { plain, secure } = await w();
	await behind(nginxStream(`127.0.0.1:${plain}`), async ({ port }) => {
		assert.deepEqual(await overFront(port), { xff: CLIENT, proto: 'http' });
	});
	await behind(nginxStream(`127.0.0.1:${secure}`), async ({ port }) => {
		assert.deepEqual(await overFront(port, {}), { xff: CLIENT, proto: 'https' });
	});
});

closing(made);
