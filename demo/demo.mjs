// `make demo`: the proxy, a certified OpenID provider and a sample application on loopback, until Ctrl-C.
//
//   PORT=8080         where to open it; the provider takes PORT+1, the application PORT+2, the admin listener PORT+3
//   DEMO_CHECK=1      start on free ports, sign in by script, print the greeting, stop
import { fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser } from '../tests/e2e/lib/browser.mjs';

const top = fileURLToPath(new URL('..', import.meta.url));
const binary = process.env.WORKFLOW_PROXY ?? join(top, 'workflow-proxy');
const check = Boolean(process.env.DEMO_CHECK);

const isFree = (port) => new Promise((resolve) => {
	const server = createServer();
	server.once('error', () => resolve(false));
	server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});
const anyPort = () => new Promise((resolve, reject) => {
	const server = createServer();
	server.once('error', reject);
	server.listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
const accepts = (port) => new Promise((resolve) => {
	const socket = connect(port, '127.0.0.1');
	socket.once('connect', () => { socket.destroy(); resolve(true); });
	socket.once('error', () => resolve(false));
});
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function choosePorts() {
	const first = Number(process.env.PORT || 8080);
	const ports = check ? [] : [0, 1, 2, 3].map((i) => first + i);
	const taken = [];
	for (const port of ports) if (!await isFree(port)) taken.push(port);
	if (check || taken.length) {
		if (taken.length) console.log(`Port ${taken.join(', ')} is taken: other ports are used. PORT=... chooses.`);
		ports.length = 0;
		while (ports.length < 4) {
			const port = await anyPort();
			if (!ports.includes(port)) ports.push(port);
		}
	}
	const [proxy, provider, app, admin] = ports;
	return { proxy, provider, app, admin };
}

function configure(dir, port) {
	const secret = (name) => {
		const value = randomBytes(32).toString('base64url');
		writeFileSync(join(dir, name), `${value}\n`, { mode: 0o600 });
		return value;
	};
	const clientSecret = secret('client.secret');
	secret('session.secret');
	const file = join(dir, 'workflow-proxy.conf');
	writeFileSync(file, `# The demo's configuration: everything on loopback.
public_url = "http://127.0.0.1:${port.proxy}"
shutdown_timeout = "2s"
listen "127.0.0.1:${port.proxy}" { }
admin "127.0.0.1:${port.admin}" { }
log { access = "${dir}/access.log" level = "info" file = "${dir}/proxy.log" }
provider "demo" {
	discovery_url = "http://127.0.0.1:${port.provider}/.well-known/openid-configuration"
	client_id = "workflow-proxy-demo"
	client_secret_file = "${dir}/client.secret"
}
session { secret_file = "${dir}/session.secret" timeout = "8h" }
upstream "inbox" { servers = {"http://127.0.0.1:${port.app}"} }
route "/" {
	upstream = "inbox"
	claim_headers = {"X-Claim-Name=name", "X-Claim-Email=email", "X-Claim-Groups=groups"}
}
route "/public" { upstream = "inbox" auth = "none" }
`, { mode: 0o600 });
	return { file, clientSecret };
}

function child(script, args) {
	const c = fork(join(top, script), args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
	let said = '';
	c.stderr.on('data', (d) => { said += d; });
	return new Promise((resolve, reject) => {
		c.once('message', () => resolve(c));
		c.once('exit', (code) => reject(new Error(`${script} ended with ${code}: ${said}`)));
	});
}

async function startProxy(file, port, dir) {
	const proxy = spawn(binary, ['-c', file], { stdio: ['ignore', 'inherit', 'inherit'] });
	let ended = null;
	proxy.once('error', (e) => { ended = e.message; });
	proxy.once('exit', (code, signal) => { ended = `it ended with ${code ?? signal}`; });
	for (let i = 0; i < 200; i++) {
		if (ended === null && await accepts(port)) return proxy;
		if (ended !== null) {
			const log = join(dir, 'proxy.log');
			throw new Error(`workflow-proxy did not start: ${ended}\n${existsSync(log) ? readFileSync(log, 'utf8') : ''}`);
		}
		await sleep(50);
	}
	throw new Error('workflow-proxy does not accept connections');
}

// What a person would do: open the page, sign in, read the greeting, sign out.
async function signInOnce(url) {
	const browser = new Browser();
	const page = await browser.signIn(`${url}/`, 'demo-user');
	const greeting = /id="greeting">([^<]*)</.exec(page.text)?.[1];
	if (page.status !== 200 || greeting !== 'Hello, demo-user') {
		throw new Error(`the sign-in ended with status ${page.status} at ${page.url}:\n${page.text.slice(0, 600)}`);
	}
	console.log(greeting);
}

function instructions(port, dir) {
	const line = (text = '') => console.log(text);
	line();
	line(`  Open             http://127.0.0.1:${port.proxy}/`);
	line('  Sign in as       any name, any password (the provider believes everyone)');
	line();
	line(`  Without sign-in  http://127.0.0.1:${port.proxy}/public/status`);
	line(`  Your session     http://127.0.0.1:${port.proxy}/auth/session`);
	line(`  Readiness        http://127.0.0.1:${port.admin}/readyz      Metrics  http://127.0.0.1:${port.admin}/metrics`);
	line(`  Configuration    ${dir}/workflow-proxy.conf`);
	line(`  Logs             ${dir}/access.log, ${dir}/proxy.log`);
	line();
	line('  Ctrl-C stops everything.');
	line();
}

const dir = mkdtempSync(join(tmpdir(), 'workflow-proxy-demo-')); // 0700
const children = [];
let proxy;
let stopping = false;

async function stop(status) {
	if (stopping) return;
	stopping = true;
	if (proxy && proxy.exitCode === null && proxy.signalCode === null) {
		const gone = new Promise((resolve) => { proxy.once('exit', resolve); });
		proxy.kill('SIGTERM');
		await Promise.race([gone, sleep(5000)]);
		proxy.kill('SIGKILL');
	}
	await Promise.all(children.map((c) => new Promise((resolve) => { c.once('exit', resolve); if (!c.kill('SIGKILL')) resolve(); })));
	rmSync(dir, { recursive: true, force: true });
	process.exit(status);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0));

try {
	const port = await choosePorts();
	const url = `http://127.0.0.1:${port.proxy}`;
	const { file, clientSecret } = configure(dir, port);
	children.push(await child('demo/backend.mjs', [String(port.app)]));
	children.push(await child('tests/e2e/lib/provider.mjs', [JSON.stringify({
		port: port.provider,
		clients: [{
			client_id: 'workflow-proxy-demo', client_secret: clientSecret,
			redirect_uris: [`${url}/auth/callback`], post_logout_redirect_uris: [`${url}/auth/logout/return`],
		}],
	})]));
	proxy = await startProxy(file, port.proxy, dir);
	proxy.once('exit', (code) => { if (!stopping) { console.error(`workflow-proxy ended with ${code}`); stop(1); } });
	if (check) {
		await signInOnce(url);
		await stop(0);
	}
	instructions(port, dir);
} catch (e) {
	console.error(`demo: ${e.message}`);
	await stop(1);
}
