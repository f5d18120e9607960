// What is written down: enough to act on, and never a secret.
import assert from 'node:assert/strict';
import { Browser, FETCH } from './lib/browser.mjs';
import { CLIENT_SECRET } from './lib/op.mjs';
import { run, SECRET } from './lib/proxy.mjs';
import { exchange } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const w = shared({ routes: 'route "/" { upstream = "app" set_headers = {"X-Backend-Key=canary-of-set-headers-5521"} }\nroute "/public" { upstream = "app" auth = "none" }' });

story('no secret, token, code, state or cookie is written at debug level, on any road', async () => {
	const own = await world({
		logLevel: 'debug', provider: 'timeout = "1s" userinfo = yes',
		routes: 'route "/" { upstream = "app" set_headers = {"X-Backend-Key=canary-of-set-headers-5521"} }\nroute "/public" { upstream = "app" auth = "none" }\nroute "/down" { upstream = "http://127.0.0.1:9" }',
	});
	const canaries = new Set([CLIENT_SECRET, SECRET, 'canary-of-set-headers-5521', 'canary-of-authorization-77', 'canary-of-a-cookie-78', 'canary-of-a-forged-token-79']);
	try {
		const { url, op } = own;
		const all = [];
		const walk = async (fault, browser = new Browser()) => {
			op.fault = fault;
			const r = await browser.go(`${url}/page?x=1`, { hops: 12 });
			all.push(browser);
			op.fault = {};
			return r;
		};
		const browser = new Browser();
		assert.equal((await walk({}, browser)).status, 200);
		for (const fault of [{ breakSignature: true }, { claims: { iss: 'x' } }, { claims: { aud: 'x' } }, { claims: { nonce: 'x' } }, { alg: 'none' }, { tokenStatus: 401, tokenBody: { error: 'invalid_client', error_description: `secret ${CLIENT_SECRET} wrong` } },
			{ tokenStatus: 400, tokenBody: { error: 'invalid_grant' } }, { tokenHtml: true }, { tokenSlow: true }, { tokenDrop: true }, { tokenAlso: { id_token: 'a.b.c' } }, { response: { error: 'access_denied', state: 'STATE' } }, { userinfo: { sub: 'x' } }, { kid: 'unknown' }]) await walk(fault);
		await browser.request(`${url}/down`, { headers: FETCH });
		await browser.request(`${url}/x`, { headers: { ...FETCH, Authorization: 'Bearer canary-of-authorization-77' } });
		await browser.request(`${url}/x`, { headers: { ...FETCH, Authorization: 'Basic canary-of-authorization-77' } });
		await browser.request(`${url}/x`, { headers: FETCH, cookie: 'other=canary-of-a-cookie-78; workflow_session=canary-of-a-forged-token-79' });
		await browser.request(`${url}/auth/session`, { headers: FETCH });
		const callback = op.issued[0];
		await new Browser().request(`${url}/auth/callback?code=${callback}&state=canary-of-a-forged-token-79`);
		await exchange(own.port, `GET /auth/callback?code=${callback}&state=canary-of-a-forged-token-79 HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header\r\n\r\n`);
		for (const c of browser.jar.cookies.values()) if (c.value.length > 12) canaries.add(c.value);
		const out = await browser.go(`${url}/auth/logout`, { headers: { ...FETCH, Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' }, hops: 5 });
		assert.ok(out.status < 500);
		for (const x of op.issued) if (x) canaries.add(x);
		for (const t of op.tokenRequests) canaries.add(t.authorization.slice(6));
		for (const b of all) {
			for (const v of b.visited) {
				if (!v.location) continue;
				const q = new URL(v.location).searchParams;
				for (const n of ['state', 'code', 'nonce', 'id_token_hint']) if ((q.get(n) ?? '').length > 12) canaries.add(q.get(n));
			}
			for (const c of b.jar.cookies.values()) if (c.value.length > 12) canaries.add(c.value);
		}
		await own.proxy.stop();
		const written = own.proxy.stdout + own.proxy.stderr;
		assert.ok(written.length > 2000, 'something was written');
		const found = [...canaries].filter((c) => written.includes(c) || (c.split('.').length === 3 && written.includes(c.split('.')[2] || c)));
		assert.deepEqual(found.map((c) => `${c.slice(0, 40)}: ${/.*$/m.exec(written.slice(Math.max(0, written.indexOf(c) - 160)))[0].slice(0, 200)}`), []);
	} finally {
		await own.stop();
	}
}, 90000);

story('each request is one line with request id, method, path, status, user', async () => {
	const { signedIn, url, proxy, backend } = await w();
	const browser = await signedIn();
	await browser.request(`${url}/one?secret=query`);
	const r = await proxy.lastAccess((a) => a.path === '/one' || a.path?.startsWith('/one'));
	assert.equal(r.method, 'GET');
	assert.equal(r.status, 200);
	assert.equal(r.user, 'alice');
	assert.ok(r.request_id);
	assert.equal(backend.last.get('x-request-id'), r.request_id, 'the backend got the same id');
});

story('nothing that a client or a provider sends can forge a line', async () => {
	const { url, port, op, proxy } = await w();
	const lines = () => proxy.stdout.split('\n').filter(Boolean).length;
	const before = lines();
	const paths = ['/public/%0a{"status":200}', '/public/%0d%0aforged=1', '/public/"quoted"', '/public/%22,%22status%22:999,%22x%22:%22', '/public/%1b[31m', '/public/%e2%80%a8', '/public/a=b%20c=d'];
	for (const p of paths) await exchange(port, `GET ${p} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: "x" status=1 \x80\xff\r\nReferer: {"a":"b"}\r\nConnection: close\r\n\r\n`);
	await proxy.lastAccess();
	await new Promise((resolve) => { setTimeout(resolve, 200); });
	assert.equal(lines() - before, paths.length, 'one line each');
	for (const r of proxy.access) assert.notEqual(r.status, 999);
	op.reset();
	op.user = 'eve" status=200 admin="yes\\';
	const evil = new Browser();
	const page = await evil.go(`${url}/evil`);
	assert.ok([200, 403].includes(page.status));
	const r = await proxy.lastAccess((a) => a.path?.startsWith('/evil') && a.user);
	if (page.status === 200) assert.equal(r.user, op.user);
	op.reset();
	op.fault = { response: { error: 'x"\r\nlevel=info msg="forged', state: 'STATE' } };
	await new Browser().go(`${url}/evil2`);
	op.reset();
	for (const l of proxy.stderr.split('\n')) assert.ok(!l.startsWith('level=info msg="forged'), l);
});

story('logfmt lines are key=value with quotes where needed', async () => {
	const own = await world({ logFormat: 'logfmt', routes: 'route "/" { upstream = "app" auth = "none" }' });
	try {
		await exchange(own.port, 'GET /a%20b"c?x=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
		await exchange(own.port, 'GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
		await new Promise((resolve) => { setTimeout(resolve, 200); });
		const line = own.proxy.stdout.split('\n').find((l) => l.includes('/plain'));
		assert.match(line, /(^| )method=GET /);
		assert.match(line, /(^| )path=\/plain( |$)/);
		assert.match(line, /(^| )status=200( |$)/);
		for (const l of own.proxy.stdout.split('\n').filter(Boolean)) assert.match(l, /^(\w+=("([^"\\]|\\.)*"|[^ "]*) ?)+$/);
	} finally {
		await own.stop();
	}
});

story('the configuration in a log or a report of mistakes never shows a secret', async () => {
	const { proxy } = await w();
	const text = proxy.text.replace(`secret = "${SECRET}"`, 'secret = "hunter2-hunter2"').replace(CLIENT_SECRET, 'canary-client-secret"\n\tclient_secret = "canary-again');
	const { writeFileSync } = await import('node:fs');
	const path = `${proxy.dir}/bad.conf`;
	writeFileSync(path, text, { mode: 0o600 });
	const r = run(['-t', '-c', path]);
	assert.equal(r.status, 1);
	assert.ok(!/hunter2|canary/.test(r.stdout + r.stderr), r.stdout + r.stderr);
});

closing(w);
