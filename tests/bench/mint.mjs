// Access tokens that differ, one a line.  usage: node mint.mjs DIR rs256|es256 N
import crypto from 'node:crypto';
import fs from 'node:fs';

const [dir, alg, n] = [process.argv[2], process.argv[3], +process.argv[4]];
const key = crypto.createPrivateKey(fs.readFileSync(`${dir}/${alg}.key.pem`));
const like = fs.readFileSync(`${dir}/${alg}.jwt`, 'utf8').split('.');
const claims = JSON.parse(Buffer.from(like[1], 'base64url'));
const out = [];
for (let i = 0; i < n; i++) {
  const body = Buffer.from(JSON.stringify({ ...claims, jti: `${Date.now()}-${i}` })).toString('base64url');
  const sign = { key, ...(alg === 'es256' ? { dsaEncoding: 'ieee-p1363' } : {}) };
  out.push(`${like[0]}.${body}.${crypto.sign('sha256', Buffer.from(`${like[0]}.${body}`), sign).toString('base64url')}`);
}
process.stdout.write(out.join('\n'));
