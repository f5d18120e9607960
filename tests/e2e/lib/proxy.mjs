// workflow-proxy as a child process: its configuration, its logs, and a stop that asserts a clean end.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, until } from './ports.mjs';

const top = fileURLToPath(new URL('../../..', import.meta.url));
export const ASAN = process.env.WORKFLOW_PROXY ?? join(top, 'build/asan/workflow-proxy');
export const RELEASE = process.env.WORKFLOW_PROXY_RELEASE ?? join(top, 'build/release/workflow-proxy');

export const SECRET = 'one-secret-of-the-tests-2q8Zr7XbN4vK9mTd';
const env = {
	PATH: process.env.PATH, LANG: 'C.UTF-8',
	ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:exitcode=99',
	UBSAN_OPTIONS: 'print_stacktrace=1:exitcode=98',
};
const SANITIZER = /ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer/;

export function scratch() {
	return mkdtempSync(join(tmpdir(), 'workflow-proxy-e2e-'));
}

// A configuration from what the tests vary; every part may be replaced by a text.
export function configuration(o) {
	const routes = o.routes ?? 'route "/" { upstream = "app" }\nroute "/public" { upstream = "app" auth = "none" }';
	return `${o.top ?? ''}
public_url = ${o.publicUrl ? (Array.isArray(o.publicUrl) ? `{${o.publicUrl.map((u) => `"${u}"`).join(', ')}}` : `"${o.publicUrl}"`) : `"http://127.0.0.1:${o.port}"`}
workers = ${o.workers ?? 2}
shutdown_timeout = "${o.shutdownTimeout ?? '3s'}"
listen "127.0.0.1:${o.port}" { ${o.listen ?? ''} }
admin "${o.adminListen ?? '127.0.0.1'}:${o.adminPort}" { ${o.admin ?? ''} }
log { level = "${o.logLevel ?? 'debug'}" format = "${o.logFormat ?? 'json'}" access = "${o.accessLog ?? '-'}" ${o.log ?? ''} }
limits { ${o.limits ?? ''} }
provider "main" {
	discovery_url = "${o.discoveryUrl}"
	client_id = "${o.clientId ?? 'rp'}"
	${o.clientAuth ?? `client_secret = "${o.clientSecret ?? 'client-secret-of-the-tests-0123456789'}"`}
	${o.provider ?? ''}
}
session { ${o.secret ?? `secret = "${SECRET}"`} ${o.session ?? ''} }
upstream "app" { servers = {${(o.servers ?? []).map((s) => `"${s}"`).join(', ')}} ${o.upstream ?? ''} }
${routes}
`;
}

export function run(args, options = {}) {
	const r = spawnSync(options.bin ?? ASAN, args, { env: { ...env, ...options.env }, encoding: 'utf8', timeout: 20000 });
	assert.ok(!SANITIZER.test(r.stderr), r.stderr);
	return r;
}

// The same while the providers of this process go on answering.
export function runAside(args) {
	const child = spawn(ASAN, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
	const r = { stdout: '', stderr: '' };
	child.stdout.setEncoding('utf8').on('data', (d) => { r.stdout += d; });
	child.stderr.setEncoding('utf8').on('data', (d) => { r.stderr += d; });
	return new Promise((resolve) => {
		child.once('close', (status) => {
			assert.ok(!SANITIZER.test(r.stderr), r.stderr);
			resolve({ ...r, status });
		});
	});
}

const accepts = (port) => new Promise((resolve) => {
	const s = connect(port, '127.0.0.1');
	s.once('connect', () => { s.destroy(); resolve(true); });
	s.once('error', () => resolve(false));
});

export class Proxy {
	// o: what configuration() takes, or { config: text }, and bin, env
	static async start(o) {
		const p = new Proxy();
		p.dir = o.dir ?? scratch();
		p.file = join(p.dir, 'workflow-proxy.conf');
		p.o = o;
		p.port = o.port;
		p.adminPort = o.adminPort;
		p.url = o.url ?? `http://127.0.0.1:${o.port}`;
		p.admin = `http://127.0.0.1:${o.adminPort}`;
		p.write(o.config ?? configuration(o));
		p.stdout = '';
		p.stderr = '';
		p.child = spawn(o.bin ?? ASAN, ['-c', p.file], { env: { ...env, ...o.env }, stdio: ['ignore', 'pipe', 'pipe'] });
		p.child.stdout.setEncoding('utf8').on('data', (d) => { p.stdout += d; });
		p.child.stderr.setEncoding('utf8').on('data', (d) => { p.stderr += d; });
		p.ended = new Promise((resolve) => {
			p.child.once('error', (e) => { p.stderr += String(e); resolve(-1); });
			p.child.once('close', (code, signal) => { p.code = code ?? signal; resolve(p.code); });
		});
		await until('the proxy to accept connections', async () => {
			if (p.code !== undefined) {
				if (!o.dir) rmSync(p.dir, { recursive: true, force: true });
				throw new Error(`the proxy ended with ${p.code}:\n${p.stderr}`);
			}
			return (await accepts(p.port)) && (o.config !== undefined || o.adminPort === undefined || accepts(p.adminPort));
		}, 15000);
		return p;
	}

	get pid() {
		return this.child.pid;
	}

	write(text) {
		this.text = text;
		writeFileSync(this.file, text, { mode: 0o600 });
	}

	signal(name) {
		this.child.kill(name);
	}

	// The access log so far, one object a line.
	get access() {
		return this.stdout.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
	}

	get reasons() {
		return this.access.map((r) => r.reason).filter(Boolean);
	}

	// The newest access record that fits.  It is written after the answer, so an older one must not be taken for it.
	async lastAccess(match = () => true) {
		await sleep(80);
		return until('an access record', () => this.access.reverse().find(match), 3000);
	}

	logged(pattern) {
		return until(`a log line with ${pattern}`, () => this.stderr.match(pattern), 8000);
	}

	rss() {
		return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]) * 1024;
	}

	async stop(expected = 0) {
		if (this.stopped) return;
		this.stopped = true;
		if (this.code === undefined) this.child.kill('SIGTERM');
		const code = await Promise.race([this.ended, sleep(20000).then(() => 'still running')]);
		if (code === 'still running') this.child.kill('SIGKILL');
		const report = SANITIZER.test(this.stderr) ? this.stderr.slice(Math.max(0, this.stderr.search(SANITIZER) - 200)) : '';
		if (!this.o.dir) rmSync(this.dir, { recursive: true, force: true });
		assert.equal(report.slice(0, 6000), '', 'a sanitizer reported');
		assert.equal(code, expected, `the proxy ended with ${code}:\n${this.stderr.slice(-2000)}`);
	}
}
