// Who speaks HTTP/2 to do harm: smuggling through the downgrade, floods, streams that are given up, heads without end.
import assert from 'node:assert/strict';
import { certificate } from './lib/certificate.mjs';
import {
	ACK, block, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, frame, Frames, HEADERS, PADDED, PING, PRIORITY, PROTOCOL_ERROR,
	RST_STREAM, SETTINGS, settings, u32, WINDOW_UPDATE,
} from './lib/http2.mjs';
import { sleep, until } from './lib/ports.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const one = certificate('one.test', 'DNS:one.test');
const options = { publicUrl: 'https://one.test', listen: one.listen, workers: 1, logLevel: 'info' };
const w = shared(options);
const DONE = END_STREAM | END_HEADERS;
const get = [[':method', 'GET'], [':scheme', 'https'], [':path', '/public/x'], [':authority', 'one.test']];
const with_ = (name, value) => get.map(([n, v]) => [n, n === name ? value : v]);
const post = with_(':method', 'POST');
const head = (stream, fields = get, flags = DONE) => frame(HEADERS, flags, stream, block(fields));
const open = async (port, fn) => {
	const f = await Frames.open(port);
	try {
		return await fn(f);
	} finally {
		f.close();
	}
};

// --- nothing ambiguous passes the downgrade to HTTP/1.1 (RFC 9113 10.3) ---

for (const [what, fields, flags = DONE] of [
	['a CR LF in a value', [...get, ['x-a', 'b\r\nX-Forwarded-User: root']]],
	['a CR alone', [...get, ['x-a', 'b\rc']]],
	['a LF alone', [...get, ['x-a', 'b\nc']]],
	['a NUL', [...get, ['x-a', 'b\0c']]],
	['a control character', [...get, ['x-a', 'b\x7fc']]],
	['a value that begins with a space', [...get, ['x-a', ' b']]],
	['a CR LF in a name', [...get, ['x-a: b\r\nx-forwarded-user', 'root']]],
	['a colon in a name', [...get, ['x-a:b', 'c']]],
	['a space in a name', [...get, ['x a', 'b']]],
	['an empty name', [...get, ['', 'b']]],
	['an upper case name', [...get, ['X-A', 'b']]],
	['Transfer-Encoding', [...post, ['transfer-encoding', 'chunked']], END_HEADERS],
	['Transfer-Encoding in disguise', [...post, ['transfer-encoding', 'Chunked '], ['content-length', '4']], END_HEADERS],
	['Connection', [...get, ['connection', 'x-forwarded-for']]],
	['Upgrade', [...get, ['upgrade', 'websocket']]],
	['Proxy-Connection', [...get, ['proxy-connection', 'keep-alive']]],
	['two lengths', [...post, ['content-length', '4'], ['content-length', '5']], END_HEADERS],
	['a length that is no number', [...post, ['content-length', '4, 4']], END_HEADERS],
	['a space in :method', with_(':method', 'GET /admin HTTP/1.1\r\nHost: one.test\r\n\r\nGET')],
	['a CR LF in :path', with_(':path', '/public/x HTTP/1.1\r\nX-Forwarded-User: root\r\n\r\n')],
	['a space in :path', with_(':path', '/public/x y')],
	['a NUL in :path', with_(':path', '/public/\0x')],
	['a # in :path', with_(':path', '/public/x#y')],
	['a URL as :path', with_(':path', 'http://evil.example/public/x')],
	['no / before :path', with_(':path', 'public/x')],
	['a :scheme with more in it', with_(':scheme', 'https://evil.example/x?')],
	['a CR LF in :authority', with_(':authority', 'one.test\r\nX-Forwarded-User: root')],
	['a user in :authority', with_(':authority', 'root@one.test')],
	['a path in :authority', with_(':authority', 'one.test/x')],
	['an :authority that is not Host', [...get, ['host', 'two.test']]],
	['two hosts', [...get, ['host', 'one.test'], ['host', 'two.test']]],
	['no host at all', get.slice(0, 3)],
	['CONNECT', [[':method', 'CONNECT'], [':authority', 'one.test:443']]],
	['CONNECT for another protocol', [[':method', 'CONNECT'], [':protocol', 'connect-udp'], ...get.slice(1)], END_HEADERS],
	['TRACE', with_(':method', 'TRACE')],
	['two Authorization fields', [...get, ['authorization', 'Bearer a'], ['authorization', 'Bearer b']]],
]) {
	story(`${what}: refused, and the backend hears nothing`, async () => {
		const { port, backend, proxy } = await w();
		const before = backend.requests.length, logged = proxy.access.length;
		await open(port, async (f) => {
			f.send(head(1, fields, flags));
			const status = await f.status(1);
			assert.ok([400, 501, `reset ${PROTOCOL_ERROR}`].includes(status), String(status));
			f.send(head(3));
			assert.equal(await f.status(3), 200, 'the connection serves on');
		});
		assert.equal(backend.requests.length, before + 1);
		const record = await until('its line in the access log', () => proxy.access.slice(logged).find((a) => a.status === 400 || a.status === 501));
		assert.match(record.reason, /^bad_/);
		assert.equal(record.proto, 'HTTP/2');
	});
}

story('what a client may not send passes in no spelling, HTTP/2 or not', async () => {
	const { port, backend } = await w();
	await open(port, async (f) => {
		f.send(head(1, [...get, ['x-forwarded-user', 'root'], ['x_forwarded_user', 'root'], ['x-forwarded-for', '192.0.2.1'], ['x-forwarded-proto', 'http'], ['x-forwarded-host', 'evil'], ['proxy', 'evil'], ['forwarded', 'for=1'], ['te', 'trailers'], ['trailer', 'x-a'], ['keep', 'this']]));
		assert.equal(await f.status(1), 200);
	});
	const seen = backend.last;
	assert.equal(seen.get('keep'), 'this');
	assert.deepEqual([seen.get('x-forwarded-user'), seen.get('x_forwarded_user'), seen.get('proxy'), seen.get('forwarded'), seen.get('te'), seen.get('trailer')], Array(6).fill(undefined));
	assert.deepEqual([seen.all('x-forwarded-for'), seen.all('x-forwarded-proto'), seen.all('x-forwarded-host')], [['127.0.0.1'], ['https'], ['one.test']]);
});

story('a host that is not ours is 421, whatever the handshake was for', async () => {
	const { port } = await w();
	await open(port, async (f) => {
		f.send(head(1, with_(':authority', 'two.test')));
		assert.equal(await f.status(1), 421);
	});
});

story('a body that is longer or shorter than its length: the upstream request is broken off, nothing is reused', async () => {
	const { port, backend, proxy } = await w();
	for (const [n, bytes] of [[1, 'too long'], [2, 's']]) {
		const logged = proxy.access.length;
		backend.on(`/public/measured${n}`, () => {});
		await open(port, async (f) => {
			f.send(head(1, [...post.filter(([x]) => x !== ':path'), [':path', `/public/measured${n}`], ['content-length', '4']].sort(([a], [b]) => (a[0] === ':' ? 0 : 1) - (b[0] === ':' ? 0 : 1)), END_HEADERS));
			await until('the head at the backend', () => backend.seen(`/public/measured${n}`).length === 1);
			f.send(frame(DATA, END_STREAM, 1, bytes));
			assert.equal(await f.status(1), `reset ${PROTOCOL_ERROR}`);
			f.send(head(3));
			assert.equal(await f.status(3), 200);
		});
		await until('the upstream connection to close', () => !backend.seen(`/public/measured${n}`)[0].connection.open);
		assert.equal((await until('its line', () => proxy.access.slice(logged).find((a) => a.path === `/public/measured${n}`))).reason, 'bad_framing');
	}
});

// --- floods ---

// says: which of the limits it was that held.
async function abuse(attack, says = 'a flood of frames that bring nothing', options = {}) {
	const { port, proxy } = await w();
	const before = proxy.stderr.length;
	const f = await Frames.open(port, options);
	try {
		await attack(f);
		const code = await f.goaway();
		assert.ok([ENHANCE_YOUR_CALM, 'closed'].includes(code), `GOAWAY ${code}`);
	} finally {
		f.close();
	}
	await until('http2_abuse in the log', () => proxy.stderr.slice(before).split('\n').some((line) => line.includes('http2_abuse') && line.includes(says)));
	await open(port, async (other) => { other.send(head(1)); assert.equal(await other.status(1), 200, 'others are served'); });
}
const GIVEN_UP = 'a flood of streams that are given up';
const times = (n, fn) => Array.from({ length: n }, (_, i) => fn(2 * i + 1, i));

story('rapid reset (CVE-2023-44487): streams that are given up as soon as they are begun end the connection', async () => {
	const { backend } = await w();
	const before = backend.requests.length;
	await abuse((f) => { for (let i = 0; i < 2000; i++) f.send(head(2 * i + 1), frame(RST_STREAM, 0, 2 * i + 1, u32(8))); }, GIVEN_UP);
	assert.ok(backend.requests.length - before < 400, `${backend.requests.length - before} requests reached the backend`);
});

// Fewer than the other limits let pass, libnghttp2's own (1000) among them.
for (const [what, fields, spoil] of [
	['a window beyond 2^31-1', get, (id) => frame(WINDOW_UPDATE, 0, id, u32(0x7fffffff))],
	['more of a body than was announced', [...post, ['content-length', '1']], (id) => frame(DATA, END_STREAM, id, 'more')],
	['a second head', post, (id) => head(id, [['x-a', 'b']], END_HEADERS)],
]) {
	story(`made you reset (CVE-2025-8671): streams that we have to reset count as well (${what})`, () => abuse((f) => {
		f.send(...times(400, (id) => Buffer.concat([head(id, fields, fields === get ? DONE : END_HEADERS), spoil(id)])));
	}, GIVEN_UP));
}

story('streams beyond the limit that a client did not acknowledge are counted, not collected', () => abuse((f) => {
	f.send(...times(100, (id) => head(id, post, END_HEADERS)), ...times(1000, (id) => head(id + 200)));
}, GIVEN_UP, { mute: true }));

story('malformed requests without end', () => abuse((f) => { for (let i = 0; i < 2000; i++) f.send(head(2 * i + 1, [...get, ['X-A', 'b']])); }, GIVEN_UP));

story('a PING flood (CVE-2019-9512)', () => abuse((f) => { for (let i = 0; i < 3000; i++) f.send(frame(PING, 0, 0, '12345678')); }, ''));

story('a SETTINGS flood (CVE-2019-9515)', () => abuse((f) => { for (let i = 0; i < 3000; i++) f.send(settings([4, 65535])); }, ''));

story('a flood of empty DATA frames (CVE-2019-9518)', () => abuse((f) => {
	f.send(head(1, post, END_HEADERS));
	for (let i = 0; i < 3000; i++) f.send(frame(DATA, 0, 1, ''));
}));

story('a PRIORITY flood (CVE-2019-9513)', () => abuse((f) => { for (let i = 0; i < 3000; i++) f.send(frame(PRIORITY, 0, 2 * i + 1, Buffer.concat([u32(0), Buffer.from([1])]))); }));

story('a flood of WINDOW_UPDATEs that nothing was sent for', () => abuse((f) => { for (let i = 0; i < 3000; i++) f.send(frame(WINDOW_UPDATE, 0, 0, u32(1))); }));

story('frames that nobody knows are passed over, a flood of them is not', async () => {
	const { port } = await w();
	await open(port, async (f) => {
		f.send(...times(500, () => frame(200, 0, 0, 'x')), ...times(300, (id) => frame(16, 0, 0, Buffer.concat([u32(id), Buffer.from('u=3')]))), head(1));
		assert.equal(await f.status(1), 200);
	});
	await abuse((f) => { f.send(...times(3000, () => frame(200, 0, 0, 'x'))); });
});

story('a flood of DATA frames that hold padding alone', () => abuse((f) => {
	f.send(head(1, post, END_HEADERS), ...times(3000, (_, i) => frame(DATA, PADDED, 1, Buffer.alloc(1 + i % 256, i % 256).fill(0, 1))));
}));

story('a flood of frames for a stream that is over', async () => {
	await abuse(async (f) => {
		f.send(head(1));
		await f.body(1);
		f.send(...times(3000, () => frame(RST_STREAM, 0, 1, u32(8))));
	});
	await abuse(async (f) => {
		f.send(head(1, [...post, ['content-length', '1']], END_HEADERS), frame(DATA, 0, 1, 'more'));
		assert.equal(await f.status(1), `reset ${PROTOCOL_ERROR}`);
		f.send(...times(3000, () => head(1)));
	});
});

story('a CONTINUATION flood (CVE-2024-28182): heads without end, the connection ends', async () => {
	const { port, proxy } = await w();
	const before = proxy.stderr.length;
	await open(port, async (f) => {
		f.send(head(1, get, END_STREAM));
		for (let i = 0; i < 1000 && !f.closed; i++) f.send(frame(CONTINUATION, 0, 1, block([['x-a', 'b'.repeat(1000)]])));
		assert.ok(['closed', ENHANCE_YOUR_CALM, 1, 2].includes(await f.goaway()));
		assert.ok(!f.received.some((r) => r.type === HEADERS), 'it was answered');
	});
	await until('it in the log', () => /reason":"http2_abuse/.test(proxy.stderr.slice(before)));
	await open(port, async (f) => { f.send(head(1)); assert.equal(await f.status(1), 200); });
});

story('a small head that unpacks into a huge one is cut off', async () => {
	const { port, proxy } = await w();
	const before = proxy.rss();
	await open(port, async (f) => {
		// One entry of 3968 bytes for the table, then one byte each that says it again.
		const big = Buffer.concat([block(get), Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]), Buffer.alloc(3968, 'b')]);
		f.send(frame(HEADERS, END_STREAM, 1, big), frame(CONTINUATION, END_HEADERS, 1, Buffer.alloc(12000, 0xbe)));
		const e = await f.failure(1);
		assert.ok(e.connection === ENHANCE_YOUR_CALM || e.connection === 'closed', JSON.stringify(e));
	});
	assert.ok(proxy.rss() - before < 64 << 20, 'it was kept');
});

story('a head beyond limits.header_size is 431, its connection serves on', async () => {
	const { port } = await w();
	await open(port, async (f) => {
		f.send(frame(HEADERS, END_STREAM, 1, block(get)), frame(CONTINUATION, 0, 1, block([['x-a', 'b'.repeat(16000)]])), frame(CONTINUATION, 0, 1, block([['x-a', 'b'.repeat(16000)]])), frame(CONTINUATION, END_HEADERS, 1, block([['x-a', 'b'.repeat(16000)]])));
		assert.equal(await f.status(1), 431);
		f.send(head(3));
		assert.equal(await f.status(3), 200);
	});
});

story('who does not read gets no more than a bounded answer to his PINGs', async () => {
	const { port, proxy } = await w();
	const before = proxy.rss();
	const f = await Frames.open(port);
	f.socket.pause();
	for (let i = 0; i < 200; i++) f.send(Buffer.concat(Array.from({ length: 500 }, () => frame(PING, 0, 0, '12345678'))));
	await sleep(1000);
	assert.ok(proxy.rss() - before < 16 << 20);
	f.close();
});

// --- slow ones ---

story('a head that does not end is given header_timeout, a connection without a preface as well', async () => {
	const own = await world({ ...options, limits: 'header_timeout = "700ms"' });
	try {
		const slow = await Frames.open(own.port, { mute: true });
		slow.send(head(1, get, END_STREAM));
		const drip = setInterval(() => slow.send(frame(CONTINUATION, 0, 1, block([['x-a', 'b']]))), 150);
		assert.equal(await slow.goaway(4000), 0);
		clearInterval(drip);
		assert.equal((await own.proxy.lastAccess((a) => a.proto === 'HTTP/2')).reason, 'header_timeout');
		slow.close();
		const dumb = await Frames.open(own.port, { preface: false });
		assert.ok(await dumb.wait(() => undefined, 4000) === null, 'it stays open');
		dumb.close();
	} finally {
		await own.stop();
	}
});

story('SETTINGS that shut every window hold back the answers, not the proxy', async () => {
	const own = await world({ ...options, limits: 'body_timeout = "1s"' });
	try {
		await open(own.port, async (f) => {
			f.send(settings([4, 0]));
			for (let i = 0; i < 100; i++) f.send(head(2 * i + 1));
			await until('the stalled streams in the log', () => own.proxy.access.filter((a) => a.path === '/public/x').length === 100, 6000);
			await until('their resets', () => f.received.filter((r) => r.type === RST_STREAM).length === 100, 6000);
		});
		await open(own.port, async (f) => { f.send(head(1)); assert.equal(await f.status(1), 200); });
	} finally {
		await own.stop();
	}
});

story('the proxy has taken all of this as it should', async () => {
	const { port } = await w();
	await open(port, async (f) => {
		f.send(head(1));
		assert.equal(await f.status(1), 200);
		assert.ok(await f.wait((all) => all.some((r) => r.type === SETTINGS && r.flags & ACK)));
	});
});

closing(w);
