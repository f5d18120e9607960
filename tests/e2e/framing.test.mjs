// HTTP/1.1 at the black box: what is ambiguous is refused and the backend saw nothing; what is legal passes unharmed.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { frame, frames, CLOSE, TEXT } from '../../demo/websocket.mjs';
import { Backend } from './lib/backend.mjs';
import { certificate } from './lib/certificate.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { exchange, Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const w = shared({
	routes: 'route "/" { upstream = "app" auth = "none" }\nroute "/down" { upstream = "http://127.0.0.1:9" auth = "none" }\nroute "/private" { upstream = "app" }',
	upstream: 'response_timeout = "1s" connect_timeout = "1s"',
	limits: 'header_timeout = "1500ms" body_timeout = "1s" idle_timeout = "3s" body_size = "1m" header_size = "16k" stream_timeout = "2s"',
});

const H = 'Host: 127.0.0.1\r\n';
const get = (target, more = '') => `GET ${target} HTTP/1.1\r\n${H}${more}\r\n`;
const post = (more, body) => `POST /p HTTP/1.1\r\n${H}${more}\r\n${body}`;

// [what, bytes, expected status or list of them]: the backend must see nothing of it.
const refused = [
	['Content-Length and Transfer-Encoding', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
	['Transfer-Encoding before Content-Length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'), 400],
	['two Content-Length', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'), 400],
	['two equal Content-Length', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'), 400],
	['a list of lengths', post('Content-Length: 5, 5\r\n', 'hello'), 400],
	['Content-Length with plus', post('Content-Length: +5\r\n', 'hello'), 400],
	['negative Content-Length', post('Content-Length: -1\r\n', ''), 400],
	['hexadecimal Content-Length', post('Content-Length: 0x5\r\n', 'hello'), 400],
	['Content-Length beyond 64 bits', post('Content-Length: 18446744073709551621\r\n', 'hello'), [400, 413]],
	['empty Content-Length', post('Content-Length: \r\n', ''), 400],
	['Content-Length 5 5', post('Content-Length: 5 5\r\n', 'hello'), 400],
	['Transfer-Encoding gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), [400, 501]],
	['Transfer-Encoding chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 400],
	['two Transfer-Encoding fields', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'), 400],
	['Transfer-Encoding identity', post('Transfer-Encoding: identity\r\n', 'hello'), [400, 501]],
	['Transfer-Encoding xchunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), [400, 501]],
	['Transfer-Encoding with vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), 400],
	['Transfer-Encoding with a quoted value', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n'), 400],
	['empty Transfer-Encoding', post('Transfer-Encoding: \r\n', '0\r\n\r\n'), 400],
	['Transfer-Encoding in HTTP/1.0', `POST /p HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
	['a space before the colon', post('Content-Length : 5\r\n', 'hello'), 400],
	['a tab before the colon', get('/p', 'X-A\t: b\r\n'), 400],
	['a folded line', get('/p', 'X-A: b\r\n c\r\n'), 400],
	['a folded Transfer-Encoding', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'), 400],
	['a leading space in the first field', `GET /p HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n`, 400],
	['bare LF line ends', `GET /p HTTP/1.1\nHost: 127.0.0.1\n\n`, 400],
	['one bare LF among fields', `GET /p HTTP/1.1\r\n${H}X-A: b\nX-B: c\r\n\r\n`, 400],
	['a bare CR in a value', get('/p', 'X-A: b\rX-B: c\r\n'), 400],
	['a NUL in a value', get('/p', 'X-A: b\0c\r\n'), 400],
	['a control in a value', get('/p', 'X-A: b\x01c\r\n'), 400],
	['a NUL in a name', get('/p', 'X\0A: b\r\n'), 400],
	['an empty field name', get('/p', ': b\r\n'), 400],
	['a field without colon', get('/p', 'X-A\r\n'), 400],
	['a name with a space', get('/p', 'X A: b\r\n'), 400],
	['a name with a parenthesis', get('/p', 'X(A): b\r\n'), 400],
	['a name with bytes beyond ASCII', get('/p', 'X-\xe4: b\r\n'), 400],
	['no Host', 'GET /p HTTP/1.1\r\n\r\n', 400],
	['two Host', `GET /p HTTP/1.1\r\n${H}${H}\r\n`, 400],
	['an empty Host', 'GET /p HTTP/1.1\r\nHost: \r\n\r\n', 400],
	['Host with a path', 'GET /p HTTP/1.1\r\nHost: 127.0.0.1/x\r\n\r\n', 400],
	['Host with user', 'GET /p HTTP/1.1\r\nHost: a@127.0.0.1\r\n\r\n', 400],
	['Host with a comma', 'GET /p HTTP/1.1\r\nHost: 127.0.0.1, evil\r\n\r\n', 400],
	['Host with a bad port', 'GET /p HTTP/1.1\r\nHost: 127.0.0.1:http\r\n\r\n', 400],
	['Host with port 99999', 'GET /p HTTP/1.1\r\nHost: 127.0.0.1:99999\r\n\r\n', 400],
	['absolute form of another host than Host', `GET http://other.example/p HTTP/1.1\r\n${H}\r\n`, [400, 421]],
	['absolute form with user', `GET http://a@127.0.0.1/p HTTP/1.1\r\n${H}\r\n`, 400],
	['absolute form of ftp', `GET ftp://127.0.0.1/p HTTP/1.1\r\n${H}\r\n`, 400],
	['CONNECT', 'CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n\r\n', [400, 405, 501]],
	['TRACE', `TRACE /p HTTP/1.1\r\n${H}\r\n`, [405, 501]],
	['asterisk form with GET', `GET * HTTP/1.1\r\n${H}\r\n`, 400],
	['a target without slash', `GET p HTTP/1.1\r\n${H}\r\n`, 400],
	['a fragment', get('/p#x'), 400],
	['a raw backslash', get('/p\\x'), 400],
	['a target with bytes beyond ASCII', get('/p\xe4'), 400],
	['a control in the target', get('/p\x01'), 400],
	['two spaces in the request line', `GET  /p HTTP/1.1\r\n${H}\r\n`, 400],
	['a tab in the request line', `GET\t/p HTTP/1.1\r\n${H}\r\n`, 400],
	['a space in the target', `GET /p x HTTP/1.1\r\n${H}\r\n`, 400],
	['a space after the version', `GET /p HTTP/1.1 \r\n${H}\r\n`, 400],
	['HTTP/0.9', 'GET /p\r\n\r\n', 400],
	['HTTP/2.0 in a request line', `GET /p HTTP/2.0\r\n${H}\r\n`, 505],
	['HTTP/1.2', `GET /p HTTP/1.2\r\n${H}\r\n`, 505],
	['http/1.1 in lower case', `GET /p http/1.1\r\n${H}\r\n`, 400],
	['HTTP/1.10', `GET /p HTTP/1.10\r\n${H}\r\n`, [400, 505]],
	['a method that is no token', `G(T /p HTTP/1.1\r\n${H}\r\n`, 400],
	['a method of 200 bytes', `${'M'.repeat(200)} /p HTTP/1.1\r\n${H}\r\n`, [400, 501]],
	['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]],
	['a TLS hello on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
	['an expectation that is not 100-continue', post('Expect: 200-ok\r\nContent-Length: 0\r\n', ''), 417],
	['an upgrade with a body', `POST /p HTTP/1.1\r\n${H}Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`, 400],
	['a head over header_size', get('/p', `X-Big: ${'a'.repeat(20000)}\r\n`), 431],
	['too many fields', get('/p', Array.from({ length: 300 }, (_, i) => `X-${i}: a\r\n`).join('')), 431],
	['a target over the limit', get(`/${'a'.repeat(17000)}`), [400, 414, 431]],
	['a declared body over body_size', post('Content-Length: 1048577\r\n', ''), 413],
	// The message itself is clear, so its connection may go on.
	['%00 in the path', get('/p%00'), 400, 'may stay open'],
	['a broken percent encoding', get('/p%zz'), 400, 'may stay open'],
	['a cut percent encoding', get('/p%2'), 400, 'may stay open'],
	['a path that climbs above the root', get('/../p'), 400, 'may stay open'],
	['overlong UTF-8', get('/%c0%ae%c0%ae/p'), 400, 'may stay open'],
];
story(`${refused.length} messages that may be read in two ways are refused, and the backend sees nothing of them`, async () => {
	const { port, backend, proxy } = await w();
	const failures = [];
	for (const [what, bytes, status, open] of refused) {
		const before = backend.requests.length;
		const n = proxy.access.length;
		const raw = await Raw.open(port);
		raw.send(bytes);
		const r = await raw.response(bytes.startsWith('HEAD') ? 'HEAD' : 'GET').catch((e) => ({ status: String(e.message).slice(0, 60) }));
		const expected = [status].flat();
		if (!expected.includes(r?.status)) failures.push(`${what}: ${r?.status ?? 'connection closed'}, expected ${expected}`);
		else {
			if (!open && !await raw.end(3000)) failures.push(`${what}: the connection stayed open`);
			const record = await until('its access record', () => proxy.access.slice(n).find((a) => a.status === r.status), 3000).catch(() => null);
			if (!record?.reason) failures.push(`${what}: no reason in the access log`);
		}
		raw.close();
		if (backend.requests.length !== before) failures.push(`${what}: reached the backend`);
	}
	assert.deepEqual(failures, []);
	assert.equal((await exchange(port, get('/control')))[0].status, 200);
}, 120000);

const accepted = [
	['a plain GET', get('/p')],
	['HTTP/1.0 with Host', `GET /p HTTP/1.0\r\n${H}\r\n`],
	['absolute form of the same host', `GET http://127.0.0.1/p HTTP/1.1\r\n${H}\r\n`],
	['an empty line before the request', `\r\n${get('/p')}`],
	['Host with a port', 'GET /p HTTP/1.1\r\nHost: 127.0.0.1:1234\r\n\r\n'],
	['an empty field value', get('/p', 'X-A:\r\n')],
	['a value without a space', get('/p', 'X-A:b\r\n')],
	['spaces and tabs around a value', get('/p', 'X-A: \t b \t \r\n')],
	['obs-text in a value', get('/p', 'X-A: \xe4\xf6\r\n')],
	['Content-Length: 0', post('Content-Length: 0\r\n', '')],
	['a body', post('Content-Length: 5\r\n', 'hello')],
	['a chunked body', post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n')],
	['Transfer-Encoding: Chunked', post('Transfer-Encoding: Chunked\r\n', '5\r\nhello\r\n0\r\n\r\n')],
	['an unknown method', `PURGE /p HTTP/1.1\r\n${H}\r\n`],
	['Upgrade: h2c is ignored', get('/p', 'Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n')],
	['Upgrade without Connection is ignored', get('/p', 'Upgrade: websocket\r\n')],
	['a query with everything printable', get("/p?a=\"<>{}|^`'//..%2F%00;@:$!*()+,=?/~")],
];
story(`${accepted.length} legal messages pass`, async () => {
	const { port, backend } = await w();
	const failures = [];
	for (const [what, bytes] of accepted) {
		const before = backend.requests.length;
		const [r] = await exchange(port, bytes).catch((e) => [{ status: e.message.slice(0, 60) }]);
		if (r?.status !== 200) failures.push(`${what}: ${r?.status}`);
		if (backend.requests.length !== before + 1) failures.push(`${what}: the backend saw ${backend.requests.length - before} requests`);
	}
	assert.deepEqual(failures, []);
});

story('what reaches the backend is written anew: one Host, one length, no foreign bytes', async () => {
	const { port, backend } = await w();
	backend.clear();
	await exchange(port, post('content-length:5\r\nX-A:  b  \r\n', 'hello'));
	const head = backend.raw.slice(0, backend.raw.indexOf('\r\n\r\n'));
	assert.match(head, /^POST \/p HTTP\/1\.1\r\n/);
	assert.equal(head.match(/content-length/gi).length, 1);
	assert.ok(/X-A: b(\r\n|$)/i.test(head));
	assert.equal(backend.last.body.toString(), 'hello');
});

const badChunks = ['zz\r\nhello\r\n0\r\n\r\n', '5;a\nb\r\nhello\r\n0\r\n\r\n', '5\nhello\n0\n\n', '-5\r\nhello\r\n0\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n', ' 5\r\nhello\r\n0\r\n\r\n', '5 \r\nhello\r\n0\r\n\r\n',
	'5\r\nhelloX\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', 'fffffffffffffffff\r\n', '10000000000000005\r\nhello', '\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nBad Trailer\r\n\r\n', '5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n'];
story(`${badChunks.length} broken chunkings never become a whole request at the backend`, async () => {
	const { port, backend } = await w();
	const failures = [];
	for (const chunks of badChunks) {
		const n = backend.requests.length;
		const raw = await Raw.open(port);
		raw.send(post('Transfer-Encoding: chunked\r\n', chunks), get('/smuggled'));
		const r = await raw.response();
		const closed = await raw.end(3000);
		raw.close();
		await sleep(20);
		if (r && r.status !== 400) failures.push(`${JSON.stringify(chunks)}: ${r.status}`);
		if (!closed) failures.push(`${JSON.stringify(chunks)}: stayed open`);
		const seen = backend.requests.slice(n);
		if (seen.some((q) => q.complete && q.target === '/p')) failures.push(`${JSON.stringify(chunks)}: arrived whole`);
		if (seen.some((q) => q.target === '/smuggled')) failures.push(`${JSON.stringify(chunks)}: smuggled`);
	}
	assert.deepEqual(failures, []);
});

story('pipelined requests are answered in order', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(Array.from({ length: 10 }, (_, i) => get(i === 0 ? '/slow/150' : `/n/${i}`)).join(''));
	assert.equal((await raw.response()).body.toString(), 'slow');
	for (let i = 1; i < 10; i++) assert.equal(JSON.parse((await raw.response()).body).target, `/n/${i}`);
	raw.close();
});

story('a request that comes byte by byte is the same request', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.socket.setNoDelay(true);
	for (const c of post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n')) {
		raw.send(c);
		await new Promise((resolve) => { setImmediate(resolve); });
	}
	assert.equal(JSON.parse((await raw.response()).body).size, 5);
	raw.close();
});

story('keep-alive: 1.1 stays open, 1.1 with close and 1.0 close, 1.0 with keep-alive stays', async () => {
	const { port } = await w();
	for (const [bytes, stays] of [[get('/p'), true], [get('/p', 'Connection: close\r\n'), false], [`GET /p HTTP/1.0\r\n${H}\r\n`, false], [`GET /p HTTP/1.0\r\n${H}Connection: keep-alive\r\n\r\n`, true]]) {
		const raw = await Raw.open(port);
		raw.send(bytes);
		const r = await raw.response();
		assert.equal(r.status, 200);
		assert.equal(!await raw.end(400), stays, JSON.stringify(bytes));
		if (!stays && bytes.includes('1.1')) assert.match(r.get('connection') ?? '', /close/);
		raw.close();
	}
});

story('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(`HEAD /p HTTP/1.1\r\n${H}\r\n`);
	assert.equal((await raw.response('HEAD')).status, 200);
	raw.send(`HEAD /status/404 HTTP/1.1\r\n${H}\r\n`);
	assert.equal((await raw.response('HEAD')).status, 404);
	raw.close();
	const on = await Raw.open(port);
	on.send(get('/nocontent'));
	const r = await on.response();
	assert.equal(r.status, 204);
	assert.equal(r.get('transfer-encoding'), undefined);
	on.send(get('/notmodified'));
	assert.equal((await on.response()).status, 304);
	on.send(get('/after'));
	assert.equal(JSON.parse((await on.response()).body).target, '/after');
	on.close();
});

story('Expect: 100-continue is answered before the body is sent, and not when the request is refused', async () => {
	const { port, backend } = await w();
	const raw = await Raw.open(port);
	raw.send(`POST /p HTTP/1.1\r\n${H}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
	assert.equal((await raw.head(3000)).status, 100);
	raw.send('hello');
	assert.equal(JSON.parse((await raw.response()).body).size, 5);
	assert.equal(backend.last.get('expect'), undefined);
	raw.close();
	const refusedBody = await Raw.open(port);
	refusedBody.send(`POST /private HTTP/1.1\r\n${H}Accept: application/json\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
	assert.equal((await refusedBody.response()).status, 401);
	refusedBody.close();
});

story('103 Early Hints are passed on or swallowed, and the final answer follows', async () => {
	const { port } = await w();
	const [r] = await exchange(port, get('/early'));
	assert.equal(r.status, 200);
	assert.equal(r.body.toString(), 'after hints');
});

story('chunked bodies stream both ways, trailers are dropped', async () => {
	const { port, backend } = await w();
	const raw = await Raw.open(port);
	raw.send(post('Transfer-Encoding: chunked\r\nTrailer: X-T\r\n', ''), '5\r\nhello\r\n');
	await until('the head at the backend', () => backend.last?.target === '/p' && !backend.last.complete && backend.last.size === 5);
	raw.send('6;x=y\r\n world\r\n0\r\nX-T: 1\r\nX-Forwarded-User: mallory\r\n\r\n');
	const r = await raw.response();
	assert.equal(JSON.parse(r.body).sha256, createHash('sha256').update('hello world').digest('hex'));
	assert.deepEqual(backend.last.trailers, []);
	raw.send(get('/chunked'));
	const c = await raw.response();
	assert.equal(c.body.toString(), 'hello world');
	assert.deepEqual(c.trailers ?? [], []);
	raw.close();
});

story('a chunked answer to HTTP/1.0 is sent plain and ends with the connection', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(`GET /chunked HTTP/1.0\r\n${H}\r\n`);
	const r = await raw.response();
	assert.equal(r.get('transfer-encoding'), undefined);
	assert.equal(r.body.toString(), 'hello world');
	raw.close();
});

story('answers until close and of HTTP/1.0 servers arrive whole', async () => {
	const { port } = await w();
	for (const [path, body] of [['/untilclose', 'until close'], ['/http10', 'old']]) {
		const raw = await Raw.open(port);
		raw.send(get(path));
		const r = await raw.response();
		assert.equal(r.status, 200);
		assert.equal(r.body.toString(), body);
		raw.close();
	}
});

story('server-sent events are passed on at once', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(get('/sse/4', 'Accept: text/event-stream\r\n'));
	assert.equal((await raw.head()).status, 200);
	for (let i = 0; i < 3; i++) {
		const sent = await raw.wait((b) => { const m = new RegExp(`data: ${i} (\\d+)`).exec(b.toString()); return m ? Number(m[1]) : undefined; });
		assert.ok(Date.now() - sent < 150, `event ${i} took ${Date.now() - sent} ms`);
	}
	raw.close();
});

const upgrade = (path, more = '') => `GET ${path} HTTP/1.1\r\n${H}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`;
story('a WebSocket echoes through the proxy in both directions and closes cleanly', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(upgrade('/socket'));
	const h = await raw.head();
	assert.equal(h.status, 101);
	assert.equal(h.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
	for (const size of [5, 200, 70000]) {
		raw.send(frame(TEXT, 'x'.repeat(size), true));
		const got = await raw.wait((b) => { const f = frames(b).frames[0]; return f ? f.payload.toString() : undefined; });
		assert.equal(got.length, size + 5);
		raw.bytes = frames(raw.bytes).rest;
	}
	raw.send(frame(CLOSE, '', true));
	assert.ok(await raw.end(3000));
	raw.close();
});
story('bytes sent behind an upgrade request wait for the 101', async () => {
	const { port, backend } = await w();
	backend.clear();
	const raw = await Raw.open(port);
	raw.send(Buffer.concat([Buffer.from(upgrade('/socket/late'), 'latin1'), frame(TEXT, 'early', true)]));
	await sleep(200);
	assert.ok(backend.raw.endsWith('\r\n\r\n'), 'only the head arrived before the 101');
	assert.equal((await raw.head()).status, 101);
	await raw.wait((b) => (b.includes('echo:early') ? true : undefined));
	raw.close();
});
story('bytes sent behind an upgrade that the backend refuses are not another request', async () => {
	const { port, backend } = await w();
	const raw = await Raw.open(port);
	raw.send(upgrade('/socket/refuse') + get('/smuggled-upgrade'));
	assert.equal((await raw.response()).status, 403);
	await raw.end(2000);
	raw.close();
	// Either dropped, or judged and written anew as the next request of this connection: never passed on raw.
	for (const r of backend.seen('/smuggled-upgrade')) assert.ok(r.get('x-request-id'), 'it went through the proxy\'s own hands');
	const arrived = backend.raw.split('/smuggled-upgrade').length - 1;
	assert.equal(arrived, backend.seen('/smuggled-upgrade').length);
});
story('a WebSocket that is silent for stream_timeout is ended', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(upgrade('/socket'));
	assert.equal((await raw.head()).status, 101);
	assert.ok(await raw.end(6000));
	raw.close();
});

const troubles = [
	['/down', 502, 'upstream_refused'],
	['/shutearly', 502, 'upstream_closed'],
	['/silent', 504, 'upstream_timeout'],
	['/garbage', 502, 'upstream_bad_response'],
	['/twolengths', 502, 'upstream_bad_response'],
	['/hugehead', 502, 'upstream_bad_response'],
	['/split', 502, 'upstream_bad_response'],
];
for (const [path, status, reason] of troubles) {
	story(`upstream trouble ${path}: ${status} with reason ${reason}`, async () => {
		const { port, proxy } = await w();
		const [r] = await exchange(port, get(path, 'Accept: application/json\r\n'));
		assert.equal(r.status, status);
		assert.match(r.get('content-type'), /json/);
		assert.equal((await proxy.lastAccess((a) => a.path === path)).reason, reason);
		const [page] = await exchange(port, get(path, 'Accept: text/html\r\n'));
		assert.equal(page.status, status);
		assert.match(page.get('content-type'), /text\/html/);
	});
}

story('an answer that is cut off ends the connection, it is never completed', async () => {
	const { port, proxy } = await w();
	for (const path of ['/cutbody', '/cutchunked', '/stallbody', '/badchunk']) {
		const raw = await Raw.open(port);
		raw.send(get(path));
		const r = await raw.response();
		if (r?.status === 200) assert.equal(r.whole, false, path);
		else assert.ok(r === null || r.status >= 502, path); // null: cut before a byte of it had left
		assert.ok(await raw.end(4000), path);
		raw.close();
		assert.match((await proxy.lastAccess((a) => a.path === path)).reason, /^upstream_/);
	}
});

story('a head that never ends gets 408 after header_timeout, however slowly it drips', async () => {
	const { port, proxy } = await w();
	const raw = await Raw.open(port);
	const start = Date.now();
	raw.send('GET /drip HTTP/1.1\r\n');
	const drip = setInterval(() => raw.send('X-A: b\r\n'), 200);
	const r = await raw.response();
	clearInterval(drip);
	assert.equal(r.status, 408);
	assert.ok(Date.now() - start < 3500);
	assert.equal((await proxy.lastAccess((a) => a.status === 408)).reason, 'header_timeout');
	raw.close();
});

story('a body that stalls gets 408 after body_timeout', async () => {
	const { port, proxy } = await w();
	const raw = await Raw.open(port);
	raw.send(post('Content-Length: 100\r\n', 'half'));
	const r = await raw.response();
	assert.equal(r.status, 408);
	assert.equal((await proxy.lastAccess((a) => a.status === 408)).reason, 'body_timeout');
	raw.close();
});

story('a chunked body that grows over body_size gets 413 or a closed connection, and never arrives whole', async () => {
	const { port, backend, proxy } = await w();
	const n = backend.requests.length;
	const raw = await Raw.open(port);
	raw.send(post('Transfer-Encoding: chunked\r\n', ''));
	const chunk = `10000\r\n${'x'.repeat(65536)}\r\n`;
	for (let i = 0; i < 40 && !raw.closed; i++) {
		raw.send(chunk);
		await sleep(5);
	}
	const r = await raw.response();
	if (r) assert.equal(r.status, 413);
	raw.close();
	assert.equal((await proxy.lastAccess((a) => a.path === '/p' && a.status === 413)).reason, 'body_too_large');
	assert.ok(!backend.requests.slice(n).some((q) => q.complete));
});

story('an idle connection is closed after idle_timeout', async () => {
	const { port } = await w();
	const raw = await Raw.open(port);
	raw.send(get('/p'));
	await raw.response();
	const start = Date.now();
	assert.ok(await raw.end(6000));
	assert.ok(Date.now() - start > 1500);
	raw.close();
});

story('a client that closes early is no failure of the backend', async () => {
	const { port } = await w();
	for (let i = 0; i < 20; i++) {
		const s = connect(port, '127.0.0.1');
		await new Promise((resolve) => { s.once('connect', resolve); });
		s.write(get(i % 2 ? '/slow/200' : '/big/5000000'));
		await sleep(5 + i * 3);
		s.destroy();
	}
	assert.equal((await exchange(port, get('/alive')))[0].status, 200);
});

story('a pooled connection that the backend closed: GET is repeated on a fresh one, POST is not sent twice', async () => {
	const own = await world({ routes: 'route "/" { upstream = "app" auth = "none" }', workers: 1 });
	try {
		const { port, backend } = own;
		// The backend reads the second request of each connection and closes without an answer.
		backend.on('/reuse', async (r, s) => {
			if (r.connection.requests > 1) return s.destroy();
			await r.done;
			return s.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
		});
		const warm = async () => assert.equal((await exchange(port, get('/reuse')))[0].status, 200);
		await warm();
		assert.equal((await exchange(port, get('/reuse?again')))[0].status, 200, 'GET is retried');
		assert.equal(backend.seen('/reuse?again').length, 2);
		await warm();
		const [r] = await exchange(port, `POST /reuse?post HTTP/1.1\r\n${H}Content-Length: 5\r\n\r\nhello`);
		assert.ok(backend.seen('/reuse?post').length <= 1 || r.status === 502, `${backend.seen('/reuse?post').length} times`);
		assert.equal(backend.seen('/reuse?post').length, 1, 'POST was sent once');
		assert.ok([200, 502].includes(r.status));
	} finally {
		await own.stop();
	}
});

story('what a backend sends behind its answer is no answer to the next request, not even at the end of a read', async () => {
	const { port, backend, proxy } = await w();
	backend.on('/full', (r, s) => {
		proxy.signal('SIGSTOP'); // until all of it is there
		setTimeout(() => proxy.signal('SIGCONT'), 30);
		const head = 'HTTP/1.1 200 X\r\nContent-Length: ';
		const body = 65536 - head.length - 5 - 4; // one read of ours, to the byte
		s.write(`${head}${body}\r\n\r\n${'a'.repeat(body)}HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nEVIL`);
	});
	for (let i = 0; i < 20; i++) {
		const [full, next] = await exchange(port, get('/full') + get(`/next/${i}`), { count: 2 });
		assert.equal(full.status, 200);
		assert.equal(next.status, 200);
		assert.ok(!next.body.includes('EVIL'));
		assert.equal(backend.seen(`/next/${i}`).length, 1);
	}
});

story('nor what is behind it in a TLS record of its own', async () => {
	const { key, cert } = certificate('backend.test', 'IP:127.0.0.1');
	const backend = await Backend.start({ tls: { key: readFileSync(key), cert: readFileSync(cert) } });
	backend.on('/more', (r, s) => {
		const head = 'HTTP/1.1 200 X\r\nContent-Length: ';
		const body = 16384 - head.length - 5 - 4; // a whole record
		s.write(`${head}${body}\r\n\r\n${'a'.repeat(body)}HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nEVIL`);
	});
	const own = await world({ routes: 'route "/" { upstream = "app" auth = "none" }', servers: [backend.url], upstream: `tls_ca = "${cert}"`, workers: 1 });
	try {
		for (let i = 0; i < 20; i++) {
			const [more, next] = await exchange(own.port, get('/more') + get(`/next/${i}`), { count: 2 });
			assert.deepEqual([more.status, next.status], [200, 200]);
			assert.ok(!next.body.includes('EVIL'));
			assert.equal(backend.seen(`/next/${i}`).length, 1);
		}
		for (let i = 0; i < 10; i++) await exchange(own.port, get('/p'));
		assert.ok(backend.connections.length <= 22, `${backend.connections.length}: others are kept`);
	} finally {
		await own.stop();
		await backend.stop();
	}
});

story('connections to the backend are reused', async () => {
	const own = await world({ routes: 'route "/" { upstream = "app" auth = "none" }', workers: 1 });
	try {
		for (let i = 0; i < 20; i++) await exchange(own.port, get('/p'));
		assert.ok(own.backend.connections.length <= 2, `${own.backend.connections.length} connections`);
	} finally {
		await own.stop();
	}
});

story('of two servers the living one answers', async () => {
	const second = await Backend.start({ name: 'second' });
	const dead = await freePort();
	const own = await world({ proxy: false, routes: 'route "/" { upstream = "app" auth = "none" }' });
	try {
		await own.start({ servers: [`http://127.0.0.1:${dead}`, second.url] });
		for (let i = 0; i < 10; i++) {
			const [r] = await exchange(own.port, get('/p'));
			assert.equal(r.status, 200);
			assert.equal(r.get('x-backend'), 'second');
		}
	} finally {
		await own.stop();
		await second.stop();
	}
});

closing(w);
