// How sessions end where several are about, or where something is under way while they end.
import assert from 'node:assert/strict';
import { NAVIGATE } from './lib/browser.mjs';
import { closing, shared, story } from './lib/world.mjs';

const giving = (o) => shared(async () => ({ ...o, op: await withRevocation() }));
async function withRevocation() {
	const { FaultOp } = await import('./lib/faultop.mjs');
	const op = await FaultOp.start();
	op.metadata = { revocation_endpoint: `${op.url}/revoke` };
	op.fault = { metadata: op.metadata };
	return op;
}
const worlds = { cookie: giving({}), memory: giving({ session: 'store = memory' }) };

const JSON_ONLY = { headers: { Accept: 'application/json' } };
const tokenOf = (browser) => browser.jar.get('workflow_session').value;
const claimsOf = (browser) => JSON.parse(Buffer.from(tokenOf(browser).split('.')[1], 'base64url'));
const cookieOf = (browser, url) => browser.jar.header(new URL(url));
const status = async (x, browser, cookie) => (await browser.request(`${x.url}/page`, { ...JSON_ONLY, cookie })).status;
// The refresh token that the provider gave last: code, then access, refresh and ID token, then the verifier.
const lastRefresh = (op) => op.issued.at(-3);
const givenBack = (op) => op.givenBack.map((g) => g.form.get('token'));

// --- several at once ------------------------------------------------------------------------------------------------

for (const [store, w] of Object.entries(worlds)) {
	story(`store = ${store}: a sign-out with two sessions ends both, and gives both refresh tokens back`, async () => {
		const x = await w();
		const one = await x.signedIn('alice');
		const refreshOne = lastRefresh(x.op);
		const two = await x.signedIn('bob');
		const refreshTwo = lastRefresh(x.op);
		const both = `${cookieOf(one, x.url)}; ${cookieOf(two, x.url)}`;
		assert.equal(await status(x, x.browser(), both), 401, 'two that differ are none');
		x.op.givenBack = [];
		const out = await x.browser().request(`${x.url}/auth/logout`, { headers: NAVIGATE, cookie: both });
		assert.equal(out.status, 302);
		assert.match(out.location, /\/end\?id_token_hint=/);
		assert.ok(out.setCookies.some((c) => c.startsWith('workflow_session=;')));
		for (const browser of [one, two]) assert.equal(await status(x, x.browser(), cookieOf(browser, x.url)), 401, 'it is still good');
		assert.deepEqual(givenBack(x.op).sort(), [refreshOne, refreshTwo].sort());
		const said = x.proxy.stderr.split('\n').filter((l) => /(alice|bob) signed out/.test(l));
		assert.equal(said.length, 2);
	});
}

story('a session that hides behind many cookies of its name ends as well', async () => {
	const x = await worlds.cookie();
	const carol = await x.signedIn('carol');
	const many = Array.from({ length: 12 }, (_, i) => `workflow_session=tossed${i}`).join('; ');
	await x.browser().request(`${x.url}/auth/logout`, { headers: NAVIGATE, cookie: `${many}; ${cookieOf(carol, x.url)}` });
	assert.equal(await status(x, carol), 401);
	assert.equal((await x.proxy.lastAccess((a) => a.path === '/page')).reason, 'session_revoked');
});

closing(...Object.values(worlds));
