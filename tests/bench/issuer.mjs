// The provider of sessions.mjs, a child process: signs anybody in at once, with keys made beforehand and tokens of the
// size that real ones have (ID token 1 KB, access token 1.5 KB, refresh token 1 KB).  A refresh token is good once.
// usage: fork('issuer.mjs', [PORT]).  Each message { n, from, to } begins a count anew: the tokens of the next n
// sign-ins are due (two thirds of their life) evenly between two times, in ms; with n = 0 all are good for an hour.
// Every message, {} too, is answered with the counts.
import { generateKeyPairSync, randomBytes, sign as signWith } from 'node:crypto';
import { createServer } from 'node:http';

const port = +process.argv[2];
const issuer = `http://127.0.0.1:${port}`;
const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url');
const random = (chars) => randomBytes(Math.ceil(chars * 3 / 4)).toString('base64url').slice(0, chars);

const keys = {
	RS256: { kid: 'k1', size: 342, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) },
	ES256: { kid: 'k2', size: 86, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
};
const jwks = { keys: Object.entries(keys).map(([alg, k]) => ({ ...k.publicKey.export({ format: 'jwk' }), use: 'sig', alg, kid: k.kid })) };

let plan = { n: 0 };
let given; // in the order of the sign-ins: { client, turn: which refresh token is the good one }
let counts;

function reset(to) {
	plan = to;
	given = [];
	counts = { signIns: 0, refreshes: 0, most: 0, replayed: 0, errors: 0 };
}
reset(plan);

// The k-th sign-in's tokens live for so many seconds: the proxy renews them when a third of that is left.
const lifeOf = (k) => (k < plan.n ? Math.max(6, Math.ceil((plan.from + (plan.to - plan.from) * k / plan.n - Date.now()) * 1.5 / 1000)) : 3600);

function idToken(client, k, nonce, life) {
	const alg = client.replace(/^.*-/, '');
	const key = keys[alg];
	const now = Math.floor(Date.now() / 1000);
	const claims = {
		iss: issuer, aud: client, azp: client, sub: `00u${k}`, sid: `3c9e2f4b-6f0a-4c55-${k}`, nonce, iat: now, auth_time: now, exp: now + life,
		preferred_username: `user${k}`, name: `User Number ${k}`, email: `user${k}@example.org`, email_verified: true, groups: ['staff', 'editors', 'workflow-users'], about: '',
	};
	const header = b64({ alg, typ: 'JWT', kid: key.kid });
	claims.about = 'x'.repeat(Math.max(0, Math.floor((1024 - header.length - 2 - key.size) * 3 / 4) - JSON.stringify(claims).length));
	const input = `${header}.${b64(claims)}`;
	const how = alg === 'ES256' ? { key: key.privateKey, dsaEncoding: 'ieee-p1363' } : key.privateKey;
	return `${input}.${signWith('sha256', Buffer.from(input), how).toString('base64url')}`;
}

function tokens(k, nonce, life) {
	return {
		token_type: 'Bearer', expires_in: life, id_token: idToken(given[k].client, k, nonce, life), access_token: random(1536),
		refresh_token: `${k}.${given[k].turn}.${random(1012)}`,
	};
}

const codes = new Map();

function authorize(p, s) {
	const code = random(32);
	codes.set(code, { nonce: p.get('nonce') ?? undefined, client: p.get('client_id') });
	s.writeHead(302, { Location: `${p.get('redirect_uri')}?${new URLSearchParams({ code, state: p.get('state') })}`, 'Content-Length': 0 }).end();
}

function redeem(form) {
	const c = codes.get(form.get('code'));
	codes.delete(form.get('code'));
	if (!c) return null;
	counts.signIns++;
	given.push({ client: c.client, turn: 0 });
	return tokens(given.length - 1, c.nonce, lifeOf(given.length - 1));
}

function refresh(form) {
	const [k, turn] = (form.get('refresh_token') ?? '').split('.').map(Number);
	const g = given[k];
	if (!g) return null;
	counts.refreshes++;
	if (turn !== g.turn) {
		counts.replayed++;
		return null;
	}
	counts.most = Math.max(counts.most, ++g.turn);
	return tokens(k, undefined, 3600);
}

async function token(q, s) {
	let body = '';
	for await (const d of q) body += d;
	const form = new URLSearchParams(body);
	const answer = form.get('grant_type') === 'refresh_token' ? refresh(form) : redeem(form);
	if (!answer) counts.errors++;
	json(s, answer ?? { error: 'invalid_grant' }, answer ? 200 : 400);
}

function json(s, x, status = 200) {
	const text = JSON.stringify(x);
	s.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text);
}

const server = createServer((q, s) => {
	const u = new URL(q.url, issuer);
	switch (u.pathname) {
	case '/.well-known/openid-configuration':
		return json(s, {
			issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`,
			response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256', 'ES256'],
			code_challenge_methods_supported: ['S256'], token_endpoint_auth_methods_supported: ['client_secret_basic'],
		});
	case '/jwks': return json(s, jwks);
	case '/authorize': return authorize(u.searchParams, s);
	case '/token': return token(q, s).catch(() => s.destroy());
	default: return s.writeHead(404).end();
	}
});
server.keepAliveTimeout = 600000;
server.listen(port, '127.0.0.1', () => process.send(counts));
process.on('message', (m) => {
	if (m.n !== undefined) reset(m);
	process.send(counts);
});
process.on('disconnect', () => process.exit());
