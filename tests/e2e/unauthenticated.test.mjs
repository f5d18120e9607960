// Who is not signed in: what each kind of request gets, and where `rd` may lead.
import assert from 'node:assert/strict';
import { Browser, FETCH, NAVIGATE } from './lib/browser.mjs';
import { exchange } from './lib/raw.mjs';
import { closing, shared, story } from './lib/world.mjs';

const w = shared({
	routes: `route "/" { upstream = "app" }
		route "/public" { upstream = "app" auth = "none" }
		route "/always" { upstream = "app" unauthenticated = "redirect" }
		route "/never" { upstream = "app" unauthenticated = "401" }`,
});

const kinds = [
	['a navigation', 'GET', '/', NAVIGATE, 302],
	['an old browser without Sec-Fetch', 'GET', '/', { Accept: 'text/html,*/*;q=0.8' }, 302],
	['HEAD of a navigation', 'HEAD', '/', NAVIGATE, 302],
	['fetch()', 'GET', '/', FETCH, 401],
	['XMLHttpRequest with Accept: */*', 'GET', '/', { Accept: '*/*', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, 401],
	['X-Requested-With with Accept: */*', 'GET', '/', { Accept: '*/*', 'X-Requested-With': 'XMLHttpRequest' }, 401],
	['an image', 'GET', '/', { Accept: 'image/avif,image/webp,*/*', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }, 401],
	['a program that accepts JSON', 'GET', '/', { Accept: 'application/json' }, 401],
	['curl', 'GET', '/', { Accept: '*/*' }, 401],
	['nothing accepted', 'GET', '/', {}, 401],
	['PUT', 'PUT', '/', NAVIGATE, 401],
	['DELETE by fetch()', 'DELETE', '/', FETCH, 401],
	['an event stream', 'GET', '/', { Accept: 'text/event-stream', 'Sec-Fetch-Mode': 'cors' }, 401],
	['fetch() where the route always redirects', 'GET', '/always', FETCH, 302],
	['a navigation where the route never redirects', 'GET', '/never', NAVIGATE, 401],
	['a navigation on an open route', 'GET', '/public', NAVIGATE, 200],
	['fetch() on an open route', 'GET', '/public', FETCH, 200],
];
for (const [what, method, path, headers, status] of kinds) {
	story(`not signed in, ${what}: ${status}`, async () => {
		const { url, backend, proxy } = await w();
		const before = backend.requests.length;
		const r = await new Browser().request(url + path, { method, headers });
		assert.equal(r.status, status);
		assert.equal(backend.requests.length, before + (status === 200 ? 1 : 0), 'the backend saw it only where it may');
		if (status === 401) {
			assert.match(r.headers['cache-control'], /no-store/);
			if (headers !== NAVIGATE) {
				assert.match(r.headers['content-type'], /application\/json/);
				assert.deepEqual(Object.keys(r.json).sort(), ['error', 'error_description', 'request_id']);
			}
			assert.equal((await proxy.lastAccess()).reason, 'no_session');
		}
	});
}

story('a form posted by a navigation is sent to sign in and comes back as GET', async () => {
	const { url } = await w();
	const r = await new Browser().request(`${url}/form?x=1`, { headers: { ...NAVIGATE, Origin: url, 'Sec-Fetch-Site': 'same-origin' }, form: { a: 'b' } });
	assert.ok([302, 303].includes(r.status), String(r.status));
	assert.notEqual(r.status, 307);
	assert.match(r.location, /\/authorize\?/);
});

const EVIL = [
	'//evil.example', '///evil.example', '////evil.example/%2f..', '/\\evil.example', '\\/evil.example', '\\\\evil.example', '/\\/evil.example',
	'http://evil.example', 'https://evil.example', 'https:evil.example', 'https:/evil.example', 'https:///evil.example', 'HtTpS://evil.example',
	'http:\\\\evil.example', '//evil.example\\@127.0.0.1', 'javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'vbscript:x', 'mailto:a@b',
	'/\t/evil.example', '/\n/evil.example', '/\r/evil.example', '\t//evil.example', ' //evil.example', '/ /evil.example', '/%09/evil.example', '/%0a/evil.example', '/%0d/evil.example',
	'/%2f%2fevil.example', '/%2fevil.example', '/%5cevil.example', '/%5c%5cevil.example', '%2f%2fevil.example', '/.//evil.example', '/./\\evil.example', '/..//evil.example',
	'/x/..//evil.example', '/x/../..//evil.example', '/./../..//evil.example', '/%2e%2e//evil.example', '/%2e/%2fevil.example', '/;@evil.example/..//evil.example', '@evil.example', '.evil.example', 'evil.example',
	'http://127.0.0.1@evil.example', '//127.0.0.1@evil.example', '//evil.example#127.0.0.1', '//evil%E3%80%82example', '//evil\u3002example', '/\u2215/evil.example', '/\u00a0/evil.example', '\u0000//evil.example',
	'/x%0d%0aSet-Cookie:%20a=b', '/x\r\nSet-Cookie: a=b', '/x%00y', '?rd=//evil.example', '#//evil.example', '//[::1]/', '//0x7f000001/', `/${'a'.repeat(5000)}`, '//', '///', '/\\',
];
story(`rd leads nowhere else in ${EVIL.length} spellings`, async () => {
	const { url, signedIn, proxy } = await w();
	const browser = await signedIn();
	for (const rd of EVIL) {
		for (const q of [`rd=${encodeURIComponent(rd)}`, `rd=${rd.replace(/[^\x21-\x7e]/g, encodeURIComponent).replace(/[#&]/g, encodeURIComponent)}`]) {
			// Signed in already: login leads straight back.  New sign-in: by way of the provider.
			for (const b of [browser, new Browser()]) {
				const r = await b.go(url, { rawPath: `/auth/login?${q}`, headers: NAVIGATE, stop: (a) => a.location && ![new URL(url).origin, new URL((proxy.o.discoveryUrl)).origin].includes(new URL(a.location).origin) });
				for (const a of r.chain) {
					assert.ok(!a.location || [new URL(url).origin, new URL(proxy.o.discoveryUrl).origin].includes(new URL(a.location).origin), `${JSON.stringify(rd)} led to ${a.location}`);
					assert.ok(!(a.setCookies ?? []).some((c) => c.startsWith('a=b')));
				}
				assert.ok(r.status < 500, `${JSON.stringify(rd)}: ${r.status}`);
			}
		}
	}
}, 120000);

story('rd leads to a page of ours, query and all', async () => {
	const { url, signedIn } = await w();
	for (const rd of ['/', '/a/b?x=1&y=%2Fz', '/a%20b', '/search?q=http://other.example/', '/x?next=//y']) {
		const r = await new Browser().go(`${url}/auth/login?rd=${encodeURIComponent(rd)}`);
		assert.equal(r.url, url + rd);
		assert.equal(r.status, 200);
	}
	const browser = await signedIn();
	const r = await browser.go(`${url}/auth/login?rd=${encodeURIComponent('/a?b=c')}`);
	assert.equal(r.url, `${url}/a?b=c`);
});

story('a host that no public_url names gets 421, whatever X-Forwarded-Host says', async () => {
	const { port, backend } = await w();
	const before = backend.requests.length;
	const send = async (host, more = '') => (await exchange(port, `GET /public HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`))[0].status;
	assert.equal(await send('evil.example'), 421);
	assert.equal(await send('evil.example', `X-Forwarded-Host: 127.0.0.1\r\n`), 421);
	assert.equal(await send('evil.example', `Forwarded: host=127.0.0.1\r\n`), 421);
	assert.equal(await send(`127.0.0.1.evil.example:${port}`), 421);
	assert.equal(backend.requests.length, before);
	assert.equal(await send(`127.0.0.1:${port}`), 200);
	assert.equal(await send('127.0.0.1'), 200, 'the port does not matter');
});

story('the state of a sign-in does not grow with the number of attempts', async () => {
	const { url } = await w();
	const browser = new Browser();
	let size = 0;
	for (let i = 0; i < 40; i++) {
		await browser.request(`${url}/page/${i}`);
		const now = browser.jar.header(new URL(url)).length;
		if (i === 2) size = now;
	}
	assert.equal(browser.jar.header(new URL(url)).length, size);
	const end = await browser.go(`${url}/last`);
	assert.equal(end.status, 200);
	assert.equal(end.url, `${url}/last`);
});

closing(w);
