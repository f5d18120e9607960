// Loops end: within a few rounds a page names the cause.
import assert from 'node:assert/strict';
import { Browser, NAVIGATE } from './lib/browser.mjs';
import { sleep } from './lib/ports.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({ limits: 'logins_per_minute = 100000' });

async function rounds(browser, path) {
	const { url, proxy, op } = await w();
	op.reset();
	const n = proxy.access.length;
	const r = await browser.go(url + path, { hops: 60 });
	assert.ok(!r.location, `still going after ${r.chain.length} hops`);
	assert.ok(op.calls.authorize <= 6, `${op.calls.authorize} rounds at the provider`);
	await sleep(100);
	return { page: r, last: proxy.access.slice(n).pop() };
}

story('a browser that keeps no cookie at all ends on a page that says so', async () => {
	const { page, last } = await rounds(new Browser({ drop: () => true }), '/x');
	assert.equal(page.status, 403);
	assert.match(page.text, /cookie/i);
	assert.ok(['login_no_cookie', 'login_state', 'login_loop_cookie'].includes(last.reason), last.reason);
});

story('a browser that drops only the session cookie ends on a page that says so', async () => {
	const { page, last } = await rounds(new Browser({ drop: (name) => name.startsWith('workflow_session') && !name.includes('.') }), '/x');
	assert.equal(page.status, 403);
	assert.match(page.text, /cookie/i);
	assert.equal(last.reason, 'login_loop_cookie');
});

story('an application that sends a signed-in browser to the sign-in ends on a page that says so', async () => {
	const { page, last } = await rounds(new Browser(), '/tologin');
	assert.ok(page.status >= 400, String(page.status));
	assert.ok(['login_loop_app', 'upstream_loop'].includes(last.reason), last.reason);
});

story('an application that redirects to the page that was asked for ends on a page that says so', async () => {
	const { url, signedIn } = await w();
	const browser = await signedIn();
	const r = await browser.go(`${url}/self`, { headers: NAVIGATE, hops: 40 });
	assert.ok(!r.location, 'still going');
	assert.equal(r.status, 508);
});

story('after a loop was broken, an ordinary browser signs in as ever', async () => {
	const { url, op } = await w();
	op.reset();
	assert.equal((await new Browser().go(`${url}/fine`)).status, 200);
});

closing(w);
