// `workflow-proxy import` as its operator uses it: a web.config in, what is to be done done, a sign-in at the end.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Backend } from './lib/backend.mjs';
import { Browser } from './lib/browser.mjs';
import { CLIENT_SECRET, Op } from './lib/op.mjs';
import { freePort, until } from './lib/ports.mjs';
import { ASAN, Proxy, run, scratch } from './lib/proxy.mjs';
import { story } from './lib/world.mjs';

// What is still to be done is marked with this word, spelled so that nobody takes it for unfinished work of ours.
const WORD = ['TO', 'DO'].join('');
const MARK = `# ${WORD}: `;

const samples = fileURLToPath(new URL('../fuzz/corpus/import/', import.meta.url));
const sample = (name) => join(samples, `${name}.config`);
const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
let files = 0;
const fresh = (end) => join(dir, `${++files}${end}`);
const written = (text, end = '.config') => { const f = fresh(end); writeFileSync(f, text); return f; };
const KEY = 'Q2hV3qT8xYb1ZfKpR7mWcE5nJ0sLn8Zr7XbN4vK9mTd';

const certificate = (name) => {
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`), '-days', '90', '-subj', `/CN=${name}`], { stdio: 'ignore' });
	return { crt: join(dir, `${name}.crt`), key: join(dir, `${name}.key`), x: new X509Certificate(readFileSync(join(dir, `${name}.crt`))) };
};
const tls = certificate('tls');
const signing = certificate('signing');
mkdirSync(join(dir, 'store'));
writeFileSync(join(dir, 'store', 'signing.pem'), readFileSync(signing.crt));
const metadata = (issuer) => `<EntityDescriptor entityID="${issuer}" xmlns="urn:oasis:names:tc:SAML:2.0:metadata"><RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706" xsi:type="fed:SecurityTokenServiceType">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${signing.x.raw.toString('base64')}</X509Certificate></X509Data></KeyInfo></KeyDescriptor></RoleDescriptor></EntityDescriptor>`;

// Every mark stands directly above a setting or a section, commented out or not, and is a warning.
function marks(text, said) {
	const lines = text.split('\n').map((l) => l.trim());
	const n = lines.filter((l) => l.startsWith(MARK)).length;
	lines.forEach((l, i) => {
		if (l.startsWith(MARK)) assert.ok(lines[i + 1].startsWith(MARK) || /^(#?\w+ = |#?\w+ "[^"]*" \{$)/.test(lines[i + 1]), l);
		if (l.startsWith(MARK)) assert.ok(said.includes(l.slice(MARK.length)), `no warning: ${l}`);
	});
	return n;
}

// Imported with -o; the file, and what was said.
function imported(web) {
	const out = fresh('.conf');
	const r = run(['import', web, '-o', out]);
	assert.equal(r.status, 0, r.stderr);
	assert.equal(r.stdout, '');
	const text = readFileSync(out, 'utf8');
	marks(text, r.stderr);
	return { out, text, said: r.stderr };
}

// What -t says of a text, "LINE: ..." each.
function mistakes(text) {
	const file = written(text, '.conf');
	execFileSync('chmod', ['600', file]);
	const r = run(['-t', '-c', file]);
	const said = r.stderr.split('\n').filter((l) => l.startsWith(`${file}:`) && !l.endsWith('(warning)')).map((l) => l.slice(file.length + 1));
	assert.equal(r.status, said.length > 0 ? 1 : 0, r.stderr);
	return said;
}

// The operator does what the marks say.
const done = (text, o = {}) => text
	.replaceAll('/etc/workflow-proxy/tls.crt', tls.crt).replaceAll('/etc/workflow-proxy/tls.key', tls.key)
	.replaceAll('/etc/workflow-proxy/store', join(dir, 'store'))
	.replace('public_url = ""', `public_url = "${o.url ?? 'https://flow.example.com'}"`)
	.replace('http://127.0.0.1:8080', o.backend ?? 'http://127.0.0.1:8080')
	.replace('secret_file = "/etc/workflow-proxy/session.secret"', `secret = "${KEY}"`)
	.replace('client_secret_file = "/etc/workflow-proxy/client.secret"', `client_secret = "${CLIENT_SECRET}"`);

story('every sample becomes a configuration in which -t finds only what is to be done, and nothing when it is', () => {
	const names = readdirSync(samples).filter((n) => /^(wfgen|cora)-.*\.config$/.test(n));
	assert.ok(names.length >= 9);
	for (const name of names) {
		const { out, text } = imported(join(samples, name));
		assert.equal(statSync(out).mode & 0o777, 0o600);
		const lines = text.split('\n');
		for (const m of mistakes(text)) assert.ok(lines[parseInt(m, 10) - 2].trim().startsWith(MARK), `${name}: ${m}`);
		// Of cora-store the certificates are others than ours, and one cannot be carried over.
		if (name !== 'cora-store.config') assert.deepEqual(mistakes(done(text)), [], name);
	}
});

story('without -o it goes to standard output, with a warning that it holds secrets; a terminal sees none', () => {
	const r = run(['import', sample('wfgen-entra')]);
	assert.equal(r.status, 0);
	assert.match(r.stdout, /^\tclient_secret = "kL8~q\.It's-a-\\"client\\"\\\\secret\\\$\{HOME\}"$/m);
	assert.match(r.stderr, /warning: what was written holds secrets/);
	assert.ok(marks(r.stdout, r.stderr) > 3);
	for (const secret of ['kL8~q', 'n8Zr7XbN4vK9', 'database-password', 'who-knows-what']) assert.ok(!r.stderr.includes(secret), secret);
	for (const secret of ['database-password', 'who-knows-what']) assert.ok(!r.stdout.includes(secret), secret);
	assert.ok(r.stdout.includes(`${MARK}ApplicationSecurityAuthSomethingNewer = Y `), r.stdout);
	const screen = spawnSync('script', ['-qec', `'${ASAN}' import '${sample('wfgen-entra')}'`, '/dev/null'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
	assert.match(screen.stdout, /client_secret_file/);
	for (const secret of ['kL8~q', 'n8Zr7XbN4vK9']) assert.ok(!screen.stdout.includes(secret), secret);
});

story('what was imported is what the sample says', () => {
	const { text } = imported(sample('wfgen-entra'));
	for (const line of ['public_url = "https://flow.example.com"', 'kind = "ms-identity-v2"', 'client_id = "0c0ffee0-1111-4222-8333-444455556666"',
		'access_token_username_claim = "upn"', 'app_id_claim = "appid"', 'clock_tolerance = "120s"', 'audience = "https://flow.example.com/graphql"',
		'additional_scopes = {"api://my-apis/one", "api://my-apis/two"}', 'scopes = "wfgen-graphql-full-access"', 'app_roles = "wfgen-graphql-full-access-role"',
		'secret = "n8Zr7XbN4vK9mTdQ2hV3qT8xYb1ZfKpR7mWcE5nJ0sL"', 'cookie = "wfgen_token_test"', 'timeout = "28800s"', 'mobile_timeout = "3600s"', 'iframe_refresh = yes']) {
		assert.ok(text.split('\n').some((l) => l.trim() === line), `${line}\nin\n${text}`);
	}
	for (const path of ['hooks', 'scim', 'ws']) assert.match(text, new RegExp(`^route "/${path}" \\{[^}]*auth = "none"`, 'm'));
	assert.match(text, /^route "\/graphql" \{[^}]*auth = "any"/m);
});

story('a file is never overwritten, nor left half written', () => {
	const out = written('mine\n', '.conf');
	let r = run(['import', sample('wfgen-entra'), '-o', out]);
	assert.equal(r.status, 1);
	assert.equal(r.stderr, `workflow-proxy: ${out}: is there already, and is not overwritten\n`);
	assert.equal(readFileSync(out, 'utf8'), 'mine\n');
	const link = fresh('.conf');
	symlinkSync(join(dir, 'nowhere'), link);
	r = run(['import', sample('wfgen-entra'), '-o', link]);
	assert.equal(r.status, 1);
	assert.ok(!existsSync(join(dir, 'nowhere')));
	r = run(['import', sample('wfgen-entra'), '-o', join(dir, 'no/such/folder.conf')]);
	assert.equal(r.status, 1);
	assert.match(r.stderr, /cannot be written: No such file or directory/);
	assert.ok(!readdirSync(dir).some((n) => /\.conf\../.test(n)), 'nothing is left beside it');
	r = spawnSync('sh', ['-c', `'${ASAN}' import '${sample('wfgen-entra')}' >/dev/full`], { encoding: 'utf8' });
	assert.equal(r.status, 1);
	assert.match(r.stderr, /^workflow-proxy: standard output: cannot be written: No space left on device\n$/);
});

story('what is no web.config, or says nothing, is one line and status 1', () => {
	const cases = [[join(dir, 'missing'), /cannot be read: No such file/], [dir, /cannot be read|is larger|directory/], [written('nonsense'), /not well-formed XML/],
		[written('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'), /DOCTYPE/], [written('<configuration/>'), /no settings of WorkflowGen/],
		[written(`<configuration>${' '.repeat(1 << 20)}</configuration>`), /larger/], [written(Buffer.from('\ufeff<a/>', 'utf16le')), /UTF-8/],
		[join(samples, 'encrypted'), /decrypt/]];
	for (const [file, why] of cases) {
		const out = fresh('.conf');
		const r = run(['import', file, '-o', out]);
		assert.equal(r.status, 1, file);
		assert.match(r.stderr, why);
		assert.equal(r.stderr.split('\n').length, 2, r.stderr);
		assert.equal(r.stdout, '');
		assert.ok(!existsSync(out));
	}
});

story('wrong usage is status 2 and one line; help explains it', () => {
	for (const args of [['import'], ['import', 'a', 'b'], ['import', '-o'], ['import', 'a', '-o'], ['import', 'a', '-x'], ['import', 'a', '-o', 'b', '-o', 'c'], ['-t', 'import']]) {
		const r = run(args);
		assert.equal(r.status, 2, String(args));
		assert.equal(r.stderr.trim().split('\n').length, 1, r.stderr);
		assert.equal(r.stdout, '');
	}
	const help = run(['help', 'import']).stdout;
	assert.ok(help.indexOf(`# ${WORD}`) > help.indexOf('web.config [-o FILE]') && help.includes('web.config [-o FILE]'), help);
	assert.match(run(['--help']).stdout, /import web\.config/);
});

// --- a sign-in with what came of it, at the certified provider ----------------------------------------------------------

async function signIn(web, o = {}) {
	const port = await freePort();
	const adminPort = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const backend = await Backend.start();
	const key = { ...createPrivateKey(readFileSync(signing.key)).export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: createHash('sha1').update(signing.x.raw).digest('base64url') };
	const op = await Op.start({
		port: await freePort(), key, redirectUris: [`${url}${o.callback ?? '/auth/callback'}`], postLogoutUris: [`${url}/auth/logout/return`],
		client: { token_endpoint_auth_method: o.method ?? 'client_secret_basic' },
	});
	const fed = createServer((q, s) => { s.end(metadata(op.url)); });
	await new Promise((resolve) => { fed.listen(0, '127.0.0.1', resolve); });
	let proxy;
	try {
		const { text, said } = imported(written(web({ url, op, fed: `http://127.0.0.1:${fed.address().port}/FederationMetadata.xml` })));
		assert.ok(!said.includes(CLIENT_SECRET) && !said.includes(KEY));
		const config = done(text, { url, backend: backend.url });
		assert.deepEqual(mistakes(config), [], config);
		proxy = await Proxy.start({ port, adminPort, config: `${config}\nadmin "127.0.0.1:${adminPort}" { }\n` });
		await until('readiness', async () => (await new Browser().request(`${proxy.admin}/readyz?strict`).catch(() => ({}))).status === 200);
		const browser = new Browser();
		const answer = await browser.signIn(`${url}/page?x=1`, 'alice');
		assert.equal(answer.status, 200, `${answer.text.slice(0, 300)}\n${proxy.stderr.slice(-1000)}`);
		assert.equal(answer.json.target, '/page?x=1');
		assert.equal(backend.last.get('x-forwarded-user'), o.user ?? 'alice');
		await o.then?.({ browser, url, backend, proxy, op });
		await proxy.stop();
	} finally {
		await proxy?.stop().catch(() => {});
		await op.stop();
		await backend.stop();
		fed.close();
	}
}

const wfgen = (kind, more = '') => ({ url, op }) => `<configuration><appSettings>
<add key="ApplicationUrl" value="${url}"/>
<add key="ApplicationSecurityAuthProvider" value="${kind}"/>
<add key="ApplicationSecurityAuthClientId" value="rp"/>
<add key="ApplicationSecurityAuthClientSecret" value="${CLIENT_SECRET}"/>
<add key="ApplicationSecurityAuthMetadataUrl" value="${op.discoveryUrl}"/>
<add key="ApplicationSecurityAuthUsernameClaim" value="preferred_username"/>
<add key="ApplicationSecurityAuthSessionTokenSigningSecret" value="${KEY}"/>
${more}</appSettings></configuration>`;

for (const kind of ['azure-v1', 'ms-identity-v2', 'auth0', 'adfs', 'okta']) {
	story(`WorkflowGen, ${kind}: a sign-in with the imported file; hooks, scim and ws are open, the rest is not`, () => signIn(wfgen(kind), {
		then: async ({ browser, url, backend }) => {
			assert.ok(browser.jar.get('wfgen_token'), 'the cookie has its old name');
			for (const path of ['/hooks/x', '/scim/Users', '/ws/a.asmx']) {
				const r = await new Browser().request(`${url}${path}`, { headers: { Authorization: 'Basic eDp5' } });
				assert.equal(r.status, 200, path);
				assert.deepEqual(backend.last.all('authorization'), ['Basic eDp5']);
				assert.deepEqual(backend.last.all('x-forwarded-user'), []);
			}
			for (const path of ['/admin', '/graphql', '/hooksx']) assert.notEqual((await new Browser().request(`${url}${path}`, { headers: { Accept: 'application/json' } })).status, 200, path);
			assert.equal((await browser.request(`${url}/GraphQL`)).status, 200, 'a session opens it too, as IIS reads the path');
		},
	}));
}

story('WorkflowGen, opaque access tokens: DecodeAccessToken = N signs in all the same', () => signIn(
	wfgen('okta', '<add key="ApplicationSecurityAuthDecodeAccessToken" value="N"/><add key="ApplicationSecurityAuthGraphQLScope" value="full"/>')));

const REPLY = '/oidcServices/signinresponse';
const cora = (kind, rest = () => '', beside = '') => (a) => `<configuration><sequence.engine><authentication>
<openIdConnect discoveryKind="${kind}" clientId="rp" clientSecret="${CLIENT_SECRET}" replyUrl="${a.url}${REPLY}" cookieEncryptionKey="${KEY}" ${rest(a)}/>
<IdentityClaims><add claimType="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"/></IdentityClaims>${beside}
</authentication></sequence.engine></configuration>`;
const byHand = ({ op }) => `validIssuer="${op.url}" authority="${op.url}/auth" tokenEndpoint="${op.url}/token" logoutEndpoint="${op.url}/session/end"`;
const store = `<identityProviderCertificates><add x509FindType="FindByThumbprint" findValue="&#x200e;${signing.x.fingerprint.replaceAll(':', ' ').toLowerCase()}" acceptIfChainIsInvalid="true"/></identityProviderCertificates>`;
const ways = [
	['OpenIdDiscoveryDocument', cora('OpenIdDiscoveryDocument', ({ op }) => `discoveryUri="${op.discoveryUrl}" tokenRequestAuthorizationMethod="client_secret_post"`), 'client_secret_post'],
	['JsonWebKeySet', cora('JsonWebKeySet', (a) => `discoveryUri="${a.op.url}/jwks" ${byHand(a)}`)],
	['Federation', cora('Federation', (a) => `discoveryUri="${a.fed}" ${byHand(a)} idTokenSigningAlgValues="RS256"`)],
	['Store', cora('Store', byHand, store)],
];
for (const [kind, web, method] of ways) {
	story(`Cora SeQuence, ${kind}: a sign-in with the imported file, at the reply URL that was registered, into an encrypted cookie`, () => signIn(web, {
		callback: REPLY, user: 'alice@example.org', method,
		then: async ({ browser, url }) => {
			assert.equal(browser.jar.get('workflow_session').value.split('.').length, 5, 'a JWE');
			assert.notEqual((await new Browser().request(`${url}/Flowtime`, { headers: { Accept: 'application/json' } })).status, 200);
		},
	}));
}
