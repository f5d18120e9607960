// A provider of our own that is wrong on request.  It signs anybody in at once (user `op.user`), and each fault is a
// property that a test sets: what the ID token says, how it is signed, what the endpoints answer.
import { constants, createHmac, generateKeyPairSync, randomBytes, sign as signWith, createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { CLIENT_SECRET } from './op.mjs';
import { sleep } from './ports.mjs';

const b64 = (x) => Buffer.from(typeof x === 'string' || Buffer.isBuffer(x) ? x : JSON.stringify(x)).toString('base64url');

const pairs = new Map(); // making RSA keys is slow: few, shared by all providers of a file
function pair(n) {
	if (!pairs.has(n)) pairs.set(n, generateKeyPairSync('rsa', { modulusLength: 2048 }));
	return pairs.get(n);
}

const curves = new Map();
function curve(n) {
	if (!curves.has(n)) curves.set(n, generateKeyPairSync('ec', { namedCurve: 'P-256' }));
	return curves.get(n);
}

export class FaultOp {
	static async start(o = {}) {
		const op = new FaultOp();
		op.port = o.port ?? 0;
		op.reset();
		await op.up();
		return op;
	}

	// No fault at all.
	reset() {
		this.user = 'alice';
		this.fault = {};
		this.keys = [{ kid: 'k1', n: 1 }];
		this.signer = this.keys[0];
		this.apiKeys = []; // more of them, for access tokens: { kid, alg, n }
		this.calls = { discovery: 0, jwks: 0, authorize: 0, token: 0, userinfo: 0, refresh: 0 };
		this.grants = new Map(); // refresh tokens that are good, and what for
		this.life = 3600; // seconds that tokens are good for
		this.codes = new Map();
		this.tokenRequests = [];
		this.givenBack = []; // refresh tokens
		this.pages = new Map(); // path to HTML: what a test wants of it besides
		this.introspections = [];
		this.issued = []; // every code and token handed out
		this.clock = 0; // seconds that our clock is ahead
	}

	async up() {
		this.sockets = new Set();
		this.server = createServer((q, s) => this.answer(q, s).catch(() => s.destroy()));
		this.server.on('connection', (s) => { this.sockets.add(s); s.on('close', () => this.sockets.delete(s)); });
		await new Promise((resolve, reject) => { this.server.once('error', reject); this.server.listen(this.port, '127.0.0.1', resolve); });
		this.port = this.server.address().port;
		this.url = `http://127.0.0.1:${this.port}`;
		this.discoveryUrl = `${this.url}/.well-known/openid-configuration`;
	}

	async stop() {
		for (const s of this.sockets) s.destroy();
		if (this.server.listening) await new Promise((resolve) => { this.server.close(resolve); });
	}

	now() {
		return Math.floor(Date.now() / 1000) + this.clock;
	}

	jwks() {
		const api = this.apiKeys.map((k) => ({ ...(k.alg[0] === 'E' ? curve : pair)(k.n).publicKey.export({ format: 'jwk' }), use: 'sig', alg: k.alg, kid: k.kid }));
		return { keys: [...api, ...this.keys.map((k) => ({ ...pair(k.n).publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', ...(k.noKid ? {} : { kid: k.kid }), ...(k.issuer ? { issuer: k.issuer } : {}) }))] };
	}

	rotate(kid, n) {
		this.keys = [{ kid, n }];
		this.signer = this.keys[0];
	}

	idToken(c) {
		const f = this.fault;
		const claims = {
			iss: this.url, aud: c.client, sub: `sub-${this.user}`, preferred_username: this.user, name: `User ${this.user}`,
			email: `${this.user}@example.org`, email_verified: true, groups: ['workflow-users', 'staff'], sid: `op-${c.code.slice(0, 8)}`,
			iat: this.now(), exp: this.now() + this.life, nonce: c.nonce, ...f.claims,
		};
		for (const name of f.without ?? []) delete claims[name];
		const alg = f.alg ?? 'RS256';
		const header = { alg, typ: 'JWT', ...(f.noKid ? {} : { kid: f.kid ?? this.signer.kid }), ...f.header };
		const input = `${b64(header)}.${b64(f.payload ?? claims)}`;
		let signature;
		if (alg === 'none') signature = '';
		else if (alg === 'HS256') signature = b64(createHmac('sha256', CLIENT_SECRET).update(input).digest());
		else if (alg === 'HS256-with-public-key') signature = '';
		else signature = b64(signWith('sha256', Buffer.from(input), pair(f.signWith ?? this.signer.n).privateKey));
		if (f.breakSignature) signature = `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
		if (f.hmacWithPublicKey) {
			const h = `${b64({ ...header, alg: 'HS256' })}.${b64(claims)}`;
			return `${h}.${b64(createHmac('sha256', pair(this.signer.n).publicKey.export({ type: 'spki', format: 'pem' })).update(h).digest())}`;
		}
		return `${input}.${signature}`;
	}

	// An access token with these claims.  o: alg (RS256, PS256, ES256, HS256 with `secret`, none), n: which key, kid,
	// header: more of it, breakSignature
	mint(claims, o = {}) {
		const alg = o.alg ?? 'RS256';
		const header = { alg, typ: 'JWT', kid: o.kid ?? this.signer.kid, ...o.header };
		for (const [n, v] of Object.entries(header)) if (v === undefined) delete header[n];
		const input = `${b64(header)}.${b64(claims)}`;
		const n = o.n ?? this.signer.n;
		const keys = {
			RS256: () => pair(n).privateKey,
			PS256: () => ({ key: pair(n).privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
			ES256: () => ({ key: curve(n).privateKey, dsaEncoding: 'ieee-p1363' }),
		};
		let signature = '';
		if (alg === 'HS256') signature = b64(createHmac('sha256', o.secret).update(input).digest());
		else if (alg in keys) signature = b64(signWith('sha256', Buffer.from(input), keys[alg]()));
		if (o.breakSignature) signature = `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
		const token = `${input}.${signature}`;
		this.issued.push(token);
		return token;
	}

	async answer(q, s) {
		const u = new URL(q.url, this.url);
		const f = this.fault;
		s.setHeader('Date', new Date(this.now() * 1000).toUTCString());
		const json = (x, status = 200) => { s.writeHead(status, { 'Content-Type': 'application/json' }); s.end(JSON.stringify(x)); };
		switch (u.pathname) {
		case '/.well-known/openid-configuration':
			this.calls.discovery++;
			if (f.discoveryDelay) await sleep(f.discoveryDelay);
			return json({
				issuer: this.url, authorization_endpoint: `${this.url}/authorize`, token_endpoint: `${this.url}/token`,
				jwks_uri: `${this.url}/jwks`, userinfo_endpoint: `${this.url}/userinfo`, end_session_endpoint: `${this.url}/end`,
				response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'],
				code_challenge_methods_supported: ['S256'], token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
				...f.metadata,
			});
		case '/jwks':
			this.calls.jwks++;
			if (f.jwksDelay) await sleep(f.jwksDelay);
			if (f.jwksStatus) return json({}, f.jwksStatus);
			return json(this.jwks());
		case '/authorize':
			return this.authorize(u, s);
		case '/token':
			return this.token(q, s, json);
		case '/userinfo':
			this.calls.userinfo++;
			return json({ sub: `sub-${this.user}`, department: 'Finance', ...f.userinfo });
		case '/introspect': {
			let body = '';
			for await (const d of q) body += d;
			const form = new URLSearchParams(body);
			this.introspections.push({ form, authorization: q.headers.authorization, accept: q.headers.accept });
			const a = await f.introspect?.(form.get('token'), s);
			return a === undefined ? undefined : json(a);
		}
		case '/end': {
			const to = u.searchParams.get('post_logout_redirect_uri');
			this.lastLogout = u.searchParams;
			if (!to) return s.end('signed out');
			const back = new URL(to);
			if (u.searchParams.has('state')) back.searchParams.set('state', u.searchParams.get('state'));
			return s.writeHead(302, { Location: back.href }).end();
		}
		case '/revoke': { // RFC 7009
			let body = '';
			for await (const d of q) body += d;
			this.givenBack.push({ form: new URLSearchParams(body), authorization: q.headers.authorization });
			if (f.revokeSlow) return undefined; // and nothing more
			return s.writeHead(f.revokeStatus ?? 200).end();
		}
		default:
			if (this.pages.has(u.pathname)) return s.writeHead(200, { 'Content-Type': 'text/html' }).end(this.pages.get(u.pathname));
			return s.writeHead(404).end();
		}
	}

	authorize(u, s) {
		const f = this.fault;
		const p = u.searchParams;
		this.calls.authorize++;
		this.lastAuthorize = p;
		const to = new URL(p.get('redirect_uri'));
		const code = randomBytes(24).toString('base64url');
		this.issued.push(code);
		this.codes.set(code, { code, nonce: p.get('nonce') ?? undefined, client: p.get('client_id'), challenge: p.get('code_challenge'), redirect: p.get('redirect_uri') });
		const answer = f.response ?? { code, state: p.get('state') };
		for (const [n, v] of Object.entries({ ...answer, ...f.responseAlso })) {
			for (const w of [v].flat()) if (w !== null && w !== undefined) to.searchParams.append(n, w === 'STATE' ? p.get('state') : w === 'CODE' ? code : w);
		}
		if (f.rotateTo) this.rotate(f.rotateTo.kid, f.rotateTo.n);
		return s.writeHead(302, { Location: to.href }).end();
	}

	async token(q, s, json) {
		const f = this.fault;
		this.calls.token++;
		let body = '';
		for await (const d of q) body += d;
		const form = new URLSearchParams(body);
		this.tokenRequests.push({ form, authorization: q.headers.authorization });
		if (f.tokenDropKept && q.socket.used) return q.socket.destroy(); // read, and no word about it
		q.socket.used = true;
		if (f.tokenStatus) return json(f.tokenBody ?? {}, f.tokenStatus);
		if (f.tokenHtml) { s.writeHead(200, { 'Content-Type': 'text/html' }); return s.end('<!doctype html><h1>Welcome to the load balancer</h1>'); }
		if (f.tokenHuge) { s.writeHead(200, { 'Content-Type': 'application/json' }); for (let i = 0; i < 400 && !s.destroyed; i++) s.write('x'.repeat(65536)); return s.end(); }
		if (f.tokenSlow) { s.writeHead(200, { 'Content-Type': 'application/json' }); s.write('{'); return undefined; } // and nothing more
		if (f.tokenDrop) return s.destroy();
		if (form.get('grant_type') === 'refresh_token') return this.refresh(form, s, json);
		const c = this.codes.get(form.get('code'));
		this.codes.delete(form.get('code'));
		if (!c) return json({ error: 'invalid_grant' }, 400);
		const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
		if (c.challenge && challenge !== c.challenge) return json({ error: 'invalid_grant', error_description: 'PKCE' }, 400);
		const access = randomBytes(24).toString('base64url');
		const refresh = randomBytes(24).toString('base64url');
		const id = this.idToken(c);
		this.issued.push(access, refresh, id, form.get('code_verifier'));
		this.grants.set(refresh, c);
		if (f.tokenDelay) await sleep(f.tokenDelay);
		return json({ token_type: 'Bearer', expires_in: this.life, access_token: access, refresh_token: refresh, id_token: id, ...f.tokenAlso });
	}

	// Each refresh token is good once; who brings one twice is taken for a thief, and loses all.
	// Faults: refreshDelay, refreshWhen: a function that is waited for, refreshStatus and refreshBody, refreshDrop, refreshAlso, refreshWithout: members left out
	async refresh(form, s, json) {
		const f = this.fault;
		this.calls.refresh++;
		if (f.refreshDelay) await sleep(f.refreshDelay);
		if (f.refreshWhen) await f.refreshWhen();
		if (f.refreshStatus) return json(f.refreshBody ?? {}, f.refreshStatus);
		if (f.refreshDrop) return s.destroy();
		const c = this.grants.get(form.get('refresh_token'));
		if (!c) this.grants.clear();
		if (!c) return json({ error: 'invalid_grant' }, 400);
		this.grants.delete(form.get('refresh_token'));
		const access = randomBytes(24).toString('base64url');
		const refresh = randomBytes(24).toString('base64url');
		const id = this.idToken(c);
		this.grants.set(refresh, c);
		this.issued.push(access, refresh, id);
		const answer = { token_type: 'Bearer', expires_in: this.life, access_token: access, refresh_token: refresh, id_token: id, ...f.refreshAlso };
		for (const name of f.refreshWithout ?? []) {
			if (name === 'refresh_token') this.grants.set(form.get('refresh_token'), c);
			delete answer[name];
		}
		return json(answer);
	}
}
