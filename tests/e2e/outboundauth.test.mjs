// An `outbound` section that proves its client by a key (private_key_jwt), at the certified provider; what doctor and
// readyz say of tokens that can and cannot be had.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, FETCH } from './lib/browser.mjs';
import { ASAN, scratch } from './lib/proxy.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
function pair(name, ...kind) {
	const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
	execFileSync('openssl', ['req', '-x509', '-newkey', ...kind, '-nodes', '-keyout', key, '-out', cert, '-days', '90', '-subj', `/CN=${name}`], { stdio: 'ignore' });
	return { key, cert, jwk: { ...createPublicKey(createPrivateKey(readFileSync(key))).export({ format: 'jwk' }), use: 'sig' } };
}
const rsa = pair('rsa', 'rsa:2048');
const ec = pair('ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1');

// The token endpoint's address is the provider's, whose port is known when it runs.
const routes = (url) => `outbound "rsa" { token_endpoint = "${url}/token" client_id = "robot" token_endpoint_auth_method = "private_key_jwt" client_private_key = "${rsa.key}" client_certificate = "${rsa.cert}" }
	outbound "stranger" { token_endpoint = "${url}/token" client_id = "robot" token_endpoint_auth_method = "private_key_jwt" client_private_key = "${ec.key}" }
	outbound "mains" { provider = "main" }
	route "/" { upstream = "app" auth = none }
	route "/rsa" { upstream = "app" auth = none upstream_token = "rsa" }
	route "/mains" { upstream = "app" auth = none upstream_token = "mains" }
	route "/stranger" { upstream = "app" auth = none upstream_token = "stranger" }`;
const client = (id, key) => ({
	client_id: id, redirect_uris: [], response_types: [], grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] },
});
const w = shared({ real: true, proxy: false, clientId: 'mains', clientAuth: `token_endpoint_auth_method = "private_key_jwt" client_private_key = "${ec.key}"`, opSettings: { clients: [client('robot', rsa.jwk), client('mains', ec.jwk)] } });
async function running() {
	const a = await w();
	if (!a.proxy) await a.start({ routes: routes(a.op.url) });
	return a;
}
const get = (a, path) => new Browser().request(`${a.url}${path}`, { headers: FETCH });

story('the certified provider takes the assertion of the section\'s own key, and that of a provider\'s client', async () => {
	const a = await running();
	const seen = [];
	for (const path of ['/rsa', '/mains']) {
		const answer = await get(a, path);
		assert.equal(answer.status, 200, `${answer.text} ${a.proxy.stderr.slice(-600)}`);
		const [value] = a.backend.last.all('authorization');
		assert.match(value, /^Bearer [\w-]{20,}$/);
		seen.push(value);
	}
	assert.notEqual(seen[0], seen[1]);
	await get(a, '/rsa');
	assert.deepEqual(a.backend.last.all('authorization'), [seen[0]], 'one token for all requests');
});

story('a key that the provider does not know: 502, and where to look', async () => {
	const a = await running();
	const answer = await get(a, '/stranger');
	assert.equal(answer.status, 502);
	assert.equal(answer.json.error, 'outbound_token');
	await a.proxy.logged(/outbound \\?"stranger\\?": .*invalid_client/);
});

story('readyz lists the sections, whether there is a token, and why not', async () => {
	const a = await running();
	await Promise.all(['/rsa', '/stranger'].map((p) => get(a, p)));
	const answer = await new Browser().request(`${a.proxy.admin}/readyz`);
	assert.equal(answer.status, 200, 'what cannot be had is the business of its routes alone');
	const by = Object.fromEntries(answer.json.outbounds.map((o) => [o.name, o]));
	assert.deepEqual(by.rsa, { name: 'rsa', token: true });
	assert.equal(by.stranger.token, false);
	assert.match(by.stranger.reason, /invalid_client/);
	const without = await world({});
	try {
		assert.ok(!('outbounds' in (await new Browser().request(`${without.proxy.admin}/readyz`)).json));
	} finally {
		await without.stop();
	}
});

story('doctor fetches each token once, and says what is wrong', async () => {
	const a = await running();
	const child = spawn(ASAN, ['doctor', '-c', a.proxy.file], { stdio: ['ignore', 'pipe', 'pipe'] });
	let out = '';
	child.stdout.on('data', (d) => { out += d; });
	child.stderr.on('data', (d) => { out += d; });
	assert.equal(await new Promise((resolve) => { child.once('close', resolve); }), 1, out);
	assert.match(out, new RegExp(`^ok {4}outbound rsa: ${a.op.url}/token gives a token to client_id robot$`, 'm'));
	assert.match(out, /^ok {4}outbound mains: provider main gives a token to client_id mains$/m);
	assert.match(out, /^FAIL {2}outbound stranger: .*invalid_client.*client_credentials$/m);
	assert.ok(!out.includes('AddressSanitizer') && !/Bearer [\w-]{20}/.test(out));
});

closing(w);
