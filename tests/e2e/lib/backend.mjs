// A recording upstream on raw TCP: what arrived, byte for byte and request by request, and a choice of behaviours.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { acceptKey, CLOSE, frame, frames, TEXT } from '../../../demo/websocket.mjs';
import { sleep } from './ports.mjs';

const KEEP = 1 << 20; // raw bytes kept of one connection, and of one body

const reply = (status, fields, body = '') => {
	const bytes = Buffer.from(body);
	return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\n${Object.entries(fields).map(([n, v]) => [v].flat().map((w) => `${n}: ${w}\r\n`).join('')).join('')}Content-Length: ${bytes.length}\r\n\r\n`, 'latin1'), bytes]);
};

export class Backend {
	static async start(o = {}) {
		const b = new Backend();
		b.requests = []; // { method, target, fields, body, size, sha256, connection }
		b.connections = []; // { raw, open, requests }
		b.handlers = new Map();
		b.echoName = o.name ?? 'app';
		b.server = o.tls ? createTlsServer(o.tls, (s) => b.accept(s)) : createServer((s) => b.accept(s));
		b.server.on('tlsClientError', () => {});
		b.paused = false;
		await new Promise((resolve) => { b.server.listen(o.port ?? 0, '127.0.0.1', resolve); });
		b.port = b.server.address().port;
		b.url = `${o.tls ? 'https' : 'http'}://127.0.0.1:${b.port}`;
		return b;
	}

	// handler(request, socket, backend): the head is there; request.done resolves with the whole body.
	on(path, handler) {
		this.handlers.set(path, handler);
		return this;
	}

	get raw() {
		return this.connections.map((c) => Buffer.concat(c.raw).toString('latin1')).join('');
	}

	get last() {
		return this.requests[this.requests.length - 1];
	}

	seen(target) {
		return this.requests.filter((r) => r.target === target);
	}

	clear() {
		this.requests = [];
		for (const c of this.connections) c.raw = [];
	}

	accept(socket) {
		const c = { raw: [], size: 0, open: true, socket, requests: 0 };
		this.connections.push(c);
		socket.on('error', () => {});
		socket.on('close', () => { c.open = false; });
		const reader = this.read(c, socket);
		reader.next();
		socket.on('data', (d) => {
			if (c.size < KEEP) c.raw.push(d);
			c.size += d.length;
			reader.next(d);
		});
		socket.on('end', () => socket.end());
	}

	// A generator that is handed what arrives: head, body, head, body, ...
	* read(c, socket) {
		let bytes = Buffer.alloc(0);
		for (;;) {
			let end;
			while ((end = bytes.indexOf('\r\n\r\n')) < 0) bytes = Buffer.concat([bytes, yield]);
			const lines = bytes.subarray(0, end).toString('latin1').split('\r\n');
			bytes = bytes.subarray(end + 4);
			const [method, target, version] = lines[0].split(' ');
			const fields = lines.slice(1).map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 1).trim()]);
			const all = (name) => fields.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
			const r = { method, target, version, fields, all, get: (n) => all(n)[0], size: 0, connection: c, kept: [], trailers: [] };
			r.path = target.split('?')[0];
			const hash = createHash('sha256');
			r.done = new Promise((resolve) => { r.finish = resolve; });
			this.requests.push(r);
			c.requests++;
			const eat = (d) => {
				hash.update(d);
				if (r.size < KEEP) r.kept.push(d);
				r.size += d.length;
			};
			r.upgraded = all('upgrade').length > 0;
			Promise.resolve().then(() => this.handle(r, socket));
			if (r.upgraded) { // from here on the bytes are the handler's
				r.data = (d) => { bytes = Buffer.concat([bytes, d]); };
				r.listen = (fn) => { r.data = fn; if (bytes.length) fn(bytes); };
				do {
					const d = yield;
					r.data(d); // looked up now, not before the yield: listen() may have replaced it
				} while (!r.notUpgraded);
				continue;
			}
			if (/chunked/i.test(all('transfer-encoding')[0] ?? '')) {
				for (;;) {
					let at;
					while ((at = bytes.indexOf('\r\n')) < 0) bytes = Buffer.concat([bytes, yield]);
					const size = parseInt(bytes.subarray(0, at).toString('latin1'), 16);
					bytes = bytes.subarray(at + 2);
					let left = size;
					while (left > 0) {
						if (!bytes.length) bytes = yield;
						const part = bytes.subarray(0, left);
						eat(part);
						left -= part.length;
						bytes = bytes.subarray(part.length);
					}
					if (size === 0) {
						for (;;) {
							while ((at = bytes.indexOf('\r\n')) < 0) bytes = Buffer.concat([bytes, yield]);
							const line = bytes.subarray(0, at).toString('latin1');
							bytes = bytes.subarray(at + 2);
							if (!line) break;
							r.trailers.push(line);
						}
						break;
					}
					while (bytes.length < 2) bytes = Buffer.concat([bytes, yield]);
					bytes = bytes.subarray(2);
				}
			} else {
				let left = Number(all('content-length')[0] ?? 0);
				while (left > 0) {
					if (!bytes.length) bytes = yield;
					const part = bytes.subarray(0, left);
					eat(part);
					left -= part.length;
					bytes = bytes.subarray(part.length);
				}
			}
			r.body = Buffer.concat(r.kept);
			r.sha256 = hash.digest('hex');
			r.complete = true;
			r.finish(r);
		}
	}

	async handle(r, socket) {
		const own = this.handlers.get(r.path);
		if (own) return own(r, socket, this);
		const [, first, argument] = r.path.split('/');
		const behaviour = behaviours[first];
		if (behaviour && r.path !== '/') return behaviour(r, socket, argument, this);
		await r.done;
		return socket.write(reply(200, { 'Content-Type': 'application/json', 'X-Backend': this.echoName }, r.method === 'HEAD' ? '' : JSON.stringify({
			backend: this.echoName, method: r.method, target: r.target, user: r.get('x-forwarded-user') ?? null,
			fields: r.fields, size: r.size, sha256: r.sha256,
		})));
	}

	// Ends every connection and stops accepting; start() again on the same port brings it back.
	async stop() {
		for (const c of this.connections) c.socket.destroy();
		await new Promise((resolve) => { this.server.close(resolve); });
	}
}

export { reply };

async function push(socket, chunk, total) {
	for (let sent = 0; sent < total && !socket.destroyed; sent += chunk.length) {
		const part = chunk.subarray(0, Math.min(chunk.length, total - sent));
		if (!socket.write(part)) {
			await new Promise((resolve) => { socket.once('drain', resolve); socket.once('close', resolve); });
		}
	}
}

// The first segment of the path chooses; the second is its argument.
const behaviours = {
	status: async (r, s, code) => { await r.done; s.write(reply(Number(code), { 'Content-Type': 'text/plain' }, Number(code) === 204 || Number(code) === 304 ? undefined : `status ${code}`)); },
	nocontent: async (r, s) => { await r.done; s.write('HTTP/1.1 204 No Content\r\n\r\n'); },
	notmodified: async (r, s) => { await r.done; s.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'); },
	// big/BYTES
	big: async (r, s, n) => { await r.done; s.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${n}\r\n\r\n`); await push(s, Buffer.alloc(65536, 'x'), Number(n)); },
	// slow/MS: the whole answer after a while
	slow: async (r, s, ms) => { await r.done; await sleep(Number(ms)); s.write(reply(200, { 'Content-Type': 'text/plain' }, 'slow')); },
	silent: () => {},
	stallbody: async (r, s) => { await r.done; s.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'); },
	shutearly: (r, s) => { s.destroy(); },
	cutbody: async (r, s) => { await r.done; s.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf'); await sleep(50); s.destroy(); },
	cutchunked: async (r, s) => { await r.done; s.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'); await sleep(50); s.destroy(); },
	chunked: async (r, s) => { await r.done; s.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n5\r\nhello\r\n'); await sleep(30); s.write('6;ext=1\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n'); },
	untilclose: async (r, s) => { await r.done; s.end('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil close'); },
	http10: async (r, s) => { await r.done; s.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold'); },
	early: async (r, s) => { await r.done; s.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'); s.write(reply(200, {}, 'after hints')); },
	garbage: (r, s) => { s.end('this is not HTTP\r\n\r\n'); },
	twolengths: async (r, s) => { await r.done; s.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'); },
	badchunk: async (r, s) => { await r.done; s.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n'); },
	hugehead: async (r, s) => { await r.done; s.write(`HTTP/1.1 200 OK\r\nX-Big: ${'a'.repeat(200000)}\r\nContent-Length: 0\r\n\r\n`); },
	split: async (r, s) => { await r.done; s.write(reply(200, { 'X-A': 'b\x00c' }, 'x')); },
	self: async (r, s) => { await r.done; s.write(reply(302, { Location: r.target })); },
	tologin: async (r, s) => { await r.done; s.write(reply(302, { Location: `/auth/login?rd=${encodeURIComponent(r.target)}` })); },
	cookies: async (r, s) => { await r.done; s.write(reply(200, { 'Set-Cookie': ['app=1; Path=/', 'workflow_session=stolen; Path=/', 'workflow_session_1=stolen; Path=/', '__Host-workflow_session=stolen; Path=/; Secure'] }, 'cookies')); },
	hop: async (r, s) => { await r.done; s.write(reply(200, { Connection: 'X-Private', 'X-Private': 'no', 'Keep-Alive': 'timeout=5', 'Proxy-Authenticate': 'Basic', Upgrade: 'h2c', 'X-Kept': 'yes' }, 'hop')); },
	// closeafter: says keep-alive, then closes
	closeafter: async (r, s) => { await r.done; s.write(reply(200, {}, 'bye')); await sleep(30); s.destroy(); },
	sse: async (r, s, n) => {
		await r.done;
		s.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
		for (let i = 0; i < Number(n ?? 3) && !s.destroyed; i++) {
			const event = `data: ${i} ${Date.now()}\n\n`;
			s.write(`${event.length.toString(16)}\r\n${event}\r\n`);
			await sleep(200);
		}
		s.write('0\r\n\r\n');
	},
	socket: async (r, s, mode) => {
		if (!r.upgraded) return s.write(reply(426, {}, 'upgrade'));
		if (mode === 'refuse') { r.notUpgraded = true; return s.write(reply(403, {}, 'no')); }
		if (mode === 'late') await sleep(400);
		s.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(r.get('sec-websocket-key') ?? '')}\r\n\r\n`);
		let bytes = Buffer.alloc(0);
		return r.listen((d) => {
			const cut = frames(Buffer.concat([bytes, d]));
			bytes = cut.rest;
			for (const f of cut.frames) {
				if (f.opcode === TEXT) s.write(frame(TEXT, `echo:${f.payload}`));
				if (f.opcode === CLOSE) s.end(frame(CLOSE, f.payload));
			}
		});
	},
};
