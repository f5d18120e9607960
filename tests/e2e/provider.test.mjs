// A provider that is wrong, slow or away: each fault ends on a page with its status and reason, and nobody gets in.
// Names in brackets are the modules of the OpenID Foundation's conformance suite that a case mirrors.
import assert from 'node:assert/strict';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

// logins_per_minute: more than a minute of these tests
const w = shared({ provider: 'timeout = "2s" userinfo = no', limits: 'logins_per_minute = 100000' });
const withUserinfo = shared({ provider: 'userinfo = yes', limits: 'logins_per_minute = 100000', routes: 'route "/" { upstream = "app" claim_headers = {"X-Department=department"} }' });

const now = () => Math.floor(Date.now() / 1000);

async function refused(get, fault, status, reason, more = {}) {
	const { url, op, backend, proxy } = await get();
	op.reset();
	const before = backend.requests.length;
	op.fault = typeof fault === 'function' ? fault(op) : fault;
	const browser = new Browser();
	const r = await browser.go(`${url}/secret`, { hops: 12 });
	op.fault = {};
	op.clock = 0;
	assert.equal(r.status, status, `${r.status} at ${r.url}\n${r.text.slice(0, 300)}`);
	const record = await proxy.lastAccess((a) => a.path === '/auth/callback');
	if (reason) assert.ok([reason].flat().includes(record.reason), `${record.reason}, expected ${reason}`);
	assert.equal(record.status, status);
	assert.match(r.headers['content-type'], /text\/html/);
	assert.match(r.headers['cache-control'], /no-store/);
	assert.match(r.headers['content-security-policy'], /default-src 'none'/);
	assert.equal(browser.jar.get('workflow_session'), undefined, 'no session');
	assert.equal(backend.requests.length, before, 'nothing reached the backend');
	assert.equal((await browser.request(`${url}/secret`, { headers: FETCH })).status, 401, 'nobody is signed in');
	if (more.page) assert.match(r.text, more.page);
	if (status === 503) assert.ok(r.headers['retry-after'], 'Retry-After');
	return r;
}

async function accepted(get, fault, prepare = () => {}) {
	const { url, op } = await get();
	op.reset();
	op.fault = typeof fault === 'function' ? fault(op) : fault;
	await prepare(op);
	const r = await new Browser().go(`${url}/page`, { hops: 12 });
	op.fault = {};
	op.clock = 0;
	assert.equal(r.status, 200, `${r.status} at ${r.url}\n${r.text.slice(0, 300)}`);
	assert.equal(r.json.user, 'alice');
}

const idTokens = [
	['another issuer [invalid-iss]', () => ({ claims: { iss: 'http://127.0.0.1:1' } }), 'token_issuer'],
	['an issuer with a slash more', (op) => ({ claims: { iss: `${op.url}/` } }), 'token_issuer'],
	['no iss', { without: ['iss'] }, null],
	['no sub [missing-sub]', { without: ['sub'] }, 'token_claim'],
	['an empty sub', { claims: { sub: '' } }, 'token_claim'],
	['a sub that is a number', { claims: { sub: 12 } }, 'token_claim'],
	['another audience [invalid-aud]', { claims: { aud: 'somebody-else' } }, 'token_audience'],
	['an audience of several without azp', { claims: { aud: ['rp', 'other'] } }, 'token_audience'],
	['azp of another client', { claims: { aud: ['rp', 'other'], azp: 'other' } }, 'token_audience'],
	['an empty list of audiences', { claims: { aud: [] } }, 'token_audience'],
	['no aud [missing-aud]', { without: ['aud'] }, null],
	['no iat [missing-iat]', { without: ['iat'] }, 'token_claim'],
	['no exp', { without: ['exp'] }, 'token_claim'],
	['exp as text', { claims: { exp: String(now() + 3600) } }, 'token_claim'],
	['alg none [idtoken-sig-none]', { alg: 'none' }, ['token_alg', 'token_malformed']],
	['alg None', { alg: 'None', claims: {} }, null],
	['a broken signature [invalid-sig-rs256]', { breakSignature: true }, 'token_signature'],
	['the signature of another key under our kid', { signWith: 7 }, 'token_signature'],
	['HS256 with the client secret [invalid-sig-hs256]', { alg: 'HS256' }, 'token_alg'],
	['HS256 with the public key as secret', { hmacWithPublicKey: true }, 'token_alg'],
	['another nonce [nonce-invalid]', { claims: { nonce: 'another' } }, 'token_nonce'],
	['no nonce', { without: ['nonce'] }, null],
	['expired', () => ({ claims: { iat: now() - 7200, exp: now() - 3600 } }), 'token_expired'],
	['from the future', () => ({ claims: { iat: now() + 3600, exp: now() + 7200 } }), 'token_early'],
	['nbf in the future', () => ({ claims: { nbf: now() + 3600 } }), 'token_early'],
	['a wrong at_hash [invalid-athash]', { claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } }, 'token_hash'],
	['crit in the header', { header: { crit: ['exp'] } }, 'token_header'],
	['jwk in the header', { header: { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } } }, 'token_header'],
	['jku in the header', { header: { jku: 'http://127.0.0.1:1/keys' } }, 'token_header'],
	['a payload that is a list', { payload: [1, 2] }, null],
	['a payload that is no JSON', { payload: 'hello' }, null],
	['no username', { without: ['preferred_username'] }, 'login_no_username', /preferred_username/],
	['a username with a line break', { claims: { preferred_username: 'alice\r\nX-Admin: yes' } }, ['login_claim', 'login_no_username']],
];
for (const [what, fault, reason, page] of idTokens) {
	story(`ID token with ${what}: 403 and nobody is signed in`, () => refused(w, fault, 403, reason, { page }));
}

const answers = [
	['error=access_denied', () => ({ response: { error: 'access_denied', error_description: 'You may <b>not</b> & "never"', state: 'STATE' } }), 403, 'login_refused', /access_denied|You may &lt;b&gt;not/],
	['error=login_required', () => ({ response: { error: 'login_required', state: 'STATE' } }), 403, 'login_refused'],
	['error and markup in the error itself', () => ({ response: { error: '<script>alert(1)</script>', state: 'STATE' } }), 403, 'login_refused'],
	['error with line breaks and %n', () => ({ response: { error: 'server_error', error_description: 'a\r\nb%n%s\u2028', state: 'STATE' } }), 403, 'login_refused'],
	['iss of another provider (RFC 9207)', () => ({ responseAlso: { iss: 'http://127.0.0.1:1' } }), 403, 'login_iss'],
	['an error with iss of another provider', () => ({ response: { error: 'access_denied', state: 'STATE', iss: 'http://127.0.0.1:1' } }), 403, 'login_iss'],
	['code twice', () => ({ response: { code: ['CODE', 'CODE'], state: 'STATE' } }), 400, 'login_bad_request'],
	['state twice', () => ({ response: { code: 'CODE', state: ['STATE', 'STATE'] } }), 400, 'login_bad_request'],
	['code and error together', () => ({ response: { code: 'CODE', error: 'access_denied', state: 'STATE' } }), null, null],
];
for (const [what, fault, status, reason, page] of answers) {
	story(`authorization response with ${what}: nobody is signed in`, async () => {
		if (status === null) {
			const { url, op, backend } = await w();
			op.reset();
			op.fault = fault(op);
			const before = backend.requests.length;
			const r = await new Browser().go(`${url}/secret`, { hops: 12 });
			assert.ok([400, 403].includes(r.status), String(r.status));
			assert.equal(backend.requests.length, before);
			return;
		}
		const { op } = await w();
		const r = await refused(w, fault, status, reason, { page });
		assert.ok(!/<script>|<b>/.test(r.text), 'no foreign markup');
		assert.equal(op.calls.token, 0, 'the code was sent nowhere');
	});
}

const tokenAnswers = [
	['an HTML page', { tokenHtml: true }, null],
	['25 MB', { tokenHuge: true }, null],
	['500', { tokenStatus: 500 }, null],
	['503', { tokenStatus: 503 }, null],
	['half an answer and then nothing', { tokenSlow: true }, null],
	['a dropped connection', { tokenDrop: true }, null],
	['invalid_client', { tokenStatus: 401, tokenBody: { error: 'invalid_client' } }, 'provider_client'],
	['invalid_grant', { tokenStatus: 400, tokenBody: { error: 'invalid_grant' } }, 'provider_grant'],
	['unauthorized_client', { tokenStatus: 400, tokenBody: { error: 'unauthorized_client' } }, null],
	['an id_token of 100 KB', { claims: { preferred_username: 'a'.repeat(100000) } }, null],
	['no id_token', { tokenAlso: { id_token: undefined } }, null],
	['an id_token that is a number', { tokenAlso: { id_token: 7 } }, null],
	['an id_token of dots', { tokenAlso: { id_token: '.'.repeat(3000) } }, null],
	['token_type MAC', { tokenAlso: { token_type: 'MAC' } }, null],
];
for (const [what, fault, reason] of tokenAnswers) {
	story(`token endpoint with ${what}: a page, and nobody is signed in`, async () => {
		const { url, op, backend, proxy } = await w();
		op.reset();
		op.fault = fault;
		const before = backend.requests.length;
		const browser = new Browser();
		const r = await browser.go(`${url}/secret`, { hops: 12 });
		op.fault = {};
		assert.ok([403, 502, 503, 504].includes(r.status), String(r.status));
		const record = await proxy.lastAccess((a) => a.path === '/auth/callback');
		assert.ok(/^(provider_|token_)/.test(record.reason), record.reason);
		if (reason) assert.equal(record.reason, reason);
		if (r.status === 503) assert.ok(r.headers['retry-after']);
		assert.equal(browser.jar.get('workflow_session'), undefined);
		assert.equal(backend.requests.length, before);
	});
}

story('a clock that is 50 s off either way is forgiven', async () => {
	for (const clock of [50, -50]) await accepted(w, {}, (op) => { op.clock = clock; });
});
story('a clock that is 10 minutes ahead is refused as too early, with a page that speaks of clocks', () =>
	refused(w, (op) => { op.clock = 600; return {}; }, 403, 'token_early', { page: /clock/i }));
story('an ID token whose hour ended 10 minutes ago by our clock is refused', () =>
	refused(w, () => ({ claims: { iat: now() - 4200, exp: now() - 600 } }), 403, 'token_expired'));

story('the code is sent with client_secret_basic and a PKCE verifier', async () => {
	const { op } = await w();
	await accepted(w, {});
	const { form, authorization } = op.tokenRequests[0];
	assert.equal(Buffer.from(authorization.slice(6), 'base64').toString(), 'rp:client-secret-of-the-tests-0123456789');
	assert.equal(form.get('client_secret'), null);
	assert.match(form.get('code_verifier'), /^[\w.~-]{43,128}$/);
});
story('several audiences with azp that is us are accepted', () => accepted(w, { claims: { aud: ['rp', 'other'], azp: 'rp' } }));
story('iss in the response that is right is accepted', () => accepted(w, (op) => ({ responseAlso: { iss: op.url } })));
story('token_type bearer in any case and no expires_in are accepted', async () => {
	await accepted(w, { tokenAlso: { token_type: 'bEaReR', expires_in: undefined } });
});
story('one key without kid, token without kid: accepted [kid-absent-single-jwks]', async () => {
	const own = await world({ op: await noKidOp([{ n: 1, noKid: true }]) });
	try {
		own.op.fault = { noKid: true };
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200);
	} finally {
		await own.stop();
	}
});
story('two keys, token without kid: the right one is found or the token refused [kid-absent-multiple-jwks]', async () => {
	const own = await world({ op: await noKidOp([{ kid: 'a', n: 1 }, { kid: 'b', n: 2 }]) });
	try {
		own.op.fault = { noKid: true, signWith: 2 };
		assert.ok([200, 403].includes((await new Browser().go(`${own.url}/`)).status));
		own.op.fault = { noKid: true, signWith: 7 };
		assert.equal((await new Browser().go(`${own.url}/`)).status, 403);
	} finally {
		await own.stop();
	}
});
async function noKidOp(keys) {
	const op = await FaultOp.start();
	op.keys = keys;
	op.signer = keys[0];
	return op;
}

story('userinfo of the same subject adds its claims', async () => {
	const { backend } = await withUserinfo();
	await accepted(withUserinfo, {});
	assert.equal(backend.last.get('x-department'), 'Finance');
});
story('userinfo of another subject is refused [userinfo-invalid-sub]', () =>
	refused(withUserinfo, { userinfo: { sub: 'sub-mallory' } }, 403, 'provider_userinfo'));

story('a key that was rotated just before signing is fetched and accepted, and again [signing-key-rotation]', async () => {
	const own = await world({});
	try {
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200);
		own.op.fault = { rotateTo: { kid: 'k2', n: 2 } };
		const r = await new Browser().go(`${own.url}/`);
		assert.equal(r.status, 200, r.text.slice(0, 300));
		own.op.fault = {};
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200);
	} finally {
		await own.stop();
	}
});

story('a sign-in that came before the provider\'s first answer waits for it, and does not use up the early key fetch', async () => {
	const op = await FaultOp.start();
	op.fault = { discoveryDelay: 300, jwksDelay: 300 };
	const own = await world({ op, waitReady: false });
	try {
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200);
		op.fault = { rotateTo: { kid: 'k2', n: 2 } };
		const r = await new Browser().go(`${own.url}/`);
		assert.equal(r.status, 200, (await own.proxy.lastAccess((a) => a.reason)).reason);
	} finally {
		await own.stop();
	}
});

story('a flood of unknown kids causes at most one key fetch per 10 s', async () => {
	const own = await world({ limits: 'logins_per_minute = 100000' });
	try {
		await new Browser().go(`${own.url}/`);
		const before = own.op.calls.jwks;
		own.op.fault = { kid: 'nobody-knows' };
		for (let round = 0; round < 5; round++) {
			const all = await Promise.all(Array.from({ length: 8 }, () => new Browser().go(`${own.url}/`)));
			for (const r of all) assert.equal(r.status, 403);
		}
		assert.ok(own.op.calls.jwks - before <= 2, `${own.op.calls.jwks - before} fetches`);
		own.op.fault = {};
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200, 'known keys go on');
	} finally {
		await own.stop();
	}
});

story('iss is required in the response when the provider advertises it', async () => {
	const op = await FaultOp.start();
	op.fault = { metadata: { authorization_response_iss_parameter_supported: true } };
	const own = await world({ op });
	try {
		const r = await new Browser().go(`${own.url}/`);
		assert.equal(r.status, 403);
		assert.equal((await own.proxy.lastAccess((a) => a.path === '/auth/callback')).reason, 'login_iss');
		op.fault = { responseAlso: { iss: op.url } };
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200);
	} finally {
		await own.stop();
	}
});

story('a discovery document of another issuer is refused [discovery-issuer-mismatch]', async () => {
	const op = await FaultOp.start();
	op.fault = { metadata: { issuer: 'https://evil.example' } };
	const own = await world({ op, waitReady: false });
	try {
		const r = await new Browser().request(`${own.url}/`);
		assert.equal(r.status, 503);
		await own.proxy.logged(/provider_issuer/);
	} finally {
		await own.stop();
	}
});

story('provider down at the start: the proxy serves, says so, and recovers by itself', async () => {
	const port = await freePort();
	const op = new FaultOp();
	op.port = port;
	op.reset();
	op.url = `http://127.0.0.1:${port}`;
	op.discoveryUrl = `${op.url}/.well-known/openid-configuration`;
	op.stop = async function stop() { if (this.server) await FaultOp.prototype.stop.call(this); };
	const own = await world({ op, waitReady: false });
	try {
		assert.equal((await new Browser().request(`${own.url}/public/x`)).status, 200, 'open routes serve');
		const page = await new Browser().request(`${own.url}/`);
		assert.equal(page.status, 503);
		assert.ok(Number(page.headers['retry-after']) > 0);
		assert.match(page.headers['content-type'], /text\/html/);
		assert.equal((await new Browser().request(`${own.url}/`, { headers: FETCH })).status, 401);
		const ready = await new Browser().request(`${own.proxy.admin}/readyz`);
		assert.equal(ready.status, 200, 'a provider that is down does not take us out of the balancer');
		assert.match(ready.text, /main/, 'but the body names it');
		assert.equal((await new Browser().request(`${own.proxy.admin}/readyz?strict`)).status, 503);
		await op.up();
		await until('recovery', async () => (await new Browser().request(`${own.url}/`)).status === 302, 30000);
		assert.equal((await new Browser().go(`${own.url}/`)).status, 200);
		assert.equal((await new Browser().request(`${own.proxy.admin}/readyz?strict`)).status, 200);
	} finally {
		await own.stop();
	}
}, 90000);

story('provider down later: sessions go on, a running sign-in gets 503, all is well when it is back', async () => {
	const own = await world({ provider: 'timeout = "2s"' });
	try {
		const browser = await own.signedIn();
		const late = new Browser();
		const start = await late.request(`${own.url}/late`);
		const callback = await late.request(start.location);
		await own.op.stop();
		assert.equal((await browser.request(`${own.url}/work`)).status, 200);
		const failed = await late.request(callback.location);
		assert.equal(failed.status, 503);
		assert.ok(failed.headers['retry-after']);
		assert.equal((await browser.request(`${own.url}/work`)).status, 200);
		await own.op.up();
		assert.equal((await new Browser().go(`${own.url}/`, { headers: NAVIGATE })).status, 200);
	} finally {
		await own.stop();
	}
});

story('a client that gives up while the token request is in flight harms nobody', async () => {
	const { url, op } = await w();
	op.reset();
	for (let i = 0; i < 10; i++) {
		op.fault = { tokenSlow: true };
		const b = new Browser();
		const start = await b.request(`${url}/x`);
		const callback = await b.request(start.location);
		const { request } = await import('node:http');
		const q = request(callback.location, { headers: { Cookie: b.jar.header(new URL(url)), ...NAVIGATE }, agent: false });
		q.on('error', () => {});
		q.end();
		await sleep(20 + i * 10);
		q.destroy();
	}
	await sleep(200);
	op.fault = {};
	await accepted(w, {});
});

closing(w, withUserinfo);
