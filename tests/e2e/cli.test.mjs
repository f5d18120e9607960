// The command line, as the manual has it.
import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configuration, run, scratch } from './lib/proxy.mjs';
import { story } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const file = (text, name = 'test.conf') => {
	const path = join(dir, name);
	writeFileSync(path, text, { mode: 0o600 });
	return path;
};
const good = configuration({ port: 18001, adminPort: 18002, discoveryUrl: 'http://127.0.0.1:18003/.well-known/openid-configuration', servers: ['http://127.0.0.1:18004'] });

story('secret prints 256 fresh bits in base64url, good enough for session.secret', () => {
	const [a, b] = [run(['secret']), run(['secret'])];
	assert.equal(a.status, 0);
	assert.match(a.stdout, /^[\w-]{43}\n$/);
	assert.notEqual(a.stdout, b.stdout);
	assert.equal(run(['-t', '-c', file(good.replace(/session \{ secret = "[^"]*"/, `session { secret = "${a.stdout.trim()}"`))]).status, 0);
});

story('--version and --help answer on standard output with status 0', () => {
	const v = run(['--version']);
	assert.equal(v.status, 0);
	assert.match(v.stdout, /^workflow-proxy \d+\.\d+\.\d+/);
	const h = run(['--help']);
	assert.equal(h.status, 0);
	for (const word of ['-c', '-t', 'secret', 'help']) assert.ok(h.stdout.includes(word), word);
	assert.equal(h.stderr, '');
});

story('help VERB explains each thing that --help names', () => {
	for (const verb of ['secret', 'provider', 'session', 'route']) {
		const r = run(['help', verb]);
		assert.equal(r.status, 0, verb);
		assert.ok(r.stdout.length > 40, verb);
	}
	assert.match(run(['help', 'provider']).stdout, /discovery_url/);
});

story('wrong usage is status 2 and one line on standard error', () => {
	for (const args of [['--nonsense'], ['nonsense'], ['-c'], ['-t', '-c'], ['help', 'nonsense'], ['secret', 'more'], ['-x'], ['-t', 'extra']]) {
		const r = run(args);
		assert.equal(r.status, 2, `${args}: ${r.status} ${r.stderr}`);
		assert.equal(r.stderr.trim().split('\n').length, 1, `${args}: ${r.stderr}`);
		assert.equal(r.stdout, '', String(args));
	}
});

story('-t on a good file is status 0, and says nothing bad', () => {
	const r = run(['-t', '-c', file(good)]);
	assert.equal(r.status, 0, r.stderr + r.stdout);
});

story('-t names every mistake with file and line, what is wrong and what would be right', () => {
	const path = file(`public_url = "ftp://flow.example.com"
listen "127.0.0.1:99999" { }
provider "main" {
	discovery_url = "http://provider.example/x"
	client_idd = "rp"
	clock_tolerance = "8 hours"
}
session { secret = "short" }
upstream "app" { servers = {"http://127.0.0.1:1"} }
route "/" { upstream = "nowhere" auth = "maybe" }
`);
	const r = run(['-t', '-c', path]);
	assert.equal(r.status, 1);
	const said = r.stdout + r.stderr;
	for (const [line, word] of [[1, 'ftp'], [2, '99999'], [4, 'https'], [5, 'client_id'], [6, '8 hours'], [8, '32'], [10, 'nowhere'], [10, 'maybe']]) {
		assert.ok(said.split('\n').some((l) => l.startsWith(`${path}:${line}:`) && l.includes(word)), `line ${line} (${word}) in:\n${said}`);
	}
	assert.ok(!said.includes('"short"'), 'the secret is not shown');
});

story('a file that is missing, a folder or unreadable is said, status 1', () => {
	for (const path of [join(dir, 'missing.conf'), dir]) {
		const r = run(['-t', '-c', path]);
		assert.equal(r.status, 1);
		assert.ok((r.stderr + r.stdout).includes(path));
		assert.equal(run(['-c', path]).status, 1);
	}
});

story('a syntax error is said with its line, and that the rest is unchecked', () => {
	const r = run(['-t', '-c', file('public_url = "http://127.0.0.1:1"\nlisten "127.0.0.1:1" {\n')]);
	assert.equal(r.status, 1);
	assert.match(r.stderr + r.stdout, /test\.conf:\d+: /);
});

story('a secret file that others may read is a warning, not a mistake; ${ENV} fills in', () => {
	const secret = file('a-session-secret-from-a-file-0123456789abcdef\n', 'secret');
	chmodSync(secret, 0o644);
	const text = good.replace(/session \{ secret = "[^"]*"/, `session { secret_file = "${secret}"`);
	const r = run(['-t', '-c', file(text)]);
	assert.equal(r.status, 0);
	assert.match(r.stderr + r.stdout, /secret/);
	const env = file(good.replace(/client_secret = "[^"]*"/, 'client_secret = "${TEST_CLIENT_SECRET}"'));
	assert.equal(run(['-t', '-c', env]).status, 1, 'unset');
	assert.equal(run(['-t', '-c', env], { env: { TEST_CLIENT_SECRET: 'from the environment' } }).status, 0);
});

story('an address that is taken is said, status 1', async () => {
	const { createServer } = await import('node:net');
	const server = createServer();
	await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
	const { port } = server.address();
	const { spawn } = await import('node:child_process');
	const { ASAN } = await import('./lib/proxy.mjs');
	const child = spawn(ASAN, ['-c', file(good.replace('127.0.0.1:18001" {', `127.0.0.1:${port}" {`))]);
	let said = '';
	child.stderr.on('data', (d) => { said += d; });
	const code = await new Promise((resolve) => { child.on('close', resolve); });
	server.close();
	assert.equal(code, 1);
	assert.ok(said.includes(String(port)), said);
});
