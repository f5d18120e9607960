// A minimal OpenID Connect provider for the benchmark (auto-approves one user), a token mint and
// an upload sink, in one process.  usage: node op.mjs DIR OP_PORT SINK_PORT
// Writes DIR/{hs256,rs256,es256}.jwt (the tokens that the load sends) and DIR/*.pem (their keys).
import http from 'node:http';
import fs from 'node:fs';
import crypto from 'node:crypto';

const [dir, opPort, sinkPort] = [process.argv[2], +process.argv[3], +process.argv[4]];
const issuer = `http://127.0.0.1:${opPort}`;
const secret = process.env.JWT_SECRET;
const b64 = (x) => Buffer.from(typeof x === 'string' || Buffer.isBuffer(x) ? x : JSON.stringify(x)).toString('base64url');

const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (k, type) => k.export({ type, format: 'pem' });
fs.writeFileSync(`${dir}/rs256.key.pem`, pem(rsa.privateKey, 'pkcs8'));
fs.writeFileSync(`${dir}/rs256.pub.pem`, pem(rsa.publicKey, 'spki'));
fs.writeFileSync(`${dir}/es256.pub.pem`, pem(ec.publicKey, 'spki'));
fs.writeFileSync(`${dir}/es256.key.pem`, pem(ec.privateKey, 'pkcs8'), { mode: 0o600 });
const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' };
const ecJwk = { ...ec.publicKey.export({ format: 'jwk' }), kid: 'k2', use: 'sig', alg: 'ES256' };

const sign = {
  HS256: (d) => crypto.createHmac('sha256', secret).update(d).digest(),
  RS256: (d) => crypto.sign('sha256', d, rsa.privateKey),
  ES256: (d) => crypto.sign('sha256', d, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
};
function jwt(alg, claims, extra = {}) {
  const input = `${b64({ alg, typ: 'JWT', ...extra })}.${b64(claims)}`;
  return `${input}.${b64(sign[alg](Buffer.from(input)))}`;
}
const now = () => Math.floor(Date.now() / 1000);
const user = {
  sub: '248289761001', preferred_username: 'alice', name: 'Alice Example', email: 'alice@example.org',
  email_verified: true, groups: ['staff', 'editors', 'workflow-users'],
};
const claims = (x = {}) => ({
  iss: issuer, aud: 'bench', azp: 'bench', iat: now(), nbf: now() - 5, exp: now() + 36000,
  sid: '3c9e2f4b-6f0a-4c55-9d57-1f3b8a2c7e10', ...user, ...x,
});
fs.writeFileSync(`${dir}/hs256.jwt`, jwt('HS256', claims()));
fs.writeFileSync(`${dir}/rs256.jwt`, jwt('RS256', claims({ scope: 'openid profile' }), { kid: 'k1' }));
fs.writeFileSync(`${dir}/es256.jwt`, jwt('ES256', claims({ scope: 'openid profile' }), { kid: 'k2' }));

const codes = new Map();
const json = (s, x) => { s.setHeader('content-type', 'application/json'); s.end(JSON.stringify(x)); };
http.createServer((q, s) => {
  const u = new URL(q.url, issuer);
  switch (u.pathname) {
    case '/.well-known/openid-configuration':
      return json(s, {
        issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`, userinfo_endpoint: `${issuer}/userinfo`,
        response_types_supported: ['code'], subject_types_supported: ['public'],
        response_modes_supported: ['query'], grant_types_supported: ['authorization_code', 'refresh_token'],
        id_token_signing_alg_values_supported: ['RS256'], code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      });
    case '/jwks': return json(s, { keys: [jwk, ecJwk] });
    case '/userinfo': return json(s, user);
    case '/authorize': {
      const code = crypto.randomBytes(16).toString('hex');
      codes.set(code, { nonce: u.searchParams.get('nonce') ?? undefined, aud: u.searchParams.get('client_id') });
      const to = new URL(u.searchParams.get('redirect_uri'));
      to.searchParams.set('code', code);
      if (u.searchParams.has('state')) to.searchParams.set('state', u.searchParams.get('state'));
      s.writeHead(302, { location: to.href });
      return s.end();
    }
    case '/token': {
      let body = '';
      q.on('data', (d) => { body += d; }).on('end', () => {
        const f = new URLSearchParams(body);
        const c = codes.get(f.get('code')) ?? { aud: 'bench' };
        codes.delete(f.get('code'));
        json(s, {
          token_type: 'Bearer', expires_in: 36000, refresh_token: crypto.randomBytes(16).toString('hex'),
          access_token: jwt('RS256', claims({ scope: 'openid profile' }), { kid: 'k1' }),
          id_token: jwt('RS256', claims(c), { kid: 'k1' }),
        });
      });
      return undefined;
    }
    default: s.statusCode = 404; return s.end();
  }
}).listen(opPort, '127.0.0.1');

// Reads the whole request body, then answers.
http.createServer((q, s) => { q.on('data', () => {}).on('end', () => s.end('ok')); }).listen(sinkPort, '127.0.0.1');
