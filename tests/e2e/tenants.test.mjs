// One issuer for many tenants, as Entra's organizations endpoint has it: whose users and programs are let in.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, FETCH } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { runAside } from './lib/proxy.mjs';
import { closing, shared, story } from './lib/world.mjs';

const OURS = 'aaaa1111-bbbb-4ccc-8ddd-eeee22223333';
const SECOND = 'bbbb1111-bbbb-4ccc-8ddd-eeee22223333';
const OTHER = 'cccc1111-bbbb-4ccc-8ddd-eeee22223333';
const now = () => Math.floor(Date.now() / 1000);

const w = shared(async () => {
	const op = await FaultOp.start();
	op.fault = { metadata: { issuer: `${op.url}/{tenantid}/v2.0` } };
	op.keys = [
		{ kid: 'any', n: 1, issuer: `${op.url}/{tenantid}/v2.0` }, { kid: 'consumers', n: 2, issuer: `${op.url}/${OTHER}/v2.0` },
		{ kid: 'ours', n: 3, issuer: `${op.url}/${OURS}/v2.0` },
	];
	[op.signer] = op.keys;
	return {
		op,
		provider: `kind = "ms-identity-v2" tenants = {"${OURS.toUpperCase()}", "${SECOND}"} audience = "api://app"`,
		routes: `route "/" { upstream = "app" claim_headers = {"X-Tenant=tid"} }
			route "/api" { upstream = "app" auth = bearer }
			route "/admin" { upstream = "app" claims = {"groups~admins"} }
			route "/api/admin" { upstream = "app" auth = bearer claims = {"groups~admins"} }`,
	};
});

async function signIn(a, tid, o = {}) {
	a.op.signer = a.op.keys.find((k) => k.kid === (o.key ?? 'any'));
	a.op.fault = { ...a.op.fault, claims: { iss: `${a.op.url}/${o.iss ?? tid}/v2.0`, tid, oid: 'o', ...o.claims }, responseAlso: o.response };
	const n = a.backend.requests.length;
	const browser = new Browser();
	const answer = await browser.signIn(`${a.url}/`, 'alice');
	return { browser, answer, seen: a.backend.requests.slice(n) };
}

async function api(a, tid, o = {}) {
	a.op.signer = a.op.keys.find((k) => k.kid === (o.key ?? 'any'));
	const token = a.op.mint({
		iss: `${a.op.url}/${o.iss ?? tid}/v2.0`, tid, aud: 'api://app', sub: 's', oid: 'o', scp: 'read', azp: 'spa', preferred_username: 'alice',
		iat: now(), exp: now() + 600, ...o.claims,
	}, { kid: a.op.signer.kid, n: a.op.signer.n });
	return new Browser().request(`${a.url}${o.path ?? '/api/x'}`, { headers: { ...FETCH, Authorization: `Bearer ${token}` } });
}

story('users of the listed tenants sign in', async () => {
	const a = await w();
	for (const tid of [OURS, SECOND]) {
		const { answer, seen } = await signIn(a, tid);
		assert.equal(answer.status, 200, `${answer.text.slice(0, 300)} ${a.proxy.stderr.slice(-800)}`);
		assert.deepEqual(seen.at(-1).all('x-tenant'), [tid]);
	}
	const { answer } = await signIn(a, OURS, { key: 'ours' });
	assert.equal(answer.status, 200);
});

const bad = [
	['a user of another tenant', OTHER, {}, 'token_tenant'],
	['tid of ours in a token of another', OURS, { iss: OTHER }, 'token_issuer'],
	['tid of another in a token of ours', OTHER, { iss: OURS }, 'token_tenant'],
	['tid of one listed tenant, iss of the other', OURS, { iss: SECOND }, 'token_issuer'],
	['the template itself', '{tenantid}', {}, 'token_tenant'],
	['no tid', OURS, { claims: { tid: undefined } }, 'token_tenant'],
	['a key of another tenant', OURS, { key: 'consumers' }, 'token_key'],
	['a key of one listed tenant for the other', SECOND, { key: 'ours' }, 'token_key'],
];
for (const [name, tid, o, reason] of bad) {
	story(`${name} does not sign in, nor as a bearer`, async () => {
		const a = await w();
		const { answer, seen } = await signIn(a, tid, o);
		assert.equal(answer.status, 403, answer.text.slice(0, 300));
		assert.equal(seen.length, 0);
		assert.equal((await a.proxy.lastAccess((x) => x.path === '/auth/callback' && x.status === 403)).reason, reason);
		if (reason === 'token_tenant') assert.match(answer.text, /organization/);
		const r = await api(a, tid, o);
		assert.equal(r.status, 401, r.text);
		assert.equal(JSON.parse(r.text).error, reason);
	});
}

story('access tokens of the listed tenants open a bearer route', async () => {
	const a = await w();
	assert.equal((await api(a, OURS)).status, 200);
	assert.equal((await api(a, SECOND)).status, 200);
	assert.equal((await api(a, OURS, { key: 'ours' })).status, 200);
});

story('the issuer in the response is that of a listed tenant', async () => {
	const a = await w();
	assert.equal((await signIn(a, OURS, { response: { iss: `${a.op.url}/${OURS}/v2.0` } })).answer.status, 200);
	for (const iss of [`${a.op.url}/${OTHER}/v2.0`, `${a.op.url}/{tenantid}/v2.0`, 'https://evil.example']) {
		const { answer } = await signIn(a, OURS, { response: { iss } });
		assert.equal(answer.status, 403);
		assert.equal((await a.proxy.lastAccess((x) => x.path === '/auth/callback' && x.status === 403)).reason, 'login_iss');
	}
});

const overages = [
	['_claim_names', { groups: undefined, _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.windows.net/x' } } }],
	['hasgroups', { groups: undefined, hasgroups: true }],
];
for (const [name, claims] of overages) {
	story(`too many groups for a token (${name}) are refused with the mend, not taken for none`, async () => {
		const a = await w();
		const { browser, answer } = await signIn(a, OURS, { claims });
		assert.equal(answer.status, 200);
		await a.proxy.logged(/the token of alice names groups/);
		const page = await browser.request(`${a.url}/admin`);
		assert.equal(page.status, 403);
		assert.match(page.text, /more groups than the sign-in service can list/);
		assert.match(page.text, /app roles/);
		assert.match(page.text, /Sign in as someone else/);
		assert.equal((await a.proxy.lastAccess((x) => x.path === '/admin')).reason, 'claim_overage');
		const r = await api(a, OURS, { path: '/api/admin', claims });
		assert.equal(r.status, 403, r.text);
		assert.equal(JSON.parse(r.text).error, 'claim_overage');
		assert.match(r.headers['www-authenticate'], /error="insufficient_scope"/);
		const file = join(a.proxy.dir, 'overage');
		writeFileSync(file, a.op.mint({ iss: `${a.op.url}/${OURS}/v2.0`, tid: OURS, aud: 'rp', sub: 's', nonce: 'n', preferred_username: 'alice', iat: now(), exp: now() + 600, ...claims }));
		const token = await runAside(['token', '-c', a.proxy.file, '--id', '--route', '/admin', file]);
		assert.match(token.stdout, /warn .*groups.*left out/);
		assert.match(token.stdout, /FAIL .*route.*claim_overage/);
	});
}

story('groups that are listed open the route, and their absence alone is no overage', async () => {
	const a = await w();
	const { browser } = await signIn(a, OURS, { claims: { groups: ['admins'], _claim_names: { wids: 'src1' } } });
	assert.equal((await browser.request(`${a.url}/admin`)).status, 200);
	const other = await signIn(a, OURS, { claims: { groups: undefined } });
	assert.equal((await other.browser.request(`${a.url}/admin`)).status, 403);
	assert.equal((await a.proxy.lastAccess((x) => x.path === '/admin' && x.status === 403)).reason, 'claim_missing');
});

story('the command token names the tenant', async () => {
	const a = await w();
	[a.op.signer] = a.op.keys;
	for (const [tid, want] of [[OURS, /ok .*tid/], [OTHER, /FAIL .*tid.*does not list/]]) {
		const file = join(a.proxy.dir, `token-${tid}`);
		const claims = { iss: `${a.op.url}/${tid}/v2.0`, tid, aud: 'rp', sub: 's', nonce: 'n', preferred_username: 'alice', iat: now(), exp: now() + 600 };
		writeFileSync(file, a.op.mint(claims));
		const r = await runAside(['token', '-c', a.proxy.file, '--id', file]);
		assert.match(r.stdout, want, r.stdout);
		assert.equal(r.status, tid === OURS ? 0 : 1);
	}
});

story('without a list of tenants doctor says what to do, and nobody signs in', async () => {
	const a = await w();
	const file = join(a.proxy.dir, 'no-tenants.conf');
	writeFileSync(file, a.proxy.text.replace(/tenants = \{[^}]*\}/, ''), { mode: 0o600 });
	const r = await runAside(['doctor', '-c', file]);
	assert.equal(r.status, 1);
	assert.match(r.stdout, /FAIL .*stands for every tenant.*provider\.tenants/);
});

closing(w);
