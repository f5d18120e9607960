// Measures the life of sessions: what a request costs with each store, what a sign-in costs, what a session takes in
// memory, and whether sessions outlive their tokens under load.  Prints Markdown tables; exits with 1 when something
// that must hold does not.  One worker, on a CPU of its own where there are two; loopback only; bounded in time;
// everything it starts is ended on exit.
//
//   node tests/bench/sessions.mjs                    all of it (five to six minutes on a quiet machine)
//   node tests/bench/sessions.mjs --sessions 500 --signins 100 --rounds 1 --secs 1 --window 10     a look whether it works
//   --phases cost,signin,memory,refresh   --stores cookie,memory,redis
//   --limit 360      seconds, after which it is given up
//   --window 35      seconds within which all sessions come due
//
// WORKFLOW_PROXY_RELEASE names the binary (default: build/release/workflow-proxy).
import { fork, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort, sleep, until } from '../e2e/lib/ports.mjs';
import { Proxy, RELEASE } from '../e2e/lib/proxy.mjs';
import { Redis } from '../e2e/lib/redis.mjs';
import { Server, signIn } from './visitors.mjs';

const EVERY = 5; // seconds between two requests of a session
const QUIET = 5; // seconds of requests before the first session is due
const BROWSERS = 16; // that sign in at the same time

const { values: a } = parseArgs({
	options: {
		sessions: { type: 'string', default: '10000' }, signins: { type: 'string', default: '2000' }, rounds: { type: 'string', default: '3' },
		secs: { type: 'string', default: '2' }, window: { type: 'string', default: '35' }, limit: { type: 'string', default: '360' },
		phases: { type: 'string', default: 'cost,signin,memory,refresh' }, stores: { type: 'string', default: 'cookie,memory,redis' },
	},
});
for (const name of ['sessions', 'signins', 'rounds', 'secs', 'window', 'limit']) a[name] = Number(a[name]);
const stores = a.stores.split(',');

const say = (...x) => console.error(' ', ...x);
const failed = [];
const children = new Set();
const tmp = mkdtempSync(join(tmpdir(), 'bench-sessions.'));
process.env.TMPDIR = tmp;
process.env.PATH += ':/usr/sbin:/sbin';

process.on('exit', () => {
	for (const c of children) c.kill('SIGKILL');
	rmSync(tmp, { recursive: true, force: true });
});
for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(s, () => process.exit(1));
setTimeout(() => {
	console.error(`not done after ${a.limit} s: given up (--limit)`);
	process.exit(1);
}, a.limit * 1000).unref();

function must(holds, what) {
	if (!holds) failed.push(what);
}

function mine(child) {
	children.add(child);
	child.once('exit', () => children.delete(child));
	return child;
}

// --- the machine ---

// The CPUs that we may use: the first is the proxy's, all else shares the others.
function cpus() {
	const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
	return list.split(',').flatMap((r) => {
		const [from, to = from] = r.split('-').map(Number);
		return Array.from({ length: to - from + 1 }, (_, i) => from + i);
	});
}
const all = cpus();

function pin(pid, where) {
	if (all.length < 2) return;
	const r = spawnSync('taskset', ['-a', '-cp', where.join(','), String(pid)], { encoding: 'utf8' });
	if (r.status !== 0) throw new Error(`taskset: ${r.stderr}`);
}

// Microseconds of CPU that a process has used so far.
function cpu(pid) {
	const of = (t) => Number(readFileSync(`/proc/${pid}/task/${t}/schedstat`, 'utf8').split(' ')[0]);
	return readdirSync(`/proc/${pid}/task`).reduce((n, t) => n + of(t), 0) / 1000;
}

const anonymous = (pid) => Number(/^Anonymous:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024;

function table(title, head, rows) {
	console.log(`### ${title}\n\n| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`);
	for (const r of rows) console.log(`| ${r.join(' | ')} |`);
	console.log('');
}

const sorted = (v) => [...v].sort((x, y) => x - y);
const median = (v) => { const s = sorted(v); return (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2; };
const spread = (v, digits = 1) => `${median(v).toFixed(digits)} (${Math.min(...v).toFixed(digits)}–${Math.max(...v).toFixed(digits)})`;
const p99 = (v) => (v.length ? sorted(v)[Math.floor(v.length * 0.99)] : NaN);
const ms = (v) => (Number.isNaN(v) ? '–' : v.toFixed(1));
const count = (n) => n.toLocaleString('en-US');

// --- what runs beside the proxy ---

async function startUpstream() {
	const port = await freePort();
	const dir = mkdtempSync(join(tmp, 'nginx.'));
	writeFileSync(join(dir, 'nginx.conf'), `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/error.log;
events { worker_connections 4096; }
http {
  access_log off; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests 1000000000; large_client_header_buffers 4 16k;
  client_body_temp_path ${dir}/1; proxy_temp_path ${dir}/2; fastcgi_temp_path ${dir}/3; uwsgi_temp_path ${dir}/4; scgi_temp_path ${dir}/5;
  server { listen 127.0.0.1:${port} backlog=4096; default_type application/octet-stream; location / { return 200 "${'x'.repeat(1024)}"; } }
}
`);
	mine(spawn('nginx', ['-e', join(dir, 'error.log'), '-c', join(dir, 'nginx.conf')], { stdio: 'ignore' }));
	await until('nginx', () => fetch(`http://127.0.0.1:${port}/`).then((r) => r.ok, () => false));
	return `http://127.0.0.1:${port}`;
}

async function startProvider() {
	const port = await freePort();
	const child = mine(fork(fileURLToPath(new URL('issuer.mjs', import.meta.url)), [String(port)]));
	const answer = () => new Promise((resolve, reject) => {
		const gone = () => reject(new Error('the provider is gone'));
		child.once('exit', gone);
		child.once('message', (m) => { child.off('exit', gone); resolve(m); });
	});
	await answer();
	return {
		pid: child.pid, url: `http://127.0.0.1:${port}`, server: new Server(port, BROWSERS),
		ask(m) { const r = answer(); child.send(m); return r; },
	};
}

async function startRedis() {
	const r = await Redis.start();
	mine(r.child);
	return r;
}

// A proxy of its own for each question.  o: store, alg, instances: how many share the redis, as one site.
async function startSite(o = {}) {
	const { store = 'cookie', alg = 'ES256', instances = 1 } = o;
	const site = { proxies: [], servers: [], redis: store === 'redis' ? await startRedis() : null };
	for (let i = 0; i < instances; i++) {
		const port = await freePort();
		const dir = join(tmp, `proxy.${port}`);
		mkdirSync(dir);
		site.url ??= `http://127.0.0.1:${port}`;
		const p = await Proxy.start({
			bin: RELEASE, dir, port, adminPort: await freePort(), publicUrl: site.url, workers: 1, accessLog: 'off', logLevel: 'warn',
			limits: 'logins_per_minute = 1000000 idle_timeout = "10m" max_connections = 4096',
			discoveryUrl: `${provider.url}/.well-known/openid-configuration`, clientId: `bench-${alg}`,
			provider: `id_token_signed_response_alg = "${alg}"`,
			session: `timeout = "8h" store = ${store} ${site.redis ? `redis = "${site.redis.url}"` : ''}`,
			servers: [upstream], upstream: 'keepalive = 128',
			routes: 'route "/" { upstream = "app" }\nroute "/token" { upstream = "app" access_token_header = "X-Forwarded-Access-Token" }',
		});
		mine(p.child);
		pin(p.pid, all.slice(0, 1));
		await until('the provider\'s keys', () => fetch(`${p.admin}/readyz?strict`).then((r) => r.ok, () => false));
		site.proxies.push(p);
		site.servers.push(new Server(port, 1024, new URL(site.url).host));
	}
	site.cpu = () => site.proxies.reduce((n, p) => n + cpu(p.pid), 0);
	site.stop = async () => {
		for (const s of site.servers) s.close();
		for (const p of site.proxies) await p.stop();
		await site.redis?.stop();
		for (const line of new Set(site.proxies.flatMap((p) => p.stderr.split('\n').filter(Boolean).slice(0, 3)))) say('log:', line.slice(0, 300));
	};
	return site;
}

async function signInMany(site, n) {
	const jars = [];
	let next = 0;
	const began = performance.now();
	await Promise.all(Array.from({ length: BROWSERS }, async () => {
		while (next < n) jars.push(await signIn(site.servers[next++ % site.servers.length], provider.server));
	}));
	return { jars, secs: (performance.now() - began) / 1000 };
}

const UNIT = { us: 0.001, ms: 1, s: 1000, m: 60000 };

// One run of wrk with a session: requests, how many a second, p99 in ms, those without a 200.
// o: connections; nice: it takes the CPU that provider and browsers leave
async function wrk(url, jar, secs, o = {}) {
	const args = ['-n', String(o.nice ?? 0), 'wrk', '-t1', `-c${o.connections ?? 64}`, `-d${secs}s`, '--latency', '-H', `Cookie: ${jar.header}`, url];
	const child = mine(spawn('nice', args, { stdio: ['ignore', 'pipe', 'inherit'] }));
	let text = '';
	child.stdout.on('data', (d) => { text += d; });
	await new Promise((resolve) => { child.once('close', resolve); });
	const number = (pattern) => Number(pattern.exec(text)?.[1] ?? 0);
	const [, value, unit] = /^\s+99%\s+([\d.]+)(us|ms|s|m)$/m.exec(text) ?? [];
	const errors = (/Socket errors: (.*)/.exec(text)?.[1].match(/\d+/g) ?? []).reduce((n, x) => n + Number(x), 0);
	return { n: number(/(\d+) requests in/), rps: number(/Requests\/sec:\s+([\d.]+)/), p99: value * UNIT[unit], bad: number(/Non-2xx or 3xx responses: (\d+)/) + errors };
}

// --- 1: a request ---

async function measureCost() {
	const rows = [];
	for (const store of stores) {
		const site = await startSite({ store });
		const jar = await signIn(site.servers[0], provider.server);
		for (const path of ['/', '/token']) rows.push({ store, path, site, jar, us: [], rps: [], redis: [], bad: 0 });
	}
	for (let round = 0; round < a.rounds; round++) {
		for (const r of rows) {
			await wrk(r.site.url + r.path, r.jar, 1);
			const before = [r.site.cpu(), r.site.redis ? cpu(r.site.redis.child.pid) : 0];
			const d = await wrk(r.site.url + r.path, r.jar, a.secs);
			r.us.push((r.site.cpu() - before[0]) / d.n);
			if (r.site.redis) r.redis.push((cpu(r.site.redis.child.pid) - before[1]) / d.n);
			r.rps.push(d.rps);
			r.bad += d.bad;
			say(`cost ${round + 1} ${r.store} ${r.path}: ${r.us.at(-1).toFixed(1)} us, ${d.rps.toFixed(0)}/s, ${d.bad} bad`);
		}
	}
	for (const r of rows) must(r.bad === 0, `${r.bad} requests without a 200 with store = ${r.store} at ${r.path}`);
	for (const site of new Set(rows.map((r) => r.site))) await site.stop();
	table(`A request with a valid session, 64 connections, 1 KB answer (${a.rounds} rounds × ${a.secs} s: median (min–max))`,
		['store', 'access_token_header', 'proxy CPU µs/request', '÷ first row', 'requests/s', 'redis CPU µs/request', 'bytes of cookies'],
		rows.map((r) => [r.store, r.path === '/' ? 'no' : 'yes', spread(r.us), (median(r.us) / median(rows[0].us)).toFixed(2), spread(r.rps, 0),
			r.redis.length ? spread(r.redis) : '–', r.jar.header.length]));
}

// --- 2: a sign-in ---

async function measureSignIns() {
	const rows = [];
	for (const alg of ['RS256', 'ES256']) rows.push({ alg, site: await startSite({ alg }), rate: [], us: [], busy: [] });
	for (const r of rows) await signInMany(r.site, Math.ceil(a.signins / 10));
	for (let round = 0; round < a.rounds; round++) {
		for (const r of rows) {
			await provider.ask({ n: 0 });
			const before = r.site.cpu();
			const { secs } = await signInMany(r.site, a.signins);
			const us = r.site.cpu() - before;
			r.rate.push(a.signins / secs);
			r.us.push(us / a.signins);
			r.busy.push(us / 1e4 / secs);
			const c = await provider.ask({});
			must(c.signIns === a.signins && c.errors === 0, `${a.signins} sign-ins (${r.alg}), but the provider saw ${c.signIns}, and ${c.errors} errors`);
			say(`signin ${round + 1} ${r.alg}: ${r.rate.at(-1).toFixed(0)}/s, ${r.us.at(-1).toFixed(0)} us`);
		}
	}
	for (const r of rows) await r.site.stop();
	table(`Sign-ins: /, provider, callback, / again; ${count(a.signins)} a round, ${BROWSERS} browsers at a time, store = cookie (${a.rounds} rounds: median (min–max))`,
		['ID token', 'sign-ins/s, with browsers and provider on the other CPU', 'proxy CPU µs/sign-in', 'sign-ins per proxy CPU-second', 'proxy CPU busy'],
		rows.map((r) => [r.alg, spread(r.rate, 0), spread(r.us, 0), (1e6 / median(r.us)).toFixed(0), `${median(r.busy).toFixed(0)}%`]));
}

// --- 3: a session in memory ---

async function measureMemory() {
	const site = await startSite({ store: 'memory' });
	const first = Math.ceil(a.sessions / 10);
	const used = [];
	await provider.ask({ n: 0 });
	for (const n of [first, a.sessions]) {
		await signInMany(site, n);
		await sleep(1000);
		used.push(anonymous(site.proxies[0].pid));
	}
	const { signIns } = await provider.ask({});
	must(signIns === first + a.sessions, `${first + a.sessions} sessions, but the provider saw ${signIns}`);
	await site.stop();
	const mib = (n) => (n / 1024 / 1024).toFixed(1);
	table('Memory with store = memory; ID token 1 KB, access token 1.5 KB, refresh token 1 KB',
		[`MiB anonymous after ${count(first)} sessions`, `after ${count(first + a.sessions)}`, 'KiB a session'],
		[[mib(used[0]), mib(used[1]), ((used[1] - used[0]) / 1024 / a.sessions).toFixed(2)]]);
}

// --- 4: tokens that run out under load ---

// Signs all in, with tokens that come due between from and to; who signs in first is due first.
async function signInAhead(site) {
	await provider.ask({ n: 0 });
	const few = Math.min(300, a.sessions);
	const rate = few / (await signInMany(site, few)).secs;
	const from = Date.now() + 1.15 * a.sessions / rate * 1000 + QUIET * 1000;
	const to = from + a.window * 1000;
	const other = await signIn(site.servers[0], provider.server); // for wrk
	await provider.ask({ n: a.sessions, from, to });
	const { jars, secs } = await signInMany(site, a.sessions);
	say(`${jars.length} sessions in ${secs.toFixed(1)} s; due in ${((from - Date.now()) / 1000).toFixed(1)} s and for ${a.window} s`);
	return { other, from, to, visitors: jars.map((jar) => ({ jar, due: jar.due })) };
}

// Each session asks every 5 s; from when it is due until it has new tokens two requests at a time, at both instances
// where there are two, as a page and what belongs to it would.
async function load(site, visitors, end) {
	const seen = { before: [], after: [], answers: 0, bad: new Map() };
	const running = new Set();
	const began = performance.now();
	const start = Date.now();
	let sent = 0;
	const first = Math.min(...visitors.map((v) => v.due));

	async function request(v, at) {
		const t0 = performance.now();
		const into = Date.now() < first ? seen.before : seen.after;
		const what = await site.servers[at % site.servers.length].get('/', v.jar).then((r) => r.status, (e) => e.message);
		into.push(performance.now() - t0);
		seen.answers++;
		if (what !== 200) seen.bad.set(what, (seen.bad.get(what) ?? 0) + 1);
	}
	while (Date.now() < end) {
		const now = (performance.now() - began) / 1000;
		for (; sent < now * visitors.length / EVERY; sent++) {
			const v = visitors[sent % visitors.length];
			const turn = Math.floor(sent / visitors.length) + sent;
			for (const i of v.jar.due === v.due && v.due <= Date.now() ? [0, 1] : [0]) {
				const r = request(v, turn + i).finally(() => running.delete(r));
				running.add(r);
			}
		}
		await sleep(5);
	}
	await Promise.all(running);
	seen.rps = seen.answers / (Date.now() - start) * 1000;
	return seen;
}

async function refreshUnder(store) {
	const n = a.sessions;
	const site = await startSite({ store, instances: store === 'redis' ? 2 : 1 });
	const s = await signInAhead(site);
	const end = Math.max(s.to, Date.now()) + (2 * EVERY + 1) * 1000;
	const beside = wrk(`${site.url}/`, s.other, Math.ceil((end - Date.now()) / 1000), { connections: 16, nice: 10 });
	const used = () => [site.cpu(), cpu(process.pid), cpu(provider.pid)];
	const before = used();
	const began = Date.now();
	const seen = await load(site, s.visitors, end);
	const busy = used().map((us, i) => `${((us - before[i]) / 10 / (Date.now() - began)).toFixed(0)}%`);
	const w = await beside;
	const c = await provider.ask({});
	const bad = [...seen.bad.values()].reduce((x, y) => x + y, 0);
	const renewed = s.visitors.filter((v) => v.jar.due > v.due).length;
	await site.stop();

	say(`refresh ${store}:`, JSON.stringify(c), `renewed ${renewed}, not 200: ${JSON.stringify([...seen.bad])}, wrk: ${w.bad} of ${w.n} bad; CPU: proxy ${busy[0]}, browsers ${busy[1]}, provider ${busy[2]}`);
	must(s.visitors.every((v) => v.due <= s.to + 2000 && v.due >= s.from - 2000), `store = ${store}: sessions that are due at another time than they should be`);
	must(c.refreshes === n && c.most === 1 && c.replayed === 0, `store = ${store}: ${c.refreshes} token requests for ${n} sessions, at most ${c.most} for one, ${c.replayed} with a token used before`);
	must(renewed === n, `store = ${store}: ${renewed} of ${n} browsers have a renewed session`);
	must(bad === 0, `store = ${store}: ${bad} requests without a 200: ${JSON.stringify([...seen.bad])}`);
	must(w.bad === 0 && w.n > 0, `store = ${store}: of wrk's ${w.n} requests ${w.bad} without a 200`);
	must(c.errors === 0, `store = ${store}: ${c.errors} errors at the provider`);
	return [store + (site.proxies.length > 1 ? `, ${site.proxies.length} instances` : ''), count(c.refreshes), c.most, c.errors, count(seen.answers + w.n), bad + w.bad, count(renewed),
		ms(p99(seen.before)), ms(p99(seen.after)), ms(w.p99), count(Math.round(seen.rps)), count(Math.round(w.rps)), busy[0]];
}

async function measureRefresh() {
	const rows = [];
	for (const store of stores) rows.push(await refreshUnder(store));
	table(`${count(a.sessions)} sessions whose tokens come due within ${a.window} s, each with a request every ${EVERY} s, and wrk beside (16 connections)`,
		['store', 'token requests', 'most for one session', 'errors at the provider', 'answers', 'of them not 200', 'browsers with a renewed session',
			'p99 ms before any is due', 'p99 ms from then on', 'wrk\'s p99 ms', 'sessions\' requests/s', 'wrk\'s requests/s', 'proxy CPU busy'], rows);
}

// --- all of it ---

const PHASES = { cost: measureCost, signin: measureSignIns, memory: measureMemory, refresh: measureRefresh };

if (all.length > 1) pin(process.pid, all.slice(1));
const began = Date.now();
say(`load of this machine before: ${loadavg().map((x) => x.toFixed(2)).join(' ')}`);
const upstream = await startUpstream();
const provider = await startProvider();
console.log(`## Sessions, ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${all.length} CPUs, one worker\n`);
for (const name of a.phases.split(',')) {
	if (!(name in PHASES)) throw new Error(`there is no phase "${name}"`);
	await PHASES[name]();
}
say(`took ${((Date.now() - began) / 1000).toFixed(0)} s`);
for (const f of failed) console.log(`FAILED: ${f}`);
process.exit(failed.length ? 1 : 0);
