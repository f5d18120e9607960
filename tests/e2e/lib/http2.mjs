// Two clients of HTTP/2: node's own, made convenient, and one that sends exactly the given frames.
import { connect } from 'node:http2';
import { connect as connectTls } from 'node:tls';

// --- node's ---

export async function session(port, options = {}) {
	const s = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...options });
	s.on('error', () => {});
	await new Promise((resolve, reject) => { s.once('remoteSettings', resolve); s.once('error', reject); });
	return s;
}

// { status, headers, body, code: of a reset }
export function ask(s, headers, body) {
	return new Promise((resolve) => {
		const r = { interim: [], size: 0 };
		const parts = [];
		const stream = s.request(headers, { endStream: body === undefined });
		stream.on('headers', (h) => r.interim.push(h));
		stream.on('response', (h) => { r.headers = h; r.status = h[':status']; });
		stream.on('data', (d) => { r.size += d.length; if (r.size < 1 << 20) parts.push(d); });
		stream.on('error', (e) => { r.error = e; });
		stream.on('close', () => { r.code = stream.rstCode; r.body = Buffer.concat(parts).toString(); resolve(r); });
		if (body !== undefined) stream.end(body);
		r.stream = stream;
	});
}

// --- frames ---

export const DATA = 0, HEADERS = 1, PRIORITY = 2, RST_STREAM = 3, SETTINGS = 4, PUSH_PROMISE = 5, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9;
export const END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, WITH_PRIORITY = 32;
export const NO_ERROR = 0, PROTOCOL_ERROR = 1, FLOW_CONTROL_ERROR = 3, STREAM_CLOSED = 5, FRAME_SIZE_ERROR = 6, REFUSED_STREAM = 7, COMPRESSION_ERROR = 9, ENHANCE_YOUR_CALM = 11;

export const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };
export const u16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b; };

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
	const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'latin1');
	const head = Buffer.alloc(9);
	head.writeUIntBE(bytes.length, 0, 3);
	head[3] = type;
	head[4] = flags;
	head.writeUInt32BE(stream >>> 0, 5);
	return Buffer.concat([head, bytes]);
}

export const settings = (...pairs) => frame(SETTINGS, 0, 0, Buffer.concat(pairs.map(([id, v]) => Buffer.concat([u16(id), u32(v)]))));

function length(n) {
	if (n < 127) return Buffer.from([n]);
	const out = [127];
	for (n -= 127; n >= 128; n = Math.floor(n / 128)) out.push((n % 128) | 128);
	return Buffer.from([...out, n]);
}

// HPACK without a table and without Huffman: literal fields that are never indexed (RFC 7541 6.2.3).
export function block(fields) {
	return Buffer.concat(fields.flatMap(([n, v]) => {
		const [name, value] = [Buffer.from(n, 'latin1'), Buffer.from(v, 'latin1')];
		return [Buffer.from([0x10]), length(name.length), name, length(value.length), value];
	}));
}

// :status is the first field of an answer: indexed, or a literal whose digits may be Huffman coded.
function statusOf(payload) {
	while ((payload[0] & 0xe0) === 0x20) payload = payload.subarray(1); // a table size update
	const fixed = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };
	if (payload[0] & 0x80) return fixed[payload[0] & 0x7f];
	const coded = payload[1] & 0x80, n = payload[1] & 0x7f, value = payload.subarray(2, 2 + n);
	if (!coded) return Number(value.toString('latin1'));
	const bits = [...value].map((b) => b.toString(2).padStart(8, '0')).join('');
	let digits = '';
	for (let i = 0; digits.length < 3;) {
		const five = parseInt(bits.slice(i, i + 5), 2);
		if (five < 3) { digits += five; i += 5; } else { digits += parseInt(bits.slice(i, i + 6), 2) - 0b011001 + 3; i += 6; }
	}
	return Number(digits);
}

export class Frames {
	// o: { preface: false for none, settings: pairs, mute: true for no acknowledgement of SETTINGS }
	static open(port, o = {}) {
		return new Promise((resolve, reject) => {
			const f = new Frames();
			f.received = []; // { type, flags, stream, payload }
			f.bytes = Buffer.alloc(0);
			f.closed = false;
			f.mute = o.mute;
			f.wake = () => {};
			f.socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
				f.socket.setNoDelay(true);
				if (o.preface !== false) f.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', settings(...(o.settings ?? [])));
				resolve(f);
			});
			f.socket.on('error', (e) => { f.error = e; reject(e); });
			f.socket.on('data', (d) => f.take(d));
			f.socket.on('close', () => { f.closed = true; f.wake(); });
			f.socket.on('end', () => { f.closed = true; f.wake(); });
		});
	}

	send(...parts) {
		const bytes = Buffer.concat(parts.map((p) => (Buffer.isBuffer(p) ? p : Buffer.from(p, 'latin1'))));
		if (this.socket.writable) this.socket.write(bytes);
		return this;
	}

	take(d) {
		this.bytes = Buffer.concat([this.bytes, d]);
		while (this.bytes.length >= 9) {
			const n = this.bytes.readUIntBE(0, 3);
			if (this.bytes.length < 9 + n) break;
			const f = { type: this.bytes[3], flags: this.bytes[4], stream: this.bytes.readUInt32BE(5), payload: this.bytes.subarray(9, 9 + n) };
			this.bytes = this.bytes.subarray(9 + n);
			this.received.push(f);
			if (f.type === SETTINGS && !(f.flags & ACK) && !this.mute) this.send(frame(SETTINGS, ACK, 0));
		}
		this.wake();
	}

	// Waits until find(received) returns something; null when the connection ended first.
	async wait(find, ms = 8000) {
		const end = Date.now() + ms;
		for (;;) {
			const found = find(this.received);
			if (found !== undefined && found !== false) return found;
			if (this.closed) return null;
			const left = end - Date.now();
			if (left <= 0) throw new Error(`nothing fitting within ${ms} ms; so far: ${this.received.map((f) => `${f.type}/${f.flags}@${f.stream}`).join(' ')}`);
			await new Promise((resolve) => {
				const timer = setTimeout(resolve, left);
				this.wake = () => { clearTimeout(timer); resolve(); };
			});
		}
	}

	ping(data = 'pingpong') {
		this.send(frame(PING, 0, 0, data));
		return this.wait((all) => all.find((f) => f.type === PING && f.flags & ACK && f.payload.toString() === data));
	}

	async status(stream, ms) {
		const f = await this.wait((all) => all.find((r) => r.stream === stream && (r.type === HEADERS || r.type === RST_STREAM)), ms);
		return f === null ? null : f.type === RST_STREAM ? `reset ${f.payload.readUInt32BE(0)}` : statusOf(f.payload);
	}

	// All of an answer's body; null when the stream was reset or the connection ended.
	async body(stream) {
		const end = await this.wait((all) => all.find((f) => f.stream === stream && (f.type === RST_STREAM || ((f.type === DATA || f.type === HEADERS) && f.flags & END_STREAM))));
		return end === null || end.type === RST_STREAM ? null : Buffer.concat(this.received.filter((f) => f.stream === stream && f.type === DATA).map((f) => f.payload)).toString('latin1');
	}

	// The code of GOAWAY, 'closed' when the connection just ended.
	async goaway(ms) {
		const f = await this.wait((all) => all.find((r) => r.type === GOAWAY), ms);
		return f === null ? 'closed' : f.payload.readUInt32BE(4);
	}

	// Either a stream error or a connection error (RFC 9113 5.4): { stream: code } or { connection: code }.
	async failure(stream, ms) {
		const f = await this.wait((all) => all.find((r) => r.type === GOAWAY || (r.type === RST_STREAM && r.stream === stream)), ms);
		if (f === null) return { connection: 'closed' };
		return f.type === GOAWAY ? { connection: f.payload.readUInt32BE(4) } : { stream: f.payload.readUInt32BE(0) };
	}

	close() {
		this.socket.destroy();
	}
}
