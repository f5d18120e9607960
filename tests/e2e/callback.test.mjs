// The callback: it belongs to one browser and one attempt, and it always leads somewhere.
import assert from 'node:assert/strict';
import { Browser } from './lib/browser.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({ limits: 'logins_per_minute = 100000' });

// The browser up to the point where it holds the provider's answer, and that answer.
async function answered(path = '/deep?x=1') {
	const { url, op } = await w();
	op.reset();
	const browser = new Browser();
	const start = await browser.request(url + path);
	const answer = await browser.request(start.location);
	return { browser, callback: answer.location, op, url };
}
const session = (browser) => browser.jar.get('workflow_session');

story('a callback is redeemed once; replayed by its browser it leads to the page, by another one it signs nobody in', async () => {
	const { browser, callback, op, url } = await answered();
	const first = await browser.go(callback);
	assert.equal(first.url, `${url}/deep?x=1`);
	const again = await browser.go(callback);
	assert.equal(again.status, 200);
	assert.equal(op.calls.token, 1, 'the code was sent once');
	const thief = new Browser();
	const stolen = await thief.request(callback);
	assert.ok(stolen.status >= 300);
	assert.equal(session(thief), undefined);
	assert.equal(op.calls.token, 1);
});

story('a callback in another browser signs nobody in and starts again for whoever opened it', async () => {
	const { callback, op } = await answered();
	const other = new Browser();
	const r = await other.request(callback);
	assert.ok([302, 303, 403].includes(r.status), String(r.status));
	assert.equal(session(other), undefined);
	assert.equal(op.calls.token, 0, 'the code was not sent anywhere');
});

story('the state is checked before the code is sent anywhere: one altered character and nothing happens', async () => {
	const { callback, op, url } = await answered();
	const u = new URL(callback);
	const state = u.searchParams.get('state');
	for (const at of [0, 1, Math.floor(state.length / 2), state.length - 1]) {
		const bad = new URL(callback);
		bad.searchParams.set('state', state.slice(0, at) + (state[at] === 'A' ? 'B' : 'A') + state.slice(at + 1));
		const b = new Browser();
		await b.request(`${url}/warm`);
		const r = await b.request(bad.href);
		assert.ok([302, 303, 400, 403].includes(r.status), String(r.status));
		assert.equal(session(b), undefined);
	}
	assert.equal(op.calls.token, 0);
});

const odd = [
	['no parameters at all', ''], ['only &', '&'], ['a code alone', 'code=abc'], ['a state alone', 'state=abc'], ['code and a foreign state', 'code=abc&state=AAAA'],
	['an empty state', 'code=abc&state='], ['a state of 20 KB', `code=abc&state=${'A'.repeat(12000)}`], ['a state with broken encoding', 'code=abc&state=%zz'], ['a state of format letters', 'code=abc&state=%25s%25s%25n%25x'],
	['an error alone', 'error=access_denied'], ['an error with markup', 'error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%3Cimg%20src=x%3E'], ['NUL in the code', 'code=a%00b&state=c'],
	['an id_token in the query', 'id_token=a.b.c&state=x'], ['session cookie text as state', 'code=abc&state=eyJhbGciOiJIUzI1NiJ9.e30.AAAA'],
];
story(`${odd.length} callbacks that nobody asked for end in a page or a fresh start, never in an error of ours`, async () => {
	const { url, op } = await w();
	op.reset();
	for (const [what, query] of odd) {
		const b = new Browser();
		const r = await b.request(url, { rawPath: `/auth/callback?${query}` });
		assert.ok([302, 303, 400, 403, 431].includes(r.status), `${what}: ${r.status}`);
		assert.ok(!/<script>alert|<img src=x/.test(r.text), what);
		assert.equal(session(b), undefined, what);
		if (r.location) assert.ok([op.url, url].includes(new URL(r.location).origin), `${what}: ${r.location}`);
	}
	assert.equal(op.calls.token, 0);
});

story('a stale or unknown state starts again once, silently; the second failure is a page', async () => {
	const { url } = await w();
	const b = new Browser();
	const first = await b.request(`${url}/auth/callback?code=x&state=unknown`);
	assert.ok([302, 303].includes(first.status), String(first.status));
	let r = first;
	for (let i = 0; i < 6 && r.location; i++) {
		const to = new URL(r.location);
		// The provider answers with a state that is not ours again and again.
		r = to.pathname === '/authorize' ? await b.request(`${url}/auth/callback?code=x&state=unknown`) : await b.request(r.location);
	}
	assert.equal(r.status, 403, 'a page within a few rounds');
	assert.match(r.headers['content-type'], /text\/html/);
});

story('somebody who is signed in and opens an old callback goes to the page', async () => {
	const { url, signedIn } = await w();
	const browser = await signedIn();
	const r = await browser.go(`${url}/auth/callback?code=old&state=unknown`);
	assert.equal(r.status, 200);
	assert.ok(session(browser));
});

story('a valid state is redeemed even when somebody is signed in, and the session is a new one', async () => {
	const { url, signedIn, op } = await w();
	const browser = await signedIn('alice');
	const before = session(browser).value;
	const start = await browser.request(`${url}/auth/login?rd=/two`);
	if (new URL(start.location).origin === url) return; // signed in: login leads straight back
	op.user = 'bob';
	const r = await browser.go(start.location);
	assert.equal(r.status, 200);
	assert.equal(r.json.user, 'bob');
	assert.notEqual(session(browser).value, before);
});

story('an attacker\'s callback does not sign a victim in as the attacker', async () => {
	const { callback } = await answered(); // the attacker's browser stops here
	const { url } = await w();
	const victim = new Browser();
	await victim.request(`${url}/own`); // the victim has a sign-in of its own under way
	const r = await victim.request(callback);
	assert.equal(session(victim), undefined);
	assert.ok([302, 303, 403].includes(r.status));
});

story('many tabs at once: each finishes and lands where it began', async () => {
	const { url, op } = await w();
	op.reset();
	const browser = new Browser();
	const tabs = [];
	for (let i = 0; i < 12; i++) tabs.push((await browser.request(`${url}/tab/${i}`)).location);
	for (const i of [3, 11, 0, 7, 1, 2, 4, 5, 6, 8, 9, 10]) {
		const r = await browser.go(tabs[i]);
		assert.equal(r.url, `${url}/tab/${i}`);
		assert.equal(r.status, 200);
	}
});

story('POST to the callback without Content-Type, and other methods, are refused without harm', async () => {
	const { url } = await w();
	for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
		const r = await new Browser().request(`${url}/auth/callback?code=a&state=b`, { method, body: 'x=y' });
		assert.ok([302, 303, 400, 403, 405].includes(r.status), `${method}: ${r.status}`);
	}
});

closing(w);
