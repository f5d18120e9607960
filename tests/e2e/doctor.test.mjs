// What the command line says about everything around the proxy: doctor, token, universal-link.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import { Backend } from './lib/backend.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { CLIENT_SECRET, Op } from './lib/op.mjs';
import { freePort } from './lib/ports.mjs';
import { ASAN, SECRET, configuration, scratch } from './lib/proxy.mjs';
import { story } from './lib/world.mjs';
import { after } from 'node:test';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const op = await FaultOp.start();
const backend = await Backend.start();
after(async () => { await op.stop(); await backend.stop(); });

let n = 0;
const file = (text, name = `f${++n}`) => {
	const path = join(dir, name);
	writeFileSync(path, text, { mode: 0o600 });
	return path;
};
const conf = (o = {}) => file(configuration({
	port: 18001, adminPort: 18002, discoveryUrl: op.discoveryUrl, servers: [backend.url], clientSecret: CLIENT_SECRET, ...o,
}));

// As run() of lib/proxy.mjs, but the providers of this process go on answering meanwhile.
function verb(args, { input = '', env = {} } = {}) {
	const child = spawn(ASAN, args, { env: { PATH: process.env.PATH, ASAN_OPTIONS: 'detect_leaks=1:exitcode=99', UBSAN_OPTIONS: 'exitcode=98', ...env } });
	const r = { stdout: '', stderr: '' };
	child.stdout.setEncoding('utf8').on('data', (d) => { r.stdout += d; });
	child.stderr.setEncoding('utf8').on('data', (d) => { r.stderr += d; });
	child.stdin.on('error', () => {});
	child.stdin.end(input);
	return new Promise((resolve) => {
		child.once('close', (code) => {
			r.status = code;
			r.lines = r.stdout.split('\n');
			r.fails = r.lines.filter((l) => l.startsWith('FAIL'));
			r.warns = r.lines.filter((l) => l.startsWith('warn'));
			assert.ok(!/Sanitizer|runtime error:/.test(r.stderr), r.stderr);
			assert.ok(!r.stdout.includes(CLIENT_SECRET) && !r.stderr.includes(CLIENT_SECRET), 'the client secret is printed');
			assert.ok(!r.stdout.includes(SECRET) && !r.stderr.includes(SECRET), 'the session secret is printed');
			resolve(r);
		});
	});
}
const doctor = (o) => verb(['doctor', '-c', conf(o)]);
const says = (r, pattern) => assert.match(r.stdout + r.stderr, pattern);
const failsOnly = (r, pattern) => {
	assert.equal(r.status, 1, r.stdout);
	assert.equal(r.fails.length, 1, r.stdout);
	assert.match(r.fails[0], pattern);
};

// --- doctor ---

story('doctor: all is well with a provider as it should be', async () => {
	op.reset();
	const r = await doctor();
	assert.equal(r.status, 0, r.stdout + r.stderr);
	for (const p of [
		/^ok {4}configuration: .* is valid$/m, /^ok {4}provider main: discovery document: http/m, /^ok {4}provider main: issuer: http/m,
		/^ok {4}provider main: clock: /m, /^ok {4}provider main: keys: 1 at .*, 1 of them/m, /^ok {4}provider main: PKCE: S256 is sent and supported/m,
		/^ok {4}provider main: client authentication: client_secret_basic is supported/m, /^ok {4}provider main: credentials: client_id rp /m,
		/^ok {4}provider main: RFC 9207/m, /^ok {4}provider main: sign-out: end_session_endpoint http/m,
		/redirect URI to register: http:\/\/127\.0\.0\.1:18001\/auth\/callback$/m,
		/post-logout redirect URI to register: http:\/\/127\.0\.0\.1:18001\/auth\/logout\/return$/m,
		/session cookie workflow_session=\.\.\.; Path=\/; HttpOnly; SameSite=Lax$/m, /^ok {4}upstream app: .* accepts connections$/m,
		/^warn {2}public_url .*http: everybody on the way/m, /\d+ ok, 1 warn, 0 FAIL\n$/,
	]) says(r, p);
	assert.equal(r.stderr, '');
	assert.equal(op.tokenRequests.length, 1);
	assert.equal(op.tokenRequests[0].form.get('redirect_uri'), 'http://127.0.0.1:18001/auth/callback');
});

story('doctor: the certified provider takes the right secret and names a wrong one', async () => {
	const real = await Op.start({ port: await freePort(), redirectUris: ['http://127.0.0.1:18001/auth/callback'] });
	try {
		const good = await doctor({ discoveryUrl: real.discoveryUrl });
		assert.equal(good.status, 0, good.stdout);
		says(good, /^ok {4}.*credentials: client_id rp by client_secret_basic is taken/m);
		says(good, /^ok {4}.*RFC 9207: the provider names itself/m);
		failsOnly(await doctor({ discoveryUrl: real.discoveryUrl, clientSecret: 'wrong-secret-of-nobody' }), /credentials: .*client_id rp .*refused: .*invalid_client.*client_secret/);
		failsOnly(await doctor({ discoveryUrl: real.discoveryUrl, clientId: 'stranger' }), /credentials: client_id stranger .*refused/);
	} finally {
		await real.stop();
	}
});

story('doctor: a client that signs its assertions is proved as well', async () => {
	const real = await Op.start({ port: await freePort(), redirectUris: ['http://127.0.0.1:18001/auth/callback'], client: { token_endpoint_auth_method: 'client_secret_jwt', token_endpoint_auth_signing_alg: 'HS256' } });
	const provider = 'token_endpoint_auth_method = "client_secret_jwt"';
	try {
		const good = await doctor({ discoveryUrl: real.discoveryUrl, provider });
		assert.equal(good.status, 0, good.stdout);
		says(good, /^ok {4}.*credentials: client_id rp by client_secret_jwt is taken/m);
		failsOnly(await doctor({ discoveryUrl: real.discoveryUrl, provider, clientSecret: 'another-secret-of-nobody-0123456789abcdef' }), /credentials: client_id rp by client_secret_jwt is refused/);
	} finally {
		await real.stop();
	}
});

story('doctor: what a vendor says about a secret is explained', async () => {
	for (const [error, code, hint] of [
		['invalid_client', 'AADSTS7000215: Invalid client secret.', /value, not its ID/],
		['invalid_client', 'AADSTS7000222: expired.', /expired: create a new one/],
		['unauthorized_client', 'AADSTS700016: not found.', /client_id, and the tenant/],
		['unauthorized_client', 'no such grant', /authorization code grant/],
	]) {
		op.reset();
		op.fault = { tokenStatus: 400, tokenBody: { error, error_description: code } };
		failsOnly(await doctor(), hint);
	}
	op.fault = { tokenStatus: 400, tokenBody: { error: 'invalid_request', error_description: 'AADSTS9002313: malformed\r\nok    forged: line \u001b[2J' } };
	const r = await doctor();
	assert.equal(r.status, 0, r.stdout);
	says(r, /^warn {2}.*neither proved nor refuted: .*invalid_request/m);
	assert.ok(!r.stdout.includes('\u001b') && !/^ok {4}forged/m.test(r.stdout));
	op.fault = { tokenHtml: true };
	failsOnly(await doctor(), /credentials: token endpoint: .*not/);
	op.fault = { tokenStatus: 404 };
	failsOnly(await doctor(), /credentials: .*HTTP 404.*token_endpoint/);
});

story('doctor: a wrong issuer is named with both values', async () => {
	op.reset();
	failsOnly(await doctor({ provider: 'issuer = "http://127.0.0.1:1/other"' }), new RegExp(`issuer: .*${op.url}.*provider\\.issuer.*http://127\\.0\\.0\\.1:1/other`));
	op.fault = { metadata: { issuer: 'https://else.example' } };
	failsOnly(await doctor(), /issuer is https:\/\/else\.example/);
});

story('doctor: clocks that differ are told, in seconds', async () => {
	op.reset();
	op.clock = 20;
	const r = await doctor();
	assert.equal(r.status, 0, r.stdout);
	says(r, /^warn {2}.*clock: the provider's is (19|20|21) s ahead of ours, clock_tolerance is 60 s/m);
	op.clock = -300;
	failsOnly(await doctor(), /clock: the provider's is (299|300|301) s behind ours, clock_tolerance is 60 s.*NTP/);
});

story('doctor: what the document lists is held against what is set', async () => {
	op.reset();
	op.fault = { metadata: { code_challenge_methods_supported: undefined, token_endpoint_auth_methods_supported: undefined, end_session_endpoint: undefined } };
	const entra = await doctor();
	assert.equal(entra.status, 0);
	says(entra, /^ok {4}.*PKCE: S256 is sent; the document does not say/m);
	says(entra, /^ok {4}.*client authentication: client_secret_basic is supported/m);
	says(entra, /^warn {2}.*no end_session_endpoint/m);
	op.fault = { metadata: { code_challenge_methods_supported: ['plain'], token_endpoint_auth_methods_supported: ['private_key_jwt'], id_token_signing_alg_values_supported: ['ES256'] } };
	const bad = await doctor();
	assert.equal(bad.status, 0);
	says(bad, /^warn {2}.*PKCE: .*lists plain/m);
	says(bad, /^warn {2}.*client_secret_basic, the provider lists private_key_jwt/m);
	says(bad, /^warn {2}.*id_token_signed_response_alg is RS256, the provider lists ES256/m);
	op.reset();
	failsOnly(await doctor({ provider: 'id_token_signed_response_alg = "ES256"' }), /keys: 1 at .*none of them fits .*ES256/);
});

story('doctor: a provider that is down is a FAIL in time, and the rest is checked all the same', async () => {
	const r = await doctor({ discoveryUrl: 'http://127.0.0.1:9/.well-known/openid-configuration' });
	failsOnly(r, /provider main: discovery document: .*connect.*; check/);
	says(r, /^ok {4}upstream app:/m);
	op.reset();
	op.fault = { jwksStatus: 500 };
	failsOnly(await doctor(), /provider "main": .*\/jwks: HTTP 500/);
	op.fault = { discoveryDelay: 5000 };
	const began = Date.now();
	failsOnly(await doctor({ provider: 'timeout = "500ms"' }), /discovery document: .*provider\.timeout/);
	assert.ok(Date.now() - began < 4500);
	op.fault = {};
});

story('doctor: upstreams that are down, unwell or untrusted', async () => {
	op.reset();
	failsOnly(await doctor({ servers: [backend.url, 'http://127.0.0.1:9'] }), /upstream app: http:\/\/127\.0\.0\.1:9.*listens there/);
	failsOnly(await doctor({ upstream: 'health_check = "/status/503"', routes: 'route "/" { upstream = "app" }' }), /answers health_check \/status\/503 with 503/);
	const tls = createTls(certificate('app', 'IP:127.0.0.1'), (s) => s.on('error', () => {}));
	await new Promise((resolve) => { tls.listen(0, '127.0.0.1', resolve); });
	const url = `https://127.0.0.1:${tls.address().port}`;
	failsOnly(await doctor({ servers: [url] }), /certificate.*upstream\.tls_ca/);
	const r = await doctor({ servers: [url], upstream: `tls_ca = "${join(dir, 'app.pem')}"` });
	assert.equal(r.status, 0, r.stdout);
	says(r, /^ok {4}upstream app: .* its certificate is trusted$/m);
	says(r, /^warn {2}upstream app: the certificate of https.* ends on .*in (9|10) days/m);
	tls.close();
});

// A certificate of our own that ends in so many days (or has ended).
function certificate(name, san, days = 10) {
	const at = (d) => `${new Date(Date.now() + d * 86400000).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
	const ca = join(dir, `${name}-ca`);
	const paths = { key: join(dir, `${name}.key`), cert: join(dir, `${name}.pem`) };
	mkdirSync(ca);
	writeFileSync(join(ca, 'index.txt'), '');
	writeFileSync(join(ca, 'ca.cnf'), `[ca]\ndefault_ca = it\n[it]\ndir = ${ca}\ndatabase = ${ca}/index.txt\nnew_certs_dir = ${ca}\nrand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = ext\n[any]\ncommonName = supplied\n[ext]\nsubjectAltName = ${san}\nbasicConstraints = CA:TRUE\n[req]\ndistinguished_name = dn\n[dn]\n`);
	const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
	openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-config', join(ca, 'ca.cnf'), '-subj', `/CN=${name}`, '-keyout', paths.key, '-out', join(ca, 'csr'));
	openssl('ca', '-batch', '-notext', '-selfsign', '-config', join(ca, 'ca.cnf'), '-keyfile', paths.key, '-in', join(ca, 'csr'), '-out', paths.cert, '-startdate', at(days - 400), '-enddate', at(days));
	return { paths, key: execFileSync('cat', [paths.key]), cert: execFileSync('cat', [paths.cert]) };
}

story('doctor: the provider\'s certificate, near its end and behind it', async () => {
	for (const [days, name] of [[10, 'soon'], [-3, 'over']]) {
		op.reset();
		const c = certificate(name, 'IP:127.0.0.1', days);
		const relay = createTls(c, (s) => {
			const to = connect(op.port, '127.0.0.1');
			for (const x of [s, to]) x.on('error', () => { s.destroy(); to.destroy(); });
			s.pipe(to).pipe(s);
		});
		await new Promise((resolve) => { relay.listen(0, '127.0.0.1', resolve); });
		const url = `https://127.0.0.1:${relay.address().port}`;
		op.fault = { metadata: { issuer: url } };
		const r = await doctor({ discoveryUrl: `${url}/.well-known/openid-configuration`, provider: `tls_ca = "${c.paths.cert}"` });
		if (days > 0) {
			assert.equal(r.status, 0, r.stdout);
			says(r, /^warn {2}provider main: the certificate of the discovery .* ends on .*in (9|10) days.*renew it in time/m);
		} else {
			failsOnly(r, /discovery document: .*certificate.*its end/);
		}
		relay.close();
	}
});

story('doctor: a further host of the provider proves its name, too; each is looked at once', async () => {
	op.reset();
	const c = certificate('further', 'IP:127.0.0.1', 10);
	const relay = createTls(c, (s) => {
		s.on('error', () => {});
		s.once('data', () => s.end('HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
	});
	await new Promise((resolve) => { relay.listen(0, '127.0.0.1', resolve); });
	const url = `https://127.0.0.1:${relay.address().port}`;
	op.fault = { metadata: { end_session_endpoint: `${url}/end`, revocation_endpoint: `${url}/revoke` } };
	failsOnly(await doctor(), new RegExp(`provider main: ${url}: .*certificate.*provider\\.tls_ca`));
	const r = await doctor({ provider: `tls_ca = "${c.paths.cert}"` });
	assert.equal(r.status, 0, r.stdout);
	says(r, new RegExp(`^ok .*provider main: ${url} answers, with a certificate that proves its name$`, 'm'));
	says(r, new RegExp(`^warn {2}provider main: the certificate of ${url} ends on `, 'm'));
	relay.close();
});

story('doctor: certificates of listeners: their end, and the names that browsers use', async () => {
	op.reset();
	const good = certificate('flow', 'DNS:flow.example.com', 100).paths;
	const old = certificate('old', 'DNS:flow.example.com', -3).paths;
	const listen = (c) => `tls_certificate = "${c.cert}" tls_certificate_key = "${c.key}"`;
	const r = await doctor({ publicUrl: 'https://flow.example.com', listen: listen(good) });
	assert.equal(r.status, 0, r.stdout);
	says(r, /^ok {4}public_url https:\/\/flow\.example\.com: a certificate names flow\.example\.com$/m);
	says(r, /session cookie __Host-workflow_session=\.\.\.; Path=\/; Secure; HttpOnly; SameSite=Lax$/m);
	says(r, /^ok {4}what runs out: .*flow\.pem ends on .* \(in (99|100) days\)/m);
	failsOnly(await doctor({ publicUrl: ['https://flow.example.com', 'https://other.example.com'], listen: listen(good) }), /no listen\.tls_certificate names other\.example\.com/);
	const over = await doctor({ publicUrl: 'https://flow.example.com', listen: listen(old) });
	assert.equal(over.status, 1);
	says(over, /^FAIL .*old\.pem.*(ended on|expired)/m);
	const plain = await doctor({ publicUrl: 'https://flow.example.com/app', session: 'domain = "example.com"', routes: 'route "/app" { upstream = "app" }' });
	assert.equal(plain.status, 0, plain.stdout);
	says(plain, /^ok .*TLS must end in front of this proxy; name that machine in trusted_proxies/m);
	says(plain, /^warn .*no __Host- prefix.*session\.domain is set/m);
	says(plain, /^warn .*session\.domain = "example\.com" sends the session to every host/m);
});

story('doctor: mistakes in the configuration come first, and end the visit', async () => {
	const r = await doctor({ provider: 'client_idd = "x"' });
	assert.equal(r.status, 1);
	assert.match(r.fails[0], /^FAIL {2}.*:\d+: .*client_idd/);
	assert.ok(!/provider main: discovery/.test(r.stdout));
	const gone = await verb(['doctor', '-c', join(dir, 'missing.conf')]);
	assert.equal(gone.status, 1);
	says(gone, /missing\.conf/);
});

// --- token ---

const token = (more = {}, fault = {}) => {
	op.fault = fault;
	const t = op.idToken({ client: 'rp', code: 'code-of-the-test', nonce: 'nonce-of-the-test', ...more });
	op.fault = {};
	return t;
};
const explain = (t, args = [], o = {}) => verb(['token', '-c', conf(o), ...args], { input: t });

story('token: a good ID token is explained, and its signature stays unsaid', async () => {
	op.reset();
	const t = token();
	const r = await explain(`Authorization: Bearer ${t}\r\n`, ['--id', '--route', '/']);
	assert.equal(r.status, 0, r.stdout + r.stderr);
	for (const p of [/^header \{$/m, /"alg": "RS256"/, /"preferred_username": "alice"/, /^exp: .* UTC, expires in (59 min|1 h)$/m, /^ok {4}signature: /m, /^ok {4}iss: /m, /^ok {4}aud: rp; our client_id: rp$/m, /^- {5}nonce: not checked/m, /^ok {4}username: alice; username_claim: preferred_username$/m, /^ok {4}verdict: .*as alice$/m, /^ok {4}route: .*names the user alice in X-Forwarded-User$/m, /^valid$/m]) says(r, p);
	assert.ok(!r.stdout.includes(t.split('.')[2].slice(0, 20)));
	const path = file(t);
	const guessed = await verb(['token', '-c', conf(), path]);
	assert.equal(guessed.status, 0, guessed.stdout);
	says(guessed, /taken for an ID token/);
	assert.equal((await verb(['token', '-c', conf(), '-'], { input: t })).status, 0);
});

story('token: each thing that is wrong is named, with both values', async () => {
	op.reset();
	const now = op.now();
	for (const [fault, pattern, o] of [
		[{ claims: { exp: now - 200, iat: now - 4000 } }, /^FAIL {2}exp: expired 3 min ago, clock_tolerance 60 s/m],
		[{ claims: { iat: now + 600 } }, /^FAIL {2}iat: begins in (9|10) min/m],
		[{ claims: { nbf: now + 600 } }, /^FAIL {2}nbf: begins in (9|10) min/m],
		[{ claims: { iss: 'https://else.example' } }, new RegExp(`^FAIL {2}iss: https://else.example; the provider's issuer: ${op.url}`, 'm')],
		[{ claims: { aud: ['a', 'b'] } }, /^FAIL {2}aud: a, b; our client_id: rp/m],
		[{ claims: { aud: ['rp', 'b'] } }, /^FAIL {2}azp: missing/m],
		[{ claims: { azp: 'b' } }, /^FAIL {2}azp: b; our client_id: rp/m],
		[{ without: ['nonce'] }, /^FAIL {2}nonce: missing/m],
		[{ without: ['sub'] }, /^FAIL {2}sub: missing/m],
		[{ without: ['preferred_username'] }, /^FAIL {2}username: .*preferred_username/m],
		[{ breakSignature: true }, /^FAIL {2}signature: /m],
		[{ kid: 'unknown' }, /^FAIL {2}key: .*unknown.*\n- {5}signature: not judged/m],
		[{ alg: 'HS256' }, /^FAIL {2}algorithm: .*HS256.*id_token_signed_response_alg/m],
		[{ alg: 'none' }, /^FAIL {2}(algorithm|form): /m],
		[{ header: { crit: ['x'] } }, /^FAIL {2}header: /m],
		[{}, /^FAIL {2}route: \/: route "\/" refuses: .*staff-only.*claim_missing/m, { routes: 'route "/" { upstream = "app" claims = {"groups~staff-only"} }' }],
	]) {
		const r = await explain(token({}, fault), ['--id', '--route', '/'], o);
		assert.equal(r.status, 1, r.stdout);
		says(r, pattern);
		says(r, /^not valid$/m);
		if (pattern.source.includes('route')) continue;
		says(r, /^FAIL {2}verdict: refused, reason=\w+/m);
	}
});

story('token: what is none, too large, or of nobody is one sentence and status 1', async () => {
	op.reset();
	for (const [t, p] of [['', /holds no token/], ['opaque-token', /not a JSON Web Token/], ['a.b.c.d.e', /encrypted/], ['a.b.c', /header/], [`${'x'.repeat(30000)}.y.z`, /./], ['\u001b[2J.\u0000.z', /header/]]) {
		const r = await explain(t, ['--id']);
		assert.equal(r.status, 1, t);
		assert.match(r.stderr, p);
		assert.ok(!r.stderr.includes('\u001b'));
		assert.equal(r.stdout, '');
	}
	const big = await verb(['token', '-c', conf(), '--id', file(`${'x'.repeat(90000)}`)]);
	assert.equal(big.status, 1);
	assert.equal((await explain(token(), ['--id', '--provider', 'nobody'])).status, 1);
	says(await explain(token(), ['--id', '--provider', 'nobody']), /no provider called nobody/);
	says(await explain(token(), ['--id'], { discoveryUrl: 'http://127.0.0.1:9/.well-known/openid-configuration' }), /^FAIL {2}provider: .*connect/m);
});

story('token: demands of the configuration on ID tokens are explained too', async () => {
	op.reset();
	const provider = 'max_age = "10m" acr_values = {"mfa"}';
	const bad = await explain(token(), ['--id'], { provider });
	assert.equal(bad.status, 1);
	says(bad, /^FAIL {2}acr: missing; acr_values: mfa$/m);
	says(bad, /^FAIL {2}auth_time: missing/m);
	const good = await explain(token({}, { claims: { acr: 'mfa', auth_time: op.now() - 240 } }), ['--id'], { provider });
	assert.equal(good.status, 0, good.stdout);
	says(good, /^- {5}auth_time: signed in 4 min ago; max_age: 10 min$/m);
});

const access = (more = {}, fault = {}) => token({}, { payload: {
	iss: op.url, aud: 'https://api.example', sub: 'sub-alice', preferred_username: 'alice', azp: 'mobile', scope: 'read write', iat: op.now(), exp: op.now() + 600, ...more,
}, ...fault });

story('token: an access token is held against what APIs demand', async () => {
	op.reset();
	const provider = 'audience = "https://api.example"';
	const good = await explain(access(), [], { provider });
	assert.equal(good.status, 0, good.stdout + good.stderr);
	for (const p of [/taken for an access token/, /^ok {4}algorithm: RS256; access_token_signed_alg: RS256$/m, /^ok {4}aud: https:\/\/api\.example; provider\.audience: https:\/\/api\.example$/m, /^ok {4}verdict: the user alice, by way of the program mobile$/m, /^- {5}scopes: read, write$/m, /^valid$/m]) says(good, p);
	const app = await explain(access({ preferred_username: undefined, sub: 'job', azp: 'job' }), ['--access'], { provider });
	assert.equal(app.status, 0, app.stdout);
	says(app, /^ok {4}verdict: a program for itself: job$/m);
	for (const [t, pattern] of [
		[access({ aud: 'https://other.example' }), /^FAIL {2}aud: .*other\.example.*audience.*reason=token_audience.*provider\.audience/m],
		[access({ iss: 'https://else.example' }), /^FAIL {2}iss: .*else\.example.*\n- {5}aud: not judged/m],
		[access({ exp: op.now() - 200 }), /^FAIL {2}exp: .*expired/m],
		[access({ exp: undefined }), /^FAIL {2}exp: .*missing/m],
		[access({ nonce: 'n' }), /^FAIL {2}type: .*nonce, as ID tokens have/m],
		[access({ preferred_username: undefined }), /^FAIL {2}username: .*access_token_username_claim/m],
		[access({}, { breakSignature: true }), /^FAIL {2}signature: /m],
	]) {
		const r = await explain(t, ['--access'], { provider });
		assert.equal(r.status, 1, r.stdout);
		says(r, pattern);
		assert.ok(!r.stdout.includes(t.split('.')[2].slice(0, 20)));
	}
	const opaque = await explain(access(), ['--access']);
	assert.equal(opaque.status, 1);
	says(opaque, /^FAIL {2}audience: provider\.audience is not set/m);
});

// --- universal-link ---

story('universal-link prints what the mobile app needs, encoded', async () => {
	const kind = 'kind = "ms-identity-v2"';
	const r = await verb(['universal-link', '-c', conf({ publicUrl: 'https://flow.example.com/wfg', clientId: 'app id', provider: kind, routes: 'route "/wfg" { upstream = "app" }', discoveryUrl: 'https://login.microsoftonline.com/1111-2222/v2.0/.well-known/openid-configuration' })]);
	assert.equal(r.status, 0, r.stderr);
	assert.equal(r.stdout, 'workflowgenplus://auth.init?provider=ms-identity-v2&server_address=https%3A%2F%2Fflow.example.com%2Fwfg&client_id=app%20id&tenant_id=1111-2222\n');
});

story('the verbs are used wrongly with status 2 and one line', async () => {
	for (const args of [['doctor', 'x'], ['doctor', '-c'], ['universal-link', '--x'], ['token', '--nonsense'], ['token', '--id', '--access'], ['token', '--route'], ['token', 'a', 'b']]) {
		const r = await verb(args);
		assert.equal(r.status, 2, `${args}`);
		assert.equal(r.stderr.trim().split('\n').length, 1);
		assert.equal(r.stdout, '');
	}
	for (const v of ['doctor', 'token', 'universal-link']) assert.match((await verb(['help', v])).stdout, new RegExp(`^workflow-proxy ${v}`));
});
