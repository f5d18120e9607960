// Sessions whose tokens run out are renewed, once, whoever asks; and end when the provider says so.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { Browser, FETCH } from './lib/browser.mjs';
import { sleep, until } from './lib/ports.mjs';
import { SECRET } from './lib/proxy.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const routes = `route "/" { upstream = "app" claim_headers = {"X-Claim-Groups=groups"} access_token_header = "X-Forwarded-Access-Token" }
	route "/admins" { upstream = "app" claims = {"groups~admins"} }
	route "/cached" { upstream = "app" }`;
// Tokens are good for 3 s and so are renewed from the second second on; the session itself goes on.
const inCookie = shared({ routes, session: 'timeout = "1h"', provider: 'timeout = "3s"' });
// Sessions that end with their ID token.
const bound = shared({ routes, provider: 'timeout = "3s"' });
const onServer = shared({ routes, session: 'store = memory' });
const real = shared({ real: true, routes, opSettings: { refresh: true, idTokenSeconds: 3, accessTokenSeconds: 3 } });

const claimsOf = (browser) => JSON.parse(Buffer.from(browser.jar.get('workflow_session').value.split('.')[1], 'base64url'));
const cookiesOf = (browser) => [...browser.jar.cookies.values()].map((c) => `${c.name}=${c.value}`).join('; ');

// Somebody signed in with tokens that are good for `life` seconds; those that come later are for an hour.
async function signedIn(w, user, life = 3) {
	w.op.reset();
	w.op.life = life;
	const browser = await w.signedIn(user);
	w.op.life = 3600;
	return browser;
}
const due = async (browser) => {
	const wait = claimsOf(browser).refresh_at * 1000 - Date.now();
	await sleep(Math.max(0, wait) + 50);
};

story('a session is renewed when a third of its tokens\' life is left, and not before', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	const was = claimsOf(browser);
	assert.ok(was.refresh_at > was.iat && was.tokens_end > was.refresh_at, JSON.stringify(was));
	const early = await browser.request(`${w.url}/early`);
	assert.equal(early.status, 200);
	assert.deepEqual(early.setCookies, []);
	assert.equal(w.op.calls.refresh, 0);
	await due(browser);
	const answer = await browser.request(`${w.url}/page`);
	assert.equal(answer.status, 200);
	assert.equal(w.op.calls.refresh, 1);
	assert.ok(answer.setCookies.some((c) => c.startsWith('workflow_session=')), 'the session cookie');
	assert.ok(answer.setCookies.some((c) => c.startsWith('workflow_session.t=')), 'the tokens');
	const form = w.op.tokenRequests.at(-1).form;
	assert.equal(form.get('grant_type'), 'refresh_token');
	assert.ok(!form.has('scope') && !form.has('resource') && !form.has('redirect_uri'));
	const now = claimsOf(browser);
	assert.equal(now.sid, was.sid);
	assert.equal(now.sst, was.sst);
	assert.equal(now.exp, was.exp, 'timeout is never extended');
	assert.ok(now.refresh_at > was.refresh_at + 1000);
	const next = await browser.request(`${w.url}/next`);
	assert.deepEqual(next.setCookies, []);
	assert.equal(w.op.calls.refresh, 1);
});

story('GET session renews, too, and says when', async () => {
	const w = await bound();
	const browser = await signedIn(w, 'alice', 6);
	const ask = async () => (await browser.request(`${w.url}/auth/session`, { headers: FETCH }));
	const early = (await ask()).json;
	assert.ok(early.renews_in > 0 && early.renews_in < early.expires_in && early.expires_in <= 6, JSON.stringify(early));
	assert.equal(w.op.calls.refresh, 0);
	await due(browser);
	const r = await ask();
	assert.equal(r.status, 200);
	assert.equal(w.op.calls.refresh, 1);
	assert.ok(r.setCookies.some((c) => c.startsWith('workflow_session=')));
	assert.ok(r.json.expires_in > 3000 && r.json.renews_in > 1000, JSON.stringify(r.json));
});

story('the upstream gets the new access token with the very request that renewed it', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	await browser.request(`${w.url}/before`);
	const before = w.backend.last.get('x-forwarded-access-token');
	await due(browser);
	await browser.request(`${w.url}/renewing`);
	const during = w.backend.last.get('x-forwarded-access-token');
	await browser.request(`${w.url}/after`);
	assert.ok(before && during && before !== during);
	assert.equal(w.backend.last.get('x-forwarded-access-token'), during);
});

story('an answer that carries the new cookies is private, whatever the upstream says', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	w.backend.on('/cached', (r, socket) => socket.write('HTTP/1.1 200 OK\r\nCache-Control: public, max-age=600\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\nCDN-Cache-Control: max-age=600\r\nETag: "x"\r\nContent-Length: 2\r\n\r\nok'));
	const plain = await browser.request(`${w.url}/cached`);
	assert.equal(plain.headers['cache-control'], 'public, max-age=600');
	await due(browser);
	const answer = await browser.request(`${w.url}/cached`);
	assert.equal(answer.text, 'ok');
	assert.ok(answer.setCookies.length > 0);
	assert.equal(answer.headers['cache-control'], 'private, no-cache');
	assert.equal(answer.headers.expires, undefined);
	assert.equal(answer.headers['cdn-cache-control'], undefined);
	assert.equal(answer.headers.etag, '"x"');
});

story('twenty requests at once make one token request, and each is answered', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	await due(browser);
	w.op.fault = { refreshDelay: 300 };
	const cookie = cookiesOf(browser);
	const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => new Browser().request(`${w.url}/n${i}`, { cookie, headers: i % 2 ? FETCH : undefined })));
	assert.deepEqual(answers.map((a) => a.status), Array(20).fill(200));
	assert.equal(w.op.calls.refresh, 1);
	const tokens = new Set(answers.map((a) => a.setCookies.find((c) => c.startsWith('workflow_session='))));
	assert.equal(tokens.size, 1, 'all get the same session');
	for (const a of answers) assert.ok(a.setCookies.some((c) => c.startsWith('workflow_session.t=')));
});

story('who comes late with the cookie from before is served, gets the new one, and triggers nothing', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	const old = cookiesOf(browser);
	await due(browser);
	await browser.request(`${w.url}/first`);
	for (let i = 0; i < 3; i++) {
		const late = new Browser();
		const answer = await late.request(`${w.url}/late`, { cookie: old });
		assert.equal(answer.status, 200);
		assert.equal(late.jar.get('workflow_session').value, browser.jar.get('workflow_session').value);
		assert.ok(late.jar.get('workflow_session.t'));
	}
	assert.equal(w.op.calls.refresh, 1);
});

story('the last renewal, whose tokens outlive the session, is taken like any other', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	w.op.life = 7200;
	const old = cookiesOf(browser);
	await due(browser);
	const answer = await browser.request(`${w.url}/last`);
	assert.ok(answer.setCookies.some((c) => c.startsWith('workflow_session=')), 'the session cookie');
	assert.ok(answer.setCookies.some((c) => c.startsWith('workflow_session.t=')), 'the tokens');
	assert.equal(claimsOf(browser).refresh_at, undefined, 'never due again');
	for (let i = 0; i < 3; i++) assert.equal((await browser.request(`${w.url}/on`)).status, 200);
	const late = new Browser();
	assert.equal((await late.request(`${w.url}/late`, { cookie: old })).status, 200);
	assert.equal(late.jar.get('workflow_session').value, browser.jar.get('workflow_session').value);
	assert.equal(w.op.calls.refresh, 1, 'the old refresh token is not used again');
});

for (const [store, world] of Object.entries({ cookie: bound, memory: onServer })) {
	story(`store = ${store}: a cookie that ran out less than a minute ago gets the newer session, an older one does not`, async () => {
		const w = await world();
		const browser = await signedIn(w, 'alice');
		await due(browser);
		await browser.request(`${w.url}/renewing`);
		if (store === 'memory') await until('the renewal', async () => (await browser.request(`${w.url}/renewed`)).setCookies.length > 0);
		const now = Math.floor(Date.now() / 1000);
		const { turn, ...claims } = claimsOf(browser);
		assert.equal(turn, 1);
		const [head] = browser.jar.get('workflow_session').value.split('.');
		const older = (ago) => {
			const text = `${head}.${Buffer.from(JSON.stringify({ ...claims, iat: now - ago - 3600, exp: now - ago, refresh_at: now - ago - 1200, tokens_end: now - ago })).toString('base64url')}`;
			return `workflow_session=${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
		};
		const just = await new Browser().request(`${w.url}/just`, { cookie: older(50), headers: FETCH });
		assert.equal(just.status, 200);
		assert.ok(just.setCookies.some((c) => c.startsWith(`workflow_session=${browser.jar.get('workflow_session').value}`)));
		for (const ago of [65, 300, 700]) {
			const long = await new Browser().request(`${w.url}/long`, { cookie: older(ago), headers: FETCH });
			assert.equal(long.status, 401, `${ago} s`);
			assert.deepEqual(long.setCookies, []);
			assert.equal(long.json.error, 'session_expired');
		}
		assert.equal(w.op.calls.refresh, 1);
	});
}

story('a browser that leaves in the middle loses nothing', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	await due(browser);
	w.op.fault = { refreshDelay: 500 };
	const q = request(`${w.url}/gone`, { headers: { Cookie: cookiesOf(browser) }, agent: false });
	q.on('error', () => {});
	q.end();
	await until('the token request', () => w.op.calls.refresh === 1);
	q.destroy();
	await sleep(700);
	const answer = await browser.request(`${w.url}/back`);
	assert.equal(answer.status, 200);
	assert.equal(w.op.calls.refresh, 1, 'what the provider gave was kept');
	assert.ok(answer.setCookies.some((c) => c.startsWith('workflow_session.t=')));
});

story('claims, username and rules follow the new token', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	assert.equal((await browser.request(`${w.url}/admins`, { headers: FETCH })).status, 403);
	w.op.fault = { claims: { groups: ['admins', 'staff'], preferred_username: 'alice.new', sub: 'sub-alice' } };
	await due(browser);
	assert.equal((await browser.request(`${w.url}/admins`, { headers: FETCH })).status, 200);
	await browser.request(`${w.url}/x`);
	assert.equal(w.backend.last.get('x-claim-groups'), 'admins,staff');
	assert.equal(w.backend.last.get('x-forwarded-user'), 'alice.new');
});

story('a provider that gives no new refresh token is asked with the one there is', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	await due(browser);
	w.op.life = 3;
	w.op.fault = { refreshWithout: ['refresh_token'] };
	await browser.request(`${w.url}/one`);
	await due(browser);
	await browser.request(`${w.url}/two`);
	const sent = w.op.tokenRequests.filter((t) => t.form.get('grant_type') === 'refresh_token').map((t) => t.form.get('refresh_token'));
	assert.equal(sent.length, 2);
	assert.equal(sent[0], sent[1]);
});

story('a provider that gives no new ID token renews all the same', async () => {
	const w = await bound();
	const browser = await signedIn(w, 'alice');
	await due(browser);
	w.op.fault = { refreshWithout: ['id_token'] };
	const answer = await browser.request(`${w.url}/x`);
	assert.equal(answer.status, 200);
	assert.equal(w.backend.last.get('x-claim-groups'), 'workflow-users,staff');
	const c = claimsOf(browser);
	assert.ok(c.exp - Date.now() / 1000 > 3000, 'as long as the access token');
});

story('without a timeout each renewal moves the end of the session on', async () => {
	const w = await bound();
	const browser = await signedIn(w, 'alice');
	const was = claimsOf(browser);
	assert.equal(was.exp - was.iat, 3);
	await due(browser);
	const cookie = cookiesOf(browser);
	assert.equal((await browser.request(`${w.url}/x`)).status, 200);
	assert.ok(claimsOf(browser).exp > was.exp + 3000);
	await sleep(was.exp * 1000 - Date.now() + 100);
	const late = await new Browser().request(`${w.url}/late`, { cookie, headers: FETCH });
	assert.equal(late.status, 200, 'the old cookie has run out by now, its session has not');
	assert.equal(w.op.calls.refresh, 1);
});

story('an event stream goes on with its session when that is renewed, and ends with it when it is not', async () => {
	const w = await bound();
	w.backend.on('/events', (q, s) => {
		s.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
		const beat = setInterval(() => { s.write('3\r\n:\n\n\r\n'); }, 200);
		s.on('close', () => clearInterval(beat));
	});
	const listen = (browser) => {
		const stream = { open: true };
		const q = request(`${w.url}/events`, { headers: { Cookie: cookiesOf(browser) }, agent: false }, (r) => {
			r.on('data', () => {});
			for (const e of ['end', 'error', 'close']) r.on(e, () => { stream.open = false; });
		});
		q.on('error', () => { stream.open = false; });
		q.end();
		return Object.assign(stream, { close: () => q.destroy() });
	};
	const idle = await signedIn(w, 'bob');
	w.op.life = 3;
	const kept = await w.signedIn('alice');
	w.op.life = 3600;
	const [goesOn, ends] = [listen(kept), listen(idle)];
	await due(kept);
	assert.equal((await kept.request(`${w.url}/x`)).status, 200);
	await until('the stream of the session that ran out to end', () => !ends.open, 8000);
	await sleep(1500);
	assert.ok(goesOn.open, 'the stream of the renewed session is still there');
	goesOn.close();
});

story('an event stream ends when a renewal takes away what its route demands, and another route\'s goes on', async () => {
	const w = await inCookie();
	for (const path of ['/admins/events', '/events'])
		w.backend.on(path, (q, s) => {
			s.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
			const beat = setInterval(() => { s.write('3\r\n:\n\n\r\n'); }, 200);
			s.on('close', () => clearInterval(beat));
		});
	w.op.reset();
	w.op.life = 3;
	w.op.fault = { claims: { groups: ['admins', 'staff'] } };
	const browser = await w.signedIn('alice');
	w.op.life = 3600;
	const streams = await Promise.all(['/admins/events', '/events'].map((path) => new Promise((resolve, reject) => {
		const stream = { open: true };
		const q = request(w.url + path, { headers: { Cookie: cookiesOf(browser) }, agent: false }, (r) => {
			stream.status = r.statusCode;
			r.on('data', () => {});
			for (const e of ['end', 'error', 'close']) r.on(e, () => { stream.open = false; });
			resolve(stream);
		});
		stream.close = () => q.destroy();
		q.on('error', reject);
		q.end();
	})));
	assert.deepEqual(streams.map((s) => s.status), [200, 200]);
	w.op.fault = { claims: { groups: ['staff'] } };
	await due(browser);
	assert.equal((await browser.request(`${w.url}/x`)).status, 200);
	await until('the stream to end', () => !streams[0].open, 3000);
	assert.equal((await w.proxy.lastAccess((a) => a.path === '/admins/events')).reason, 'claim_missing');
	await sleep(1500);
	assert.ok(streams[1].open, 'the other stream ended as well');
	streams[1].close();
});

story('invalid_grant ends the session: a sign-in for who navigates, 401 for who does not', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	await due(browser);
	const cookie = cookiesOf(browser);
	w.op.fault = { refreshStatus: 400, refreshBody: { error: 'invalid_grant', error_description: 'revoked' } };
	const xhr = await browser.request(`${w.url}/x`, { headers: FETCH });
	assert.equal(xhr.status, 401);
	const page = await browser.request(`${w.url}/x`);
	assert.equal(page.status, 302);
	assert.match(page.location, /\/authorize\?/);
	assert.equal(w.op.calls.refresh, 1);
	w.op.fault = {};
	const stolen = await new Browser().request(`${w.url}/x`, { cookie, headers: FETCH });
	assert.equal(stolen.status, 401);
	assert.equal(w.op.calls.refresh, 1, 'an ended session is not renewed');
});

for (const [name, fault] of [
	['another user', { claims: { sub: 'sub-mallory' } }], ['another issuer', { claims: { iss: 'https://evil.example' } }],
	['another audience', { claims: { aud: 'somebody-else' } }], ['another nonce', { claims: { nonce: 'another' } }],
	['a wrong signature', { breakSignature: true }], ['no algorithm', { alg: 'none' }],
]) {
	story(`a new ID token with ${name} ends the session`, async () => {
		const w = await inCookie();
		const browser = await signedIn(w, 'alice');
		await due(browser);
		w.op.fault = fault;
		assert.equal((await browser.request(`${w.url}/x`, { headers: FETCH })).status, 401);
		w.op.fault = {};
		assert.equal((await browser.request(`${w.url}/x`, { headers: FETCH })).status, 401);
	});
}

for (const [name, fault] of [
	['a 500', { refreshStatus: 500 }], ['a 503', { refreshStatus: 503 }], ['a 429', { refreshStatus: 429 }], ['a cut connection', { refreshDrop: true }],
	['no answer in time', { refreshDelay: 4000 }], ['a refused client', { refreshStatus: 401, refreshBody: { error: 'invalid_client' } }],
]) {
	story(`${name} does not end the session, and is not tried again at once`, async () => {
		const w = await inCookie();
		const browser = await signedIn(w, 'alice');
		await due(browser);
		w.op.fault = fault;
		for (let i = 0; i < 3; i++) {
			const answer = await browser.request(`${w.url}/x`, { headers: FETCH });
			assert.equal(answer.status, 200);
		}
		// A kept connection that closes without a byte may be replaced once, as everywhere in HTTP.
		assert.ok(w.op.calls.refresh === 1 || (fault.refreshDrop && w.op.calls.refresh === 2), `${w.op.calls.refresh} token requests`);
		assert.equal(w.backend.last.get('x-forwarded-user'), 'alice');
	});
}

story('a session without a refresh token goes on to its end and asks nobody', async () => {
	const w = await bound();
	w.op.reset();
	w.op.life = 3;
	w.op.fault = { tokenAlso: { refresh_token: undefined } };
	const browser = await w.signedIn('alice');
	assert.equal(claimsOf(browser).refresh_at, undefined);
	assert.equal((await browser.request(`${w.url}/x`, { headers: FETCH })).status, 200);
	await sleep(claimsOf(browser).exp * 1000 - Date.now() + 100);
	assert.equal((await browser.request(`${w.url}/x`, { headers: FETCH })).status, 401);
	assert.equal(w.op.calls.refresh, 0);
});

story('no token can be read in the browser', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	const jar = cookiesOf(browser);
	for (const secret of w.op.issued.filter(Boolean)) assert.ok(!jar.includes(secret), 'a token as it is');
	const all = [...browser.jar.cookies.values()].flatMap((c) => c.value.split('.')).map((p) => Buffer.from(p, 'base64url').toString('latin1')).join('\n');
	for (const secret of w.op.issued.filter(Boolean)) assert.ok(!all.includes(secret), 'a token in base64url');
});

story('the certified provider with refresh tokens that are good once: a session lives through many of them', async () => {
	const w = await real();
	const browser = await w.signedIn('alice');
	const first = claimsOf(browser);
	assert.equal(first.exp - first.iat, 3);
	for (let i = 0; i < 4; i++) {
		await due(browser);
		const cookie = cookiesOf(browser);
		const answers = await Promise.all(Array.from({ length: 20 }, (_, k) => (k ? new Browser() : browser).request(`${w.url}/r${k}`, { cookie, headers: FETCH })));
		assert.deepEqual(answers.map((a) => a.status), Array(20).fill(200), `round ${i}`);
	}
	assert.equal(claimsOf(browser).sid, first.sid);
	assert.equal(claimsOf(browser).sst, first.sst);
	assert.ok(claimsOf(browser).exp > first.exp + 5);
});

story('a stop in the middle of a renewal ends cleanly', async () => {
	const w = await inCookie();
	const browser = await signedIn(w, 'alice');
	await due(browser);
	w.op.fault = { refreshDelay: 1000 };
	const answer = browser.request(`${w.url}/last`);
	await until('the token request', () => w.op.calls.refresh === 1);
	w.proxy.signal('SIGTERM');
	assert.equal((await answer).status, 200);
	assert.equal(await w.proxy.ended, 0);
});

for (const [what, turn, status] of [
	['by a key that is new is renewed', (op) => op.rotate('k-new', 2), 200],
	['by a key that is nobody\'s ends', (op) => { op.fault = { kid: 'nobody' }; }, 401],
]) {
	story(`a session whose next ID token is signed ${what}; the keys are asked for once`, async () => {
		const w = await world({ routes, session: 'timeout = "1h"' });
		try {
			const browser = await signedIn(w, 'kim');
			await due(browser);
			turn(w.op);
			const keys = w.op.calls.jwks;
			assert.equal((await browser.request(`${w.url}/page`, { headers: FETCH })).status, status);
			assert.equal((await browser.request(`${w.url}/next`, { headers: FETCH })).status, status);
			assert.equal(w.op.calls.refresh, 1);
			assert.equal(w.op.calls.jwks, keys + 1);
		} finally {
			await w.stop();
		}
	});
}

closing(onServer, inCookie, bound, real);
