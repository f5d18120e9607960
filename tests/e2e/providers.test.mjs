// Several providers side by side: each with a callback and a cookie of its own, never taken for one another.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Browser, FETCH } from './lib/browser.mjs';
import { Op } from './lib/op.mjs';
import { freePort } from './lib/ports.mjs';
import { closing, story, world } from './lib/world.mjs';

// Two certified providers.  The second one answers on another address: browsers do not part cookies by ports.
const routes = (two) => `
provider "two" { discovery_url = "${two.discoveryUrl}" client_id = "rp" client_secret = "client-secret-of-the-tests-0123456789" }
route "/" { upstream = "app" }
route "/two" { upstream = "app" provider = "two" }
route "/both" { upstream = "app" provider = {"main", "two"} }
route "/public" { upstream = "app" auth = none }`;

async function make(o = {}) {
	const w = await world({ real: true, proxy: false, ...o });
	w.two = await Op.start({
		port: await freePort(), host: '127.0.0.2', redirectUris: [`${w.url}/auth/callback/two`], postLogoutUris: [`${w.url}/auth/logout/return`],
	});
	const stop = w.stop;
	w.stop = async (expected) => {
		try {
			await stop(expected);
		} finally {
			await w.two.stop();
		}
	};
	w.settings.routes = `${routes(w.two)}\n${o.more ?? ''}`;
	await w.start();
	return w;
}
let made;
const w = () => { made ??= make(); return made; };
after(async () => { await (await made?.catch(() => {}))?.stop().catch(() => {}); });

const get = (browser, url) => browser.request(url, { headers: FETCH });
const links = (text) => [...text.matchAll(/href="([^"]+)">([^<]+)</g)].map(([, url, name]) => ({ name, url: url.replace(/&amp;/g, '&') }));
const claims = (browser, name) => JSON.parse(Buffer.from(browser.jar.get(name).value.split('.')[1], 'base64url'));

story('each signs in at its own callback, with a cookie of its own that opens no route of the other', async () => {
	const { url, op, two } = await w();
	const browser = new Browser();
	let r = await browser.signIn(`${url}/two/x?y=1`, 'bob');
	assert.equal(r.status, 200, r.text);
	assert.equal(r.json.user, 'bob');
	assert.equal(r.json.target, '/two/x?y=1');
	assert.ok(r.chain.some((a) => a.url.startsWith(`${two.url}/auth?`)), 'at the second provider');
	assert.ok(!r.chain.some((a) => a.url.startsWith(op.url)), 'and not at the first');
	const sent = new URL(r.chain.find((a) => a.location?.startsWith(`${two.url}/auth?`)).location).searchParams;
	assert.equal(sent.get('redirect_uri'), `${url}/auth/callback/two`);
	assert.ok(r.chain.some((a) => a.url.startsWith(`${url}/auth/callback/two?`)));
	assert.equal(browser.jar.get('workflow_session'), undefined);
	assert.equal(claims(browser, 'workflow_session-two').idp, 'two');

	assert.equal((await get(browser, `${url}/`)).status, 401, 'a session of the second does not open a route of the first');
	assert.equal((await get(browser, `${url}/two`)).json.user, 'bob');
	assert.equal((await get(browser, `${url}/both`)).json.user, 'bob');

	r = await browser.signIn(`${url}/`, 'alice');
	assert.equal(r.json.user, 'alice');
	assert.ok(r.chain.some((a) => a.url.startsWith(`${url}/auth/callback?`)));
	assert.equal(claims(browser, 'workflow_session').idp, 'main');
	assert.equal((await get(browser, `${url}/`)).json.user, 'alice');
	assert.equal((await get(browser, `${url}/two`)).json.user, 'bob', 'the other session stays');
	assert.equal((await get(browser, `${url}/both`)).json.user, 'alice', 'of two the first that the route names');
});

story('a session under the other one\'s name is no session', async () => {
	const { url } = await w();
	const browser = new Browser();
	await browser.signIn(`${url}/`, 'alice');
	const { value } = browser.jar.get('workflow_session');
	for (const name of ['workflow_session-two', 'workflow_session-three', 'workflow_session-two_1', 'Workflow_session', 'workflow_session-']) {
		assert.equal((await browser.request(`${url}/two`, { headers: FETCH, cookie: `${name}=${value}` })).status, 401, name);
		assert.equal((await browser.request(`${url}/both`, { headers: FETCH, cookie: `${name}=${value}` })).status, 401, name);
	}
});

story('who is signed in where a route does not want it is sent to the one that it does', async () => {
	const { url, two } = await w();
	const browser = new Browser();
	await browser.signIn(`${url}/`, 'alice');
	const r = await browser.request(`${url}/two/page`);
	assert.equal(r.status, 302);
	assert.ok(r.location.startsWith(`${two.url}/auth?`), r.location);
	assert.equal((await get(browser, `${url}/two/page`)).json.error, 'no_session');
});

closing(w);
