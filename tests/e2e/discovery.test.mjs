// Every way to know a provider's keys: a discovery document, a key set, federation metadata, certificates in files.
// The provider is the same each time; what differs is where its keys are, and how its tokens name them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './lib/browser.mjs';
import { FaultOp } from './lib/faultop.mjs';
import { until } from './lib/ports.mjs';
import { configuration, run, scratch } from './lib/proxy.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });

// A certificate of the provider's n-th key, signed by an authority of ours.
const authority = { key: join(dir, 'ca.key'), cert: join(dir, 'ca.pem') };
openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', authority.key, '-out', authority.cert, '-days', '30', '-subj', '/CN=Authority');
const made = new Map();
function certificate(op, n, days = 90) {
	const name = join(dir, `${n}-${days}`);
	if (!made.has(name)) {
		const { keys } = op;
		op.keys = [{ n }];
		const jwk = op.jwks().keys.find((k) => k.kty === 'RSA');
		op.keys = keys;
		writeFileSync(`${name}.pub`, createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }));
		openssl('x509', '-new', '-force_pubkey', `${name}.pub`, '-subj', '/O=Example/CN=Token Signing', '-CA', authority.cert, '-CAkey', authority.key, '-days', String(days), '-out', `${name}.pem`);
		made.set(name, { file: `${name}.pem`, x: new X509Certificate(readFileSync(`${name}.pem`)) });
	}
	return made.get(name);
}
const thumbprint = (op, n, hash = 'sha1') => createHash(hash).update(certificate(op, n).x.raw).digest('base64url');

const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
const FED = 'http://docs.oasis-open.org/wsfed/federation/200706';
const keyDescriptor = (op, n, use) => `<KeyDescriptor use="${use}"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
${certificate(op, n).x.raw.toString('base64').replace(/.{64}/g, '$&\n')}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`;
const role = (type, keys) => `<RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="${FED}" xsi:type="fed:${type}" protocolSupportEnumeration="${FED}">${keys}</RoleDescriptor>`;
const federation = (op) => `<?xml version="1.0" encoding="utf-8"?>${op.metadata.doctype ?? ''}<EntityDescriptor ID="_1" entityID="${op.metadata.entity ?? op.url}" xmlns="${METADATA}">
${role('ApplicationServiceType', keyDescriptor(op, 9, 'signing'))}
${role('SecurityTokenServiceType', keyDescriptor(op, 8, 'encryption') + op.keys.map((k) => keyDescriptor(op, k.n, 'signing')).join('\n'))}</EntityDescriptor>`;

// The provider of the other tests, with federation metadata besides.
async function provider() {
	const op = await FaultOp.start();
	const answer = op.answer.bind(op);
	op.metadata = { asked: 0 };
	op.answer = async (q, s) => {
		if (q.url !== '/FederationMetadata.xml') return answer(q, s);
		op.metadata.asked++;
		s.setHeader('Content-Type', 'application/samlmetadata+xml');
		return s.end(federation(op));
	};
	return op;
}

const byHand = (op) => `authorization_endpoint = "${op.url}/authorize" token_endpoint = "${op.url}/token" end_session_endpoint = "${op.url}/end"`;
const store = () => { const s = join(dir, `store-${Math.random()}`); mkdirSync(s); return s; };

// What each kind takes, where its keys are renewed, and the ways in which its tokens may name their key n.
const x5tNames = [
	['x5t', (op, n) => ({ x5t: thumbprint(op, n) })],
	['x5t#S256', (op, n) => ({ 'x5t#S256': thumbprint(op, n, 'sha256') })],
	['kid, the thumbprint', (op, n) => ({ kid: thumbprint(op, n) })],
	['kid and x5t, as AD FS and Entra v1', (op, n) => ({ kid: thumbprint(op, n), x5t: thumbprint(op, n) })],
	['a kid of its own and x5t', (op, n) => ({ kid: 'its own', x5t: thumbprint(op, n) })],
	['nothing', () => ({})],
];
const kinds = {
	document: { settings: () => ({}), names: [['kid', (op) => ({ kid: op.signer.kid })], ['nothing', () => ({})]] },
	jwks: {
		settings: (op) => ({ discoveryUrl: `${op.url}/jwks`, provider: `discovery = "jwks" issuer = "${op.url}" ${byHand(op)}` }),
		names: [['kid', (op) => ({ kid: op.signer.kid })], ['nothing', () => ({})]],
	},
	federation: {
		settings: (op) => ({ discoveryUrl: `${op.url}/FederationMetadata.xml`, provider: `discovery = "federation" ${byHand(op)}` }),
		names: x5tNames,
	},
	store: {
		settings: (op) => {
			op.store = store();
			copyFileSync(certificate(op, 1).file, join(op.store, '1.pem'));
			return { discoveryUrl: `${op.url}/nothing-is-here`, provider: `discovery = "store" issuer = "${op.url}" ${byHand(op)}
				certificate "mine" { find = "subject_name" value = "token signing" directory = "${op.store}" ca = "${authority.cert}" }` };
		},
		renew: (op, n) => copyFileSync(certificate(op, n).file, join(op.store, `${n}.pem`)),
		names: [...x5tNames, ['kid, the section\'s title', () => ({ kid: 'mine' })]],
	},
};

const go = async (w, page = '/') => new Browser().go(`${w.url}${page}`, { hops: 12 });
const fault = (name, n, more = {}) => ({ noKid: true, header: name, signWith: n, ...more });

for (const [kind, k] of Object.entries(kinds)) {
	const w = shared(async () => {
		const op = await provider();
		return { op, limits: 'logins_per_minute = 100000', ...k.settings(op) };
	});

	for (const [what, name] of k.names) {
		story(`${kind}: sign-in with a token that names its key by ${what}`, async () => {
			const s = await w();
			s.op.fault = fault(name(s.op, 1), 1);
			const r = await go(s, '/page');
			assert.equal(r.status, 200, `${r.text.slice(0, 300)}\n${s.proxy.stderr.slice(-800)}`);
			assert.equal(r.json.user, 'alice');
		});
	}

	story(`${kind}: the key of somebody else signs nobody in`, async () => {
		const s = await w();
		for (const [, name] of k.names) {
			s.op.fault = fault(name(s.op, 1), 7);
			const r = await go(s);
			assert.equal(r.status, 403, r.text.slice(0, 300));
			assert.equal((await s.proxy.lastAccess((a) => a.path === '/auth/callback')).reason, 'token_signature');
		}
	});

	story(`${kind}: another issuer signs nobody in`, async () => {
		const s = await w();
		s.op.fault = fault(k.names[0][1](s.op, 1), 1, { claims: { iss: 'https://other.example' } });
		assert.equal((await go(s)).status, 403);
		assert.equal((await s.proxy.lastAccess((a) => a.path === '/auth/callback')).reason, 'token_issuer');
	});

	story(`${kind}: sign-out leads to the provider`, async () => {
		const s = await w();
		s.op.fault = fault(k.names[0][1](s.op, 1), 1);
		const browser = await s.signedIn();
		s.op.lastLogout = undefined;
		await browser.go(`${s.url}/auth/logout`, { hops: 12 });
		assert.ok(s.op.lastLogout?.has('id_token_hint'));
	});

	story(`${kind}: a rotated key is looked for when a token names it`, async () => {
		const s = await w();
		s.op.rotate('k2', 2);
		k.renew?.(s.op, 2);
		s.op.fault = fault(k.names[0][1](s.op, 2), 2);
		const r = await go(s);
		assert.equal(r.status, 200, `${r.text.slice(0, 300)}\n${s.proxy.stderr.slice(-800)}`);
	});

	if (kind !== 'document') {
		story(`${kind}: nothing is fetched that the operator did not name`, async () => {
			const { op } = await w();
			assert.equal(op.calls.discovery, 0);
			assert.equal(op.calls.jwks > 0, kind === 'jwks');
			assert.equal(op.metadata.asked > 0, kind === 'federation');
		});
	}
	closing(w);
}

story('federation: certificates of other roles and for encryption sign nobody in', async () => {
	const op = await provider();
	const s = await world({ op, ...kinds.federation.settings(op) });
	try {
		for (const n of [8, 9]) {
			op.fault = fault({ x5t: thumbprint(op, n) }, n);
			assert.equal((await go(s)).status, 403);
			assert.equal((await s.proxy.lastAccess((a) => a.path === '/auth/callback')).reason, 'token_key');
		}
	} finally {
		await s.stop();
	}
});

story('federation: during a rollover both certificates count; an issuer set by hand wins over the entityID', async () => {
	const op = await provider();
	op.metadata.entity = 'http://fs.example.com/adfs/services/trust';
	op.keys = [{ kid: 'a', n: 1 }, { kid: 'b', n: 2 }];
	const settings = kinds.federation.settings(op);
	const s = await world({ op, ...settings, provider: `${settings.provider} issuer = "${op.url}"` });
	try {
		for (const n of [1, 2]) {
			op.fault = fault({ kid: thumbprint(op, n), x5t: thumbprint(op, n) }, n);
			assert.equal((await go(s)).status, 200);
		}
		op.fault = fault({ x5t: thumbprint(op, 1) }, 1, { claims: { iss: op.metadata.entity } });
		assert.equal((await go(s)).status, 403);
	} finally {
		await s.stop();
	}
});

story('federation: metadata with a document type is refused, and noticed when it is mended', async () => {
	const op = await provider();
	op.metadata.doctype = '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>';
	const s = await world({ op, ...kinds.federation.settings(op), waitReady: false });
	try {
		await s.proxy.logged(/has a DOCTYPE, which is never accepted/);
		assert.equal((await go(s)).status, 503);
		op.metadata.doctype = '';
		await until('the provider', async () => (await new Browser().request(`${s.proxy.admin}/readyz?strict`)).status === 200);
		op.fault = fault({ x5t: thumbprint(op, 1) }, 1);
		assert.equal((await go(s)).status, 200);
	} finally {
		await s.stop();
	}
});

story('store: a reload takes another certificate, and refuses a file that names none', async () => {
	const op = await provider();
	const settings = kinds.store.settings(op);
	const s = await world({ op, ...settings });
	try {
		op.rotate('k2', 2);
		copyFileSync(certificate(op, 2).file, join(op.store, '2.pem'));
		const hex = certificate(op, 2).x.fingerprint256;
		const mine = (value) => configuration({ ...s.settings, provider: settings.provider.replace(/find = "subject_name" value = "[^"]*"/, `find = "thumbprint_sha256" value = "${value}"`) });
		s.proxy.write(mine(hex.replace(/^../, '00')));
		s.proxy.signal('SIGHUP');
		await s.proxy.logged(/no certificate with thumbprint_sha256/);
		op.fault = fault({ x5t: thumbprint(op, 1) }, 1);
		assert.equal((await go(s)).status, 200, 'the old configuration serves');
		s.proxy.write(mine(hex));
		s.proxy.signal('SIGHUP');
		op.fault = fault({ x5t: thumbprint(op, 2) }, 2);
		await until('the new certificate', async () => (await go(s)).status === 200);
		op.fault = fault({ x5t: thumbprint(op, 1) }, 1);
		assert.equal((await go(s)).status, 403, 'the old certificate counts no more');
	} finally {
		await s.stop();
	}
});

story('store: -t says which certificate is not found, has expired, or is of another authority', async () => {
	const op = await provider();
	try {
		const file = join(dir, 't.conf');
		const check = (section) => {
			const base = { port: 8080, adminPort: 8081, servers: ['http://127.0.0.1:1'], discoveryUrl: `${op.url}/d` };
			writeFileSync(file, configuration({ ...base, provider: `discovery = "store" issuer = "${op.url}" ${byHand(op)}\ncertificate "one" { ${section} }` }), { mode: 0o600 });
			return run(['-t', '-c', file]);
		};
		const good = certificate(op, 1);
		const old = certificate(op, 3, -1);
		const folder = store();
		copyFileSync(good.file, join(folder, 'good.pem'));
		for (const section of [
			`file = "${good.file}"`, `find = "file" file = "${good.file}"`, `find = "thumbprint" value = "${good.x.fingerprint}" directory = "${folder}"`,
			`find = "thumbprint_sha256" value = "${good.x.fingerprint256}" directory = "${folder}"`, `find = "subject_name" value = "SIGNING" directory = "${folder}"`,
			`find = "subject_dn" value = "CN=Token Signing, O=Example" directory = "${folder}"`, `find = "issuer_name" value = "Authority" directory = "${folder}"`,
			`find = "serial_number" value = "${good.x.serialNumber}" directory = "${folder}"`, `file = "${good.file}" ca = "${authority.cert}"`,
			`file = "${old.file}" require_valid = no`,
		]) assert.equal(check(section).status, 0, `${section}\n${check(section).stderr}`);
		for (const [section, says] of [
			[`find = "subject_name" value = "nobody" directory = "${folder}"`, /t\.conf:\d+: certificate "one": no certificate with subject_name "nobody" among the 1 in /],
			[`file = "${old.file}"`, /certificate "one": the certificate .* require_valid = no takes it even so/],
			[`file = "${good.file}" ca = "${old.file}"`, /certificate "one": found in .* but not chained to ca /],
			['find = "thumbprint" value = "12" directory = "/"', /value: "12" is not a thumbprint; write 40 hex digits/],
		]) {
			const r = check(section);
			assert.equal(r.status, 1, section);
			assert.match(r.stderr, says);
		}
	} finally {
		await op.stop();
	}
});

story('store: what vanishes from the folder serves on, and is said', async () => {
	const op = await provider();
	const settings = kinds.store.settings(op);
	const s = await world({ op, ...settings, provider: `${settings.provider} metadata_refresh = "1s"` });
	try {
		unlinkSync(join(op.store, '1.pem'));
		await s.proxy.logged(/certificate \\?"mine\\?": no certificate with subject_name/);
		op.fault = fault({ x5t: thumbprint(op, 1) }, 1);
		assert.equal((await go(s)).status, 200);
	} finally {
		await s.stop();
	}
});
