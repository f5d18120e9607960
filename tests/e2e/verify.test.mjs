// Forward-auth: another server asks about a request of its own.  Once by hand, then by nginx as docs/forward-auth.md has it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { freePort, sleep, until } from './lib/ports.mjs';
import { configuration, run, scratch } from './lib/proxy.mjs';
import { closing, shared, story } from './lib/world.mjs';

const routes = `route "/" { claim_headers = {"X-Email=email", "X-Groups=groups"} }
	route "/open" { auth = "none" }
	route "/staff" { claims = {"groups~board"} username_header = "X-Staff" set_headers = {"X-Backend-Secret=hush"} }
	route "/tokens" { id_token_header = "X-Id-Token" access_token_header = "X-Access-Token" }
	route "/never" { unauthenticated = "401" }
	route "/through" { upstream = "app" }`;
const w = shared({ top: 'trusted_proxies = {"127.0.0.1/32"}', routes });
const two = shared({
	top: 'trusted_proxies = {"127.0.0.1/32"}', publicUrl: ['http://127.0.0.1:1', 'http://two.example'],
	routes: 'route "/" { } route "two.example/" { auth = "none" }',
});
const untrusted = shared({ routes: 'route "/" { upstream = "app" }' });

const ask = async (browser, headers, o = {}) => {
	const { url } = await w();
	return browser.request(`${url}/auth/verify${o.query ?? ''}`, { ...o, headers: { ...FETCH, ...headers } });
};
// Signed in by way of a page that is served here.
const signedIn = async (world = w) => {
	const { url, op } = await world();
	op.user = 'alice';
	const browser = new Browser();
	const r = await browser.go(`${url}/auth/login?rd=/through`);
	assert.equal(r.url, `${url}/through`);
	return browser;
};
const IDENTITY = ['x-forwarded-user', 'x-email', 'x-groups', 'x-staff', 'x-id-token', 'x-access-token'];

story('a signed-in user may pass, and the answer has every identity header that any route sets', async () => {
	const { op } = await w();
	op.claims = { email: 'alice@example.com' };
	const alice = await signedIn();
	const r = await ask(alice, { 'X-Original-URI': '/page?x=1', 'X-Forwarded-Method': 'GET' });
	assert.equal(r.status, 200);
	assert.equal(r.headers['x-forwarded-user'], 'alice');
	for (const name of IDENTITY) assert.ok(name in r.headers, name);
	assert.equal(r.headers['x-staff'], '', 'what only another route sets is empty');
	assert.equal(r.text, '');
	assert.match(r.headers['cache-control'], /no-store/);
	for (const h of ['X-Forwarded-Uri', 'x-original-uri']) assert.equal((await ask(alice, { [h]: '/page' })).status, 200, h);
});

story('tokens that only the browser holds are not renewed for a server that may lose them', async () => {
	const { op, url } = await w();
	op.life = 6;
	const alice = await signedIn();
	op.life = 3600;
	const session = () => JSON.parse(Buffer.from(alice.jar.get('workflow_session').value.split('.')[1], 'base64url'));
	await sleep(Math.max(0, session().refresh_at * 1000 - Date.now()) + 50);
	const before = op.calls.refresh;
	const r = await ask(alice, { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'GET' });
	assert.equal(r.status, 200);
	assert.deepEqual(r.setCookies, []);
	assert.equal(op.calls.refresh, before);
	assert.equal((await alice.request(`${url}/through`)).status, 200);
	assert.equal(op.calls.refresh, before + 1, 'here they are');
	assert.equal((await ask(alice, { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'GET' })).status, 200);
});

story('nobody signed in: 401; an open route: 200 with empty headers', async () => {
	const r = await ask(new Browser(), { 'X-Original-URI': '/page' });
	assert.equal(r.status, 401);
	assert.equal(r.json.error, 'no_session');
	const open = await ask(new Browser(), { 'X-Original-URI': '/open/page', 'X-Forwarded-User': 'root' });
	assert.equal(open.status, 200);
	for (const name of IDENTITY) assert.equal(open.headers[name], '', name);
});

story('an open route says nothing of who is signed in, and set_headers stay here', async () => {
		const alice = await signedIn();
	assert.equal((await ask(alice, { 'X-Original-URI': '/open' })).headers['x-forwarded-user'], '');
	const denied = await ask(alice, { 'X-Original-URI': '/staff' });
	assert.equal(denied.status, 403);
	assert.equal(denied.json.error, 'claim_missing');
	for (const answer of [denied, await ask(alice, { 'X-Original-URI': '/page' })]) assert.ok(!('x-backend-secret' in answer.headers));
});

story('the user\'s tokens are in the answer where the route says so', async () => {
	const { op } = await w();
	const r = await ask(await signedIn(), { 'X-Original-URI': '/tokens' });
	assert.equal(r.status, 200);
	assert.ok(op.issued.includes(r.headers['x-id-token']), r.headers['x-id-token']);
});

// [what, headers of the question, status, reason]
const questions = [
	['neither header', {}, 403, 'verify_unclear'],
	['an empty one', { 'X-Original-URI': '' }, 403, 'verify_unclear'],
	['both, and they differ', { 'X-Original-URI': '/open', 'X-Forwarded-Uri': '/page' }, 403, 'verify_unclear'],
	['both alike', { 'X-Original-URI': '/page', 'X-Forwarded-Uri': '/page' }, 200],
	['one twice', { 'X-Original-URI': ['/open', '/page'] }, 403, 'verify_unclear'],
	['two methods that differ', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'GET', 'X-Original-Method': 'POST' }, 403, 'verify_unclear'],
	['a URL', { 'X-Original-URI': 'http://127.0.0.1/open' }, 403, 'verify_unclear'],
	['no path', { 'X-Original-URI': 'open' }, 403, 'verify_unclear'],
	['*', { 'X-Original-URI': '*' }, 403, 'verify_unclear'],
	['a space', { 'X-Original-URI': '/open /page' }, 403, 'verify_unclear'],
	['a fragment', { 'X-Original-URI': '/open#/page' }, 403, 'verify_unclear'],
	['bytes above ASCII', { 'X-Original-URI': '/open/\u00e9' }, 403, 'verify_unclear'],
	['our own endpoint', { 'X-Original-URI': '/auth/session' }, 403, 'no_route'],
	['dot segments', { 'X-Original-URI': '/page/../open' }, 403, 'path_ambiguous'],
	['dot segments in disguise', { 'X-Original-URI': '/page/%2e%2e/open' }, 403, 'path_ambiguous'],
	['empty segments', { 'X-Original-URI': '//open' }, 403, 'path_ambiguous'],
	['case', { 'X-Original-URI': '/OPEN' }, 403, 'path_ambiguous'],
	['%2F', { 'X-Original-URI': '/open%2f..%2fpage' }, 403, 'path_ambiguous'],
	['a broken encoding', { 'X-Original-URI': '/open%' }, 403, 'bad_target'],
	['another host', { 'X-Original-URI': '/page', 'X-Forwarded-Host': 'evil.example' }, 403, 'wrong_host'],
	['several hosts', { 'X-Original-URI': '/page', 'X-Forwarded-Host': '127.0.0.1, evil.example' }, 403, 'wrong_host'],
	['our host', { 'X-Original-URI': '/page', 'X-Forwarded-Host': '127.0.0.1' }, 200],
	['POST of this site', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'POST', 'Sec-Fetch-Site': 'same-origin' }, 200],
	['POST of another site', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'POST', 'Sec-Fetch-Site': 'cross-site' }, 403, 'cross_origin'],
	['POST with a foreign Origin', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'POST', Origin: 'https://evil.example' }, 403, 'cross_origin'],
	['no method and a foreign Origin', { 'X-Original-URI': '/page', Origin: 'https://evil.example' }, 403, 'cross_origin'],
	['GET from another site', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'GET', 'Sec-Fetch-Site': 'cross-site' }, 200],
	['a WebSocket of another site', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'GET', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', Origin: 'https://evil.example' }, 403, 'cross_origin'],
	['a WebSocket of this site', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'GET', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }, 200],
	['DELETE of another site, in small letters', { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'delete', 'Sec-Fetch-Site': 'cross-site' }, 403, 'cross_origin'],
];
for (const [what, headers, status, reason] of questions) {
	story(`signed in, asked about ${what}: ${status}${reason ? ` ${reason}` : ''}`, async () => {
		const { proxy } = await w();
		const r = await ask(await signedIn(), headers);
		assert.equal(r.status, status);
		assert.equal((await proxy.lastAccess((a) => a.path === '/auth/verify')).reason, reason);
		if (status !== 200) for (const name of IDENTITY) assert.ok(!(name in r.headers), name);
	});
}

story('?redirect=1: who navigates is sent to sign in, and comes back to the page', async () => {
	const { url, op } = await w();
	const about = { ...NAVIGATE, 'X-Original-URI': '/page?a=1&b=2', 'X-Forwarded-Method': 'GET' };
	assert.equal((await ask(new Browser(), about)).status, 401, 'not without being told');
	const r = await ask(new Browser(), about, { query: '?redirect=1' });
	assert.equal(r.status, 302);
	assert.equal(r.location, `${url}/auth/login?rd=${encodeURIComponent('/page?a=1&b=2')}`);
	op.user = 'alice';
	const browser = new Browser();
	const home = await browser.go(r.location, { stop: (a) => a.location === `${url}/page?a=1&b=2` });
	assert.equal(home.location, `${url}/page?a=1&b=2`);
	assert.equal((await ask(browser, about, { query: '?redirect=1' })).status, 200);
	assert.equal((await ask(new Browser(), { ...FETCH, 'X-Original-URI': '/page' }, { query: '?redirect=1' })).status, 401, 'fetch() is not');
	assert.equal((await ask(new Browser(), { ...about, 'X-Original-URI': '/never' }, { query: '?redirect=1' })).status, 401);
	assert.equal((await ask(new Browser(), { ...about, 'X-Original-URI': '//evil.example' }, { query: '?redirect=1' })).status, 403);
	const form = await ask(new Browser(), { ...about, 'X-Forwarded-Method': 'POST', 'Content-Type': 'application/x-www-form-urlencoded' }, { query: '?redirect=1' });
	assert.equal(form.status, 303, 'a form is not posted at the sign-in');
});

story('Traefik asks by an address that is no public_url, about the host that it names', async () => {
		const alice = await signedIn();
	const named = { 'X-Forwarded-Uri': '/page', 'X-Forwarded-Method': 'GET', Host: 'workflow-proxy:4180' };
	assert.equal((await ask(alice, { ...named, 'X-Forwarded-Host': '127.0.0.1' })).status, 200);
	assert.equal((await ask(alice, named)).status, 421, 'no host is named at all');
	assert.equal((await ask(alice, { ...named, 'X-Forwarded-Host': 'evil.example' })).status, 421);
	const { url } = await w();
	const other = await alice.request(`${url}/through`, { headers: { ...FETCH, Host: 'workflow-proxy', 'X-Forwarded-Host': '127.0.0.1' } });
	assert.equal(other.status, 421, 'for verify alone');
});

story('of two hosts of ours only one is meant', async () => {
	const { url } = await two();
	const status = async (headers) => (await new Browser().request(`${url}/auth/verify`, { headers: { ...FETCH, 'X-Original-URI': '/', ...headers } })).status;
	assert.equal(await status({}), 401);
	assert.equal(await status({ Host: 'two.example' }), 200);
	assert.equal(await status({ 'X-Forwarded-Host': 'two.example' }), 403, 'a client may have sent it');
	assert.equal(await status({ Host: 'two.example', 'X-Forwarded-Host': '127.0.0.1' }), 403);
	assert.equal(await status({ Host: 'elsewhere', 'X-Forwarded-Host': 'two.example' }), 200);
});

story('only GET and HEAD ask', async () => {
		const alice = await signedIn();
	assert.equal((await ask(alice, { 'X-Original-URI': '/page', Origin: (await w()).url }, { method: 'POST' })).status, 405);
	const head = await ask(alice, { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'POST' }, { method: 'HEAD' });
	assert.equal(head.status, 200);
	const no = await ask(new Browser(), { 'X-Original-URI': '/page', 'X-Forwarded-Method': 'POST' }, { method: 'HEAD' });
	assert.equal(no.status, 401);
	assert.equal(no.text, '');
});

story('a peer that is not trusted never gets 200', async () => {
	const { url, proxy } = await untrusted();
	const alice = await signedIn(untrusted);
	for (const h of [{ 'X-Original-URI': '/' }, { 'X-Forwarded-Uri': '/' }, {}]) {
		assert.equal((await alice.request(`${url}/auth/verify`, { headers: { ...FETCH, ...h } })).status, 403);
		assert.equal((await proxy.lastAccess()).reason, 'verify_untrusted');
	}
});

story('a route without upstream is for verify alone, and a mistake where nobody may ask', async () => {
	const { url } = await w();
	assert.equal((await (await signedIn()).request(`${url}/page`, { headers: FETCH })).status, 404);
	assert.equal((await new Browser().request(`${url}/open`, { headers: FETCH })).status, 404);
	assert.equal((await (await signedIn()).request(`${url}/through`, { headers: FETCH })).status, 200);
	const file = join(scratch(), 'workflow-proxy.conf');
	writeFileSync(file, configuration({ port: 1, adminPort: 2, discoveryUrl: 'https://login.example.com/d', servers: ['http://127.0.0.1:3'], routes: 'route "/" { }' }), { mode: 0o600 });
	const r = run(['-t', '-c', file]);
	assert.equal(r.status, 1);
	assert.match(r.stdout + r.stderr, /route "\/": upstream: required, and not set/);
});

// --- nginx ----------------------------------------------------------------------

const inFront = shared(async () => {
	const port = await freePort();
	return {
		publicUrl: `http://127.0.0.1:${port}`, nginxPort: port, top: 'trusted_proxies = {"127.0.0.1"}',
		routes: `route "/" { claim_headers = {"X-Forwarded-Email=email"} }
			route "/open" { auth = "none" }
			route "/staff" { claims = {"groups~board"} }`,
	};
});
let nginx;
after(() => { nginx?.stop(); });

// The configuration of the manual, with our ports in place of its names.
const startNginx = async ({ port, backend, settings }) => {
	const dir = mkdtempSync(join(tmpdir(), 'workflow-proxy-nginx-'));
	const manual = readFileSync(new URL('../../docs/forward-auth.md', import.meta.url), 'utf8');
	let text = /```nginx\n([\s\S]*?)```/.exec(manual)[1];
	for (const [from, to] of [['127.0.0.1:4180', `127.0.0.1:${port}`], ['127.0.0.1:3000', backend.url.slice(7)], ['listen 443 ssl', `listen 127.0.0.1:${settings.nginxPort}`],
		['ssl_certificate /etc/nginx/tls.crt;', ''], ['ssl_certificate_key /etc/nginx/tls.key;', '']]) {
		assert.ok(text.includes(from), from);
		text = text.replaceAll(from, to);
	}
	const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join(' ');
	writeFileSync(join(dir, 'nginx.conf'), `${process.getuid() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${dir}/pid; error_log stderr;
		events { } http { access_log off; ${temp} ${text} }`);
	const child = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
	let said = '';
	child.stderr.on('data', (d) => { said += d; });
	const ended = new Promise((resolve) => { child.once('close', resolve); });
	await until('nginx to listen', () => {
		if (child.exitCode !== null) throw new Error(said);
		return new Promise((resolve) => {
			const s = connect(settings.nginxPort, '127.0.0.1');
			s.once('connect', () => { s.destroy(); resolve(true); });
			s.once('error', () => resolve(false));
		});
	});
	return { said: () => said, stop: async () => { child.kill('SIGTERM'); await ended; rmSync(dir, { recursive: true, force: true }); } };
};
const behindNginx = async () => {
	const world = await inFront();
	nginx ??= await startNginx(world);
	return world;
};

story('nginx: a browser signs in, comes back to its page, and the application knows the user', async () => {
	const { url, backend, op } = await behindNginx();
	op.user = 'alice';
	op.claims = { email: 'alice@example.com' };
	const browser = new Browser();
	const r = await browser.signIn(`${url}/page?a=1&b=2`);
	assert.equal(r.status, 200);
	assert.equal(r.url, `${url}/page?a=1&b=2`);
	assert.equal(r.json.user, 'alice');
	const seen = await browser.request(`${url}/page`, { headers: { ...FETCH, 'X-Forwarded-User': 'root', 'X-Forwarded-Email': 'root@example.com', 'X-Original-URI': '/open', 'X-Forwarded-Uri': '/open', 'X-Forwarded-Host': 'evil.example', 'X-Original-Method': 'HEAD' } });
	assert.equal(seen.status, 200);
	assert.deepEqual(backend.last.all('x-forwarded-user'), ['alice']);
	assert.ok(!backend.last.all('x-forwarded-email').includes('root@example.com'));
	const posted = await browser.request(`${url}/page`, { headers: { ...FETCH, Origin: url }, form: { a: 'b' } });
	assert.equal(posted.json.method, 'POST');
	assert.equal(posted.json.size, 3);
});

story('nginx: nobody signed in gets no further, and an open route has no user whatever is sent', async () => {
	const { url, backend } = await behindNginx();
	const before = backend.requests.length;
	const r = await new Browser().request(`${url}/page`, { headers: { ...FETCH, 'X-Original-URI': '/open', 'X-Forwarded-Uri': '/open', 'X-Forwarded-User': 'root' } });
	assert.equal(r.status, 401);
	assert.equal(r.json.error, 'no_session');
	assert.equal((await new Browser().request(`${url}/page`)).status, 302);
	assert.equal((await new Browser().request(`${url}/auth/verify`, { headers: { ...FETCH, 'X-Original-URI': '/open' } })).status, 404, 'browsers cannot ask');
	for (const rawPath of ['/open/../page', '/open/%2e%2e/page', '//page', '/open%2f..%2fpage', '/OPEN/../page']) {
		const got = await new Browser().request(url, { rawPath, headers: FETCH });
		assert.ok([400, 401, 403].includes(got.status), `${rawPath}: ${got.status}`);
	}
	assert.equal(backend.requests.length, before, 'the application saw nothing');
	assert.equal((await new Browser().request(`${url}/open`, { headers: { ...FETCH, 'X-Forwarded-User': 'root', 'X-Forwarded-Email': 'root' } })).status, 200);
	assert.deepEqual(backend.last.all('x-forwarded-user'), []);
	assert.deepEqual(backend.last.all('x-forwarded-email'), []);
});

story('nginx: who is signed in but may not, and a form of another site, get our page', async () => {
	const { url, signedIn, backend } = await behindNginx();
	const alice = await signedIn('alice');
	const before = backend.requests.length;
	const page = await alice.request(`${url}/staff`);
	assert.equal(page.status, 403);
	assert.match(page.text, /Access denied/);
	assert.match(page.text, /alice/);
	const crossed = await alice.request(`${url}/page`, { headers: { ...NAVIGATE, Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }, form: { a: 'b' } });
	assert.equal(crossed.status, 403);
	assert.equal(backend.requests.length, before);
});

story('nginx ends', async () => { await nginx.stop(); });
closing(w, two, untrusted, inFront);
