// A token that the proxy obtains for an upstream: the backend sees it and nothing else, one request fetches it for all
// who wait, it is renewed before it ends, and what goes wrong is told without a word of any secret.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { frame, TEXT } from '../../demo/websocket.mjs';
import { Browser, FETCH } from './lib/browser.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { run } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const SECRET = 'outbound-secret-of-the-tests-7h2';

// A token endpoint that counts, and does what a test wants.
class TokenEndpoint {
	static async start(port = 0) {
		const t = new TokenEndpoint();
		t.port = port;
		t.handed = []; // every token
		t.reset();
		await t.up();
		return t;
	}

	reset() {
		this.requests = [];
		this.answer = { expires_in: 3600 };
		this.status = 200;
		this.delay = 0;
	}

	async up() {
		this.server = createServer(async (q, s) => {
			let body = '';
			for await (const d of q) body += d;
			this.requests.push({ path: q.url, form: new URLSearchParams(body), authorization: q.headers.authorization, at: Date.now() });
			if (this.delay) await sleep(this.delay);
			s.writeHead(this.status, { 'Content-Type': 'application/json' });
			if (this.status !== 200) return s.end(JSON.stringify(this.answer));
			const access_token = `outbound-token-${this.handed.length}-${'x'.repeat(20)}`;
			this.handed.push(access_token);
			return s.end(JSON.stringify({ access_token, token_type: 'Bearer', ...this.answer }));
		});
		await new Promise((resolve, reject) => { this.server.once('error', reject); this.server.listen(this.port, '127.0.0.1', resolve); });
		this.port = this.server.address().port;
		this.url = `http://127.0.0.1:${this.port}/token`;
	}

	async stop() {
		this.server.closeAllConnections();
		if (this.server.listening) await new Promise((resolve) => { this.server.close(resolve); });
	}
}

const section = (url, more = '') => `outbound "graph" { token_endpoint = "${url}" client_id = "robot" client_secret = "${SECRET}" ${more} }
route "/" { upstream = "app" }
route "/open" { upstream = "app" auth = "none" upstream_token = "graph" }
route "/plain" { upstream = "app" auth = "none" }
route "/mine" { upstream = "app" upstream_token = "graph" }
route "/socket" { upstream = "app" auth = "none" upstream_token = "graph" }
`;

// A world with a token endpoint of its own, which ends with the test.
async function own(fn, more, o = {}) {
	const tokens = await TokenEndpoint.start();
	const w = await world({ routes: section(tokens.url, more), ...o });
	try {
		await fn({ ...w, w, tokens });
		assert.ok(!`${w.proxy.stdout}${w.proxy.stderr}`.includes(SECRET), 'the secret is in a log');
		for (const t of tokens.handed) assert.ok(!`${w.proxy.stdout}${w.proxy.stderr}`.includes(t), 'a token is in a log');
	} finally {
		await w.stop();
		await tokens.stop();
	}
}

const get = (url, headers = {}) => new Browser().request(url, { headers: { ...FETCH, ...headers } });

story('the backend sees exactly one Authorization, the token, whatever the client sent, on open and protected routes', () => own(async ({ url, backend, signedIn, tokens }) => {
	for (const headers of [{}, { Authorization: 'Bearer of-the-client' }, { authorization: 'Basic bWFsbG9yeTp4' }, { AUTHORIZATION: 'x' }]) {
		const r = await get(`${url}/open/x`, headers);
		assert.equal(r.status, 200);
		assert.deepEqual(backend.last.all('authorization'), [`Bearer ${tokens.handed[0]}`]);
	}
	const browser = await signedIn();
	const r = await browser.request(`${url}/mine/x`, { headers: { ...FETCH, Authorization: 'Bearer of-the-client' } });
	assert.equal(r.status, 200);
	assert.deepEqual(backend.last.all('authorization'), [`Bearer ${tokens.handed[0]}`]);
	assert.equal(backend.last.get('x-forwarded-user'), 'alice');
	await get(`${url}/plain`);
	assert.deepEqual(backend.last.all('authorization'), [], 'no token where none is configured');
	assert.equal(tokens.requests.length, 1, 'one token serves them all');
	const [{ form, authorization }] = tokens.requests;
	assert.deepEqual([...form], [['grant_type', 'client_credentials'], ['scope', 'https://api.example.com/.default']]);
	assert.equal(authorization, `Basic ${Buffer.from(`robot:${SECRET}`).toString('base64')}`);
}, 'scope = "https://api.example.com/.default"'));

story('the token does not come back to the client, and nobody without a session gets one fetched', () => own(async ({ url, backend, tokens }) => {
	assert.equal((await get(`${url}/mine/x`)).status, 401);
	assert.equal(tokens.requests.length, 0);
	assert.equal(backend.requests.length, 0);
}));

story('v1: resource, and the client in the body', () => own(async ({ url, tokens }) => {
	assert.equal((await get(`${url}/open`)).status, 200);
	assert.deepEqual([...tokens.requests[0].form], [['grant_type', 'client_credentials'], ['resource', 'https://api.example.com/'],
		['client_id', 'robot'], ['client_secret', SECRET]]);
	assert.equal(tokens.requests[0].authorization, undefined);
}, 'resource = "https://api.example.com/" token_endpoint_auth_method = "client_secret_post"'));

story('100 first requests at once: one token request, and all of them get through', () => own(async ({ url, backend, tokens }) => {
	tokens.delay = 300;
	const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => get(`${url}/open/${i}`)));
	assert.deepEqual([...new Set(answers.map((r) => r.status))], [200]);
	assert.equal(tokens.requests.length, 1);
	assert.equal(backend.requests.filter((r) => r.get('authorization') === `Bearer ${tokens.handed[0]}`).length, 100);
}));

story('who leaves while the token is fetched leaves nothing behind', () => own(async ({ url, port, tokens }) => {
	tokens.delay = 500;
	for (let i = 0; i < 10; i++) {
		const raw = await Raw.open(port);
		raw.send(`GET /open/gone HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
		await sleep(20);
		raw.close();
	}
	assert.equal((await get(`${url}/open`)).status, 200);
	assert.equal(tokens.requests.length, 1);
}));

story('the token is renewed before it ends, without a request that waits or fails', () => own(async ({ url, backend, tokens }) => {
	tokens.answer = { expires_in: 4 };
	const seen = new Set();
	const end = Date.now() + 7000;
	while (Date.now() < end) {
		const r = await get(`${url}/open`);
		assert.equal(r.status, 200);
		seen.add(backend.last.get('authorization'));
		await sleep(50);
	}
	assert.ok(tokens.requests.length >= 3 && tokens.requests.length <= 7, `${tokens.requests.length} token requests`);
	for (let i = 1; i < tokens.requests.length; i++) {
		const gap = tokens.requests[i].at - tokens.requests[i - 1].at;
		assert.ok(gap >= 1500 && gap < 3600, `renewed after ${gap} ms of 4000`);
	}
	assert.ok(seen.size >= 3, 'the new ones are used');
}));

story('a token endpoint that fails: 502 with the reason, few attempts, then recovery', () => own(async ({ url, proxy, backend, tokens }) => {
	tokens.status = 401;
	tokens.answer = { error: 'invalid_client', error_description: `the secret ${SECRET} is wrong` };
	const r = await get(`${url}/open`);
	assert.equal(r.status, 502);
	assert.equal(r.json.error, 'outbound_token');
	assert.ok(!r.text.includes('robot') && !r.text.includes(tokens.url), 'the client is told no detail');
	assert.equal((await proxy.lastAccess((a) => a.path === '/open')).reason, 'outbound_token');
	await proxy.logged(/outbound \\?"graph\\?": token endpoint: .*check client_id/);
	const page = await new Browser().request(`${url}/open`);
	assert.equal(page.status, 502);
	assert.match(page.headers['content-type'], /text\/html/);
	for (let i = 0; i < 30; i++) assert.equal((await get(`${url}/open`)).status, 502);
	assert.ok(tokens.requests.length <= 3, `${tokens.requests.length} attempts in a moment`);
	assert.equal(backend.requests.length, 0, 'nothing reached the backend');
	assert.equal((await get(`${url}/plain`)).status, 200, 'other routes are served');
	tokens.reset();
	await until('the recovery', async () => (await get(`${url}/open`)).status === 200, 10000);
	assert.deepEqual(backend.last.all('authorization'), [`Bearer ${tokens.handed.at(-1)}`]);
}));

story('an endpoint that is gone, and comes back', async () => {
	const port = await freePort();
	const w = await world({ routes: section(`http://127.0.0.1:${port}/token`) });
	let tokens;
	try {
		assert.equal((await get(`${w.url}/open`)).status, 502);
		tokens = await TokenEndpoint.start(port);
		await until('the recovery', async () => (await get(`${w.url}/open`)).status === 200, 10000);
		await tokens.stop();
		for (let i = 0; i < 5; i++) assert.equal((await get(`${w.url}/open`)).status, 200, 'the token in force serves on');
	} finally {
		await w.stop();
		await tokens?.stop();
	}
});

for (const [what, answer] of [['another type', { token_type: 'DPoP' }], ['no type', { token_type: undefined }], ['no token', { access_token: undefined }],
	['a token with a line break', { access_token: 'a\r\nX-Admin: yes' }], ['a token beyond all bounds', { access_token: 'x'.repeat(20000) }], ['an error with status 200', { error: 'invalid_scope' }]]) {
	story(`an answer with ${what} is no token: 502`, () => own(async ({ url, backend, tokens }) => {
		tokens.answer = answer;
		const r = await get(`${url}/open`);
		assert.equal(r.status, 502);
		assert.equal(r.json.error, 'outbound_token');
		assert.equal(backend.requests.length, 0);
	}));
}

story('an upstream that answers 401: another token for the next request, once in 10 s', async () => {
	const tokens = await TokenEndpoint.start();
	const seen = [];
	let bad = true;
	const upstream = createServer((q, s) => { seen.push(q.headers.authorization); s.writeHead(bad ? 401 : 200); s.end('x'); });
	await new Promise((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
	const w = await world({ routes: section(tokens.url), servers: [`http://127.0.0.1:${upstream.address().port}`] });
	try {
		for (let i = 0; i < 5; i++) assert.equal((await get(`${w.url}/open`)).status, 401, 'passed on, not tried again');
		assert.equal(seen.length, 5);
		assert.equal(tokens.requests.length, 2);
		assert.deepEqual(seen.map((a) => tokens.handed.indexOf(a.slice(7))), [0, 1, 1, 1, 1]);
		bad = false;
		assert.equal((await get(`${w.url}/open`)).status, 200);
		assert.equal(tokens.requests.length, 2);
	} finally {
		await w.stop();
		await tokens.stop();
		upstream.closeAllConnections();
		upstream.close();
	}
});

story('a reload keeps the token of a section that means the same, fetches one for a new meaning, and drops no request', () => own(async ({ w, url, backend, proxy, tokens }) => {
	await get(`${url}/open`);
	proxy.signal('SIGHUP');
	await proxy.logged(/reloaded/);
	assert.equal((await get(`${url}/open`)).status, 200);
	assert.equal(tokens.requests.length, 1);
	// while requests wait for the new one, twice over
	tokens.delay = 700;
	proxy.write(proxy.text.replace('client_id = "robot"', 'client_id = "robot" scope = "other"'));
	const reloads = () => (proxy.stderr.match(/reloaded/g) ?? []).length;
	proxy.signal('SIGHUP');
	await until('the second reload', () => reloads() === 2);
	const waiting = [1, 2, 3, 4].map((i) => get(`${url}/open/${i}`));
	await until('the token request', () => tokens.requests.length === 2);
	proxy.signal('SIGHUP');
	await until('the third reload', () => reloads() === 3);
	for (const r of await Promise.all(waiting)) assert.equal(r.status, 200);
	assert.equal(tokens.requests[1].form.get('scope'), 'other');
	assert.equal(backend.last.get('authorization'), `Bearer ${tokens.handed.at(-1)}`);
	assert.ok(w.proxy === proxy);
}));

story('the end of the process does not wait for a token', () => own(async ({ url, tokens }) => {
	tokens.delay = 8000;
	get(`${url}/open`).catch(() => {});
	await until('the token request', () => tokens.requests.length === 1);
}, '', { shutdownTimeout: '500ms' }));

story('a form that waits for the token arrives whole', () => own(async ({ url, backend, tokens }) => {
	tokens.delay = 300;
	const body = 'x'.repeat(200000);
	const r = await new Browser().request(`${url}/open/form`, { method: 'POST', headers: { ...FETCH, 'Content-Type': 'text/plain' }, body });
	assert.equal(r.status, 200);
	assert.equal(backend.last.get('authorization'), `Bearer ${tokens.handed[0]}`);
	assert.equal(backend.last.get('content-length'), '200000');
}));

story('an upgrade carries it as well', () => own(async ({ port, backend, tokens }) => {
	const raw = await Raw.open(port);
	raw.send(`GET /socket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer mine\r\n\r\n`);
	assert.equal((await raw.head()).status, 101);
	assert.deepEqual(backend.last.all('authorization'), [`Bearer ${tokens.handed[0]}`]);
	raw.send(frame(TEXT, 'hi', true));
	await raw.wait((b) => (b.includes('echo:hi') ? true : undefined));
	raw.close();
}));

// The provider's endpoint and client: the endpoint is in its document, which need not be there yet.
const graph = `outbound "graph" { provider = "main" scope = "x" }
route "/open" { upstream = "app" auth = "none" upstream_token = "graph" }`;
const w = shared({ routes: graph });

story('by a provider: its token endpoint and its client', async () => {
	const { url, op, backend } = await w();
	op.fault = { tokenStatus: 200, tokenBody: { access_token: 'of-the-provider', token_type: 'Bearer', expires_in: 600 } };
	assert.equal((await get(`${url}/open`)).status, 200);
	assert.deepEqual(backend.last.all('authorization'), ['Bearer of-the-provider']);
	assert.equal(op.tokenRequests.length, 1);
	assert.equal(op.tokenRequests[0].form.get('grant_type'), 'client_credentials');
	assert.match(op.tokenRequests[0].authorization, /^Basic /);
});

story('by a provider that is down at the start: 502, then recovery', async () => {
	const v = await world({ routes: graph, waitReady: false, proxy: false });
	try {
		v.op.fault = { tokenStatus: 200, tokenBody: { access_token: 'late', token_type: 'Bearer' } };
		await v.op.stop();
		await v.start({ waitReady: false });
		const r = await get(`${v.url}/open`);
		assert.equal(r.status, 502);
		assert.equal(r.json.error, 'outbound_token');
		await v.op.up();
		await until('the recovery', async () => (await get(`${v.url}/open`)).status === 200, 20000);
		assert.deepEqual(v.backend.last.all('authorization'), ['Bearer late']);
	} finally {
		await v.stop();
	}
});

story('mistakes are told with their line', async () => {
	const { proxy } = await w();
	const text = proxy.text.replace('provider = "main" scope = "x"', 'token_endpoint = "http://op.example.com/token" client_id = "a" client_secret = "b"')
		.replace('upstream_token = "graph"', 'upstream_token = "grap"');
	const { writeFileSync } = await import('node:fs');
	writeFileSync(`${proxy.dir}/wrong.conf`, text, { mode: 0o600 });
	const r = run(['-t', '-c', `${proxy.dir}/wrong.conf`]);
	assert.equal(r.status, 1);
	assert.match(r.stdout + r.stderr, /wrong\.conf:\d+: outbound "graph": token_endpoint: "http:\/\/op\.example\.com\/token" is http/);
	assert.match(r.stdout + r.stderr, /wrong\.conf:\d+: route "\/open": upstream_token: there is no outbound "grap"; did you mean "graph"/);
});

closing(w);
