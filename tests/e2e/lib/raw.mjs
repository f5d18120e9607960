// A raw TCP (or TLS) client: sends exactly the given bytes, reads responses one by one.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export class Raw {
	static open(port, options = {}) {
		return new Promise((resolve, reject) => {
			const raw = new Raw();
			raw.bytes = Buffer.alloc(0);
			raw.closed = false;
			const opened = () => { raw.socket.off('error', reject); raw.socket.on('error', (e) => { raw.error = e; }); resolve(raw); };
			raw.socket = options.tls
				? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options.tls }, opened)
				: connect(options.path ? { path: options.path } : { port, host: options.host ?? '127.0.0.1', localAddress: options.localAddress }, opened);
			raw.socket.once('error', reject);
			raw.wake = () => {};
			raw.socket.on('data', (d) => { raw.bytes = Buffer.concat([raw.bytes, d]); raw.wake(); });
			raw.socket.on('close', () => { raw.closed = true; raw.wake(); });
			raw.socket.on('end', () => { raw.ended = true; raw.wake(); });
		});
	}

	send(...parts) {
		for (const p of parts) this.socket.write(Buffer.isBuffer(p) ? p : Buffer.from(p, 'latin1'));
		return this;
	}

	// Waits until take(bytes) returns something; null when the connection ended first.
	async wait(take, ms = 15000) {
		const end = Date.now() + ms;
		for (;;) {
			const found = take(this.bytes);
			if (found !== undefined) return found;
			if (this.closed || this.ended) return null;
			const left = end - Date.now();
			if (left <= 0) throw new Error(`no answer within ${ms} ms; so far: ${this.bytes.subarray(0, 300).toString('latin1')}`);
			await new Promise((resolve) => {
				const timer = setTimeout(resolve, left);
				this.wake = () => { clearTimeout(timer); resolve(); };
			});
		}
	}

	take(n) {
		const out = this.bytes.subarray(0, n);
		this.bytes = this.bytes.subarray(n);
		return out;
	}

	async head(ms) {
		const size = await this.wait((b) => { const i = b.indexOf('\r\n\r\n'); return i < 0 ? undefined : i + 4; }, ms);
		if (size === null) return null;
		const lines = this.take(size).toString('latin1').split('\r\n').slice(0, -2);
		const [, version, status] = /^HTTP\/(\d\.\d) (\d{3})/.exec(lines[0]) ?? [];
		const fields = lines.slice(1).map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]);
		const get = (name) => fields.find(([n]) => n === name)?.[1];
		const all = (name) => fields.filter(([n]) => n === name).map(([, v]) => v);
		return { version, status: Number(status), line: lines[0], fields, get, all };
	}

	// One whole response to a request with this method; null when the connection ended without one.
	async response(method = 'GET', ms = 15000) {
		const h = await this.head(ms);
		if (!h) return null;
		if (h.status < 200) return { ...h, body: Buffer.alloc(0) };
		if (method === 'HEAD' || h.status === 204 || h.status === 304) return { ...h, body: Buffer.alloc(0) };
		if (/chunked/i.test(h.get('transfer-encoding') ?? '')) return { ...h, ...await this.chunked(ms) };
		const length = h.get('content-length');
		if (length !== undefined) {
			const n = Number(length);
			const got = await this.wait((b) => (b.length >= n ? n : undefined), ms);
			return { ...h, body: this.take(got ?? this.bytes.length), whole: got !== null };
		}
		await this.end(ms);
		return { ...h, body: this.take(this.bytes.length), untilClose: true };
	}

	async chunked(ms) {
		const parts = [];
		for (;;) {
			const at = await this.wait((b) => { const i = b.indexOf('\r\n'); return i < 0 ? undefined : i; }, ms);
			if (at === null) return { body: Buffer.concat(parts), whole: false };
			const size = parseInt(this.take(at + 2).toString('latin1'), 16);
			const got = await this.wait((b) => (b.length >= size + 2 ? true : undefined), ms);
			if (got === null) return { body: Buffer.concat(parts), whole: false };
			parts.push(this.take(size));
			if (size === 0) {
				const trailers = [];
				while (this.bytes.indexOf('\r\n') > 0) {
					trailers.push(this.take(this.bytes.indexOf('\r\n') + 2).toString('latin1').trim());
				}
				this.take(2);
				return { body: Buffer.concat(parts), whole: true, trailers };
			}
			this.take(2);
		}
	}

	// Waits for the other side to close; false when it does not within ms.
	async end(ms = 15000) {
		try {
			await this.wait(() => undefined, ms);
			return true;
		} catch {
			return false;
		}
	}

	close() {
		this.socket.destroy();
	}
}

// Sends bytes on a fresh connection; returns the final responses read until `count` or the end.
export async function exchange(port, bytes, { count = 1, method = 'GET', ms = 15000, tls } = {}) {
	const raw = await Raw.open(port, { tls });
	raw.send(bytes);
	const out = [];
	while (out.length < count) {
		const r = await raw.response(method, ms);
		if (!r) break;
		if (r.status >= 200) out.push(r);
	}
	raw.close();
	return out;
}
