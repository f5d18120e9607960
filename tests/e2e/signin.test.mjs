// Sign-in and sign-out through a certified provider.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { SECRET } from './lib/proxy.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({
	real: true,
	routes: `route "/" { upstream = "app" claim_headers = {"X-Claim-Groups=groups", "X-Claim-Email=email"} }
		route "/public" { upstream = "app" auth = "none" }
		route "/admins" { upstream = "app" claims = {"groups~admins"} }
		route "/staff" { upstream = "app" claims = {"groups~staff", "email_verified=true"} username_match = "^([a-z]+)$" username_replace = "\\\\1" username_prefix = "CORP\\\\" }
		route "/api" { upstream = "app" unauthenticated = "401" }`,
});
const cookieOf = (browser) => browser.jar.get('workflow_session');
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

story('a deep link leads through the provider back to the page and its query', async () => {
	const { url, backend } = await w();
	const browser = new Browser();
	const page = await browser.signIn(`${url}/reports/2026?quarter=3&sort=a%20b&empty=`, 'alice');
	assert.equal(page.status, 200);
	assert.equal(page.url, `${url}/reports/2026?quarter=3&sort=a%20b&empty=`);
	assert.equal(page.json.user, 'alice');
	assert.equal(page.chain[0].status, 302);
	const users = backend.last.fields.filter(([n]) => n.toLowerCase() === 'x-forwarded-user');
	assert.deepEqual(users.map(([, v]) => v), ['alice'], 'exactly one X-Forwarded-User');
});

story('the authorization request carries state, nonce and an S256 challenge, and no secret', async () => {
	const { url } = await w();
	const first = await new Browser().request(`${url}/x`);
	assert.equal(first.status, 302);
	const q = new URL(first.location).searchParams;
	assert.equal(q.get('response_type'), 'code');
	assert.equal(q.get('client_id'), 'rp');
	assert.equal(q.get('redirect_uri'), `${url}/auth/callback`);
	assert.equal(q.get('code_challenge_method'), 'S256');
	assert.match(q.get('code_challenge'), /^[\w-]{43}$/);
	assert.ok(q.get('nonce') && q.get('state'));
	assert.deepEqual(q.get('scope').split(' ').sort(), ['email', 'openid', 'profile']);
	for (const [name] of q) assert.equal(q.getAll(name).length, 1, `${name} once`);
	assert.match(first.headers['cache-control'] ?? '', /no-store/);
});

story('the session cookie is HttpOnly, SameSite=Lax, for the whole site, and not Secure on http', async () => {
	const { signedIn } = await w();
	const c = cookieOf(await signedIn());
	assert.ok(c, 'a cookie named workflow_session');
	assert.ok('httponly' in c.attributes);
	assert.equal(c.attributes.samesite.toLowerCase(), 'lax');
	assert.equal(c.attributes.path, '/');
	assert.ok(!c.secure);
	assert.ok(!('domain' in c.attributes));
});

story('the session cookie is a JWT that any backend can verify with the secret, with the documented claims', async () => {
	const { signedIn, url } = await w();
	const token = cookieOf(await signedIn()).value;
	const [head, body, signature] = token.split('.');
	const header = JSON.parse(Buffer.from(head, 'base64url'));
	assert.equal(header.alg, 'HS256');
	assert.ok(header.kid);
	assert.equal(createHmac('sha256', SECRET).update(`${head}.${body}`).digest('base64url'), signature);
	const c = claimsOf(token);
	assert.equal(c.iss, url);
	assert.equal(c.aud, 'rp');
	assert.equal(c.sub, 'sub-alice');
	assert.equal(c.username, 'alice');
	assert.equal(c.idp, 'main');
	assert.match(c.sid, /^[\w-]{16,}$/);
	const now = Date.now();
	assert.ok(Math.abs(c.sst - now) < 60000, 'sst in milliseconds');
	assert.ok(Math.abs(c.iat - now / 1000) < 60);
	assert.ok(c.exp > now / 1000 && c.exp <= now / 1000 + 3700, 'ends with the ID token');
	assert.deepEqual(c.groups, ['workflow-users', 'staff']);
});

story('claims reach the backend as the headers that the route names', async () => {
	const { signedIn, url, backend } = await w();
	const browser = await signedIn();
	assert.equal((await browser.request(`${url}/claims`)).status, 200);
	assert.equal(backend.last.get('x-claim-groups'), 'workflow-users,staff');
	assert.equal(backend.last.get('x-claim-email'), 'alice@example.org');
});

story('a fresh session id is made at every sign-in, and two users never share a session', async () => {
	const { signedIn } = await w();
	const [a, b, c] = [await signedIn('alice'), await signedIn('alice'), await signedIn('bob')];
	const sids = [a, b, c].map((x) => claimsOf(cookieOf(x).value).sid);
	assert.equal(new Set(sids).size, 3);
	assert.equal(claimsOf(cookieOf(c).value).username, 'bob');
});

story('a route with claim rules admits who has them and refuses who has not, with a page', async () => {
	const { signedIn, url, backend, proxy } = await w();
	const browser = await signedIn();
	assert.equal((await browser.request(`${url}/staff/x`)).status, 200);
	assert.equal(backend.last.get('x-forwarded-user'), 'CORP\\alice');
	const before = backend.requests.length;
	const denied = await browser.request(`${url}/admins/x`);
	assert.equal(denied.status, 403);
	assert.match(denied.headers['content-type'], /text\/html/);
	assert.match(denied.text, /alice/, 'names who is signed in');
	assert.match(denied.headers['content-security-policy'], /frame-ancestors 'none'/);
	assert.equal(backend.requests.length, before);
	const json = await browser.request(`${url}/admins/x`, { headers: FETCH });
	assert.equal(json.status, 403);
	assert.equal(json.json.request_id !== undefined, true);
	assert.equal((await proxy.lastAccess((r) => r.path === '/admins/x')).reason, 'claim_missing');
});

story('GET /auth/session tells a page about its session, and 401 without one', async () => {
	const { signedIn, url } = await w();
	const browser = await signedIn();
	const answer = await browser.request(`${url}/auth/session`, { headers: FETCH });
	assert.equal(answer.status, 200);
	assert.equal(answer.json.authenticated, true);
	assert.equal(answer.json.username, 'alice');
	assert.ok(answer.json.expires_in > 0);
	assert.match(answer.headers['cache-control'], /no-store/);
	const none = await new Browser().request(`${url}/auth/session`, { headers: FETCH });
	assert.equal(none.status, 401);
});

story('signing out ends the session here and at the provider, and the old cookie is refused', async () => {
	const { signedIn, url } = await w();
	const browser = await signedIn();
	const old = browser.jar.header(new URL(url));
	const first = await browser.request(`${url}/auth/logout`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'same-origin' } });
	assert.ok([302, 303].includes(first.status), String(first.status));
	const to = new URL(first.location);
	assert.equal(to.pathname, '/session/end');
	assert.ok(to.searchParams.get('id_token_hint'), 'an id_token_hint');
	assert.equal(to.searchParams.get('post_logout_redirect_uri'), `${url}/auth/logout/return`);
	const form = await browser.go(first.location);
	const xsrf = /name="xsrf" value="([^"]+)"/.exec(form.text)[1];
	const end = await browser.go(new URL(/action="([^"]+)"/.exec(form.text)[1], form.url).href, { form: { xsrf, logout: 'yes' } });
	assert.equal(new URL(end.url).pathname, '/auth/logout/return');
	assert.equal(end.status, 200);
	assert.equal(cookieOf(browser), undefined, 'the cookie is gone');
	const replay = await new Browser().request(`${url}/`, { cookie: old, headers: FETCH });
	assert.equal(replay.status, 401, 'the old cookie is refused');
	const again = await browser.request(`${url}/`);
	assert.equal(again.status, 302);
});

story('a sign-out caused by another site asks first', async () => {
	const { signedIn, url } = await w();
	const browser = await signedIn();
	const asked = await browser.request(`${url}/auth/logout`, { headers: { ...NAVIGATE, 'Sec-Fetch-Site': 'cross-site' } });
	assert.equal(asked.status, 200);
	assert.match(asked.text, /<form[^>]*method="?post/i);
	assert.equal((await browser.request(`${url}/`)).status, 200, 'still signed in');
});

story('a page that another site made us post to is refused', async () => {
	const { signedIn, url, backend, proxy } = await w();
	const browser = await signedIn();
	const before = backend.requests.length;
	for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'null', 'Sec-Fetch-Site': 'same-site' }]) {
		const r = await browser.request(`${url}/form`, { headers: { ...FETCH, 'Sec-Fetch-Site': 'same-origin', ...headers }, form: { a: '1' } });
		assert.equal(r.status, 403, JSON.stringify(headers));
	}
	assert.equal(backend.requests.length, before);
	assert.equal((await proxy.lastAccess((r) => r.path === '/form')).reason, 'cross_origin');
	// A page with Referrer-Policy: no-referrer sends "null" to its own site.
	for (const origin of [url, 'null']) {
		const own = await browser.request(`${url}/form`, { headers: { ...FETCH, 'Sec-Fetch-Site': 'same-origin', Origin: origin }, form: { a: '1' } });
		assert.equal(own.status, 200);
	}
});

story('unknown names below /auth are 404 and never reach the backend', async () => {
	const { signedIn, url, backend } = await w();
	const browser = await signedIn();
	const before = backend.requests.length;
	for (const path of ['/auth', '/auth/', '/auth/none', '/auth/login/x', '/auth/../auth/none', '/AUTH/none']) {
		const r = await browser.request(url, { rawPath: path });
		assert.ok([400, 404].includes(r.status), `${path}: ${r.status}`);
	}
	assert.equal(backend.requests.length, before);
});

story('replies to a signed-in user are not left in shared caches', async () => {
	const { signedIn, url } = await w();
	const browser = await signedIn();
	const r = await browser.request(`${url}/cached`);
	assert.match(r.headers['cache-control'] ?? '', /private/);
	const open = await new Browser().request(`${url}/public/x`);
	assert.equal(open.headers['cache-control'], undefined);
});

closing(w);
