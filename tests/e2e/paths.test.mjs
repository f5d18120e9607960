// Paths that can be read in two ways: what is protected stays protected, whichever way the backend reads them.
import assert from 'node:assert/strict';
import { exchange } from './lib/raw.mjs';
import { closing, shared, story } from './lib/world.mjs';

const openPublic = shared({}); // "/" protected, "/public" open
const windows = shared({
	routes: `route "/" { upstream = "app" auth = "none" windows_paths = yes }
		route "/admin" { upstream = "app" windows_paths = yes }`,
});
const openRoot = shared({
	routes: `route "/" { upstream = "app" auth = "none" }
		route "/admin" { upstream = "app" }
		route "/admin/open" { upstream = "app" auth = "none" }`,
});

// What the most lenient backend might make of a path: decoded again and again, "\" as "/", ";x" cut, dots resolved, any case.
function readings(path) {
	const out = new Set();
	let p = path.split(/[?#]/)[0].replace(/^http:\/\/[^/]*/, '');
	for (let round = 0; round < 4; round++) {
		for (const cut of [p, p.replace(/;[^/]*/g, '')]) {
			const segments = [];
			for (const s of cut.replace(/\\/g, '/').split('/')) {
				if (s === '..') segments.pop();
				else if (s !== '.' && s !== '') segments.push(s.toLowerCase());
			}
			out.add(`/${segments.join('/')}`);
		}
		p = p.replace(/%([0-9a-f]{2})/gi, (_, h) => String.fromCharCode(parseInt(h, 16)));
	}
	return [...out];
}
const below = (p, prefix) => p === prefix || p.startsWith(`${prefix}/`);

const publicWitnesses = ['/public/../admin', '/public/%2e%2e/admin', '/public/.%2e/secret', '/public/%2e./secret', '/public/..;x/admin', '/public/..;/admin', '/public;/../admin', '/public/..%2fadmin', '/public/..%2Fadmin',
	'/public%2f..%2fadmin', '/public%2f../admin', '/public/%252e%252e/admin', '/public/%252e%252e%252fadmin', '/public/%%32%65%%32%65/admin', '/public/..%5cadmin', '/public%5c..%5cadmin', '/public/%5c../admin', '/public/..%c0%afadmin',
	'/public/%c0%ae%c0%ae/admin', '/public/..%00/admin', '/public/x/../../admin', '/public/./../admin', '/public//../admin', '/public/..//admin', '/public/../', '/public/..', '/public/%2e%2e', '//public/../admin', '/public/x%2f..%2f..%2fadmin', '/public/%2e%2e%3b/admin'];
const adminWitnesses = ['/admin', '/admin/', '//admin', '///admin', '/./admin', '/.//admin', '/x/../admin', '/%61dmin', '/%61%64%6d%69%6e', '/admin%2f', '/%2fadmin', '/%2Fadmin', '/%2f%2fadmin', '/%5cadmin', '/admin%5csecret', '/x%5c..%5cadmin',
	'/ADMIN', '/Admin', '/aDmIn/x', '/admin;x=1', '/admin;jsessionid=1', '/;x/admin', '/admin%3bx', '/admin/.', '/admin/..;/admin', '/x/..;/admin', '/x;/../admin', '/%2e/admin', '/x/%2e%2e/admin', '/x/%2e%2e%2fadmin', '/x/.%2e/admin', '/%252e/admin',
	'/%2561dmin', '/x/%252e%252e/admin', '/%%36%31dmin', '/admin%00', '/admin%20', '/admin/%20', '/admin.', '/admin%2e', '/%c1%a1dmin', '/%e0%80%afadmin', '/cgi-bin/.%2e/admin', '/admin?x', '/admin/x?y=/public', 'http://127.0.0.1/admin', 'http://127.0.0.1//admin',
	'/admin/open/../x', '/admin/open/%2e%2e/x', '/admin/open/..%2fx', '/admin/open/..;/x', '/admin/open%2f../x'];

async function check(get, witnesses, isOpen) {
	const { port, backend } = await get();
	const failures = [];
	for (const path of witnesses) {
		const n = backend.requests.length;
		const [r] = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n`);
		const seen = backend.requests.slice(n);
		if (![200, 400, 401, 404].includes(r?.status)) failures.push(`${path}: ${r?.status}`);
		if (r?.status !== 200 && seen.length) failures.push(`${path}: ${r?.status}, but the backend saw it`);
		for (const q of seen) {
			const bad = readings(q.target).filter((p) => !isOpen(p));
			if (bad.length) failures.push(`${path}: went upstream as ${q.target}, which may be read as ${bad}`);
		}
	}
	assert.deepEqual(failures, []);
}

story(`${publicWitnesses.length} ways out of an open folder lead nowhere`, () => check(openPublic, publicWitnesses, (p) => below(p, '/public')));
story(`${adminWitnesses.length} spellings of a protected folder below an open root are protected`, () =>
	check(openRoot, adminWitnesses, (p) => below(p, '/admin/open') || !below(p, '/admin')));

story('behind IIS, what Windows folds away is refused', async () => {
	const { port, backend } = await windows();
	const n = backend.requests.length;
	for (const path of ['/admin.', '/admin%2e', '/admin%20', '/admin/x.', '/x./admin', '/admin::$DATA', '/ADMIN~1', '/admin~1', '/x/%u002e', '/admin./x', '/admin%20/x', '/x/admin::$INDEX_ALLOCATION/y']) {
		const [r] = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n`);
		assert.ok([400, 401].includes(r.status), `${path}: ${r.status}`);
	}
	assert.equal(backend.requests.length, n);
});

story('the path that was judged is the path that is sent', async () => {
	const { port, backend } = await openPublic();
	for (const [sent, arrived] of [['/public/a%7Eb', '/public/a~b'], ['/public/./x', '/public/x'], ['/public//x', '/public/x'], ['/public/y/../x?q=/../z', '/public/x?q=/../z'], ['/public/%c3%a4', '/public/%C3%A4'], ['/public/a%20b', '/public/a%20b'], ['http://127.0.0.1/public?x', '/public?x']]) {
		const [r] = await exchange(port, `GET ${sent} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
		assert.equal(r.status, 200, sent);
		assert.equal(backend.last.target, arrived);
	}
});

story('a prefix ends at a segment: /publicity is not /public', async () => {
	const { port } = await openPublic();
	for (const path of ['/publicity', '/public-x', '/public.html', '/publi']) {
		const [r] = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n`);
		assert.ok([400, 401].includes(r.status), `${path}: ${r.status}`);
	}
});

closing(openPublic, openRoot, windows);
