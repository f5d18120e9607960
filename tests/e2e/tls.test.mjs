// TLS to the browser and to the backend.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Backend } from './lib/backend.mjs';
import { Browser } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { freePort } from './lib/ports.mjs';
import { Proxy, scratch } from './lib/proxy.mjs';
import { exchange } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
function certificate(name, san) {
	const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
	openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '30', '-subj', `/CN=${name}`, '-addext', `subjectAltName=${san}`);
	return { key, cert };
}
const one = certificate('one.test', 'DNS:one.test,IP:127.0.0.1');
const two = certificate('two.test', 'DNS:two.test');
const upstreamCert = certificate('backend.test', 'IP:127.0.0.1');
const otherCert = certificate('other.test', 'DNS:other.test');

const w = shared(async () => {
	const port = await freePort();
	const op = await FaultOp.start();
	return {
		op, publicUrl: ['https://one.test', 'https://two.test'],
		listen: `tls_certificate = {"${one.cert}", "${two.cert}"} tls_certificate_key = {"${one.key}", "${two.key}"} hsts = "180d"`,
		top: `listen "127.0.0.1:${port}" { https_redirect = yes }`, redirectPort: port,
	};
});

const handshake = (port, options) => new Promise((resolve) => {
	const s = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
		const c = s.getPeerCertificate();
		const r = { protocol: s.getProtocol(), cn: c.subject?.CN, alpn: s.alpnProtocol };
		s.destroy();
		resolve(r);
	});
	s.on('error', (e) => resolve({ error: e.code ?? e.message }));
});

story('TLS 1.2 and 1.3 are spoken, older versions refused', async () => {
	const { port } = await w();
	assert.equal((await handshake(port, { maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
	assert.equal((await handshake(port, { minVersion: 'TLSv1.3' })).protocol, 'TLSv1.3');
	for (const version of ['TLSv1', 'TLSv1.1']) {
		assert.ok((await handshake(port, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' })).error, version);
	}
});

story('the certificate is chosen by SNI, the first one serves everyone else', async () => {
	const { port } = await w();
	assert.equal((await handshake(port, { servername: 'two.test' })).cn, 'two.test');
	assert.equal((await handshake(port, { servername: 'one.test' })).cn, 'one.test');
	assert.equal((await handshake(port, { servername: 'unknown.test' })).cn, 'one.test');
	assert.equal((await handshake(port, {})).cn, 'one.test');
});

story('HTTP/2 is agreed on where the browser offers it and the cipher is good for it (RFC 9113 9.2.2)', async () => {
	const { port } = await w();
	const both = { ALPNProtocols: ['http/1.1', 'h2'] };
	assert.equal((await handshake(port, both)).alpn, 'h2');
	assert.equal((await handshake(port, { ...both, servername: 'two.test' })).alpn, 'h2');
	assert.equal((await handshake(port, { ...both, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).alpn, 'h2');
	assert.equal((await handshake(port, { ...both, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' })).alpn, 'http/1.1');
	assert.equal((await handshake(port, { ALPNProtocols: ['http/1.1'] })).alpn, 'http/1.1');
	assert.equal((await handshake(port, {})).alpn, false);
	assert.equal((await handshake(port, { ALPNProtocols: ['spdy/3'] })).alpn, false);
});

story('http2 = no: HTTP/1.1 is all there is', async () => {
	const own = await world({ publicUrl: 'https://one.test', listen: `tls_certificate = "${one.cert}" tls_certificate_key = "${one.key}" http2 = no` });
	try {
		assert.equal((await handshake(own.port, { ALPNProtocols: ['h2', 'http/1.1'] })).alpn, false);
	} finally {
		await own.stop();
	}
});

story('rubbish instead of a handshake, and a handshake that stops, harm nobody', async () => {
	const { port } = await w();
	const { connect: plain } = await import('node:net');
	for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x00'.repeat(5000), '']) {
		const s = plain(port, '127.0.0.1');
		s.on('error', () => {});
		await new Promise((resolve) => { s.once('connect', resolve); });
		s.write(Buffer.from(bytes, 'latin1'));
		setTimeout(() => s.destroy(), 300);
	}
	assert.ok((await handshake(port, {})).protocol);
});

story('a sign-in over https: cookies are Secure and __Host-, HSTS is sent, the session is of this host only', async () => {
	const { port, backend } = await w();
	const browser = new Browser();
	const at = { connect: { host: '127.0.0.1', port } };
	const start = await browser.request('https://one.test/deep?x=1', at);
	assert.equal(start.status, 302);
	assert.match(start.headers['strict-transport-security'], /max-age=15552000/);
	assert.equal(new URL(start.location).searchParams.get('redirect_uri'), 'https://one.test/auth/callback');
	const callback = (await browser.request(start.location)).location;
	const end = await browser.request(callback, at);
	assert.equal(end.location, 'https://one.test/deep?x=1');
	const session = browser.jar.get('__Host-workflow_session');
	assert.ok(session, end.setCookies.join('\n'));
	for (const line of [...start.setCookies, ...end.setCookies]) {
		assert.match(line, /;\s*Secure/i, line);
		assert.match(line, /;\s*HttpOnly/i, line);
		assert.match(line, /^__Host-/, line);
	}
	const page = await browser.request(end.location, at);
	assert.equal(page.status, 200);
	assert.equal(backend.last.get('x-forwarded-proto'), 'https');
	assert.equal(backend.last.get('x-forwarded-user'), 'alice');
	const other = await browser.request('https://two.test/x', { ...at, cookie: `${session.name}=${session.value}`, headers: { Accept: 'application/json' } });
	assert.equal(other.status, 401, 'the session of one host opens no other');
	const out = await browser.request('https://one.test/auth/logout', at);
	const cleared = out.setCookies.find((l) => l.startsWith('__Host-workflow_session='));
	assert.match(cleared, /Secure/);
	assert.match(cleared, /Path=\//);
	assert.ok(!browser.jar.get('__Host-workflow_session'));
});

story('hsts: said once, in place of the upstream\'s, beside one Date; over http not at all (RFC 6797 7.2)', async () => {
	const dated = { Date: 'Tue, 15 Nov 1994 08:12:31 GMT', 'Strict-Transport-Security': 'max-age=1' };
	const own = await world({ publicUrl: 'https://one.test', listen: 'hsts = "1d"', top: 'trusted_proxies = "127.0.0.1"', routes: 'route "/" { upstream = "app" auth = "none" }' });
	own.backend.on('/dated', (r, s) => { s.write(`HTTP/1.1 200 X\r\n${Object.entries(dated).map(([n, v]) => `${n}: ${v}\r\n`).join('')}Content-Length: 0\r\n\r\n`); });
	try {
		const ask = async (path, proto) => {
			const [r] = await exchange(own.port, `GET ${path} HTTP/1.1\r\nHost: one.test\r\nX-Forwarded-Proto: ${proto}\r\n\r\n`);
			return { sts: r.all('strict-transport-security'), dates: r.all('date') };
		};
		assert.deepEqual(await ask('/dated', 'https'), { sts: ['max-age=86400'], dates: [dated.Date] });
		assert.deepEqual(await ask('/dated', 'http'), { sts: [], dates: [dated.Date] });
		for (const [path, proto, sts] of [['/x', 'https', ['max-age=86400']], ['/x', 'http', []], ['/auth/nothing', 'https', ['max-age=86400']], ['/auth/nothing', 'http', []]]) {
			const r = await ask(path, proto);
			assert.deepEqual(r.sts, sts, `${path} ${proto}`);
			assert.equal(r.dates.length, 1);
		}
	} finally {
		await own.stop();
	}
});

story('https_redirect answers 308 to the same page on public_url', async () => {
	const { settings } = await w();
	const [r] = await exchange(settings.redirectPort, 'GET /a/b?c=d HTTP/1.1\r\nHost: one.test\r\n\r\n');
	assert.equal(r.status, 308);
	assert.equal(r.get('location'), 'https://one.test/a/b?c=d');
	const [evil] = await exchange(settings.redirectPort, 'GET //evil.example/x HTTP/1.1\r\nHost: one.test\r\n\r\n');
	if (evil.status === 308) assert.equal(new URL(evil.get('location')).host, 'one.test');
	const [host] = await exchange(settings.redirectPort, 'GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n');
	assert.ok(host.status === 421 || new URL(host.get('location')).host !== 'evil.example');
});

story('a keep-alive connection over TLS carries many requests and a big body', async () => {
	const { port } = await w();
	const browser = new Browser();
	const at = { connect: { host: '127.0.0.1', port } };
	const start = await browser.request('https://one.test/x', at);
	const callback = (await browser.request(start.location)).location;
	await browser.request(callback, at);
	const cookie = browser.jar.header(new URL('https://one.test/'));
	const out = await exchange(port, Array.from({ length: 5 }, (_, i) => `GET ${i === 3 ? '/big/3000000' : `/n${i}`} HTTP/1.1\r\nHost: one.test\r\nCookie: ${cookie}\r\n\r\n`).join(''), { count: 5, tls: { servername: 'one.test' } });
	assert.deepEqual(out.map((r) => r.status), [200, 200, 200, 200, 200]);
	assert.equal(out[3].body.length, 3000000);
});

async function towards(cert, upstream) {
	const backend = await Backend.start({ tls: { key: readFileSync(cert.key), cert: readFileSync(cert.cert) } });
	const op = await FaultOp.start();
	const [port, adminPort] = [await freePort(), await freePort()];
	const proxy = await Proxy.start({ port, adminPort, discoveryUrl: op.discoveryUrl, servers: [backend.url], upstream, routes: 'route "/" { upstream = "app" auth = "none" }' });
	try {
		const [r] = await exchange(port, 'GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n');
		const record = await proxy.lastAccess();
		return { status: r.status, reason: record.reason, seen: backend.requests.length };
	} finally {
		await proxy.stop();
		await op.stop();
		await backend.stop();
	}
}
story('an https upstream with a certificate of its CA is reached', async () => {
	assert.deepEqual(await towards(upstreamCert, `tls_ca = "${upstreamCert.cert}"`), { status: 200, reason: undefined, seen: 1 });
});
story('an https upstream that nobody vouches for is refused, and sent nothing', async () => {
	assert.deepEqual(await towards(upstreamCert, ''), { status: 502, reason: 'upstream_tls', seen: 0 });
});
story('an https upstream with a certificate of another name is refused', async () => {
	assert.deepEqual(await towards(otherCert, `tls_ca = "${otherCert.cert}"`), { status: 502, reason: 'upstream_tls', seen: 0 });
});
story('tls_verify = no reaches it all the same', async () => {
	assert.deepEqual(await towards(otherCert, 'tls_verify = no'), { status: 200, reason: undefined, seen: 1 });
});

story('a reload takes a renewed certificate into force', async () => {
	const pair = certificate('renewed.test', 'DNS:renewed.test');
	const own = await world({ publicUrl: ['https://renewed.test'], listen: `tls_certificate = "${pair.cert}" tls_certificate_key = "${pair.key}"` });
	try {
		const serial = async () => new Promise((resolve) => {
			const s = connect({ port: own.port, host: '127.0.0.1', rejectUnauthorized: false }, () => { const n = s.getPeerCertificate().serialNumber; s.destroy(); resolve(n); });
			s.on('error', () => resolve(null));
		});
		const before = await serial();
		certificate('renewed.test', 'DNS:renewed.test');
		own.proxy.signal('SIGHUP');
		const { until } = await import('./lib/ports.mjs');
		await until('the new certificate', async () => { const n = await serial(); return n && n !== before; });
	} finally {
		await own.stop();
	}
});

closing(w);
