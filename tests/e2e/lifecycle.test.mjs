// Reload, stop and log rotation under load.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, FETCH } from './lib/browser.mjs';
import { sleep, until } from './lib/ports.mjs';
import { configuration, run, scratch, SECRET } from './lib/proxy.mjs';
import { exchange, Raw } from './lib/raw.mjs';
import { story, world } from './lib/world.mjs';

const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
const OPEN = 'route "/" { upstream = "app" auth = "none" }';

async function during(o, fn) {
	const own = await world(o);
	try {
		await fn(own);
	} catch (e) {
		await own.stop().catch(() => {});
		throw e;
	}
	await own.stop();
}

story('ten reloads under load: no request fails, connections stay', () => during({ routes: OPEN }, async (own) => {
	let stop = false;
	const failures = [];
	let done = 0;
	const clients = Array.from({ length: 4 }, async (_, c) => {
		const raw = await Raw.open(own.port);
		while (!stop) {
			raw.send(get(`/load/${c}`));
			const r = await raw.response();
			if (r?.status !== 200) { failures.push(r ? r.status : 'closed'); break; }
			done++;
		}
		raw.close();
	});
	const fresh = (async () => {
		while (!stop) {
			const [r] = await exchange(own.port, get('/fresh', 'Connection: close\r\n')).catch((e) => [{ status: e.message }]);
			if (r?.status !== 200) failures.push(`fresh: ${r?.status}`);
			done++;
		}
	})();
	for (let i = 0; i < 10; i++) {
		own.proxy.write(own.proxy.text.replace(/#.*\n?$/, '') + `# ${i}\n`);
		own.proxy.signal('SIGHUP');
		await sleep(120);
	}
	stop = true;
	await Promise.all([...clients, fresh]);
	assert.deepEqual(failures, []);
	assert.ok(done > 100, `${done} requests`);
}));

story('a reload takes new routes into force; a stream of the old configuration goes on', () => during({ routes: OPEN }, async (own) => {
	const stream = await Raw.open(own.port);
	stream.send(get('/sse/12'));
	await stream.wait((b) => (b.includes('data: 0') ? true : undefined));
	own.proxy.write(configuration({ ...own.settings, routes: `${OPEN}\nroute "/closed" { upstream = "app" }` }));
	own.proxy.signal('SIGHUP');
	await until('the new route', async () => (await exchange(own.port, get('/closed', 'Accept: application/json\r\n')))[0].status === 401);
	await stream.wait((b) => (b.includes('data: 8') ? true : undefined));
	stream.close();
}));

story('a reload while sign-ins wait for the provider\'s new keys: they wait on, and succeed', () => during({}, async (own) => {
	const begun = await Promise.all([1, 2, 3].map(async () => {
		const browser = new Browser();
		const away = await browser.request(`${own.url}/x`);
		return { browser, back: (await browser.request(away.location)).location };
	}));
	own.op.rotate('new', 2);
	own.op.fault.jwksDelay = 1000;
	const answers = begun.map(({ browser, back }) => browser.request(back));
	await until('all three to ask', () => own.proxy.stderr.match(/ask-keys -> take-keys/g)?.length === 3);
	await sleep(50);
	own.proxy.signal('SIGHUP');
	for (const a of await Promise.all(answers)) assert.deepEqual([a.status, a.location], [302, `${own.url}/x`], a.text);
}));

story('a reload between the callback and the wish for new keys: who asks under the old configuration is answered by the new', () => during({}, async (own) => {
	const browser = new Browser();
	const away = await browser.request(`${own.url}/x`);
	const back = (await browser.request(away.location)).location;
	own.op.rotate('new', 2);
	own.op.fault.tokenDelay = 1500; // the code is on its way while the configuration changes
	const answer = browser.request(back);
	await until('the token request', () => own.op.calls.token === 1);
	for (let i = 1; i <= 2; i++) {
		own.proxy.signal('SIGHUP');
		await until('the reload', () => (own.proxy.stderr.match(/reloaded/g) ?? []).length === i);
	}
	const a = await answer;
	assert.deepEqual([a.status, a.location], [302, `${own.url}/x`], a.text);
}));

story('a bad new file changes nothing and is reported with its line', () => during({ routes: OPEN }, async (own) => {
	const good = own.proxy.text;
	own.proxy.write(good.replace('auth = "none"', 'auth = "nonsense"'));
	assert.equal(run(['-t', '-c', own.proxy.file]).status, 1);
	own.proxy.signal('SIGHUP');
	await own.proxy.logged(/nonsense/);
	assert.equal((await exchange(own.port, get('/still')))[0].status, 200);
	own.proxy.write(`${good}\nroute "/x" {`);
	own.proxy.signal('SIGHUP');
	await sleep(300);
	assert.equal((await exchange(own.port, get('/still')))[0].status, 200);
	own.proxy.write(good);
	assert.equal(run(['-t', '-c', own.proxy.file]).status, 0);
	own.proxy.signal('SIGHUP');
	await sleep(300);
	assert.equal((await exchange(own.port, get('/still')))[0].status, 200);
}));

story('secrets rotated by list keep sessions; a secret that is gone ends them', () => during({}, async (own) => {
	const browser = await own.signedIn();
	const next = 'another-secret-of-the-tests-7hGt2LwQz5RfYx';
	const reload = async (secret) => {
		own.proxy.write(configuration({ ...own.settings, secret }));
		const before = (own.proxy.stderr.match(/reload/gi) ?? []).length;
		own.proxy.signal('SIGHUP');
		await until('the reload', () => (own.proxy.stderr.match(/reload/gi) ?? []).length > before);
		await sleep(100);
	};
	await reload(`secret = {"${next}", "${SECRET}"}`);
	assert.equal((await browser.request(`${own.url}/x`, { headers: FETCH })).status, 200, 'the old session goes on');
	const fresh = await own.signedIn();
	await reload(`secret = "${next}"`);
	assert.equal((await fresh.request(`${own.url}/x`, { headers: FETCH })).status, 200);
	assert.equal((await browser.request(`${own.url}/x`, { headers: FETCH })).status, 401);
}));

story('SIGTERM: what is in flight is finished, nothing new is accepted, exit status 0', () => during({ routes: OPEN, shutdownTimeout: '10s' }, async (own) => {
	const raw = await Raw.open(own.port);
	raw.send(get('/slow/700'));
	const idle = await Raw.open(own.port);
	await until('the request at the backend', () => own.backend.last?.target === '/slow/700');
	own.proxy.signal('SIGTERM');
	await sleep(200);
	await assert.rejects(Raw.open(own.port), 'no new connection');
	const r = await raw.response();
	assert.equal(r.status, 200);
	assert.match(r.get('connection') ?? '', /close/);
	assert.ok(await idle.end(3000), 'an idle connection is closed');
	assert.equal(await own.proxy.ended, 0);
}));

story('SIGTERM again and again, up to the very end, is no failure', () => during({ proxy: false, routes: OPEN }, async (own) => {
	for (let i = 0; i < 6; i++) {
		const proxy = await own.start();
		while (proxy.code === undefined) {
			proxy.signal('SIGTERM');
			proxy.signal('SIGHUP');
			await new Promise((resolve) => { setImmediate(resolve); });
		}
		await proxy.stop();
	}
}));

story('SIGTERM: a stream that does not end is cut at shutdown_timeout, exit status 0', () => during({ routes: OPEN, shutdownTimeout: '1s' }, async (own) => {
	const raw = await Raw.open(own.port);
	raw.send(get('/sse/100'));
	await raw.wait((b) => (b.includes('data: 0') ? true : undefined));
	const start = Date.now();
	own.proxy.signal('SIGTERM');
	assert.equal(await own.proxy.ended, 0);
	assert.ok(Date.now() - start < 5000, `${Date.now() - start} ms`);
	raw.close();
}));

story('SIGUSR1 reopens the log files', () => {
	const dir = scratch();
	return during({ routes: OPEN, dir, accessLog: join(dir, 'access.log'), log: `file = "${join(dir, 'error.log')}"` }, async (own) => {
		const access = join(dir, 'access.log');
		await exchange(own.port, get('/before'));
		await until('the record', () => existsSync(access) && readFileSync(access, 'utf8').includes('/before'));
		renameSync(access, `${access}.1`);
		own.proxy.signal('SIGUSR1');
		await until('the new file', () => existsSync(access));
		await exchange(own.port, get('/after'));
		await until('the record', () => readFileSync(access, 'utf8').includes('/after'));
		assert.ok(!readFileSync(`${access}.1`, 'utf8').includes('/after'));
	});
});

story('the admin listener answers health, readiness and metrics; the public one does not', () => during({ routes: 'route "/app" { upstream = "app" auth = "none" }' }, async (own) => {
	const ask = (path, port = own.adminPort) => new Browser().request(`http://127.0.0.1:${port}${path}`, { headers: {} });
	assert.equal((await ask('/healthz')).status, 200);
	const ready = await until('readiness', async () => { const r = await ask('/readyz?strict'); return r.status === 200 && r; });
	assert.match(ready.text, /main/);
	assert.match(ready.text, /app/);
	await ask('/nowhere', own.port);
	const metrics = await ask('/metrics');
	assert.match(metrics.headers['content-type'], /text\/plain/);
	assert.match(metrics.text, /^workflow_proxy_/m);
	assert.match(metrics.text, /reason="no_route"/);
	assert.equal((await ask('/nothing-here')).status, 404);
	for (const path of ['/healthz', '/readyz', '/metrics']) assert.equal((await ask(path, own.port)).status, 404);
	await own.backend.stop();
	await until('not ready', async () => (await ask('/readyz')).status === 503, 20000);
}));

story('max_connections: beyond it a quick 503 or a pause, and those inside go on', () => during({ routes: OPEN, workers: 1, limits: 'max_connections = 50' }, async (own) => {
	const raws = [];
	const first = await Raw.open(own.port);
	first.send(get('/p'));
	await first.response();
	for (let i = 0; i < 80; i++) raws.push(await Raw.open(own.port).catch(() => null));
	first.send(get('/p'));
	assert.equal((await first.response()).status, 200);
	for (const r of raws) r?.close();
	await sleep(300);
	assert.equal((await exchange(own.port, get('/p')))[0].status, 200);
	first.close();
}));
