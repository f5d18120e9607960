// Configuration keys that stand alone: each set as its operator would, and what then holds for a browser or a backend.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Backend } from './lib/backend.mjs';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { certificate } from './lib/certificate.mjs';
import { until } from './lib/ports.mjs';
import { configuration, scratch, SECRET } from './lib/proxy.mjs';
import { exchange } from './lib/raw.mjs';
import { Redis } from './lib/redis.mjs';
import { story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const secretFile = (name, text) => { const f = join(dir, name); writeFileSync(f, text, { mode: 0o600 }); return f; };
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

story('auth_path moves everything of ours; /auth is then the application\'s', () => during({ top: 'auth_path = "/sso"' }, async ({ url, backend, op, signedIn }) => {
	const browser = await signedIn();
	assert.equal(op.lastAuthorize.get('redirect_uri'), `${url}/sso/callback`);
	backend.clear();
	assert.equal((await browser.request(`${url}/sso/no-such-thing`)).status, 404);
	assert.equal((await browser.request(`${url}/sso`)).status, 404);
	assert.equal(backend.requests.length, 0, 'nothing below auth_path is relayed');
	assert.equal((await browser.request(`${url}/sso/session`, { headers: FETCH })).json.username, 'alice');
	assert.equal((await browser.request(`${url}/auth/callback?code=1&state=2`)).status, 200);
	assert.equal(backend.last.target, '/auth/callback?code=1&state=2');
	assert.equal((await browser.request(`${url}/ssomething`)).status, 200, 'a longer segment is not below it');
}));

story('origin_check: a foreign page cannot write with the user\'s cookie; "no" leaves that to the application', async () => {
	const posts = async ({ url, signedIn }) => {
		const browser = await signedIn();
		const ask = async (method, headers) => (await browser.request(`${url}/write`, { method, body: method === 'GET' ? undefined : 'x', headers: { Accept: 'application/json', ...headers } })).status;
		return [
			await ask('POST', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }),
			await ask('POST', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }),
			await ask('DELETE', { Origin: `${url}.evil.example` }),
			await ask('POST', { Origin: url, 'Sec-Fetch-Site': 'same-origin' }),
			await ask('POST', {}),
			await ask('GET', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }),
		];
	};
	await during({}, async (own) => {
		assert.deepEqual(await posts(own), [403, 403, 403, 200, 200, 200]);
		assert.equal((await own.proxy.lastAccess((a) => a.status === 403)).reason, 'cross_origin');
	});
	await during({ session: 'origin_check = no' }, async (own) => assert.deepEqual(await posts(own), [200, 200, 200, 200, 200, 200]));
});

story('path_case: strict refuses what only case keeps from a route, sensitive and insensitive decide', async () => {
	const answers = async (own) => {
		const out = [];
		for (const path of ['/Admin/x', '/ADMIN', '/%41dmin/x', '/admin/x', '/other']) {
			out.push((await exchange(own.port, get(path, 'Accept: application/json\r\n')))[0].status);
		}
		return out.join();
	};
	const routes = (more) => `route "/admin" { upstream = "app" ${more} }\nroute "/" { upstream = "app" auth = "none" ${more} }`;
	await during({ routes: routes('') }, async (own) => {
		assert.equal(await answers(own), '400,400,400,401,200');
		assert.equal(own.backend.requests.length, 1);
	});
	await during({ routes: routes('path_case = "sensitive"') }, async (own) => assert.equal(await answers(own), '200,200,200,401,200'));
	await during({ routes: routes('path_case = "insensitive"') }, async (own) => assert.equal(await answers(own), '401,401,401,401,200'));
});

story('scope_claim and roles_claim: a claim of another name, literally first and then by its dots', () => during({
	provider: 'audience = {"api"} scope_claim = "https://corp.example/permissions" roles_claim = "realm_access.roles" access_token_username_claim = "preferred_username" app_only = {"kind=app"}',
	routes: 'route "/api" { upstream = "app" auth = "bearer" scopes = {"read"} app_roles = {"Run"} }\nroute "/" { upstream = "app" }\nclient "robot" { client_id = "robot-1" username = "svc" }',
}, async ({ url, op, backend }) => {
	const now = Math.floor(Date.now() / 1000);
	const ask = async (claims) => (await new Browser().request(`${url}/api/x`, { headers: { ...FETCH, Authorization: `Bearer ${op.mint({ iss: op.url, aud: 'api', sub: 's', iat: now, exp: now + 600, preferred_username: 'bob', azp: 'spa', ...claims })}` } })).status;
	assert.equal(await ask({ 'https://corp.example/permissions': ['read', 'write'] }), 200);
	assert.equal(await ask({ 'https://corp.example/permissions': 'write read' }), 200);
	assert.equal(await ask({ scope: 'read' }), 403, 'the usual claim does not count any more');
	const app = { kind: 'app', azp: 'robot-1', preferred_username: undefined };
	assert.equal(await ask({ ...app, realm_access: { roles: ['Run'] } }), 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'svc');
	assert.equal(await ask({ ...app, 'realm_access.roles': ['Run'] }), 200);
	assert.equal(await ask({ ...app, 'realm_access.roles': ['Walk'], realm_access: { roles: ['Run'] } }), 403, 'the literal name comes first');
	assert.equal(await ask({ ...app, roles: ['Run'] }), 403);
}));

story('sealing_secret: what is sealed follows it, what backends verify follows session.secret', () => during({ session: `sealing_secret_file = "${secretFile('sealing', 'a-first-sealing-secret-x7Lq93mmPz-0001\n')}"` }, async (own) => {
	const browser = await own.signedIn();
	const [head, claims, mac] = browser.jar.get('workflow_session').value.split('.');
	assert.equal(createHmac('sha256', SECRET).update(`${head}.${claims}`).digest('base64url'), mac);
	const begin = async () => {
		const b = new Browser();
		return { b, there: (await b.request(`${own.url}/deep/link?x=1`)).location };
	};
	const reload = async (more) => {
		const before = own.proxy.stderr.length;
		own.proxy.write(configuration({ ...own.settings, ...more }));
		own.proxy.signal('SIGHUP');
		await until('the reload', () => /reloaded|in force/.test(own.proxy.stderr.slice(before)));
	};
	const authorizations = async ({ b, there }) => {
		const before = own.op.calls.authorize;
		assert.equal((await b.go(there)).status, 200);
		return own.op.calls.authorize - before;
	};
	const first = await begin();
	await reload({ secret: 'secret = "another-session-secret-of-the-tests-Zr7XbN4v"' });
	assert.equal(await authorizations(first), 1, 'a sign-in under way does not depend on session.secret');
	assert.equal((await browser.request(`${own.url}/work`, { headers: FETCH })).status, 401, 'sessions do');
	const again = await own.signedIn();
	const second = await begin();
	await reload({ secret: 'secret = "another-session-secret-of-the-tests-Zr7XbN4v"', session: 'sealing_secret = "a-second-sealing-secret-y8Mr04nnQz-0002"' });
	assert.equal((await again.request(`${own.url}/work`)).status, 200, 'sessions do not depend on sealing_secret');
	assert.equal(await authorizations(second), 2, 'the sign-in starts again by itself');
}));

story('tls_min_version = 1.3 refuses a TLS 1.2 client; the default takes it', async () => {
	const c = certificate('one.test', 'DNS:one.test,IP:127.0.0.1');
	const version = (port, maxVersion) => new Promise((resolve) => {
		const s = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion, minVersion: maxVersion }, () => { resolve(s.getProtocol()); s.destroy(); });
		s.on('error', () => resolve(null));
	});
	for (const [more, expected] of [['', ['TLSv1.2', 'TLSv1.3']], ['tls_min_version = "1.3"', [null, 'TLSv1.3']]]) {
		await during({ publicUrl: 'https://one.test', listen: `${c.listen} ${more}` }, async ({ port }) => {
			assert.deepEqual([await version(port, 'TLSv1.2'), await version(port, 'TLSv1.3')], expected);
			assert.equal(await version(port, 'TLSv1.1'), null);
		});
	}
});

story('secrets from files: several session secrets, the client\'s, admin token, set_headers, redis', async () => {
	const redis = await Redis.start({ user: 'wp', password: 'a-password-of-the-tests' });
	try {
		await during({
			secret: `secret_file = "${secretFile('session', `a-newer-secret-of-the-tests-7Tz3kQ9wLm2x\n${SECRET}\n`)}"`,
			clientAuth: `client_secret_file = "${secretFile('client', 'client-secret-of-the-tests-0123456789\n')}"`,
			session: `redis_file = "${secretFile('redis', `${redis.url}\n`)}" redis_prefix = "wp:" store = "redis"`,
			admin: `token_file = "${secretFile('admin', 'an-admin-token-of-the-tests\n')}"`,
			routes: `route "/" { upstream = "app" set_headers_file = "${secretFile('headers', 'X-Shared-Secret=s3cret with spaces\nX-Second=two=2\n')}" }`,
		}, async (own) => {
			const browser = await own.signedIn();
			assert.equal(own.backend.last.get('x-shared-secret'), 's3cret with spaces');
			assert.equal(own.backend.last.get('x-second'), 'two=2');
			const [head, claims, mac] = browser.jar.get('workflow_session').value.split('.');
			assert.equal(createHmac('sha256', 'a-newer-secret-of-the-tests-7Tz3kQ9wLm2x').update(`${head}.${claims}`).digest('base64url'), mac, 'the first signs');
			const revoke = (authorization) => new Browser().request(`${own.proxy.admin}/sessions/revoke`, { method: 'POST', body: '{"username":"alice"}', headers: { 'Content-Type': 'application/json', ...(authorization ? { Authorization: authorization } : {}) } });
			assert.equal((await revoke('Bearer wrong')).status, 401);
			assert.equal((await browser.request(`${own.url}/work`)).status, 200);
			assert.ok((await revoke('Bearer an-admin-token-of-the-tests')).status < 300);
			await until('the session to end', async () => (await browser.request(`${own.url}/work`, { headers: FETCH })).status === 401);
			for (const secret of ['s3cret with spaces', 'a-password-of-the-tests', 'an-admin-token', 'a-newer-secret', 'client-secret-of-the-tests']) assert.ok(!own.proxy.stderr.includes(secret) && !own.proxy.stdout.includes(secret), 'no secret in a log');
		});
	} finally {
		await redis.stop();
	}
});

story('balance = least_conn: a server that hangs gets no more while another is free', async () => {
	const second = await Backend.start({ name: 'second' });
	try {
		await during({ proxy: false, workers: 1, routes: 'route "/" { upstream = "app" auth = "none" }' }, async (own) => {
			const held = [];
			own.backend.on('/slow', (r, s) => { held.push(s); });
			second.on('/slow', (r, s) => { held.push(s); });
			await own.start({ servers: [own.backend.url, second.url], upstream: 'balance = "least_conn"' });
			const slow = exchange(own.port, get('/slow'));
			await until('the slow request', () => held.length === 1);
			const busy = own.backend.seen('/slow').length === 1 ? 'app' : 'second';
			for (let i = 0; i < 6; i++) assert.notEqual((await exchange(own.port, get('/x')))[0].get('x-backend'), busy);
			held[0].write('HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n');
			assert.equal((await slow)[0].status, 200);
		});
	} finally {
		await second.stop();
	}
});

story('cookie, path, same_site: the cookie that a browser is given', async () => {
	await during({ session: 'cookie = "wfgen_token" same_site = "Strict"' }, async ({ signedIn }) => {
		const c = (await signedIn()).jar.get('wfgen_token');
		assert.equal(c.attributes.samesite, 'Strict');
		assert.ok('httponly' in c.attributes && !('domain' in c.attributes));
		assert.equal(c.path, '/');
	});
	await during({ proxy: false, session: 'path = "/"', routes: 'route "/flow" { upstream = "app" }' }, async (own) => {
		await own.start({ publicUrl: `http://127.0.0.1:${own.port}/flow` });
		const browser = new Browser();
		assert.equal((await browser.go(`http://127.0.0.1:${own.port}/flow/x`)).status, 200);
		assert.equal(browser.jar.get('workflow_session').path, '/', 'an application beside ours may see it');
	});
});

story('limits.header_size: 431 beyond it, and the page says so to a person', () => during({ limits: 'header_size = "4k"' }, async ({ port, proxy }) => {
	const [r] = await exchange(port, get('/public/x', `X-Long: ${'a'.repeat(5000)}\r\n`));
	assert.equal(r.status, 431);
	assert.equal((await proxy.lastAccess((a) => a.status === 431)).status, 431);
	assert.equal((await exchange(port, get('/public/x', `X-Long: ${'a'.repeat(3000)}\r\n`)))[0].status, 200);
}));

story('unauthenticated = redirect and 401 override what a request looks like', () => during({ routes: 'route "/" { upstream = "app" unauthenticated = "redirect" }\nroute "/api" { upstream = "app" unauthenticated = "401" }' }, async ({ url }) => {
	assert.ok([302, 303].includes((await new Browser().request(`${url}/x`, { headers: FETCH })).status));
	assert.equal((await new Browser().request(`${url}/api/x`, { headers: NAVIGATE })).status, 401);
}));
