// Tokens for upstreams that are the signed-in user's own: got with the session's refresh token, once per section however
// many requests come, never beside a renewal; and a refresh token that the provider replaces is not lost.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { Browser, FETCH } from './lib/browser.mjs';
import { CLIENT_SECRET } from './lib/op.mjs';
import { sleep, until } from './lib/ports.mjs';
import { closing, shared, story } from './lib/world.mjs';

const routes = `outbound "mail" { grant = refresh_token provider = "main" scope = "openid profile" }
	outbound "files" { grant = refresh_token provider = "main" scope = "openid email" }
	outbound "v1" { grant = refresh_token provider = "main" resource = "https://files.example.com/" }
	route "/" { upstream = "app" access_token_header = "X-Own" }
	route "/mail" { upstream = "app" upstream_token = "mail" access_token_header = "X-Own" }
	route "/files" { upstream = "app" upstream_token = "files" }
	route "/v1" { upstream = "app" upstream_token = "v1" }
	`;
const any = 'route "/any" { upstream = "app" upstream_token = "mail" auth = any }';
const provider = 'audience = "https://api.example.com" additional_scopes = {"offline_access"} timeout = "3s"';
const life = 'timeout = "1h"';
const settings = { cookie: { routes: routes + any, provider, session: life }, memory: { routes: routes + any, provider, session: `${life} store = memory` } };
const worlds = { cookie: shared(settings.cookie), memory: shared(settings.memory) };
const opSettings = { refresh: true };
const real = {
	cookie: shared({ real: true, routes, provider: 'additional_scopes = {"offline_access"}', session: life, opSettings }),
	memory: shared({ real: true, routes, provider: 'additional_scopes = {"offline_access"}', session: `${life} store = memory`, opSettings }),
};

const cookiesOf = (browser) => [...browser.jar.cookies.values()].map((c) => `${c.name}=${c.value}`).join('; ');
const claimsOf = (browser) => JSON.parse(Buffer.from(browser.jar.get('workflow_session').value.split('.')[1], 'base64url'));
const get = (browser, url, more = {}) => browser.request(url, { headers: FETCH, ...more });
const logged = (w, what) => until(`${what} in the log`, () => what.test(w.proxy.stderr));
const refreshes = (op) => op.tokenRequests.filter((t) => t.form.get('grant_type') === 'refresh_token');

// Somebody signed in with tokens for `seconds`; those that come later are for an hour.
async function signedIn(w, user, seconds = 3600) {
	w.op.reset();
	w.op.life = seconds;
	w.backend.requests.length = 0;
	const browser = await w.signedIn(user);
	w.op.life = 3600;
	return browser;
}
const seen = (w, path) => w.backend.requests.filter((r) => r.target?.startsWith(path) ?? r.path.startsWith(path));
const tokensAt = (w, path) => [...new Set(seen(w, path).flatMap((r) => r.all('authorization')))];
const twenty = (w, cookie, paths) => Promise.all(Array.from({ length: 20 }, (_, i) => get(new Browser(), `${w.url}${paths[i % paths.length]}/n${i}`, { cookie })));

for (const store of ['cookie', 'memory']) {
	story(`${store}: twenty requests on two routes make one token request per section; what it replaces is kept`, async () => {
		const w = await worlds[store]();
		const browser = await signedIn(w, 'alice', 9);
		const own = w.op.issued.at(-4);
		w.op.fault = { refreshDelay: 200 };
		const old = cookiesOf(browser);
		const answers = await twenty(w, old, ['/mail', '/files']);
		assert.deepEqual([...new Set(answers.map((a) => a.status))], [200]);
		const asked = refreshes(w.op);
		assert.deepEqual(asked.map((t) => t.form.get('scope')).sort(), ['openid email', 'openid profile']);
		assert.notEqual(asked[0].form.get('refresh_token'), asked[1].form.get('refresh_token'), 'the second uses what the first got');
		const [mail, files] = [tokensAt(w, '/mail'), tokensAt(w, '/files')];
		assert.equal(mail.length, 1);
		assert.equal(files.length, 1);
		assert.notEqual(mail[0], files[0]);
		for (const t of [...mail, ...files]) assert.ok(w.op.issued.includes(t.replace(/^Bearer /, '')));
		assert.deepEqual([...new Set(seen(w, '/mail').map((r) => r.get('x-own')))], [own], 'the session keeps its own access token');
		// Whoever still has the cookies from before is served, and brings the browser up to date.
		const late = new Browser();
		const answer = await get(late, `${w.url}/mail/late`, { cookie: old, headers: { ...FETCH, Authorization: 'Bearer mallory' } });
		assert.equal(answer.status, 200);
		assert.deepEqual(w.backend.last.all('authorization'), mail);
		assert.equal(refreshes(w.op).length, 2);
		if (store === 'cookie') {
			assert.ok(late.jar.get('workflow_session.t') && late.jar.get('workflow_session'));
			assert.equal(claimsOf(late).turn, 2);
			assert.match(answer.headers['cache-control'], /private/);
		} else {
			assert.deepEqual(answers.flatMap((a) => a.setCookies), [], 'the store has them');
		}
		// The session is renewed with the refresh token of the last of them: a spent one would end it.
		const next = store === 'cookie' ? late : browser;
		await sleep(Math.max(0, claimsOf(browser).refresh_at * 1000 - Date.now()) + 50);
		await get(next, `${w.url}/renewing`);
		await until('the renewal', () => refreshes(w.op).length === 3);
		assert.ok(!refreshes(w.op)[2].form.has('scope'));
		await until('the new access token', async () => {
			assert.equal((await get(next, `${w.url}/x`)).status, 200);
			return w.backend.last.get('x-own') !== own;
		});
		assert.equal((await get(next, `${w.url}/v1/x`)).status, 200);
		assert.equal(refreshes(w.op)[3].form.get('resource'), 'https://files.example.com/');
		assert.equal((await get(next, `${w.url}/mail/again`)).status, 200);
		assert.deepEqual(w.backend.last.all('authorization'), mail, 'still good');
		assert.equal(refreshes(w.op).length, 4);
	});

	story(`${store}: with the certified provider, which takes a spent refresh token for theft`, async () => {
		const w = await real[store]();
		w.backend.requests.length = 0;
		const browser = await w.signedIn('alice');
		for (let round = 0; round < 2; round++) {
			const answers = await twenty(w, cookiesOf(browser), ['/mail', '/files']);
			assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], answers.find((a) => a.status !== 200)?.text);
			await get(browser, `${w.url}/mail/own`);
		}
		const scope = async (path) => {
			const [token, ...more] = tokensAt(w, path);
			assert.deepEqual(more, []);
			const r = await fetch(`${w.op.url}/token/introspection`, {
				method: 'POST', body: new URLSearchParams({ token: token.replace(/^Bearer /, '') }),
				headers: { Authorization: `Basic ${Buffer.from(`rp:${CLIENT_SECRET}`).toString('base64')}` },
			});
			return (await r.json()).scope;
		};
		assert.equal(await scope('/mail'), 'openid profile');
		assert.equal(await scope('/files'), 'openid email');
		// One more, with what was replaced twice.
		const other = await get(browser, `${w.url}/v1/x`);
		assert.equal(other.status, 502, 'no such resource there');
		await logged(w, /"outbound_token".*invalid_target|invalid_target.*"outbound_token"/);
		assert.equal((await get(browser, `${w.url}/x`)).status, 200, 'the session goes on');
	});

	story(`${store}: a token is used until a third of its life is left`, async () => {
		const w = await worlds[store]();
		const browser = await signedIn(w, 'bob');
		w.op.life = 3;
		for (let i = 0; i < 3; i++) assert.equal((await get(browser, `${w.url}/mail/${i}`)).status, 200);
		assert.equal(refreshes(w.op).length, 1);
		await sleep(2100);
		assert.equal((await get(browser, `${w.url}/mail/later`)).status, 200);
		assert.equal(refreshes(w.op).length, 2);
		assert.equal(tokensAt(w, '/mail').length, 2);
	});

	story(`${store}: who leaves in the middle loses no refresh token`, async () => {
		const w = await worlds[store]();
		const browser = await signedIn(w, 'carol');
		w.op.fault = { refreshDelay: 300 };
		const gone = request(`${w.url}/mail/gone`, { headers: { Cookie: cookiesOf(browser), ...FETCH } });
		gone.on('error', () => {});
		gone.end();
		await until('the token request', () => refreshes(w.op).length === 1);
		gone.destroy();
		await sleep(500);
		assert.equal((await get(browser, `${w.url}/files/x`)).status, 200);
		assert.equal((await get(browser, `${w.url}/mail/x`)).status, 200);
		assert.equal(refreshes(w.op).length, 2);
		assert.equal((await get(browser, `${w.url}/v1/x`)).status, 200);
		assert.equal(refreshes(w.op).length, 3);
	});

	story(`${store}: invalid_scope is 502 with the provider's word in the log, once in ten seconds, and the session goes on`, async () => {
		const w = await worlds[store]();
		const browser = await signedIn(w, 'dave');
		w.op.fault = { refreshStatus: 400, refreshBody: { error: 'invalid_scope', error_description: 'no such thing' } };
		for (let i = 0; i < 3; i++) {
			const r = await get(browser, `${w.url}/mail/${i}`);
			assert.equal(r.status, 502);
			assert.equal(r.json.error, 'outbound_token');
		}
		assert.equal(refreshes(w.op).length, 1);
		await logged(w, /outbound \\?"mail\\?": token endpoint: invalid_scope.*"reason":"outbound_token"|"reason":"outbound_token".*token endpoint: invalid_scope/);
		assert.equal(seen(w, '/mail').length, 0);
		w.op.fault = {};
		assert.equal((await get(browser, `${w.url}/files/x`)).status, 200, 'another section');
		assert.equal((await get(browser, `${w.url}/x`)).status, 200);
	});

	story(`${store}: invalid_grant ends the session, as a renewal would`, async () => {
		const w = await worlds[store]();
		const browser = await signedIn(w, 'erin');
		w.op.fault = { refreshStatus: 400, refreshBody: { error: 'invalid_grant' } };
		assert.equal((await get(browser, `${w.url}/mail/x`)).status, 401);
		assert.equal((await get(browser, `${w.url}/x`)).status, 401);
		assert.equal(seen(w, '/mail').length, 0);
	});

	story(`${store}: an upstream that answers 401 causes no storm of token requests`, async () => {
		const w = await worlds[store]();
		const browser = await signedIn(w, 'frank');
		w.backend.on('/mail/no', (r, socket) => socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'));
		for (let i = 0; i < 5; i++) assert.equal((await get(browser, `${w.url}/mail/no`)).status, 401);
		assert.equal(refreshes(w.op).length, 1);
	});

	story(`${store}: one session's token is never another's`, async () => {
		const w = await worlds[store]();
		const alice = await signedIn(w, 'alice');
		const bob = await w.signedIn('bob');
		await get(alice, `${w.url}/mail/alice`);
		await get(bob, `${w.url}/mail/bob`);
		await get(alice, `${w.url}/mail/alice`);
		const [a, b] = [tokensAt(w, '/mail/alice'), tokensAt(w, '/mail/bob')];
		assert.equal(a.length, 1);
		assert.equal(b.length, 1);
		assert.notEqual(a[0], b[0]);
	});
}

story('an access token that came as a bearer has no refresh token: 502, and nothing is asked', async () => {
	const w = await worlds.memory();
	await signedIn(w, 'alice');
	const now = Math.floor(Date.now() / 1000);
	const token = w.op.mint({ iss: w.op.url, aud: 'https://api.example.com', sub: 'sub-alice', azp: 'spa', preferred_username: 'alice', iat: now - 5, exp: now + 600 });
	const r = await get(new Browser(), `${w.url}/any/x`, { headers: { ...FETCH, Authorization: `Bearer ${token}` } });
	assert.equal(r.status, 502);
	assert.equal(refreshes(w.op).length, 0);
	assert.equal((await get(new Browser(), `${w.url}/mail/x`)).status, 401, 'nobody signed in');
});

story('a provider that gives no refresh token: 502, and the log says why', async () => {
	const w = await worlds.memory();
	w.op.reset();
	w.op.fault = { tokenAlso: { refresh_token: undefined } };
	const browser = await w.signedIn('gina');
	assert.equal((await get(browser, `${w.url}/mail/x`)).status, 502);
	await logged(w, /no refresh token is kept/);
});

story('no token is in a log', async () => {
	for (const store of ['cookie', 'memory']) {
		const w = await worlds[store]();
		for (const t of w.op.issued) assert.ok(!`${w.proxy.stdout}${w.proxy.stderr}`.includes(t));
	}
});

closing(worlds.cookie, worlds.memory, real.cookie, real.memory);
