// How the proxy proves who it is, what it asks of a sign-in, and both ways by which the two sides speak through the
// browser: redirects and forms.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac, createPrivateKey, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { Backend } from './lib/backend.mjs';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { launch, picture, signIn } from './lib/chromium.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { CLIENT_SECRET, Op } from './lib/op.mjs';
import { freePort, until } from './lib/ports.mjs';
import { configuration, Proxy, run, scratch } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
function pair(name, days, ...kind) {
	const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
	execFileSync('openssl', ['req', '-x509', '-newkey', ...kind, '-nodes', '-keyout', key, '-out', cert, '-days', String(days),
		'-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
	return { key, cert };
}
const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
const rsa = pair('rsa', 90, 'rsa:2048');
const ec = pair('ec', 90, ...EC);
const near = pair('near', 9, ...EC);
const jwk = (p) => ({ ...createPublicKey(createPrivateKey(readFileSync(p.key))).export({ format: 'jwk' }), use: 'sig' });
const part = (token, i) => JSON.parse(Buffer.from(token.split('.')[i], 'base64url'));

// A provider of our own that takes its requests, and sends its answers, as forms.
class FormOp extends FaultOp {
	static async start() {
		const op = new FormOp();
		op.port = 0;
		op.reset();
		op.posts = [];
		await op.up();
		return op;
	}

	async answer(q, s) {
		const u = new URL(q.url, this.url);
		if (u.pathname !== '/authorize') return super.answer(q, s);
		if (q.method === 'POST') {
			let body = '';
			for await (const d of q) body += d;
			this.posts.push({ query: u.search, origin: q.headers.origin, type: q.headers['content-type'], form: new URLSearchParams(body) });
			u.search = body;
		}
		let to;
		this.authorize(u, { writeHead: (status, h) => { to = new URL(h.Location); return { end() {} }; } });
		if (u.searchParams.get('response_mode') !== 'form_post') return s.writeHead(302, { Location: to.href }).end();
		const fields = [...to.searchParams].map(([n, v]) => `<input type="hidden" name="${n}" value="${v}">`).join('');
		s.writeHead(200, { 'Content-Type': 'text/html' });
		return s.end(`<form method="post" action="${to.origin}${to.pathname}">${fields}</form>`);
	}
}

const unescape = (s) => s.replace(/&(amp|lt|gt|quot|#39|#96);/g, (m, n) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': '\'', '#96': '`' })[n]);
function formOf(answer) {
	const form = new URLSearchParams();
	for (const [, n, v] of answer.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"\s*\/?>/g)) form.append(unescape(n), unescape(v));
	return { action: new URL(unescape(/action="([^"]*)"/.exec(answer.text)[1]), answer.url).href, form };
}
const POST = { ...NAVIGATE, 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'cross-site', Origin: 'null' };
const submit = (browser, answer, form = formOf(answer).form) => browser.request(formOf(answer).action, { body: String(form), headers: POST });

// --- client authentication ---------------------------------------------------------------------------------------------

const methods = [
	['client_secret_jwt', { clientAuth: `client_secret = "${CLIENT_SECRET}" token_endpoint_auth_method = "client_secret_jwt"` }, { token_endpoint_auth_method: 'client_secret_jwt' }],
	['private_key_jwt with RSA and a certificate', { clientAuth: `token_endpoint_auth_method = "private_key_jwt" client_private_key = "${rsa.key}" client_certificate = "${rsa.cert}"` }, { token_endpoint_auth_method: 'private_key_jwt', client_secret: undefined, jwks: { keys: [jwk(rsa)] } }],
	['private_key_jwt with EC and a kid of several', { clientAuth: `token_endpoint_auth_method = "private_key_jwt" client_private_key = "${ec.key}" client_key_id = "two"` }, { token_endpoint_auth_method: 'private_key_jwt', client_secret: undefined, jwks: { keys: [{ ...jwk(near), kid: 'one' }, { ...jwk(ec), kid: 'two' }] }, token_endpoint_auth_signing_alg: 'ES256' }],
	['private_key_jwt made out to the issuer', { clientAuth: `token_endpoint_auth_method = "private_key_jwt" client_private_key = "${ec.key}" client_assertion_audience = "issuer"` }, { token_endpoint_auth_method: 'private_key_jwt', client_secret: undefined, jwks: { keys: [jwk(ec)] } }],
];
for (const [name, conf, client] of methods) {
	story(`a sign-in with ${name} at the certified provider`, async () => {
		const w = await world({ real: true, ...conf, opSettings: { client } });
		try {
			const page = await (await w.signedIn()).request(`${w.url}/x`);
			assert.equal(page.status, 200);
			assert.equal(page.json.user, 'alice');
		} finally {
			await w.stop();
		}
	});
}

story('a key that the provider does not know: a page, and the operator is told where to look', async () => {
	const w = await world({
		real: true, clientAuth: `token_endpoint_auth_method = "private_key_jwt" client_private_key = "${rsa.key}"`,
		opSettings: { client: { token_endpoint_auth_method: 'private_key_jwt', client_secret: undefined, jwks: { keys: [jwk(ec), { ...jwk(pair('other', 9, 'rsa:2048')) }] } } },
	});
	try {
		const page = await new Browser().signIn(`${w.url}/`, 'alice');
		assert.equal(page.status, 403);
		assert.equal((await w.proxy.lastAccess((r) => r.path === '/auth/callback')).reason, 'provider_client');
		assert.match(w.proxy.stderr, /client_private_key/);
	} finally {
		await w.stop();
	}
});

const w = shared(async () => ({
	op: await FormOp.start(),
	clientAuth: `token_endpoint_auth_method = "private_key_jwt" client_private_key = "${rsa.key}" client_certificate = "${rsa.cert}" client_secret_expires = "2020-01-31"`,
	provider: 'kind = "ms-identity-v2" prompt = "consent" max_age = "1h" acr_values = {"urn:mfa", "urn:pwd"} resource = "https://api.example.com/" login_hint_parameter = "user" authorization_request_method = "POST"',
}));
// Signs in by the page that sends itself; the answer of the callback.
async function through(browser, href, o) {
	const { op } = await w();
	op.fault.claims ??= { acr: 'urn:mfa', auth_time: op.now() };
	const page = await browser.request(href, o);
	assert.equal(page.status, 200, page.text.slice(0, 300));
	const back = await submit(browser, page);
	assert.equal(back.status, 302);
	return browser.request(back.location);
}

story('an assertion is PS256 for Entra, names the certificate, is good for minutes and once', async () => {
	const { op, url, proxy } = await w();
	op.reset();
	const seen = [];
	for (let i = 0; i < 2; i++) {
		const end = await through(new Browser(), `${url}/x`);
		assert.equal(end.status, 302);
		const { form, authorization } = op.tokenRequests.at(-1);
		assert.equal(authorization, undefined);
		assert.equal(form.get('client_id'), 'rp');
		assert.equal(form.get('client_secret'), null);
		assert.equal(form.get('resource'), 'https://api.example.com/');
		assert.equal(form.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
		assert.equal(form.getAll('client_assertion').length, 1);
		seen.push(form.get('client_assertion'));
	}
	const [head, claims] = [part(seen[0], 0), part(seen[0], 1)];
	const der = new X509Certificate(readFileSync(rsa.cert)).raw;
	assert.deepEqual(head, {
		alg: 'PS256', typ: 'JWT', x5t: createHash('sha1').update(der).digest('base64url'), 'x5t#S256': createHash('sha256').update(der).digest('base64url'),
	});
	assert.ok(verify('sha256', Buffer.from(seen[0].slice(0, seen[0].lastIndexOf('.'))), {
		key: readFileSync(rsa.cert), padding: 6 /* PSS */, saltLength: 32,
	}, Buffer.from(seen[0].split('.')[2], 'base64url')));
	assert.equal(claims.iss, 'rp');
	assert.equal(claims.sub, 'rp');
	assert.equal(claims.aud, `${op.url}/token`);
	assert.ok(claims.exp - claims.iat <= 300 && claims.exp > Date.now() / 1000 && claims.nbf <= Date.now() / 1000 + 1);
	assert.notEqual(claims.jti, part(seen[1], 1).jti);
	for (const token of seen) assert.ok(!`${proxy.stdout}${proxy.stderr}`.includes(token.slice(-40)), 'no assertion in the logs');
});

// --- what is asked of a sign-in ------------------------------------------------------------------------------------------

story('prompt, max_age, acr_values, resource and a login_hint are in the request, each once', async () => {
	const { op, url } = await w();
	op.reset();
	await through(new Browser(), `${url}/auth/login?rd=/x&user=${encodeURIComponent('jane+1@example.com')}`);
	const q = op.lastAuthorize;
	const expected = { prompt: 'consent', max_age: '3600', acr_values: 'urn:mfa urn:pwd', resource: 'https://api.example.com/', login_hint: 'jane+1@example.com' };
	for (const [n, v] of Object.entries(expected)) assert.deepEqual(q.getAll(n), [v], n);
	assert.equal(q.get('response_mode'), null);
});

story('a login_hint that is no text, too long or twice is left out, and so is one on a page of the application', async () => {
	const { op, url } = await w();
	for (const query of ['user=%0d%0ax', 'user=%ff', `user=${'a'.repeat(257)}`, 'user=a&user=b', 'user=', 'login_hint=a', 'user=%e2%80%ae']) {
		op.reset();
		await through(new Browser(), `${url}/auth/login?rd=/x&${query}`);
		assert.deepEqual(op.lastAuthorize.getAll('login_hint'), [], query);
	}
	op.reset();
	await through(new Browser(), `${url}/page?user=jane`);
	assert.deepEqual(op.lastAuthorize.getAll('login_hint'), []);
});

story('who signs in as someone else is asked by the one prompt that makes the provider ask', async () => {
	const { op, url } = await w();
	op.reset();
	await through(new Browser(), `${url}/auth/login?rd=/x&prompt=login`);
	assert.deepEqual(op.lastAuthorize.getAll('prompt'), ['select_account']);
});

const judged = [
	['acr is the first', (now) => ({ acr: 'urn:mfa', auth_time: now }), null],
	['acr is the second', (now) => ({ acr: 'urn:pwd', auth_time: now }), null],
	['acr is another', (now) => ({ acr: 'urn:none', auth_time: now }), 'token_acr'],
	['acr is missing', (now) => ({ auth_time: now }), 'token_acr'],
	['auth_time is within max_age', (now) => ({ acr: 'urn:mfa', auth_time: now - 3500 }), null],
	['auth_time is within the tolerance', (now) => ({ acr: 'urn:mfa', auth_time: now - 3630 }), null],
	['auth_time is too old', (now) => ({ acr: 'urn:mfa', auth_time: now - 3700 }), 'token_auth_time'],
	['auth_time is missing', () => ({ acr: 'urn:mfa' }), 'token_auth_time'],
	['auth_time lies ahead', (now) => ({ acr: 'urn:mfa', auth_time: now + 120 }), 'token_auth_time'],
];
for (const [name, claims, reason] of judged) {
	story(`the ID token is held to what was asked: ${name}`, async () => {
		const { op, url, proxy } = await w();
		op.reset();
		op.fault.claims = claims(op.now());
		const browser = new Browser();
		const end = await through(browser, `${url}/judged`);
		assert.equal(end.status, reason === null ? 302 : 403);
		assert.equal(browser.jar.get('workflow_session') !== undefined, reason === null);
		if (reason) {
			assert.match(end.headers['content-type'], /text\/html/);
			assert.equal((await proxy.lastAccess((r) => r.path === '/auth/callback')).reason, reason);
		}
	});
}

story('max_age and prompt at the certified provider: auth_time is there, and fresh', async () => {
	const own = await world({ real: true, provider: 'max_age = "10m" prompt = "login"' });
	try {
		assert.equal((await (await own.signedIn()).request(`${own.url}/x`)).status, 200);
	} finally {
		await own.stop();
	}
});

// --- the request as a form -----------------------------------------------------------------------------------------------

story('POST: a form with every parameter, one script by its hash, a button, and nothing in the URL', async () => {
	const { op, url } = await w();
	op.reset();
	const browser = new Browser();
	const page = await browser.request(`${url}/deep?x=1`);
	assert.equal(page.status, 200);
	assert.equal(page.headers.location, undefined);
	assert.match(page.headers['cache-control'], /no-store/);
	const csp = page.headers['content-security-policy'];
	const script = /<script>(.*)<\/script>/.exec(page.text)[1];
	assert.ok(csp.includes(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`), csp);
	assert.ok(!/unsafe/.test(csp) && /default-src 'none'/.test(csp) && /frame-ancestors 'none'/.test(csp), csp);
	assert.match(page.text, /<button[^>]*>Continue<\/button>/);
	const { action, form } = formOf(page);
	assert.equal(action, `${op.url}/authorize`);
	for (const n of ['response_type', 'client_id', 'redirect_uri', 'scope', 'nonce', 'code_challenge', 'code_challenge_method', 'state']) assert.equal(form.getAll(n).length, 1, n);
	assert.ok(!page.text.includes(readFileSync(rsa.key, 'utf8').split('\n')[1]));
	const back = await submit(browser, page);
	assert.equal(op.posts.at(-1)?.query, '');
	const end = await browser.request(back.location);
	op.fault.claims = undefined;
	assert.equal(end.status, 403, 'this one was not told acr');
});

story('POST: what is no browser on its way to a page gets no form', async () => {
	const { url } = await w();
	const api = await new Browser().request(`${url}/x`, { headers: FETCH });
	assert.equal(api.status, 401);
	const odd = await new Browser().request(`${url}/auth/login`, { headers: { Accept: '*/*' } });
	assert.equal(odd.status, 302);
	assert.match(odd.location, /\/authorize\?response_type=code&/);
});

story('what has run out is in the metrics and in the log', async () => {
	const { proxy } = await w();
	const metrics = (await new Browser().request(`${proxy.admin}/metrics`)).text;
	const left = [...metrics.matchAll(/^workflow_proxy_expires_seconds\{what="((?:[^"\\]|\\.)*)"\} (-?\d+)$/gm)].map(([, what, n]) => [what, Number(n)]);
	assert.deepEqual(left.map(([what]) => what).sort(), [`provider \\"main\\": client_certificate: ${rsa.cert}`, 'provider \\"main\\": client_secret_expires'].sort());
	for (const [what, n] of left) assert.equal(n > 0, what.includes('certificate'), `${what} ${n}`);
	assert.match(proxy.stderr, /client_secret_expires.*has expired/);
});

// --- the answer as a form ------------------------------------------------------------------------------------------------

async function secure(o = {}) {
	const s = { port: await freePort(), adminPort: await freePort() };
	s.url = `https://127.0.0.1:${s.port}`;
	s.backend = await Backend.start();
	s.op = o.real ? await Op.start({ port: await freePort(), redirectUris: [`${s.url}/auth/callback`] }) : await FormOp.start();
	s.proxy = await Proxy.start({
		port: s.port, adminPort: s.adminPort, publicUrl: s.url, discoveryUrl: s.op.discoveryUrl, servers: [s.backend.url],
		listen: `tls_certificate = "${ec.cert}" tls_certificate_key = "${ec.key}"`, provider: `response_mode = "form_post" ${o.provider ?? ''}`, limits: o.limits,
	});
	await until('the provider\'s metadata', async () => (await new Browser().request(`${s.proxy.admin}/readyz?strict`)).status === 200);
	s.stop = async () => { await s.proxy.stop(); await s.op.stop(); await s.backend.stop(); };
	return s;
}
let made;
const f = () => { made ??= secure({ limits: 'body_timeout = "2s"' }); return made; };
after(async () => { await (await made?.catch(() => {}))?.stop().catch(() => {}); });

// To the page with the provider's answer, not yet sent.
async function answered(browser, path = '/page?x=1') {
	const { url } = await f();
	const start = await browser.request(`${url}${path}`);
	assert.equal(start.status, 302);
	assert.equal(new URL(start.location).searchParams.get('response_mode'), 'form_post');
	return { start, answer: await browser.request(start.location) };
}

story('form_post: the answer comes as another site\'s POST and leads to the page that was asked for', async () => {
	const { url, backend, proxy } = await f();
	const browser = new Browser();
	const { start, answer } = await answered(browser);
	const binding = start.setCookies.find((l) => /login=/.test(l));
	assert.match(binding, /^__Host-/);
	assert.match(binding, /; SameSite=None(;|$)/);
	assert.match(binding, /; Secure(;|$)/);
	assert.match(binding, /; HttpOnly(;|$)/);
	const end = await submit(browser, answer);
	assert.equal(end.status, 303);
	assert.equal(end.location, `${url}/page?x=1`);
	for (const line of end.setCookies.filter((l) => !/login=/.test(l))) assert.match(line, /SameSite=Lax/, line);
	assert.equal((await browser.request(end.location)).status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'alice');
	const code = formOf(answer).form.get('code');
	assert.ok(!`${proxy.stdout}${proxy.stderr}`.includes(code), 'no code in the logs');
});

story('form_post: a state of another browser is redeemed by nobody', async () => {
	const { op } = await f();
	const { answer } = await answered(new Browser());
	const before = op.calls.token;
	const stranger = await submit(new Browser(), answer);
	assert.equal(stranger.status, 303);
	assert.match(stranger.location, /\/authorize\?/, 'begins anew');
	assert.equal(op.calls.token, before);
});

const bad = [
	['a parameter twice', (form) => `${form}&state=x`, {}, 400],
	['a code twice', (form) => `${form}&%63ode=x`, {}, 400],
	['a broken encoding', (form) => `${form}&iss=%zz`, {}, 400],
	['a NUL', (form) => `${form}&iss=%00`, {}, 400],
	['an error twice', () => 'error=a&error=b', {}, 400],
	['JSON', (form) => JSON.stringify(Object.fromEntries(form)), { 'Content-Type': 'application/json' }, 400],
	['text/plain', (form) => String(form), { 'Content-Type': 'text/plain' }, 400],
	['no type', (form) => String(form), { 'Content-Type': undefined }, 400],
	['one byte more than 64 KiB', (form) => { const s = String(form); return `${s}&x=${'y'.repeat(65537 - s.length - 3)}`; }, {}, 413],
	['a megabyte', (form) => `${form}&x=${'y'.repeat(1 << 20)}`, {}, 413],
];
for (const [name, body, headers, status] of bad) {
	story(`form_post: ${name} is refused with ${status}, and no code is sent anywhere`, async () => {
		const { op, url } = await f();
		const browser = new Browser();
		const { answer } = await answered(browser);
		const before = op.calls.token;
		const all = { ...POST, ...headers };
		for (const n of Object.keys(all)) if (all[n] === undefined) delete all[n];
		const end = await browser.request(`${url}/auth/callback`, { body: body(formOf(answer).form), headers: all });
		assert.equal(end.status, status);
		assert.match(end.headers['content-security-policy'], /default-src 'none'/);
		assert.equal(op.calls.token, before);
	});
}

story('form_post: exactly 64 KiB are read, other types of charset too', async () => {
	const { url } = await f();
	const browser = new Browser();
	const { answer } = await answered(browser);
	const s = String(formOf(answer).form);
	const end = await browser.request(`${url}/auth/callback`, {
		body: `${s}&x=${'y'.repeat(65536 - s.length - 3)}`, headers: { ...POST, 'Content-Type': 'Application/X-WWW-Form-Urlencoded ; charset=UTF-8' },
	});
	assert.equal(end.status, 303, end.text.slice(0, 300));
});

story('form_post: parameters in the query are refused, with and without a form', async () => {
	const { op, url } = await f();
	const browser = new Browser();
	const { answer } = await answered(browser);
	const { form } = formOf(answer);
	const before = op.calls.token;
	assert.equal((await browser.request(`${url}/auth/callback?${form}`)).status, 400);
	assert.equal((await browser.request(`${url}/auth/callback?state=${form.get('state')}`, { body: String(form), headers: POST })).status, 400);
	assert.equal((await browser.request(`${url}/auth/callback?error=x`)).status, 400);
	assert.equal((await browser.request(`${url}/auth/callback?code=a`, { body: '', headers: POST })).status, 400);
	assert.equal(op.calls.token, before);
	const end = await submit(browser, answer);
	assert.equal(end.status, 303);
	assert.equal(end.location, `${url}/page?x=1`);
});

story('form_post: a bare GET, and an empty form, lead somewhere', async () => {
	const { url } = await f();
	const browser = new Browser();
	const away = await browser.request(`${url}/auth/callback`);
	assert.equal(away.status, 302);
	assert.match(away.location, /\/authorize\?/);
	const empty = await new Browser().request(`${url}/auth/callback`, { body: '', headers: POST });
	assert.equal(empty.status, 303);
	const put = await browser.request(`${url}/auth/callback`, { method: 'PUT', body: 'a=b', headers: POST });
	assert.equal(put.status, 405);
	assert.equal(put.headers.allow, 'GET, POST');
});

story('form_post: an error of the provider is a page', async () => {
	const { url, op, proxy } = await f();
	op.fault.response = { error: 'access_denied', error_description: 'no <b>way</b>', state: 'STATE' };
	try {
		const browser = new Browser();
		const { answer } = await answered(browser);
		const end = await browser.request(`${url}/auth/callback`, { body: String(new URLSearchParams({ error: 'access_denied', error_description: 'no <b>way</b>', state: formOf(answer).form.get('state') })), headers: POST });
		assert.equal(end.status, 403);
		assert.match(end.text, /no &lt;b&gt;way/);
		assert.equal((await proxy.lastAccess((r) => r.path === '/auth/callback')).reason, 'login_refused');
	} finally {
		op.reset();
	}
});

const headOf = (browser, url, more) => `POST /auth/callback HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\nCookie: ${browser.jar.header(new URL(`${url}/`))}\r\n${more}\r\n`;

story('form_post: the body may come byte by byte, in chunks, or after a 100 Continue, and the connection goes on', async () => {
	const { url, port } = await f();
	for (const how of ['bytes', 'chunks', 'continue', 'at once']) {
		const browser = new Browser();
		const { answer } = await answered(browser);
		const body = String(formOf(answer).form);
		const raw = await Raw.open(port, { tls: {} });
		if (how === 'chunks') {
			raw.send(headOf(browser, url, 'Transfer-Encoding: chunked\r\n'));
			for (let i = 0; i < body.length; i += 100) raw.send(`${body.slice(i, i + 100).length.toString(16)}\r\n${body.slice(i, i + 100)}\r\n`);
			raw.send('0\r\n\r\n');
		} else {
			raw.send(headOf(browser, url, `Content-Length: ${body.length}\r\n${how === 'continue' ? 'Expect: 100-continue\r\n' : ''}`));
			if (how === 'continue') assert.equal((await raw.head()).status, 100);
			if (how === 'bytes') for (const b of body) { raw.send(b); if (b === '&') await new Promise((r) => { setTimeout(r, 5); }); }
			else raw.send(body);
		}
		const head = await raw.head();
		assert.equal(head.status, 303, how);
		assert.equal(head.get('location'), '/page?x=1');
		raw.send('GET /auth/session HTTP/1.1\r\nHost: ', new URL(url).host, '\r\nAccept: application/json\r\n\r\n');
		assert.equal((await raw.head()).status, 401, `${how}: the next request`);
		raw.socket.destroy();
	}
});

story('form_post: chunks are counted too, and refused beyond 64 KiB', async () => {
	const { op, url, port, proxy } = await f();
	const browser = new Browser();
	const { answer } = await answered(browser);
	const before = op.calls.token;
	const raw = await Raw.open(port, { tls: {} });
	const body = String(formOf(answer).form);
	raw.send(headOf(browser, url, 'Transfer-Encoding: chunked\r\n'), `${body.length.toString(16)}\r\n${body}\r\n`, '3\r\n&x=\r\n');
	for (let i = 0; i < 16; i++) raw.send(`1000\r\n${'y'.repeat(4096)}\r\n`);
	assert.equal((await raw.head()).status, 413);
	assert.equal((await proxy.lastAccess((r) => r.status === 413)).reason, 'body_too_large');
	assert.equal(op.calls.token, before);
	raw.socket.destroy();
});

story('form_post: a body that stops is answered 408, one that breaks off harms nobody', async () => {
	const { url, port, proxy } = await f();
	const browser = new Browser();
	const { answer } = await answered(browser);
	const stopped = await Raw.open(port, { tls: {} });
	stopped.send(headOf(browser, url, 'Content-Length: 500\r\n'), 'state=x');
	const cut = await Raw.open(port, { tls: {} });
	cut.send(headOf(browser, url, 'Content-Length: 500\r\n'), 'state=x');
	const half = await Raw.open(port, { tls: {} });
	half.send(headOf(browser, url, 'Transfer-Encoding: chunked\r\n'), '5\r\nstate\r\nzz\r\n');
	await new Promise((r) => { setTimeout(r, 200); });
	cut.socket.destroy();
	assert.equal((await half.head()).status, 400);
	assert.equal((await stopped.head()).status, 408);
	assert.equal((await proxy.lastAccess((r) => r.status === 408)).reason, 'body_timeout');
	for (const r of [stopped, half]) r.socket.destroy();
	assert.equal((await submit(browser, answer)).status, 303);
});

story('where the answer comes by redirect, a POST to the callback is refused, and no cookie is SameSite=None', async () => {
	const { url } = await w();
	const browser = new Browser();
	const start = await browser.request(`${url}/x`);
	for (const line of start.setCookies) assert.match(line, /SameSite=Lax/, line);
	const post = await browser.request(`${url}/auth/callback`, { body: 'code=a&state=b', headers: POST });
	assert.equal(post.status, 405);
	assert.equal(post.headers.allow, 'GET');
});

// --- in a real browser -----------------------------------------------------------------------------------------------------

story('in Chromium both forms send themselves, across sites, and the sign-in ends on the page', async () => {
	const s = await secure({ real: true, provider: 'authorization_request_method = "POST"' });
	const chromium = await launch();
	try {
		const context = await chromium.newContext({ ignoreHTTPSErrors: true });
		const page = await context.newPage();
		const errors = [];
		page.on('console', (m) => { if (m.type() === 'error' && /Content Security Policy/.test(m.text())) errors.push(m.text()); });
		await page.goto(`${s.url}/reports?x=1`);
		await page.waitForSelector('input[name=login]');
		await signIn(page, 'alice');
		await page.waitForURL(`${s.url}/reports?x=1`);
		assert.equal(JSON.parse(await page.textContent('body')).user, 'alice');
		assert.deepEqual(errors, []);
		const cookies = await context.cookies(s.url);
		assert.equal(cookies.find((c) => c.name === '__Host-workflow_session').sameSite, 'Lax');
		assert.equal(cookies.find((c) => /login$/.test(c.name)).sameSite, 'None');

		const still = await chromium.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false });
		const plain = await still.newPage();
		await plain.goto(`${s.url}/reports?x=2`);
		await picture(plain, 'send-form');
		await plain.click('text=Continue');
		await plain.waitForSelector('input[name=login]');
	} finally {
		await chromium.close();
		await s.stop();
	}
});

// --- -t --------------------------------------------------------------------------------------------------------------------

story('-t says what does not fit, and what runs out soon', () => {
	const file = join(dir, 't.conf');
	const check = (o) => {
		writeFileSync(file, configuration({ port: 1, adminPort: 2, discoveryUrl: 'https://op.example.com/d', servers: ['http://127.0.0.1:1'], ...o }), { mode: 0o600 });
		const r = run(['-t', '-c', file]);
		return { status: r.status, text: r.stderr };
	};
	const method = 'token_endpoint_auth_method = "private_key_jwt"';
	const http = check({ provider: 'response_mode = "form_post"' });
	assert.equal(http.status, 1);
	assert.match(http.text, /response_mode: form_post needs https/);
	const mixed = check({ clientAuth: `${method} client_private_key = "${rsa.key}" client_certificate = "${ec.cert}"` });
	assert.equal(mixed.status, 1);
	assert.match(mixed.text, /client_certificate: .*is not the certificate of its key/);
	const missing = check({ clientAuth: method });
	assert.equal(missing.status, 1);
	assert.match(missing.text, /client_private_key: required for private_key_jwt/);
	const soon = check({ clientAuth: `${method} client_private_key = "${near.key}" client_certificate = "${near.cert}"` });
	assert.equal(soon.status, 0);
	assert.match(soon.text, /client_certificate: .*ends in 9 days.*\(warning\)/);
});

story('the secret of client_secret_jwt signs and is never sent', async () => {
	const own = await world({ clientAuth: `client_secret = "${CLIENT_SECRET}" token_endpoint_auth_method = "client_secret_jwt"` });
	try {
		await own.signedIn();
		const { form, authorization } = own.op.tokenRequests.at(-1);
		const [head, body, signature] = form.get('client_assertion').split('.');
		assert.equal(createHmac('sha256', CLIENT_SECRET).update(`${head}.${body}`).digest('base64url'), signature);
		assert.ok(!String(form).includes(CLIENT_SECRET) && authorization === undefined);
		assert.ok(!`${own.proxy.stdout}${own.proxy.stderr}`.includes(CLIENT_SECRET));
	} finally {
		await own.stop();
	}
});

closing(w, f);
