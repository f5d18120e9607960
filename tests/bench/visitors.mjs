// Many browsers in one process, cheaply: keep-alive connections that they share, a jar of cookies for each, and the
// way through a sign-in.  Of HTTP it knows what is needed here: GET, and answers with a Content-Length.
import { connect } from 'node:net';

// One connection; one request at a time.
class Line {
	constructor(port) {
		this.port = port;
		this.socket = null;
	}

	ask(text) {
		if (!this.socket) this.open();
		return new Promise((resolve, reject) => {
			this.waiting = { resolve, reject };
			this.socket.write(text, 'latin1');
		});
	}

	open() {
		const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
		const gone = () => this.end(socket, new Error(`port ${this.port} closed the connection`));
		this.socket = socket;
		this.got = null;
		socket.on('data', (d) => this.data(d));
		socket.on('error', (e) => this.end(socket, e));
		socket.on('close', gone);
		socket.on('end', gone);
	}

	data(d) {
		this.got = this.got ? Buffer.concat([this.got, d]) : d;
		const at = this.got.indexOf('\r\n\r\n');
		if (at < 0) return;
		const head = this.got.latin1Slice(0, at + 2);
		const length = /^content-length: *(\d+)/im.exec(head)?.[1];
		if (length === undefined) return this.end(this.socket, new Error(`an answer without Content-Length: ${head}`));
		if (this.got.length < at + 4 + +length) return;
		const { resolve } = this.waiting;
		this.waiting = null;
		this.got = null;
		if (/^connection: *close/im.test(head)) this.end(this.socket);
		resolve({ status: +head.slice(9, 12), head });
	}

	end(socket, error) {
		if (!socket || this.socket !== socket) return;
		this.socket = null;
		socket.destroy();
		this.waiting?.reject(error);
		this.waiting = null;
	}
}

// A server, and up to `n` connections to it; who finds all taken waits for his turn.
export class Server {
	constructor(port, n, host = `127.0.0.1:${port}`) {
		this.host = host;
		this.idle = Array.from({ length: n }, () => new Line(port));
		this.lines = [...this.idle];
		this.queue = [];
	}

	async get(path, jar) {
		const line = this.idle.pop() ?? await new Promise((resolve) => { this.queue.push(resolve); });
		try {
			const cookie = jar?.header;
			const answer = await line.ask(`GET ${path} HTTP/1.1\r\nHost: ${this.host}\r\nAccept: text/html\r\n${cookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`);
			jar?.take(answer.head);
			return answer;
		} finally {
			const next = this.queue.shift();
			if (next) next(line);
			else this.idle.push(line);
		}
	}

	close() {
		for (const l of this.lines) l.end(l.socket);
	}
}

export class Jar {
	cookies = new Map();
	header = '';
	due = NaN; // when the session's tokens are to be renewed, in ms: its cookie is a JWT

	take(head) {
		const lines = head.match(/^set-cookie: .*$/gim);
		if (!lines) return;
		for (const line of lines) {
			const [, name, value, rest] = /^set-cookie: *([^=]+)=([^;\r]*)(.*)$/i.exec(line);
			if (/max-age=0/i.test(rest)) this.cookies.delete(name);
			else this.cookies.set(name, value);
		}
		this.header = [...this.cookies].map(([n, v]) => `${n}=${v}`).join('; ');
		const [, payload] = (this.cookies.get('workflow_session') ?? '').split('.');
		this.due = payload ? JSON.parse(Buffer.from(payload, 'base64url')).refresh_at * 1000 : NaN;
	}
}

function redirect(answer, what) {
	const to = /^location: *(\S+)/im.exec(answer.head)?.[1];
	if (answer.status < 300 || answer.status > 399 || !to) throw new Error(`${what}: no redirect but\n${answer.head}`);
	return to.replace(/^https?:\/\/[^/]+/, '');
}

// The page that is asked for, the provider, the callback, and the page.
export async function signIn(site, provider) {
	const jar = new Jar();
	const toProvider = redirect(await site.get('/', jar), 'a page without a session');
	const back = redirect(await provider.get(toProvider), 'the provider');
	const page = redirect(await site.get(back, jar), 'the callback');
	const answer = await site.get(page, jar);
	if (answer.status !== 200) throw new Error(`signed in, and then\n${answer.head}`);
	return jar;
}
