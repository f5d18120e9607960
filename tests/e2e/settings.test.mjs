// Settings that change what a browser or a backend sees, each as its operator would try it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, connect } from 'node:net';
import { rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Backend } from './lib/backend.mjs';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { until } from './lib/ports.mjs';
import { ASAN, scratch } from './lib/proxy.mjs';
import { exchange } from './lib/raw.mjs';
import { story, world } from './lib/world.mjs';

const OPEN = 'route "/" { upstream = "app" auth = "none" }';
const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}Connection: close\r\n\r\n`;

async function during(o, fn) {
	const own = await world(o);
	try {
		await fn(own);
	} catch (e) {
		await own.stop().catch(() => {});
		throw e;
	}
	await own.stop();
}

story('a trusted proxy in front of us is believed: client address, scheme, request id', () => during({ routes: OPEN, top: 'trusted_proxies = {"127.0.0.0/8"}' }, async ({ port, backend, proxy }) => {
	await exchange(port, get('/a', 'X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Request-Id: from-the-edge-1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n'));
	assert.match(backend.last.get('x-forwarded-for'), /^203\.0\.113\.7(, 127\.0\.0\.1)?$/);
	assert.equal(backend.last.get('x-forwarded-proto'), 'https');
	assert.equal(backend.last.get('x-request-id'), 'from-the-edge-1');
	assert.ok(backend.last.get('traceparent').startsWith('00-0af7651916cd43dd8448eb211c80319c-'));
	const r = await proxy.lastAccess((a) => a.path === '/a');
	assert.equal(r.client, '203.0.113.7');
	assert.equal(r.request_id, 'from-the-edge-1');
	await exchange(port, get('/b', 'X-Forwarded-For: 6.6.6.6, 203.0.113.8\r\n'));
	assert.equal((await proxy.lastAccess((a) => a.path === '/b')).client, '203.0.113.8', 'the last address that nobody we trust vouches for');
	for (const bad of ['X-Forwarded-For: rubbish', 'X-Forwarded-For: 1.2.3.4:x, [::1', 'X-Forwarded-For: ,,,', 'X-Forwarded-For: 203.0.113.9 6.6.6.6']) {
		assert.equal((await exchange(port, get('/unreadable', `${bad}\r\n`)))[0].status, 200, bad);
		assert.equal((await proxy.lastAccess((a) => a.path === '/unreadable')).client, '127.0.0.1', bad);
	}
	for (const bad of ['X-Forwarded-Proto: ftp', 'X-Request-Id: "quoted" and spaced', `X-Request-Id: ${'a'.repeat(500)}`, 'Forwarded: for="_x";proto=gopher']) {
		assert.equal((await exchange(port, get('/c', `${bad}\r\n`)))[0].status, 200, bad);
		assert.ok(!/ftp|gopher|quoted/.test(JSON.stringify(backend.last.fields)), bad);
	}
}));

story('strip_prefix takes the route\'s prefix off, and nothing else', () => during({ routes: 'route "/app" { upstream = "app" auth = "none" strip_prefix = yes }' }, async ({ port, backend }) => {
	for (const [sent, arrived] of [['/app', '/'], ['/app/', '/'], ['/app/x?y=/app', '/x?y=/app'], ['/app/app/x', '/app/x'], ['/app//x', '/x']]) {
		assert.equal((await exchange(port, get(sent)))[0].status, 200);
		assert.equal(backend.last.target, arrived, sent);
	}
	assert.equal((await exchange(port, get('/apple')))[0].status, 404);
}));

story('preserve_host = no sends the upstream its own name, and ours as X-Forwarded-Host', () => during({ routes: OPEN, upstream: 'preserve_host = no' }, async ({ port, backend }) => {
	await exchange(port, get('/x'));
	assert.equal(backend.last.get('host'), `127.0.0.1:${backend.port}`);
	assert.match(backend.last.get('x-forwarded-host'), /^127\.0\.0\.1/);
}));

story('public_url with a path: everything of ours lives below it', () => during({ proxy: false, routes: 'route "/flow" { upstream = "app" }' }, async (own) => {
	await own.start({ publicUrl: `http://127.0.0.1:${own.port}/flow` });
	const browser = new Browser();
	const r = await browser.go(`http://127.0.0.1:${own.port}/flow/page?x=1`);
	assert.equal(r.status, 200);
	assert.equal(r.url, `http://127.0.0.1:${own.port}/flow/page?x=1`);
	assert.equal(browser.jar.get('workflow_session').path, '/flow');
	assert.ok(own.op.lastAuthorize.get('redirect_uri').endsWith('/flow/auth/callback'));
	assert.equal((await browser.request(`http://127.0.0.1:${own.port}/elsewhere`)).status, 404);
}));

story('the callback path that is already registered can be kept', () => during({ top: 'callback_path = "/oidcServices/signinresponse"' }, async ({ url, op, backend }) => {
	const r = await new Browser().go(`${url}/x`);
	assert.equal(r.status, 200);
	assert.equal(op.lastAuthorize.get('redirect_uri'), `${url}/oidcServices/signinresponse`);
	assert.ok(!backend.requests.some((q) => q.target.includes('signinresponse')));
}));

story('routes by host: each host has its own, the rest serve the others', () => during({ publicUrl: ['http://one.test', 'http://two.test'], routes: `${OPEN}\nroute "one.test/" { upstream = "app" auth = "none" strip_prefix = no set_headers = {"X-Which=one"} }` }, async ({ port, backend }) => {
	const ask = async (host) => { await exchange(port, `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`); return backend.last.get('x-which'); };
	assert.equal(await ask('one.test'), 'one');
	assert.equal(await ask('ONE.Test:80'), 'one');
	assert.equal(await ask('two.test'), undefined);
}));

story('logins_per_minute: beyond it 429 with Retry-After, sessions go on', () => during({ limits: 'logins_per_minute = 5' }, async ({ url, signedIn, proxy }) => {
	const browser = await signedIn();
	let limited;
	for (let i = 0; i < 12 && !limited; i++) {
		const r = await new Browser().request(`${url}/auth/callback?code=x&state=y`);
		if (r.status === 429) limited = r;
	}
	assert.ok(limited, 'callbacks are limited');
	assert.ok(Number(limited.headers['retry-after']) > 0);
	assert.equal((await proxy.lastAccess((a) => a.status === 429)).reason, 'rate_limited');
	assert.equal((await browser.request(`${url}/work`)).status, 200);
}));

story('access_denied_url is where a refused user lands', () => during({ routes: 'route "/" { upstream = "app" claims = {"groups~admins"} access_denied_url = "http://help.example/denied" }' }, async ({ url }) => {
	const r = await new Browser().go(`${url}/x`, { stop: (a) => a.location?.startsWith('http://help.example') });
	assert.equal(r.location, 'http://help.example/denied');
}));

story('a foreign Authorization passes on an open route', () => during({ routes: OPEN }, async ({ port, backend }) => {
	await exchange(port, get('/x', 'Authorization: Basic YTpi\r\n'));
	assert.equal(backend.last.get('authorization'), 'Basic YTpi');
}));

story('client_secret_post and a public client are spoken too', async () => {
	await during({ provider: 'token_endpoint_auth_method = "client_secret_post"' }, async ({ url, op }) => {
		assert.equal((await new Browser().go(`${url}/`)).status, 200);
		assert.equal(op.tokenRequests[0].authorization, undefined);
		assert.equal(op.tokenRequests[0].form.get('client_secret'), 'client-secret-of-the-tests-0123456789');
	});
	await during({ clientAuth: 'token_endpoint_auth_method = "none"' }, async ({ url, op }) => {
		assert.equal((await new Browser().go(`${url}/`)).status, 200);
		assert.equal(op.tokenRequests[0].authorization, undefined);
		assert.equal(op.tokenRequests[0].form.get('client_id'), 'rp');
	});
});

story('authorization_parameters and additional_scopes reach the provider; username_claim chooses the name', () => during({ provider: 'authorization_parameters = {"kc_idp_hint=corp", "domain_hint=example.org"} additional_scopes = {"groups"} username_claim = "email"' }, async ({ url, op, backend }) => {
	const r = await new Browser().go(`${url}/`);
	assert.equal(r.status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'alice@example.org');
	assert.equal(op.lastAuthorize.get('domain_hint'), 'example.org');
	assert.ok(op.lastAuthorize.get('scope').split(' ').includes('groups'));
	op.fault = { claims: { email_verified: false } };
	assert.equal((await new Browser().go(`${url}/`)).status, 403, 'an unverified address is nobody\'s name');
}));

story('sign-out by POST, with rd, and twice: ends on a page or on rd, never elsewhere', () => during({}, async ({ url, signedIn, op }) => {
	const browser = await signedIn();
	const r = await browser.go(`${url}/auth/logout?rd=/public/bye`, { method: 'POST', body: '', headers: { ...NAVIGATE, Origin: url, 'Sec-Fetch-Site': 'same-origin' } });
	assert.ok(r.chain.some((a) => a.location?.startsWith(`${op.url}/end`)), 'the provider is told');
	assert.ok(['/public/bye', '/auth/logout/return'].includes(new URL(r.url).pathname), r.url);
	const again = await browser.go(`${url}/auth/logout`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'none' } });
	assert.ok(again.status < 400, String(again.status));
	const evil = await (await signedIn()).go(`${url}/auth/logout?rd=//evil.example`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'none' } });
	for (const a of evil.chain) assert.ok(!a.location || [url, op.url].includes(new URL(a.location).origin));
}));

story('the socket can be a unix socket on either side', async () => {
	const dir = scratch();
	const backend = createServer((s) => { s.on('data', () => s.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix')); s.on('error', () => {}); });
	const path = join(dir, 'app.sock');
	await new Promise((resolve) => { backend.listen(path, resolve); });
	try {
		await during({ servers: [`unix:${path}`], routes: OPEN, top: `listen "unix:${dir}/front.sock" { }` }, async ({ port }) => {
			assert.equal((await exchange(port, get('/x')))[0].body.toString(), 'unix');
			const status = await new Promise((resolve, reject) => {
				request({ socketPath: join(dir, 'front.sock'), path: '/x', headers: { Host: '127.0.0.1' }, agent: false }, (r) => { r.resume(); resolve(r.statusCode); }).on('error', reject).end();
			});
			assert.equal(status, 200);
		});
	} finally {
		backend.close();
		rmSync(dir, { recursive: true, force: true });
	}
});

story('a socket handed over by systemd is used', () => during({ proxy: false, waitReady: false, routes: OPEN }, async (own) => {
	const { configuration } = await import('./lib/proxy.mjs');
	const { writeFileSync } = await import('node:fs');
	const dir = scratch();
	const file = join(dir, 'workflow-proxy.conf');
	writeFileSync(file, configuration(own.settings).replace(/^listen .*$/m, ''), { mode: 0o600 });
	const server = createServer();
	await new Promise((resolve) => { server.listen(own.port, '127.0.0.1', resolve); });
	// The shell takes the pid that LISTEN_PID names, then becomes the proxy.
	const child = spawn('/bin/sh', ['-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -c "$1"', ASAN, file], { stdio: ['ignore', 'ignore', 'pipe', server._handle] });
	let said = '';
	child.stderr.on('data', (d) => { said += d; });
	const code = new Promise((resolve) => { child.once('close', resolve); });
	server.close(); // ours; the child holds its own
	try {
		await until('an answer', () => new Promise((resolve) => { const s = connect(own.port, '127.0.0.1', () => { s.destroy(); resolve(true); }); s.on('error', () => resolve(false)); }));
		assert.equal((await exchange(own.port, get('/x')))[0].status, 200, said);
	} finally {
		child.kill('SIGTERM');
		assert.equal(await code, 0, said);
		rmSync(dir, { recursive: true, force: true });
	}
}));

story('a health check takes a sick server out and brings it back', async () => {
	const second = await Backend.start({ name: 'second' });
	second.on('/health', (r, s) => { s.write(`HTTP/1.1 ${second.sick ? 500 : 200} X\r\nContent-Length: 0\r\n\r\n`); });
	try {
		await during({ proxy: false, routes: OPEN, workers: 1 }, async (own) => {
			own.backend.on('/health', (r, s) => { s.write('HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n'); });
			await own.start({ servers: [own.backend.url, second.url], upstream: 'health_check = "/health" health_interval = "200ms"' });
			const who = async () => { const seen = new Set(); for (let i = 0; i < 8; i++) seen.add((await exchange(own.port, get('/x')))[0].get('x-backend')); return [...seen].sort().join(); };
			await until('both to serve', async () => await who() === 'app,second');
			second.sick = true;
			await until('only the healthy one to serve', async () => await who() === 'app');
			second.sick = false;
			await until('both to serve again', async () => await who() === 'app,second');
		});
	} finally {
		await second.stop();
	}
});

story('an upstream that comes back is used again without a restart', () => during({ routes: OPEN }, async (own) => {
	const { port } = own.backend;
	assert.equal((await exchange(own.port, get('/x')))[0].status, 200);
	await own.backend.stop();
	assert.equal((await exchange(own.port, get('/x', 'Accept: application/json\r\n')))[0].status, 502);
	own.backend = await Backend.start({ port });
	await until('recovery', async () => (await exchange(own.port, get('/x')))[0].status === 200, 15000);
}));

story('a session on a protected route is not needed on an open one, and its user is not told there', () => during({}, async ({ url, signedIn, backend }) => {
	const browser = await signedIn();
	await browser.request(`${url}/public/x`, { headers: FETCH });
	assert.equal(backend.last.get('x-forwarded-user'), undefined);
}));
