// A scripted browser: cookies as RFC 6265 has them (host without port, path, Secure, Max-Age, prefixes), the request
// headers of a navigation, redirects followed one by one so that a story can look at each.
import { request as plain } from 'node:http';
import { request as tls } from 'node:https';

class Jar {
	cookies = new Map();

	key(c) {
		return `${c.host};${c.path};${c.name}`;
	}

	set(url, line) {
		const parts = line.split(';').map((s) => s.trim());
		const at = parts[0].indexOf('=');
		const c = { name: parts[0].slice(0, at), value: parts[0].slice(at + 1), host: url.hostname, path: null, attributes: {} };
		for (const p of parts.slice(1)) {
			const [n, ...v] = p.split('=');
			c.attributes[n.toLowerCase()] = v.join('=');
		}
		const a = c.attributes;
		c.secure = 'secure' in a;
		c.path = a.path?.startsWith('/') ? a.path : url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/';
		if (c.secure && url.protocol !== 'https:') return;
		if (/^__Host-/i.test(c.name) && !(c.secure && a.path === '/' && !('domain' in a))) return;
		if (/^__Secure-/i.test(c.name) && !c.secure) return;
		if (!c.value && 'max-age' in a === false && 'expires' in a === false && at < 0) return;
		const expired = 'max-age' in a ? Number(a['max-age']) <= 0 : 'expires' in a && Date.parse(a.expires) <= Date.now();
		if (expired) this.cookies.delete(this.key(c));
		else this.cookies.set(this.key(c), c);
	}

	matches(c, url) {
		const path = url.pathname;
		return c.host === url.hostname && (!c.secure || url.protocol === 'https:')
			&& (path === c.path || (path.startsWith(c.path) && (c.path.endsWith('/') || path[c.path.length] === '/')));
	}

	header(url) {
		return [...this.cookies.values()].filter((c) => this.matches(c, url)).sort((x, y) => y.path.length - x.path.length)
			.map((c) => `${c.name}=${c.value}`).join('; ');
	}

	// All cookies with this name, wherever they were set.
	get(name) {
		return [...this.cookies.values()].find((c) => c.name === name);
	}

	delete(match) {
		for (const [k, c] of this.cookies) if (match(c)) this.cookies.delete(k);
	}
}

export const NAVIGATE = {
	Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
	'Upgrade-Insecure-Requests': '1', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-User': '?1',
};
export const FETCH = { Accept: 'application/json', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty', 'Sec-Fetch-Site': 'same-origin' };

export class Browser {
	constructor(o = {}) {
		this.jar = new Jar();
		this.o = o; // { drop: (cookie) => bool, ca, localAddress }
		this.visited = [];
	}

	// One request, no redirect followed.
	request(href, o = {}) {
		const url = new URL(href);
		const headers = { 'User-Agent': 'e2e', ...(o.headers ?? NAVIGATE) };
		const cookie = o.cookie ?? this.jar.header(url);
		if (cookie) headers.Cookie = cookie;
		let body = o.body;
		if (o.form) {
			body = new URLSearchParams(o.form).toString();
			headers['Content-Type'] = 'application/x-www-form-urlencoded';
		}
		if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body);
		return new Promise((resolve, reject) => {
			const q = (url.protocol === 'https:' ? tls : plain)({
				hostname: o.connect?.host ?? url.hostname, port: o.connect?.port ?? url.port, servername: /^[\d.]+$/.test(url.hostname) ? '' : url.hostname,
				method: o.method ?? (body === undefined ? 'GET' : 'POST'), path: o.rawPath ?? url.pathname + url.search,
				headers: { Host: url.host, ...headers }, agent: false, maxHeaderSize: 131072, rejectUnauthorized: false, localAddress: this.o.localAddress,
			}, (r) => {
				const parts = [];
				r.on('data', (d) => parts.push(d));
				r.on('error', reject);
				r.on('end', () => {
					for (const line of r.headers['set-cookie'] ?? []) {
						const name = line.slice(0, line.indexOf('='));
						if (!this.o.drop?.(name)) this.jar.set(url, line);
					}
					const text = Buffer.concat(parts).toString();
					const answer = {
						url: url.href, status: r.statusCode, headers: r.headers, text, setCookies: r.headers['set-cookie'] ?? [],
						location: r.headers.location === undefined ? undefined : new URL(r.headers.location, url).href,
						get json() { return JSON.parse(text); },
					};
					this.visited.push(answer);
					resolve(answer);
				});
			});
			q.setTimeout(20000, () => q.destroy(new Error(`no answer from ${href}`)));
			q.on('error', reject);
			q.end(body);
		});
	}

	// Follows redirects until `stop(answer)` or the first answer that is none.
	async go(href, o = {}) {
		let answer = await this.request(href, o);
		const chain = [answer];
		const start = new URL(href).origin;
		let site = 'none';
		while (answer.location && chain.length < (o.hops ?? 30) && !o.stop?.(answer)) {
			const to = new URL(answer.location);
			if (to.origin !== start) site = 'cross-site';
			const keep = [307, 308].includes(answer.status);
			answer = await this.request(to.href, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': site }, ...(keep ? { method: o.method, body: o.body } : {}) });
			chain.push(answer);
		}
		return Object.assign(answer, { chain });
	}

	// Opens a page and signs in where the provider asks; returns the answer at the end, `chain` holds all of them.
	async signIn(href, user = 'alice', o = {}) {
		let answer = await this.go(href, o);
		const chain = [...answer.chain];
		for (let i = 0; i < 4 && /name="prompt" value="/.test(answer.text); i++) {
			const prompt = /name="prompt" value="([a-z]+)"/.exec(answer.text)[1];
			const action = new URL(/action="([^"]+)"/.exec(answer.text)[1].replace(/&amp;/g, '&'), answer.url).href;
			answer = await this.go(action, {
				body: new URLSearchParams(prompt === 'login' ? { prompt, login: user, password: 'x' } : { prompt }).toString(),
				headers: { ...NAVIGATE, 'Content-Type': 'application/x-www-form-urlencoded' }, stop: o.stop,
			});
			chain.push(...answer.chain);
		}
		return Object.assign(answer, { chain });
	}
}
