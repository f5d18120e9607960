// What a session takes of a browser's cookies and of the room that a head has.
import assert from 'node:assert/strict';
import { FETCH } from './lib/browser.mjs';
import { sleep } from './lib/ports.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({
	limits: 'header_size = "16k"',
	routes: `route "/" { upstream = "app" claim_headers = {"X-Groups=groups"} }
		route "/rules" { upstream = "app" claims = {"roles~editor"} }`,
});
const names = (n) => Array.from({ length: n }, (_, i) => `group-number-${i}-of-a-very-large-company`);

story('a session that is too large for a head is refused with a page that names the claim', async () => {
	const { op, url, proxy, browser } = await w();
	op.fault = { claims: { groups: names(200) } };
	const page = await browser().signIn(`${url}/`);
	assert.equal(page.status, 403);
	assert.match(page.text, /groups/);
	assert.deepEqual(page.setCookies.filter((c) => c.startsWith('workflow_session') && !/Max-Age=0/.test(c) && !c.includes('.login=')), []);
	assert.equal((await proxy.lastAccess((r) => r.status === 403)).reason, 'login_claim');
});

story('a large session is a warning that names the claim, and works', async () => {
	const { op, url, proxy, browser } = await w();
	op.reset();
	op.fault = { claims: { groups: names(90) } };
	const someone = browser();
	assert.equal((await someone.signIn(`${url}/`)).status, 200);
	await proxy.logged(/takes \d+ bytes of cookies; the largest claim is groups/);
	const size = [...someone.jar.cookies.values()].reduce((n, c) => n + c.name.length + c.value.length, 0);
	assert.ok(size < 8192, `${size} bytes`);
	assert.equal((await someone.request(`${url}/x`, { headers: FETCH })).status, 200);
});

story('of two hundred roles only those that a rule names are kept', async () => {
	const { op, url, browser } = await w();
	op.reset();
	op.fault = { claims: { roles: [...names(200), 'editor'] } };
	const someone = browser();
	assert.equal((await someone.signIn(`${url}/`)).status, 200);
	const token = someone.jar.get('workflow_session').value;
	assert.deepEqual(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).roles, ['editor']);
	assert.equal((await someone.request(`${url}/rules`, { headers: FETCH })).status, 200);
});

story('tokens take only the room that is left', async () => {
	const { op, url, browser } = await w();
	op.reset();
	op.fault = { tokenAlso: { access_token: 'a'.repeat(12000) } };
	const someone = browser();
	assert.equal((await someone.signIn(`${url}/`)).status, 200);
	const size = [...someone.jar.cookies.values()].reduce((n, c) => n + c.name.length + c.value.length, 0);
	assert.ok(size < 8192, `${size} bytes`);
	assert.ok(someone.jar.get('workflow_session.t'), 'the ID and refresh token are kept');
});

story('claims that grow too large end the session when it is renewed, before they shut the browser out', async () => {
	const { op, url, browser } = await w();
	op.reset();
	op.life = 3;
	const someone = browser();
	assert.equal((await someone.signIn(`${url}/`)).status, 200);
	op.fault = { claims: { groups: names(200) } };
	const due = JSON.parse(Buffer.from(someone.jar.get('workflow_session').value.split('.')[1], 'base64url')).refresh_at;
	await sleep(Math.max(0, due * 1000 - Date.now()) + 50);
	assert.equal((await someone.request(`${url}/x`, { headers: FETCH })).status, 401);
	assert.equal(op.calls.refresh, 1);
});

closing(w);
