// All cases of h2spec (summerwind/h2spec, by the sections and names that it gives them; the one of its strict mode
// included), frame by frame against the proxy.
import assert from 'node:assert/strict';
import { certificate } from './lib/certificate.mjs';
import {
	ACK, block, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR, frame, FRAME_SIZE_ERROR, Frames, GOAWAY, HEADERS,
	NO_ERROR, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, settings, STREAM_CLOSED, u16, u32, WINDOW_UPDATE, WITH_PRIORITY,
} from './lib/http2.mjs';
import { closing, shared, story } from './lib/world.mjs';

const one = certificate('one.test', 'DNS:one.test');
const w = shared({ publicUrl: 'https://one.test', listen: one.listen, workers: 1, logLevel: 'info' });

const get = [[':method', 'GET'], [':scheme', 'https'], [':path', '/public/x'], [':authority', 'one.test']];
const post = [[':method', 'POST'], ...get.slice(1)];
const slow = [...get.slice(0, 2), [':path', '/public/slow/x'], get[3]];
const DONE = END_STREAM | END_HEADERS;
const head = (stream, fields = get, flags = DONE) => frame(HEADERS, flags, stream, block(fields));
const priority = (dependsOn, weight = 15, exclusive = false) => Buffer.concat([u32(exclusive ? (dependsOn | 0x80000000) : dependsOn), Buffer.from([weight])]);
const update = (stream, n) => frame(WINDOW_UPDATE, 0, stream, u32(n));
const without = (name) => get.filter(([n]) => n !== name);
const reply = (status = 200) => async (f) => assert.equal(await f.status(1), status);
const works = async (f) => assert.ok(await f.ping(), 'the connection does not live');
const acked = async (f) => { assert.ok(await f.wait((all) => all.find((r) => r.type === SETTINGS && r.flags & ACK))); await works(f); };
const connectionError = (...codes) => async (f) => {
	const code = await f.goaway();
	assert.ok(code === 'closed' || codes.includes(code), `GOAWAY ${code} instead of ${codes}`);
	assert.equal(await f.wait(() => undefined), null, 'the connection stays open');
};
// RFC 9113 5.4: who meets a stream error may end the connection.
const streamError = (...codes) => async (f) => {
	const e = await f.failure(1);
	assert.ok([...codes, 'closed'].includes(e.stream ?? e.connection), `${JSON.stringify(e)} instead of ${codes}`);
};
// What was compressed in this way or that arrives as what it says.
const arrives = (name) => async (f, backend) => {
	assert.equal(await f.status(1), 200);
	assert.equal(backend.last.get(name), 'test');
};
const more = (...bytes) => frame(HEADERS, DONE, 1, Buffer.concat([block(get), ...bytes.map((x) => (typeof x === 'string' ? Buffer.from(x, 'latin1') : Buffer.from(x)))]));
const huffman = { 'x-test': [0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff], test: [0x83, 0x49, 0x50, 0x9f] };
// Two steps: frames, then others when the stream has been answered.
const afterAnswer = (...frames) => async (f) => { await f.status(1); await f.wait((all) => all.find((r) => r.stream === 1 && r.flags & END_STREAM)); f.send(...frames); };

// [section, name, frames or a function of the connection, what has to come of it]
const cases = [
	['generic/1', 'Sends a client connection preface', [], acked],
	['generic/2', 'Sends a PRIORITY frame on idle stream', [frame(PRIORITY, 0, 1, priority(0)), head(1)], reply()],
	['generic/2', 'Sends a WINDOW_UPDATE frame on half-closed (remote) stream', [head(1), update(1, 1)], reply()],
	['generic/2', 'Sends a PRIORITY frame on half-closed (remote) stream', [head(1), frame(PRIORITY, 0, 1, priority(0))], reply()],
	['generic/2', 'Sends a RST_STREAM frame on half-closed (remote) stream', [head(1, slow), frame(RST_STREAM, 0, 1, u32(8))], works],
	['generic/2', 'Sends a PRIORITY frame on closed stream', [head(1), afterAnswer(frame(PRIORITY, 0, 1, priority(0)))], works],
	['generic/3.1', 'Sends a DATA frame', [head(1, post, END_HEADERS), frame(DATA, END_STREAM, 1, 'test')], reply()],
	['generic/3.1', 'Sends multiple DATA frames', [head(1, post, END_HEADERS), frame(DATA, 0, 1, 'test'), frame(DATA, END_STREAM, 1, 'test')], reply()],
	['generic/3.1', 'Sends a DATA frame with padding', [head(1, post, END_HEADERS), frame(DATA, END_STREAM | PADDED, 1, '\x06test\0\0\0\0\0\0')], reply()],
	['generic/3.2', 'Sends a HEADERS frame', [head(1)], reply()],
	['generic/3.2', 'Sends a HEADERS frame with padding', [frame(HEADERS, DONE | PADDED, 1, Buffer.concat([Buffer.from([6]), block(get), Buffer.alloc(6)]))], reply()],
	['generic/3.2', 'Sends a HEADERS frame with priority', [frame(HEADERS, DONE | WITH_PRIORITY, 1, Buffer.concat([priority(0, 255, true), block(get)]))], reply()],
	['generic/3.3', 'Sends a PRIORITY frame with priority 1', [frame(PRIORITY, 0, 1, priority(0, 0)), head(1)], reply()],
	['generic/3.3', 'Sends a PRIORITY frame with priority 256', [frame(PRIORITY, 0, 1, priority(0, 255)), head(1)], reply()],
	['generic/3.3', 'Sends a PRIORITY frame with stream dependency', [frame(PRIORITY, 0, 3, priority(1)), head(1)], reply()],
	['generic/3.3', 'Sends a PRIORITY frame with exclusive', [frame(PRIORITY, 0, 1, priority(0, 15, true)), head(1)], reply()],
	['generic/3.3', 'Sends a PRIORITY frame for an idle stream, then send a HEADER frame for a lower stream ID', [frame(PRIORITY, 0, 3, priority(0)), head(1)], reply()],
	['generic/3.4', 'Sends a RST_STREAM frame', [head(1, slow), frame(RST_STREAM, 0, 1, u32(8)), head(3)], async (f) => assert.equal(await f.status(3), 200)],
	['generic/3.5', 'Sends a SETTINGS frame', [settings([3, 100])], acked],
	['generic/3.7', 'Sends a PING frame', [], works],
	['generic/3.8', 'Sends a GOAWAY frame', [frame(GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0)]))], connectionError(NO_ERROR)],
	['generic/3.9', 'Sends a WINDOW_UPDATE frame with stream ID 0', [update(0, 1)], works],
	['generic/3.9', 'Sends a WINDOW_UPDATE frame with stream ID 1', [head(1), update(1, 1)], reply()],
	['generic/3.10', 'Sends a CONTINUATION frame', [head(1, get, END_STREAM), frame(CONTINUATION, END_HEADERS, 1, block([['x-dummy', 'a']]))], reply()],
	['generic/3.10', 'Sends multiple CONTINUATION frames', [head(1, get, END_STREAM), frame(CONTINUATION, 0, 1, block([['x-dummy', 'a']])), frame(CONTINUATION, END_HEADERS, 1, block([['x-dummy', 'b']]))], reply()],
	['generic/4', 'Sends a GET request', [head(1)], reply()],
	['generic/4', 'Sends a HEAD request', [head(1, [[':method', 'HEAD'], ...get.slice(1)])], reply()],
	['generic/4', 'Sends a POST request', [head(1, post, END_HEADERS), frame(DATA, END_STREAM, 1, 'test')], reply()],
	['generic/4', 'Sends a POST request with trailers', [head(1, [...post, ['trailer', 'x-test']], END_HEADERS), frame(DATA, 0, 1, 'test'), head(1, [['x-test', 'ok']])], reply()],
	['generic/5', 'Sends a indexed header field representation', [frame(HEADERS, DONE, 1, Buffer.concat([Buffer.from([0x82, 0x87]), block(get.slice(2))]))], reply()],
	['generic/5', 'Sends a literal header field with incremental indexing - indexed name', [more([0x7a], '\x04test')], arrives('user-agent')],
	['generic/5', 'Sends a literal header field with incremental indexing - indexed name (with Huffman coding)', [more([0x7a], huffman.test)], arrives('user-agent')],
	['generic/5', 'Sends a literal header field with incremental indexing - new name', [more([0x40], '\x06x-test\x04test')], arrives('x-test')],
	['generic/5', 'Sends a literal header field with incremental indexing - new name (with Huffman coding)', [more([0x40], huffman['x-test'], huffman.test)], arrives('x-test')],
	['generic/5', 'Sends a literal header field without indexing - indexed name', [more([0x0f, 0x2b], '\x04test')], arrives('user-agent')],
	['generic/5', 'Sends a literal header field without indexing - indexed name (with Huffman coding)', [more([0x0f, 0x2b], huffman.test)], arrives('user-agent')],
	['generic/5', 'Sends a literal header field without indexing - new name', [more([0x00], '\x06x-test\x04test')], arrives('x-test')],
	['generic/5', 'Sends a literal header field without indexing - new name (huffman encoded)', [more([0x00], huffman['x-test'], huffman.test)], arrives('x-test')],
	['generic/5', 'Sends a literal header field never indexed - indexed name', [more([0x1f, 0x2b], '\x04test')], arrives('user-agent')],
	['generic/5', 'Sends a literal header field never indexed - indexed name (huffman encoded)', [more([0x1f, 0x2b], huffman.test)], arrives('user-agent')],
	['generic/5', 'Sends a literal header field never indexed - new name', [more([0x10], '\x06x-test\x04test')], arrives('x-test')],
	['generic/5', 'Sends a literal header field never indexed - new name (huffman encoded)', [more([0x10], huffman['x-test'], huffman.test)], arrives('x-test')],
	['generic/5', 'Sends a dynamic table size update', [frame(HEADERS, DONE, 1, Buffer.concat([Buffer.from([0x20]), block(get)]))], reply()],
	['generic/5', 'Sends multiple dynamic table size update', [frame(HEADERS, DONE, 1, Buffer.concat([Buffer.from([0x20, 0x3f, 0x21]), block(get)]))], reply()],

	['http2/3.5', 'Sends client connection preface', [], works],
	['hpack/2.3.3', 'Sends a indexed header field representation with invalid index', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from([0xc6])]))], connectionError(COMPRESSION_ERROR)],
	['hpack/2.3.3', 'Sends a literal header field representation with invalid index', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from('\x7f\x07\x01a', 'latin1')]))], connectionError(COMPRESSION_ERROR)],
	['hpack/4.2', 'Sends a dynamic table size update at the end of header block', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from([0x20])]))], connectionError(COMPRESSION_ERROR)],
	['hpack/5.2', 'Sends a Huffman-encoded string literal representation with padding longer than 7 bits', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from([0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff])]))], connectionError(COMPRESSION_ERROR)],
	['hpack/5.2', 'Sends a Huffman-encoded string literal representation padded by zero', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from([0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90])]))], connectionError(COMPRESSION_ERROR)],
	['hpack/5.2', 'Sends a Huffman-encoded string literal representation containing the EOS symbol', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from([0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0xff, 0xff, 0xff, 0xfa, 0x7f])]))], connectionError(COMPRESSION_ERROR)],
	['hpack/6.1', 'Sends a indexed header field representation with index 0', [frame(HEADERS, DONE, 1, Buffer.concat([block(get), Buffer.from([0x80])]))], connectionError(COMPRESSION_ERROR)],
	['hpack/6.3', 'Sends a dynamic table size update larger than the value of SETTINGS_HEADER_TABLE_SIZE', [frame(HEADERS, DONE, 1, Buffer.concat([Buffer.from([0x3f, 0xe2, 0x1f]), block(get)]))], connectionError(COMPRESSION_ERROR)],

	['http2/4.1', 'Sends a frame with unknown type', [frame(22, 0, 0, '\0\0\0\0\0\0\0\0')], works],
	['http2/4.1', 'Sends a frame with undefined flag', [frame(PING, 22, 0, '\0\0\0\0\0\0\0\0')], works],
	['http2/4.1', 'Sends a frame with reserved field bit', [frame(PING, 0, 0x80000000, 'reserved')], async (f) => assert.ok(await f.wait((all) => all.find((r) => r.type === PING && r.payload.toString() === 'reserved')))],
	['http2/4.2', 'Sends a DATA frame with 2^14 octets in length', [head(1, post, END_HEADERS), frame(DATA, END_STREAM, 1, Buffer.alloc(16384))], reply()],
	['http2/4.2', 'Sends a large size DATA frame that exceeds the SETTINGS_MAX_FRAME_SIZE', [head(1, post, END_HEADERS), frame(DATA, END_STREAM, 1, Buffer.alloc(16385))], streamError(FRAME_SIZE_ERROR)],
	['http2/4.2', 'Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE', [head(1, [...get, ['x-big', 'a'.repeat(16385)]])], connectionError(FRAME_SIZE_ERROR)],
	['http2/4.3', 'Sends invalid header block fragment', [frame(HEADERS, DONE, 1, '\x14\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff')], connectionError(COMPRESSION_ERROR)],
	['http2/4.3', 'Sends a PRIORITY frame while sending the header blocks', [head(1, get, END_STREAM), frame(PRIORITY, 0, 1, priority(0))], connectionError(PROTOCOL_ERROR)],
	['http2/4.3', 'Sends a HEADERS frame to another stream while sending the header blocks', [head(1, get, END_STREAM), head(3)], connectionError(PROTOCOL_ERROR)],
	['http2/5.1', 'idle: Sends a DATA frame', [frame(DATA, END_STREAM, 1, 'test')], connectionError(PROTOCOL_ERROR, STREAM_CLOSED)],
	['http2/5.1', 'idle: Sends a RST_STREAM frame', [frame(RST_STREAM, 0, 1, u32(8))], connectionError(PROTOCOL_ERROR)],
	['http2/5.1', 'idle: Sends a WINDOW_UPDATE frame', [update(1, 100)], connectionError(PROTOCOL_ERROR)],
	['http2/5.1', 'idle: Sends a CONTINUATION frame', [frame(CONTINUATION, END_HEADERS, 1, block(get))], connectionError(PROTOCOL_ERROR)],
	['http2/5.1', 'half closed (remote): Sends a DATA frame', [head(1, slow), frame(DATA, END_STREAM, 1, 'test')], streamError(STREAM_CLOSED)],
	['http2/5.1', 'half closed (remote): Sends a HEADERS frame', [head(1, slow), head(1, slow)], streamError(STREAM_CLOSED)],
	['http2/5.1', 'half closed (remote): Sends a CONTINUATION frame', [head(1, slow), frame(CONTINUATION, END_HEADERS, 1, block(get))], connectionError(PROTOCOL_ERROR, STREAM_CLOSED)],
	['http2/5.1', 'closed: Sends a DATA frame after sending RST_STREAM frame', [head(1, slow, END_HEADERS), frame(RST_STREAM, 0, 1, u32(8)), frame(DATA, END_STREAM, 1, 'test')], streamError(STREAM_CLOSED)],
	['http2/5.1', 'closed: Sends a HEADERS frame after sending RST_STREAM frame', [head(1, slow, END_HEADERS), frame(RST_STREAM, 0, 1, u32(8)), head(1)], streamError(STREAM_CLOSED)],
	['http2/5.1', 'closed: Sends a CONTINUATION frame after sending RST_STREAM frame', [head(1, slow, END_HEADERS), frame(RST_STREAM, 0, 1, u32(8)), frame(CONTINUATION, END_HEADERS, 1, block(get))], connectionError(PROTOCOL_ERROR, STREAM_CLOSED)],
	['http2/5.1', 'closed: Sends a DATA frame', [head(1), afterAnswer(frame(DATA, END_STREAM, 1, 'test'))], streamError(STREAM_CLOSED)],
	['http2/5.1', 'closed: Sends a HEADERS frame', [head(1), afterAnswer(head(1))], connectionError(STREAM_CLOSED)],
	['http2/5.1', 'closed: Sends a CONTINUATION frame', [head(1), afterAnswer(frame(CONTINUATION, END_HEADERS, 1, block(get)))], connectionError(PROTOCOL_ERROR, STREAM_CLOSED)],
	['http2/5.1.1', 'Sends even-numbered stream identifier', [head(2)], connectionError(PROTOCOL_ERROR)],
	['http2/5.1.1', 'Sends stream identifier that is numerically smaller than previous', [head(5), head(3)], connectionError(PROTOCOL_ERROR)],
	['http2/5.1.2', 'Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded', [(f) => { for (let i = 0; i < 101; i++) f.send(head(1 + 2 * i, slow)); }], async (f) => {
		const r = await f.failure(201);
		assert.ok([PROTOCOL_ERROR, REFUSED_STREAM, 'closed'].includes(r.stream ?? r.connection), JSON.stringify(r));
	}],
	['http2/5.3.1', 'Sends HEADERS frame that depends on itself', [frame(HEADERS, DONE | WITH_PRIORITY, 1, Buffer.concat([priority(1), block(get)]))], streamError(PROTOCOL_ERROR)],
	['http2/5.3.1', 'Sends PRIORITY frame that depend on itself', [frame(PRIORITY, 0, 1, priority(1))], streamError(PROTOCOL_ERROR)],
	['http2/5.4.1', 'Sends an invalid PING frame for connection close', [frame(PING, 0, 0, '\0\0\0\0\0\0')], connectionError(FRAME_SIZE_ERROR)],
	['http2/5.4.1', 'Sends an invalid PING frame to receive GOAWAY frame', [frame(PING, 0, 0, '\0\0\0\0\0\0')], async (f) => assert.equal(await f.goaway(), FRAME_SIZE_ERROR)],
	['http2/5.5', 'Sends an unknown extension frame', [frame(0xff, 0, 0, 'unknown!')], works],
	['http2/5.5', 'Sends an unknown extension frame in the middle of a header block', [head(1, get, END_STREAM), frame(0xff, 0, 1, 'unknown!')], connectionError(PROTOCOL_ERROR)],
	['http2/6.1', 'Sends a DATA frame with 0x0 stream identifier', [head(1, slow, END_HEADERS), frame(DATA, END_STREAM, 0, 'test')], connectionError(PROTOCOL_ERROR)],
	['http2/6.1', 'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state', [head(1, slow), frame(DATA, END_STREAM, 1, 'test')], streamError(STREAM_CLOSED)],
	['http2/6.1', 'Sends a DATA frame with invalid pad length', [head(1, post, END_HEADERS), frame(DATA, END_STREAM | PADDED, 1, '\x06test')], connectionError(PROTOCOL_ERROR)],
	['http2/6.2', 'Sends a HEADERS frame without the END_HEADERS flag, and a PRIORITY frame', [head(1, get, END_STREAM), frame(PRIORITY, 0, 1, priority(0))], connectionError(PROTOCOL_ERROR)],
	['http2/6.2', 'Sends a HEADERS frame to another stream while sending a HEADERS frame', [head(1, get, END_STREAM), head(3)], connectionError(PROTOCOL_ERROR)],
	['http2/6.2', 'Sends a HEADERS frame with 0x0 stream identifier', [head(0)], connectionError(PROTOCOL_ERROR)],
	['http2/6.2', 'Sends a HEADERS frame with invalid pad length', [frame(HEADERS, DONE | PADDED, 1, Buffer.concat([Buffer.from([255]), block(get).subarray(0, 20)]))], connectionError(PROTOCOL_ERROR)],
	['http2/6.3', 'Sends a PRIORITY frame with 0x0 stream identifier', [frame(PRIORITY, 0, 0, priority(0))], connectionError(PROTOCOL_ERROR)],
	['http2/6.3', 'Sends a PRIORITY frame with a length other than 5 octets', [head(1, slow, END_HEADERS), frame(PRIORITY, 0, 1, '\0\0\0\0')], streamError(FRAME_SIZE_ERROR)],
	['http2/6.4', 'Sends a RST_STREAM frame with 0x0 stream identifier', [frame(RST_STREAM, 0, 0, u32(8))], connectionError(PROTOCOL_ERROR)],
	['http2/6.4', 'Sends a RST_STREAM frame on a idle stream', [frame(RST_STREAM, 0, 1, u32(8))], connectionError(PROTOCOL_ERROR)],
	['http2/6.4', 'Sends a RST_STREAM frame with a length other than 4 octets', [head(1, slow), frame(RST_STREAM, 0, 1, '\0\0\0')], connectionError(FRAME_SIZE_ERROR)],
	['http2/6.5', 'Sends a SETTINGS frame with ACK flag and payload', [frame(SETTINGS, ACK, 0, '\0')], connectionError(FRAME_SIZE_ERROR)],
	['http2/6.5', 'Sends a SETTINGS frame with a stream identifier other than 0x0', [frame(SETTINGS, 0, 1, Buffer.concat([u16(3), u32(100)]))], connectionError(PROTOCOL_ERROR)],
	['http2/6.5', 'Sends a SETTINGS frame with a length other than a multiple of 6 octets', [frame(SETTINGS, 0, 0, '\0\x03\0')], connectionError(FRAME_SIZE_ERROR)],
	['http2/6.5.2', 'SETTINGS_ENABLE_PUSH (0x2): Sends the value other than 0 or 1', [settings([2, 2])], connectionError(PROTOCOL_ERROR)],
	['http2/6.5.2', 'SETTINGS_INITIAL_WINDOW_SIZE (0x4): Sends the value above the maximum flow control window size', [settings([4, 0x80000000])], connectionError(FLOW_CONTROL_ERROR)],
	['http2/6.5.2', 'SETTINGS_MAX_FRAME_SIZE (0x5): Sends the value below the initial value', [settings([5, 16383])], connectionError(PROTOCOL_ERROR)],
	['http2/6.5.2', 'SETTINGS_MAX_FRAME_SIZE (0x5): Sends the value above the maximum allowed frame size', [settings([5, 16777216])], connectionError(PROTOCOL_ERROR)],
	['http2/6.5.2', 'Sends a SETTINGS frame with unknown identifier', [settings([0xff, 1])], works],
	['http2/6.5.3', 'Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE', [settings([4, 100], [4, 1]), head(1)], async (f) => {
		const d = await f.wait((all) => all.find((r) => r.type === DATA && r.stream === 1));
		assert.equal(d.payload.length, 1);
	}],
	['http2/6.5.3', 'Sends a SETTINGS frame without ACK flag', [settings([2, 0])], acked],
	['http2/6.7', 'Sends a PING frame', [], works],
	['http2/6.7', 'Sends a PING frame with ACK', [frame(PING, ACK, 0, 'ackacked'), frame(PING, 0, 0, 'the next')], async (f) => {
		const answers = await f.wait((all) => (all.some((r) => r.type === PING) ? all.filter((r) => r.type === PING) : undefined));
		assert.deepEqual(answers.map((r) => r.payload.toString()), ['the next']);
	}],
	['http2/6.7', 'Sends a PING frame with a stream identifier field value other than 0x0', [frame(PING, 0, 1, '\0\0\0\0\0\0\0\0')], connectionError(PROTOCOL_ERROR)],
	['http2/6.7', 'Sends a PING frame with a length field value other than 8', [frame(PING, 0, 0, '\0\0\0\0\0\0')], connectionError(FRAME_SIZE_ERROR)],
	['http2/6.8', 'Sends a GOAWAY frame with a stream identifier other than 0x0', [frame(GOAWAY, 0, 1, Buffer.concat([u32(0), u32(0)]))], connectionError(PROTOCOL_ERROR)],
	['http2/6.9', 'Sends a WINDOW_UPDATE frame with a flow control window increment of 0', [update(0, 0)], connectionError(PROTOCOL_ERROR)],
	['http2/6.9', 'Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream', [head(1, slow, END_HEADERS), update(1, 0)], streamError(PROTOCOL_ERROR)],
	['http2/6.9', 'Sends a WINDOW_UPDATE frame with a length other than 4 octets', [frame(WINDOW_UPDATE, 0, 0, '\0\0\x01')], connectionError(FRAME_SIZE_ERROR)],
	['http2/6.9.1', 'Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame', [settings([4, 1]), head(1)], async (f) => {
		assert.equal((await f.wait((all) => all.find((r) => r.type === DATA))).payload.length, 1);
	}],
	['http2/6.9.1', 'Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1', [update(0, 0x7fffffff), update(0, 0x7fffffff)], connectionError(FLOW_CONTROL_ERROR)],
	['http2/6.9.1', 'Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream', [head(1, slow), update(1, 0x7fffffff), update(1, 0x7fffffff)], streamError(FLOW_CONTROL_ERROR)],
	['http2/6.9.2', 'Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame', [settings([4, 0]), head(1), async (f) => { await f.status(1); f.send(settings([4, 1])); }], async (f) => {
		assert.equal((await f.wait((all) => all.find((r) => r.type === DATA))).payload.length, 1);
	}],
	['http2/6.9.2', 'Sends a SETTINGS frame for window size to be negative', [settings([4, 3]), head(1), async (f) => { await f.wait((all) => all.find((r) => r.type === DATA)); f.send(settings([4, 2]), update(1, 2)); }], async (f) => {
		const got = await f.wait((all) => { const d = all.filter((r) => r.type === DATA); return d.length >= 2 ? d : undefined; });
		assert.deepEqual(got.map((d) => d.payload.length), [3, 1]);
	}],
	['http2/6.9.2', 'Sends a SETTINGS_INITIAL_WINDOW_SIZE settings with an exceeded maximum window size value', [settings([4, 0x80000000])], connectionError(FLOW_CONTROL_ERROR)],
	['http2/6.10', 'Sends multiple CONTINUATION frames preceded by a HEADERS frame', [head(1, get, END_STREAM), frame(CONTINUATION, 0, 1, block([['x-a', 'a']])), frame(CONTINUATION, END_HEADERS, 1, block([['x-b', 'b']]))], reply()],
	['http2/6.10', 'Sends a CONTINUATION frame followed by any frame other than CONTINUATION', [head(1, get, 0), frame(CONTINUATION, 0, 1, block([['x-a', 'a']])), frame(DATA, END_STREAM, 1, 'test')], connectionError(PROTOCOL_ERROR)],
	['http2/6.10', 'Sends a CONTINUATION frame with 0x0 stream identifier', [head(1, get, END_STREAM), frame(CONTINUATION, END_HEADERS, 0, block([['x-a', 'a']]))], connectionError(PROTOCOL_ERROR)],
	['http2/6.10', 'Sends a CONTINUATION frame preceded by a HEADERS frame with END_HEADERS flag', [head(1, slow), frame(CONTINUATION, END_HEADERS, 1, block([['x-a', 'a']]))], connectionError(PROTOCOL_ERROR)],
	['http2/6.10', 'Sends a CONTINUATION frame preceded by a CONTINUATION frame with END_HEADERS flag', [head(1, slow, END_STREAM), frame(CONTINUATION, END_HEADERS, 1, block([['x-a', 'a']])), frame(CONTINUATION, END_HEADERS, 1, block([['x-a', 'a']]))], connectionError(PROTOCOL_ERROR)],
	['http2/6.10', 'Sends a CONTINUATION frame preceded by a DATA frame', [head(1, post, END_HEADERS), frame(DATA, 0, 1, 'test'), frame(CONTINUATION, END_HEADERS, 1, block([['x-a', 'a']]))], connectionError(PROTOCOL_ERROR)],
	['http2/7', 'Sends a GOAWAY frame with unknown error code', [frame(GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0xff)]))], connectionError(NO_ERROR)],
	['http2/7', 'Sends a RST_STREAM frame with unknown error code', [head(1, slow), frame(RST_STREAM, 0, 1, u32(0xff))], works],
	['http2/8.1', 'Sends a second HEADERS frame without the END_STREAM flag', [head(1, post, END_HEADERS), head(1, [['x-a', 'b']], END_HEADERS), frame(DATA, END_STREAM, 1, 'test')], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2', 'Sends a HEADERS frame that contains the header field name in uppercase letters', [head(1, [...get, ['X-TEST', 'ok']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.1', 'Sends a HEADERS frame that contains a unknown pseudo-header field', [head(1, [...get, [':test', 'ok']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.1', 'Sends a HEADERS frame that contains the pseudo-header field defined for response', [head(1, [...get, [':status', '200']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.1', 'Sends a HEADERS frame that contains a pseudo-header field as trailers', [head(1, post, END_HEADERS), frame(DATA, 0, 1, 'test'), head(1, [[':method', 'GET']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.1', 'Sends a HEADERS frame that contains a pseudo-header field that appears in a header block after a regular header field', [head(1, [['x-test', 'ok'], ...get])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.2', 'Sends a HEADERS frame that contains the connection-specific header field', [head(1, [...get, ['connection', 'keep-alive']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.2', 'Sends a HEADERS frame that contains the TE header field with any value other than "trailers"', [head(1, [...get, ['te', 'trailers, deflate']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame with empty ":path" pseudo-header field', [head(1, [...without(':path'), [':path', '']])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame that omits ":method" pseudo-header field', [head(1, without(':method'))], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame that omits ":scheme" pseudo-header field', [head(1, without(':scheme'))], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame that omits ":path" pseudo-header field', [head(1, without(':path'))], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame with duplicated ":method" pseudo-header field', [head(1, [...get, get[0]])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame with duplicated ":scheme" pseudo-header field', [head(1, [...get, get[1]])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.3', 'Sends a HEADERS frame with duplicated ":path" pseudo-header field', [head(1, [...get, get[2]])], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.6', 'Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length', [head(1, [...post, ['content-length', '1']], END_HEADERS), frame(DATA, END_STREAM, 1, 'test')], streamError(PROTOCOL_ERROR)],
	['http2/8.1.2.6', 'Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length', [head(1, [...post, ['content-length', '1']], END_HEADERS), frame(DATA, 0, 1, 'test'), frame(DATA, END_STREAM, 1, 'test')], streamError(PROTOCOL_ERROR)],
	['http2/8.2', 'Sends a PUSH_PROMISE frame', [frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([u32(3), block(get)]))], connectionError(PROTOCOL_ERROR)],
];

story('http2/3.5: Sends invalid connection preface', async () => {
	const { port } = await w();
	const f = await Frames.open(port, { preface: false });
	f.send('INVALID CONNECTION PREFACE\r\n\r\n');
	await connectionError(PROTOCOL_ERROR)(f);
});

for (const [section, name, steps, expected] of cases) {
	story(`${section}: ${name}`, async () => {
		const { port, backend } = await w();
		backend.on('/public/slow/x', (r, s) => setTimeout(() => s.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 1500));
		const f = await Frames.open(port);
		try {
			for (const step of steps) {
				if (typeof step === 'function') await step(f);
				else f.send(step);
			}
			await expected(f, backend);
		} finally {
			f.close();
		}
	}, 20000);
}

story('all 146 cases are here, and the one of the strict mode', async () => assert.equal(cases.length + 1, 147));

story('the proxy has served on through all of this', async () => {
	const { port } = await w();
	const f = await Frames.open(port);
	f.send(head(1));
	assert.equal(await f.status(1), 200);
	f.close();
});

closing(w);
