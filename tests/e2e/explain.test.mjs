// `workflow-proxy token`: session tokens of ours, and what a route demands of a token, each check with both values.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, FETCH } from './lib/browser.mjs';
import { ASAN, runAside } from './lib/proxy.mjs';
import { spawn } from 'node:child_process';
import { closing, shared, story, world } from './lib/world.mjs';

const now = () => Math.floor(Date.now() / 1000);
const user = (op, more = {}) => ({
	iss: op.url, aud: 'https://api.example', sub: 'sub-alice', preferred_username: 'alice', azp: 'phone', scope: 'wf.read',
	groups: ['staff'], iat: now(), exp: now() + 600, ...more,
});
const program = (op, more = {}) => ({ iss: op.url, aud: 'https://api.example', sub: 'job', azp: 'job', roles: ['Run'], iat: now(), exp: now() + 600, ...more });
const w = shared({
	provider: 'audience = "https://api.example"',
	session: 'mobile_clients = {"phone"}',
	routes: `route "/" { upstream = "app" }
		route "/api" { upstream = "app" auth = bearer scopes = {"wf.read"} }
		route "/api/write" { upstream = "app" auth = bearer scopes = {"wf.read", "wf.write"} }
		route "/api/run" { upstream = "app" auth = any app_roles = {"Run", "Walk"} username_prefix = "CORP+" }
		route "/api/staff" { upstream = "app" auth = any claims = {"groups~board"} }
		route "/open" { upstream = "app" auth = none }
		client "job" { client_id = "job" username = "svc-job" app_roles = {"Run"} }
		client "old" { client_id = "old" username = "svc-old" active = no app_roles = {"Run"} }`,
});

// The verb as a child that does not hold up this process, which is the provider.
async function token(a, text, ...args) {
	const file = join(a.proxy.dir, 'token');
	writeFileSync(file, text);
	const child = spawn(ASAN, ['token', '-c', a.proxy.file, ...args, file], { stdio: ['ignore', 'pipe', 'pipe'] });
	let out = '';
	child.stdout.on('data', (d) => { out += d; });
	child.stderr.on('data', (d) => { out += d; });
	const status = await new Promise((resolve) => { child.once('close', resolve); });
	assert.ok(!out.includes(text.split('.')[2]), 'the signature is not printed');
	return { status, out };
}
async function says(a, text, args, status, ...patterns) {
	const r = await token(a, text, ...args);
	assert.equal(r.status, status, r.out);
	for (const p of patterns) assert.match(r.out, p);
	return r.out;
}

const rows = [
	['a user with the scopes', user, {}, '/api/x', 0, /^- {5}scopes: route "\/api" demands all of wf\.read; the token has wf\.read$/m, /^ok {4}route: \/api\/x: route "\/api" lets in, and names the user alice in X-Forwarded-User$/m],
	['a user without one of them', user, {}, '/api/write/x', 1, /^FAIL {2}route: \/api\/write\/x: route "\/api\/write" refuses: .*wf\.write.*wf\.read.*\(reason=scope_missing\); let the client ask/m],
	['a user without the claim', user, {}, '/api/staff', 1, /groups~board; the session has "staff" \(reason=claim_missing\)/],
	['a user on a route for sessions', user, {}, '/x', 1, /takes sessions only/],
	['a user on an open route', user, {}, '/open/x', 0, /open to everybody/],
	['a user where nobody asks for scopes', user, {}, '/api/run', 0, /demands none; the token has wf\.read/, /names the user CORP\+alice/],
	['a program with the role', program, {}, '/api/run', 0, /demands one of Run, Walk; the token has Run$/m, /names the user CORP\+svc-job/],
	['a program without it', program, { roles: ['Sit'] }, '/api/run', 1, /Run, Walk.*has Sit \(reason=role_missing\); give the application the role/],
	['a program that nobody knows', program, { sub: 'x', azp: 'x' }, '/api/run', 1, /reason=client_unknown\); write client/],
	['a program that is retired', program, { sub: 'old', azp: 'old' }, '/api/run', 1, /reason=client_inactive\)/],
	['a path that no route has', user, {}, 'no-path', 1, /no path; write \/path or host\/path/],
];
for (const [what, claims, more, path, status, ...patterns] of rows) {
	story(`token --access --route ${path}: ${what}`, async () => {
		const a = await w();
		await says(a, a.op.mint(claims(a.op, more)), ['--access', '--route', path], status, ...patterns, status ? /^not valid$/m : /^valid$/m);
	});
}

async function traded(a) {
	const r = await new Browser().request(`${a.url}/auth/token`, { method: 'POST', headers: { ...FETCH, Authorization: `Bearer ${a.op.mint(user(a.op))}` } });
	return JSON.parse(r.text).access_token;
}

story('a session token of ours is explained: its key, whose it is, its times, and what opens to it', async () => {
	const a = await w();
	const t = await traded(a);
	await says(a, t, ['--route', '/api/x'], 0, /^- {5}kind: a session token of this proxy/m, /^ok {4}key: kid \S+; number 1 of 1 in session\.secret, which signs$/m,
		/^ok {4}signature: /m, new RegExp(`^ok {4}iss: ${a.url}; `, 'm'), /^ok {4}idp: main$/m, /^ok {4}aud: rp; provider\.client_id: rp$/m, /^ok {4}exp: ends in /m,
		/^ok {4}sst: begun .*session\.mobile_timeout: /m, /^ok {4}client_id: phone; it traded/m, /^- {5}revoked: not checked/m, /^ok {4}verdict: a session of alice$/m, /lets in/, /^valid$/m);
	await says(a, t, ['--route', '/api/write/x'], 1, /reason=scope_missing/);
	const browser = await a.signedIn('alice');
	const b = browser.jar.get('workflow_session').value;
	const out = await says(a, b, ['--route', '/x'], 0, /verdict: a session of alice/, /lets in/);
	assert.ok(!/client_id: phone/.test(out));
	await says(a, b, ['--route', '/api/x'], 1, /demands all of wf\.read; the token has none/, /reason=scope_missing/);
});

story('what is wrong with a session token is told', async () => {
	const a = await w();
	const t = await traded(a);
	const [h, p, s] = t.split('.');
	await says(a, `${h}.${p}.${s[0] === 'A' ? 'B' : 'A'}${s.slice(1)}`, [], 1, /^FAIL {2}signature: wrong/m, /nothing proves it/, /^not valid$/m);
	const text = a.proxy.text;
	const other = async (from, to, ...patterns) => {
		a.proxy.write(text.replace(from, to));
		try {
			await says(a, t, [], 1, ...patterns);
		} finally {
			a.proxy.write(text);
		}
	};
	await other('mobile_clients = {"phone"}', 'mobile_clients = {"tablet"}', /^FAIL {2}client_id: phone; session\.mobile_clients: tablet$/m);
	await other('client_id = "rp"', 'client_id = "rp2"', /^FAIL {2}aud: rp; provider\.client_id: rp2$/m);
	await other('provider "main"', 'provider "second"', /^FAIL {2}idp: main; no provider section/m);
	await other(/public_url = "[^"]*"/, 'public_url = "http://127.0.0.1:1"', /^FAIL {2}iss: .*; public_url: http:\/\/127\.0\.0\.1:1/m);
	await other('secret = "one', 'secret = "two', /kind: taken for an access token/, /^FAIL {2}algorithm/m);
});

story('an encrypted session token is opened first', async () => {
	const b = await world({ session: 'encrypt = yes', routes: 'route "/" { upstream = "app" }' });
	try {
		const t = (await b.signedIn('alice')).jar.get('workflow_session').value;
		assert.equal(t.split('.').length, 5);
		const file = join(b.proxy.dir, 'token');
		const run = (text) => { writeFileSync(file, text); return runAside(['token', '-c', b.proxy.file, '--route', '/x', file]); };
		const good = await run(t);
		assert.equal(good.status, 0, good.stdout + good.stderr);
		for (const p of [/"username": "alice"/, /^ok {4}signature: made with that secret \(encrypted, A256GCM\)$/m, /^ok {4}verdict: a session of alice$/m, /lets in/]) assert.match(good.stdout, p);
		const bad = await run(`${t.slice(0, -1)}${t.at(-1) === 'A' ? 'Q' : 'A'}`);
		assert.equal(bad.status, 1);
		assert.match(bad.stderr, /encrypted, and does not open/);
	} finally {
		await b.stop();
	}
});

story('help prints the section inside a section', async () => {
	const child = spawn(ASAN, ['help', 'certificate'], { stdio: ['ignore', 'pipe', 'pipe'] });
	let out = '';
	child.stdout.on('data', (d) => { out += d; });
	assert.equal(await new Promise((resolve) => { child.once('close', resolve); }), 0);
	assert.match(out, /^certificate "NAME" \{ \} {4}\(inside provider\)$/m);
	assert.match(out, /subject_key_identifier/);
});

closing(w);
