// Whole installations as operators of workflow systems have them: a WorkflowGen, a Cora SeQuence, a K2 and an SAP
// workflow service each behind a proxy that speaks for them, with all settings that such a site uses at once.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Backend } from './lib/backend.mjs';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { freePort, until } from './lib/ports.mjs';
import { Proxy, SECRET, run, scratch } from './lib/proxy.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const TID = 'aaaa1111-bbbb-4ccc-8ddd-eeee22223333';
const V1 = `https://sts.windows.net/${TID}/`;
const V2 = `https://login.microsoftonline.com/${TID}/v2.0`;
const API = 'https://app.example.com/graphql';
const DAEMON = 'dae00000-1234-4567-89ab-cdef01234567';
const now = () => Math.floor(Date.now() / 1000);
const times = (life = 3600) => ({ iat: now() - 5, nbf: now() - 5, exp: now() + life });
const payload = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
const session = (browser, name = 'workflow_session') => payload(browser.jar.get(name).value);
const bearer = (token) => ({ ...FETCH, Authorization: `Bearer ${token}` });

// A request, and what the application saw of it.
async function ask(a, path, o = {}) {
	const n = a.backend.requests.length;
	const answer = await (o.browser ?? new Browser()).request(`${a.url}${path}`, { headers: FETCH, ...o });
	return { answer, status: answer.status, seen: a.backend.requests[n], text: answer.text };
}

// A provider that speaks as Entra does; its access tokens are of version 1, as an API gets them that never asked for 2.
async function entra(issuer = V2) {
	const op = await FaultOp.start();
	op.fault = { metadata: { issuer, code_challenge_methods_supported: undefined }, claims: { iss: issuer, tid: TID, oid: '05e2', preferred_username: 'jane.doe@example.com', upn: 'jane.doe@example.com' } };
	return op;
}
const delegated = (more = {}) => ({ aud: API, iss: V1, appid: '0c0ffee0', oid: '05e2', scp: 'wfgen-graphql-full-access', sub: 'pAirWise', tid: TID, upn: 'jane.doe@example.com', ver: '1.0', ...times(), ...more });
const appOnly = (more = {}) => ({ aud: API, iss: V1, appid: DAEMON, idtyp: 'app', oid: '5e50', roles: ['wfgen-graphql-full-access-role'], sub: '5e50', tid: TID, ver: '1.0', ...times(), ...more });

// --- WorkflowGen ---------------------------------------------------------------------------------------------------------

const wfgen = shared(async () => ({
	op: await entra(),
	provider: `kind = "ms-identity-v2" audience = "${API}" app_id_claim = "appid" access_token_username_claim = "upn"
		username_claim = "preferred_username" clock_tolerance = "60" additional_scopes = "api://my-apis/wfgen, api://my-apis/other"`,
	session: 'cookie = "wfgen_token" mobile_clients = {"m0b11e00"}',
	routes: `route "/" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" }
		route "/hooks" { upstream = "app" auth = none }
		route "/scim" { upstream = "app" auth = none }
		route "/ws" { upstream = "app" auth = none }
		route "/graphql" { upstream = "app" auth = any scopes = {"wfgen-graphql-full-access"} app_roles = {"wfgen-graphql-full-access-role"}
			cors_origins = {"https://spa.example.com"} access_token_header = "X-Forwarded-Access-Token" }
		client "cli" { client_id = "${DAEMON}" username = "wfgen_admin" }
		client "old" { client_id = "01d" username = "wfgen_admin" active = no }`,
}));

story('WorkflowGen: hooks, scim and ws are outside of the wall with secrets of their own, and nothing else is', async () => {
	const a = await wfgen();
	const SCIM = { 'Content-Type': 'application/scim+json; charset=utf-8', Accept: 'application/scim+json', Authorization: 'Bearer of-the-scim-client' };
	const body = JSON.stringify({ schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: [{ op: 'Replace', path: 'active', value: 'False' }] });
	let r = await ask(a, '/scim/Users/2819c223?aadOptscim062020', { method: 'PATCH', body, headers: { ...SCIM, 'X-Forwarded-User': 'wfgen_admin' } });
	assert.equal(r.status, 200);
	assert.equal(r.seen.method, 'PATCH');
	assert.equal(r.seen.target, '/scim/Users/2819c223?aadOptscim062020');
	assert.deepEqual(r.seen.all('authorization'), ['Bearer of-the-scim-client']);
	assert.deepEqual(r.seen.all('content-type'), [SCIM['Content-Type']]);
	assert.deepEqual(r.seen.all('x-forwarded-user'), [], 'nobody names himself');
	assert.equal(createHash('sha256').update(body).digest('hex'), r.answer.json.sha256);
	const filter = '/scim/Users?filter=userName+eq+%22b7c1d2e3%22';
	r = await ask(a, filter, { headers: SCIM });
	assert.equal(r.seen.target, filter, 'the filter as Entra wrote it');
	r = await ask(a, '/scim/Groups/1', { method: 'DELETE', headers: SCIM });
	assert.equal(r.seen.method, 'DELETE');

	const soap = { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: '"StartProcess"', Authorization: `Basic ${Buffer.from('wfgen_admin:x').toString('base64')}` };
	r = await ask(a, '/ws/WorkflowGen.asmx', { method: 'POST', body: '<soap/>', headers: soap });
	assert.equal(r.status, 200);
	assert.deepEqual([r.seen.get('authorization'), r.seen.get('soapaction')], [soap.Authorization, soap.SOAPAction]);
	assert.equal((await ask(a, '/hooks/invoice', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json', Origin: 'https://other.example' } })).status, 200);

	for (const path of ['/', '/show.aspx', '/hooksx', '/scim2/Users', '/wsdl', '/graphql']) {
		r = await ask(a, path, { headers: { ...FETCH, 'X-Forwarded-User': 'wfgen_admin' } });
		assert.equal(r.status, 401, path);
		assert.equal(r.seen, undefined);
	}
});

story('WorkflowGen: /graphql takes users of all sorts by scope, programs by role and as the user they act as', async () => {
	const a = await wfgen();
	const people = { spa: '0c0ffee0', mobile: 'm0b11e00', cli: 'c11c11c1' };
	for (const [who, appid] of Object.entries(people)) {
		const r = await ask(a, '/graphql', { method: 'POST', body: '{}', headers: { ...bearer(a.op.mint(delegated({ appid }))), 'Content-Type': 'application/json', ...(who === 'spa' ? { Origin: 'https://spa.example.com', 'Sec-Fetch-Site': 'cross-site' } : {}) } });
		assert.equal(r.status, 200, `${who}: ${r.text}`);
		assert.equal(r.seen.get('x-forwarded-user'), 'jane.doe@example.com');
		if (who === 'spa') assert.equal(r.answer.headers['access-control-allow-origin'], 'https://spa.example.com');
	}
	const preflight = await ask(a, '/graphql', { method: 'OPTIONS', headers: { Origin: 'https://spa.example.com', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' } });
	assert.equal(preflight.status, 204);
	assert.equal(preflight.seen, undefined);

	const script = a.op.mint(appOnly());
	let r = await ask(a, '/graphql', { method: 'POST', body: '{}', headers: bearer(script) });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.seen.get('x-forwarded-user'), 'wfgen_admin');
	assert.equal(r.seen.get('x-forwarded-access-token'), script, 'code behind us reads the token that came');
	const no = async (claims, error) => {
		r = await ask(a, '/graphql', { headers: bearer(a.op.mint(claims)) });
		assert.deepEqual([r.status, JSON.parse(r.text).error, r.seen], [error === 'token_audience' ? 401 : 403, error, undefined]);
	};
	await no(delegated({ scp: 'default' }), 'scope_missing');
	await no(appOnly({ roles: undefined }), 'role_missing');
	await no(appOnly({ roles: ['wfgen-graphql-read'] }), 'role_missing');
	await no(appOnly({ appid: '01d' }), 'client_inactive');
	await no(appOnly({ appid: 'unknown' }), 'client_unknown');
	await no(delegated({ aud: 'https://graph.microsoft.com' }), 'token_audience');
	// The signed-in user's own page calls it with the session.
	a.op.fault.tokenAlso = { access_token: a.op.mint(delegated()) };
	const browser = await a.signedIn();
	assert.equal((await ask(a, '/graphql', { method: 'POST', body: '{}', browser })).seen.get('x-forwarded-user'), 'jane.doe@example.com');
});

story('WorkflowGen: one token for several APIs: its scopes are asked for, and the code behind us gets it in a header', async () => {
	const a = await wfgen();
	const access = a.op.mint(delegated());
	a.op.fault.tokenAlso = { access_token: access };
	const browser = await a.signedIn();
	assert.equal(a.op.lastAuthorize.get('scope'), 'openid profile email api://my-apis/wfgen api://my-apis/other offline_access');
	const r = await ask(a, '/show.aspx', { browser });
	assert.deepEqual(r.seen.all('x-forwarded-access-token'), [access]);
	assert.deepEqual(r.seen.all('authorization'), []);
});

story('WorkflowGen: a mobile app has its session for two hours, and its link says where to sign in', async () => {
	const a = await wfgen();
	const r = await ask(a, '/auth/token', { method: 'POST', headers: bearer(a.op.mint(delegated({ appid: 'm0b11e00' }))) });
	assert.equal(r.status, 200, r.text);
	assert.equal(r.answer.json.expires_in, 7200);
	const page = await ask(a, '/show.aspx', { headers: bearer(r.answer.json.access_token) });
	assert.equal(page.seen.get('x-forwarded-user'), 'jane.doe@example.com');
	assert.equal((await ask(a, '/auth/token', { method: 'POST', headers: bearer(a.op.mint(delegated())) })).status, 403, 'an app that nobody listed');

	const file = join(a.proxy.dir, 'link.conf');
	writeFileSync(file, `public_url = "https://flow.example.com/wfgen"
listen "127.0.0.1:8443" { }
session { secret = "${SECRET}" }
provider "entra" {
	kind = "ms-identity-v2" client_id = "${DAEMON}" client_secret = "x" audience = "api://my-apis"
	discovery_url = "${V2}/.well-known/openid-configuration"
}
route "/wfgen" { upstream = "http://127.0.0.1:1" }
`, { mode: 0o600 });
	const link = run(['universal-link', '-c', file]);
	assert.equal(link.stdout, `workflowgenplus://auth.init?provider=ms-identity-v2&server_address=https%3A%2F%2Fflow.example.com%2Fwfgen&client_id=${DAEMON}&tenant_id=${TID}&audience=api%3A%2F%2Fmy-apis\n`, link.stderr);
});
closing(wfgen);

story('WorkflowGen, DecodeAccessToken=N: a token for Graph is passed on unread, and the session ends with the ID token', async () => {
	const op = await entra();
	const graph = op.mint({ aud: 'https://graph.microsoft.com', iss: V1, appid: '0c0ffee0', upn: 'jane.doe@example.com', ...times(300) }, { header: { nonce: 'AQABAA' }, breakSignature: true });
	op.fault.tokenAlso = { access_token: graph, expires_in: 300 };
	const a = await world({
		op, provider: `kind = "ms-identity-v2" audience = "${API}" decode_access_token = no`,
		routes: 'route "/" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" }',
	});
	try {
		const browser = await a.signedIn();
		assert.ok(Math.abs(session(browser).exp - (now() + 3600)) < 10, 'an hour, not five minutes');
		assert.equal((await ask(a, '/x', { browser })).seen.get('x-forwarded-access-token'), graph);
		assert.equal((await ask(a, '/x', { headers: bearer(graph) })).status, 401, 'and good for nothing else');
	} finally {
		await a.stop();
	}
	const dir = scratch();
	const file = join(dir, 'x.conf');
	writeFileSync(file, `public_url = "http://127.0.0.1:1" listen "127.0.0.1:1" { } session { secret = "${SECRET}" }
provider "main" { discovery_url = "http://127.0.0.1:2/x" client_id = "rp" client_secret = "x" audience = "${API}" decode_access_token = no }
route "/" { upstream = "http://127.0.0.1:3" }
route "/graphql" { upstream = "http://127.0.0.1:3" auth = bearer }
`, { mode: 0o600 });
	const r = run(['-t', '-c', file]);
	rmSync(dir, { recursive: true });
	assert.equal(r.status, 1);
	assert.match(r.stderr, /:4: .*opaque \(decode_access_token\)/);
});

story('WorkflowGen, DecodeAccessToken=Y: the session ends with the access token; SessionTimeOut wins over both', async () => {
	for (const [more, life] of [['', 300], ['timeout = "20m"', 1200]]) {
		const op = await entra();
		op.fault.tokenAlso = { expires_in: more ? 300 : '300' }; // v1 writes numbers as text
		const a = await world({ op, provider: `kind = "ms-identity-v2" audience = "${API}"`, session: more });
		try {
			const c = session(await a.signedIn());
			assert.ok(Math.abs(c.exp - (now() + life)) < 10, `${c.exp - now()}`);
		} finally {
			await a.stop();
		}
	}
});

story('WorkflowGen, SessionTokenCookie: two instances on one host do not touch each other\'s sessions', async () => {
	const [a, b] = [await world({ session: 'cookie = "wfgen_token"' }), await world({ session: 'cookie = "wfgen_test"' })];
	try {
		const browser = new Browser(); // both are 127.0.0.1: it sends each the cookies of both
		a.op.user = 'alice';
		b.op.user = 'bob';
		await browser.go(`${a.url}/`);
		await browser.go(`${b.url}/`);
		assert.ok(browser.jar.get('wfgen_token') && browser.jar.get('wfgen_test'));
		assert.equal((await ask(a, '/x', { browser })).seen.get('x-forwarded-user'), 'alice');
		assert.equal((await ask(b, '/x', { browser })).seen.get('x-forwarded-user'), 'bob');
		await browser.go(`${b.url}/auth/logout`);
		assert.equal((await ask(b, '/x', { browser })).status, 401);
		assert.equal((await ask(a, '/x', { browser })).seen.get('x-forwarded-user'), 'alice');
		const cookie = `wfgen_test=${browser.jar.get('wfgen_token').value}`;
		assert.equal((await ask(b, '/x', { cookie })).status, 401, 'a session of the one under the name of the other');
	} finally {
		await a.stop();
		await b.stop();
	}
});

story('WorkflowGen, CheckSessionUrl: pages hear of the provider\'s frame that v1 has and of its session_state', async () => {
	const op = await entra(V1);
	op.fault.responseAlso = { session_state: 'c1f1a7c0' };
	const a = await world({ op, provider: `kind = "azure-v1" check_session_iframe = "${op.url}/checksession"`, session: 'iframe_refresh = yes' });
	try {
		const browser = await a.signedIn();
		const r = await ask(a, '/auth/session', { browser });
		assert.equal(r.answer.json.check_session.url ?? r.answer.json.check_session.iframe, `${op.url}/checksession`, r.text);
		assert.match(r.text, /c1f1a7c0/);
		assert.match((await ask(a, '/auth/session.js', { browser })).text, /postMessage/);
	} finally {
		await a.stop();
	}
});

// Two proxies that browsers know by one name.
async function farm(settings, each = () => ({})) {
	const c = { op: settings.op, backend: await Backend.start(), proxies: [] };
	c.url = `http://127.0.0.1:${await freePort()}`;
	for (let i = 0; i < 2; i++) {
		c.proxies.push(await Proxy.start({ publicUrl: c.url, discoveryUrl: c.op.discoveryUrl, servers: [c.backend.url], ...settings, ...each(i), port: await freePort(), adminPort: await freePort() }));
	}
	for (const p of c.proxies) await until('readiness', async () => (await new Browser().request(`${p.admin}/readyz?strict`)).status === 200);
	// The balancer's turn: another proxy for each request.
	let turn = 0;
	c.request = (browser, href, o = {}) => browser.request(href, href.startsWith(c.url) ? { ...o, connect: { host: '127.0.0.1', port: c.proxies[turn++ % 2].port } } : o);
	c.go = async (browser, href) => {
		let r = await c.request(browser, href);
		for (let i = 0; i < 12 && r.location; i++) r = await c.request(browser, r.location);
		return r;
	};
	c.stop = async () => {
		for (const p of c.proxies) await p.stop();
		await c.op.stop();
		await c.backend.stop();
	};
	return c;
}

story('WorkflowGen, web farm: each request of a sign-in may come to another machine; probes tell the balancer who serves', async () => {
	const c = await farm({ op: await FaultOp.start() });
	try {
		const browser = new Browser();
		const r = await c.go(browser, `${c.url}/deep?x=1`);
		assert.equal(r.status, 200, r.text);
		assert.equal(r.json.target, '/deep?x=1');
		for (let i = 0; i < 4; i++) assert.equal((await c.request(browser, `${c.url}/x`, { headers: FETCH })).json.user, 'alice');
		const [one] = c.proxies;
		for (const probe of ['healthz', 'readyz']) assert.equal((await new Browser().request(`${one.admin}/${probe}`)).status, 200, probe);
	} finally {
		await c.stop();
	}
});

story('WorkflowGen, Kubernetes: settings from the environment, secrets from mounted files, logs on standard output', async () => {
	const [op, backend, dir, port, adminPort] = [await FaultOp.start(), await Backend.start(), scratch(), await freePort(), await freePort()];
	writeFileSync(join(dir, 'session.secret'), `${SECRET}\n`, { mode: 0o400 });
	writeFileSync(join(dir, 'client.secret'), 'client-secret-of-the-tests-0123456789\n', { mode: 0o400 });
	const proxy = await Proxy.start({
		port, adminPort, env: { PUBLIC_URL: `http://127.0.0.1:${port}`, DISCOVERY: op.discoveryUrl, SECRETS: dir },
		config: `public_url = "\${PUBLIC_URL}"
listen "127.0.0.1:${port}" { }
admin "127.0.0.1:${adminPort}" { }
log { format = "json" file = "-" access = "-" level = "\${LOG_LEVEL:-info}" }
session { secret_file = "\${SECRETS}/session.secret" }
provider "main" { discovery_url = "\${DISCOVERY}" client_id = "\${CLIENT_ID:-rp}" client_secret_file = "\${SECRETS}/client.secret" }
route "/" { upstream = "${backend.url}" }
`,
	});
	try {
		await until('readiness', async () => (await new Browser().request(`${proxy.admin}/readyz?strict`)).status === 200);
		const r = await new Browser().go(`${proxy.url}/x`);
		assert.equal(r.status, 200, r.text);
		assert.equal((await new Browser().request(`${proxy.admin}/healthz`)).status, 200);
		assert.equal((await proxy.lastAccess((x) => x.path === '/x')).user, 'alice');
	} finally {
		await proxy.stop();
		rmSync(dir, { recursive: true });
		await op.stop();
		await backend.stop();
	}
});

// --- Cora SeQuence -------------------------------------------------------------------------------------------------------

const unescape = (s) => s.replace(/&(amp|lt|gt|quot|#39);/g, (m, n) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': '\'' })[n]);

story('SeQuence: keys only, endpoints by hand, a posted request, the password each time, an encrypted cookie on two machines', async () => {
	const op = await FaultOp.start();
	const answer = op.answer.bind(op);
	op.answer = async (q, s) => { // Core 3.1.2.1: the request may be posted
		if (q.method !== 'POST' || q.url !== '/authorize') return answer(q, s);
		let body = '';
		for await (const d of q) body += d;
		return op.authorize(new URL(`${op.url}/authorize?${body}`), s);
	};
	const c = await farm({
		op, discoveryUrl: `${op.url}/jwks`, top: 'callback_path = "/oidcServices/signinresponse"', session: 'encrypt = yes',
		provider: `discovery = "jwks" issuer = "${op.url}" authorization_endpoint = "${op.url}/authorize" token_endpoint = "${op.url}/token" end_session_endpoint = "${op.url}/end"
			token_endpoint_auth_method = "client_secret_post" id_token_signed_response_alg = "RS256" authorization_request_method = "POST" prompt = "login" username_claim = "email"`,
		routes: 'route "/" { upstream = "app" } route "/admin" { upstream = "app" claims = {"groups~admins"} access_denied_url = "/denied.aspx" }',
	});
	try {
		const browser = new Browser();
		const page = await c.request(browser, `${c.url}/Flowtime`);
		assert.equal(page.status, 200);
		assert.match(page.headers['content-security-policy'], /form-action/);
		const form = Object.fromEntries([...page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, n, v]) => [unescape(n), unescape(v)]));
		assert.deepEqual([form.prompt, form.redirect_uri], ['login', `${c.url}/oidcServices/signinresponse`]);
		const back = await browser.request(`${op.url}/authorize`, { form, headers: { ...NAVIGATE, Origin: 'null' } });
		const end = await c.go(browser, back.location);
		assert.equal(end.status, 200, end.text);
		assert.equal(end.json.user, 'alice@example.org');
		assert.equal(end.json.target, '/Flowtime');
		assert.equal(op.calls.discovery, 0);
		assert.equal(op.tokenRequests[0].form.get('client_secret'), 'client-secret-of-the-tests-0123456789');
		const cookie = browser.jar.get('workflow_session').value;
		assert.equal(cookie.split('.').length, 5, 'a JWE');
		for (let i = 0; i < 4; i++) assert.equal((await c.request(browser, `${c.url}/x`, { headers: FETCH })).status, 200, 'on both machines');
		const denied = await c.request(browser, `${c.url}/admin/x`);
		assert.equal(denied.location, `${c.url}/denied.aspx`);
		await c.go(browser, `${c.url}/auth/logout`);
		assert.equal(op.lastLogout.get('post_logout_redirect_uri'), `${c.url}/auth/logout/return`);
	} finally {
		await c.stop();
	}
});

// --- K2 --------------------------------------------------------------------------------------------------------------------

story('K2: each API is switched on by itself, for tokens of Entra v1 whose audience ends in a slash, and keeps none', async () => {
	const op = await entra(V1);
	const a = await world({
		op, provider: 'kind = "azure-v1" audience = "https://api.k2.com/" resource = "https://api.k2.com/"',
		routes: `route "/" { upstream = "app" }
			route "/api/workflow" { upstream = "app" auth = bearer scopes = {"user_impersonation"} }
			route "/api/odata" { upstream = "app" }`,
	});
	try {
		const token = (more) => op.mint(delegated({ aud: 'https://api.k2.com/', scp: 'user_impersonation', ...more }));
		const good = token();
		const r = await ask(a, '/api/workflow/v1/tasks', { headers: bearer(good) });
		assert.equal(r.status, 200, r.text);
		assert.equal(r.seen.get('x-forwarded-user'), 'jane.doe@example.com');
		assert.equal(r.answer.headers['set-cookie'], undefined, 'no session is made of it');
		assert.equal((await ask(a, '/api/odata/v3/x', { headers: bearer(good) })).status, 401, 'not switched on');
		assert.equal((await ask(a, '/api/workflow/v1/tasks')).status, 401, 'and nothing is remembered of who called');
		for (const aud of ['https://api.k2.com', 'https://api.k2.com//', 'https://API.k2.com/', 'https://api.k2.com/x']) {
			assert.equal((await ask(a, '/api/workflow/x', { headers: bearer(token({ aud })) })).status, 401, aud);
		}
		const short = token({ exp: now() - 54 }); // with the 60 s that clocks may differ it is good for a moment still
		assert.equal((await ask(a, '/api/workflow/x', { headers: bearer(short) })).status, 200);
		await until('its end', async () => (await ask(a, '/api/workflow/x', { headers: bearer(short) })).status === 401, 15000);
		for (const text of [a.proxy.stdout, a.proxy.stderr]) assert.ok(!text.includes(good.split('.')[2]));
		// v1: resource stands in both requests.
		await a.signedIn();
		assert.equal(op.lastAuthorize.get('resource'), 'https://api.k2.com/');
		assert.equal(op.tokenRequests.at(-1).form.get('resource'), 'https://api.k2.com/');
	} finally {
		await a.stop();
	}
});

story('K2: an administrator consents once, by a prompt that only v1 knows', async () => {
	const op = await entra(V1);
	op.fault.responseAlso = { admin_consent: 'True' };
	const a = await world({ op, provider: 'kind = "azure-v1" prompt = "admin_consent"' });
	try {
		await a.signedIn();
		assert.deepEqual(op.lastAuthorize.getAll('prompt'), ['admin_consent']);
	} finally {
		await a.stop();
	}
});

// --- SAP workflow service --------------------------------------------------------------------------------------------------

story('SAP: a technical user without the authority hears what was required and what it has, and so does the log', async () => {
	const op = await FaultOp.start();
	const iss = 'https://acme.authentication.eu10.hana.ondemand.com/oauth/token';
	op.fault = { metadata: { issuer: iss } };
	const a = await world({
		op, clientId: 'sb-wfproxy!t4711', provider: 'kind = "sap-xsuaa" audience = "wfapp!t4711"',
		routes: `route "/" { upstream = "app" }
			route "/workflow-instances" { upstream = "app" auth = bearer app_roles = {"wfapp!t4711.WORKFLOW_INSTANCE_START"} }
			route "/messages" { upstream = "app" auth = bearer app_roles = {"wfapp!t4711.MESSAGE_SEND"} }
			client "technical" { client_id = "sb-daemon!t4711" username = "technical-user" }`,
	});
	const token = (...names) => op.mint({
		iss, sub: 'sb-daemon!t4711', aud: ['wfapp!t4711', 'uaa', 'sb-daemon!t4711'], client_id: 'sb-daemon!t4711', cid: 'sb-daemon!t4711', azp: 'sb-daemon!t4711', grant_type: 'client_credentials',
		authorities: names.map((n) => `wfapp!t4711.${n}`), scope: names.map((n) => `wfapp!t4711.${n}`), jti: 'fedc', zid: TID, ...times(),
	});
	try {
		const start = token('WORKFLOW_INSTANCE_START');
		const r = await ask(a, '/workflow-instances', { method: 'POST', body: '{}', headers: bearer(start) });
		assert.equal(r.status, 200, r.text);
		assert.equal(r.seen.get('x-forwarded-user'), 'technical-user');
		const no = await ask(a, '/messages', { method: 'POST', body: '{}', headers: bearer(start) });
		assert.equal(no.status, 403);
		assert.equal(no.seen, undefined);
		const challenge = no.answer.headers['www-authenticate'];
		assert.match(challenge, /error="insufficient_scope"/);
		assert.match(challenge, /wfapp!t4711\.MESSAGE_SEND/, 'what was required');
		assert.match(challenge, /wfapp!t4711\.WORKFLOW_INSTANCE_START/, 'what the token has');
		await a.proxy.logged(/role_missing[^\n]*MESSAGE_SEND[^\n]*WORKFLOW_INSTANCE_START|MESSAGE_SEND[^\n]*WORKFLOW_INSTANCE_START[^\n]*role_missing/);
		assert.equal((await ask(a, '/messages', { headers: bearer(token('MESSAGE_SEND')) })).status, 200);
		assert.equal((await ask(a, '/messages', { headers: bearer(token()) })).status, 403);
	} finally {
		await a.stop();
	}
});
