// Every configuration in the documentation is one that this program takes: `-t` over each block that is marked conf.
// What a block leaves out because it was said before is put in beforehand, and files stand where the texts put them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SECRET, run, scratch } from './lib/proxy.mjs';
import { story } from './lib/world.mjs';

const top = fileURLToPath(new URL('../..', import.meta.url));
const texts = ['README.md', 'SECURITY.md', ...readdirSync(join(top, 'docs')).map((n) => `docs/${n}`)].filter((n) => n.endsWith('.md'));

// { where, info, text } of each fenced block.
function blocks(name) {
	const found = [];
	let block;
	readFileSync(join(top, name), 'utf8').split('\n').forEach((line, i) => {
		const fence = /^```(.*)$/.exec(line);
		if (fence && block) block = found.push(block) && undefined;
		else if (fence) block = { where: `${name}:${i + 1}`, info: fence[1].trim(), text: '' };
		else if (block) block.text += `${line}\n`;
	});
	assert.equal(block, undefined, `${name}: a block has no end`);
	return found;
}
const samples = texts.flatMap(blocks);

// /etc/workflow-proxy as the documentation has it.
const dir = scratch();
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
for (const name of ['secrets', 'store']) mkdirSync(join(dir, name));
for (const name of ['tls', 'client']) {
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`),
		'-days', '90', '-subj', '/CN=flow.example.com', '-addext', 'subjectAltName=DNS:flow.example.com'], { stdio: 'ignore' });
}
for (const copy of ['store/signing.pem', 'redis-ca.pem', 'ca.pem']) copyFileSync(join(dir, 'tls.crt'), join(dir, copy));
const files = { 'secrets/admin.token': SECRET, 'session.secret': SECRET, 'secrets/session.secret': SECRET, 'client.secret': 'x', 'redis.url': 'rediss://workflow:PASSWORD@redis.example.com:6379/0' };
for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), `${text}\n`, { mode: 0o600 });
for (const name of ['tls.key', 'client.key']) chmodSync(join(dir, name), 0o600);
mkdirSync(join(dir, 'pages'));
for (const b of samples.filter((s) => /^html \S+\.html$/.test(s.info))) writeFileSync(join(dir, 'pages', b.info.slice(5)), b.text, { mode: 0o600 });
const thumbprint = new X509Certificate(readFileSync(join(dir, 'tls.crt'))).fingerprint.replaceAll(':', '');

const provider = (more) => `provider "main" { client_id = "x" ${more} }`;
const known = 'discovery_url = "https://login.example.com/.well-known/openid-configuration"';

// The block as a whole file.  `info`: "conf", or "conf provider" for what stands inside of a section.
function whole({ info, text }) {
	const [, inside] = info.split(' ');
	const has = (name) => new RegExp(`^\\s*${name}\\b`, 'm').test(text);
	let t = text.replace(/# \.\.\. as above(, without client_secret_file)?/g, (m, without) => `${known} client_id = "x"${without ? '' : ' client_secret = "x"'}`);
	if (inside === 'provider' && has('certificate')) t = provider(`discovery = "store" issuer = "https://fs.example.com/adfs" authorization_endpoint = "https://fs.example.com/a" token_endpoint = "https://fs.example.com/t" client_secret = "x"\n${t}`);
	else if (inside === 'provider') t = provider(`${has('discovery_url') ? 'kind = "ms-identity-v2"' : known} client_secret = "x"${has('introspection_endpoint') ? ' audience = "x"' : ''}\n${t}`);
	const add = (name, line) => { if (!new RegExp(`^\\s*${name}\\b`, 'm').test(t)) t = `${t}\n${line}`; };
	add('public_url', 'public_url = "https://flow.example.com"');
	add('listen', 'listen "127.0.0.1:8443" { }');
	add('session', 'session { secret_file = "/etc/workflow-proxy/session.secret" }');
	if (!/^\s*session[^}]*secret/m.test(t)) t = t.replace(/^session \{/m, 'session { secret_file = "/etc/workflow-proxy/session.secret"');
	add('provider', provider(`${known} client_secret = "x"${/mobile_clients|auth = "?(any|bearer)/.test(t) ? ' audience = "x"' : ''}`));
	add('route', 'route "/" { upstream = "http://127.0.0.1:8080" }');
	return t.replaceAll('/etc/workflow-proxy', dir).replace('8A4C...41E7', thumbprint);
}

const check = (text) => {
	writeFileSync(join(dir, 'sample.conf'), text, { mode: 0o600 });
	return run(['-t', '-c', join(dir, 'sample.conf')], { env: { PUBLIC_URL: 'https://flow.example.com' } });
};

const marked = samples.filter((b) => b.info.split(' ')[0] === 'conf');
for (const b of marked) {
	story(`${b.where}: this configuration is taken`, () => {
		const r = check(whole(b));
		assert.equal(r.status, 0, `${r.stderr}\n${whole(b)}`);
		assert.ok(!/\(warning\)/.test(r.stderr.replace(/.* has no upstream: verify answers for it.*/g, '')), r.stderr);
	});
}

story('what is a configuration of ours is marked as one', () => {
	assert.ok(marked.length >= 20, `${marked.length} blocks`);
	const ours = /^\s*(public_url =|discovery_url =|session \{|provider "|route "|outbound "|client "|upstream "|admin "|certificate ")/m;
	for (const b of samples) if (!['conf', 'nginx', 'yaml', 'json', 'js', 'html', 'ini'].includes(b.info.split(' ')[0])) assert.ok(!ours.test(b.text), `${b.where} is not marked as conf`);
});

story('every link within the documentation leads somewhere', () => {
	const anchor = (heading) => heading.trim().toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-');
	const read = (name) => readFileSync(join(top, name), 'utf8').replace(/^```[^]*?^```$/gm, '');
	let n = 0;
	for (const name of [...texts, 'CONTRIBUTING.md']) {
		for (const [, to] of read(name).matchAll(/\]\(([^)\s]+)\)/g)) {
			if (/^[a-z]+:/.test(to)) continue;
			const [path, part] = to.split('#');
			const target = path === '' ? name : join(dirname(name), path);
			assert.ok(existsSync(join(top, target)), `${name}: ${to}`);
			if (part) assert.ok([...read(target).matchAll(/^#+ (.*)$/gm)].some(([, h]) => anchor(h) === part), `${name}: ${to} is no heading there`);
			n++;
		}
	}
	assert.ok(n > 20, `${n} links`);
});

story('files and settings that the documentation names are there', () => {
	const known = new Set([...readFileSync(join(top, 'workflow-proxy.conf.example'), 'utf8').matchAll(/^\s*#?\s*(\w+) =/gm)].map(([, k]) => k));
	let [nFiles, nKeys] = [0, 0];
	for (const name of [...texts, 'CONTRIBUTING.md']) {
		const text = readFileSync(join(top, name), 'utf8');
		for (const [, path] of text.matchAll(/`((?:conf|oidc|session|proxy|tests|docs|demo)\/[\w./-]+\.(?:c|h|sh|js|mjs|md))`/g)) {
			assert.ok(existsSync(join(top, path)), `${name}: ${path}`);
			nFiles++;
		}
		for (const [, section, key] of text.matchAll(/`(session|provider|limits|listen|log|route|upstream|admin|client|outbound)\.([a-z0-9_]+)(?: = [^`]*)?`/g)) {
			assert.ok(known.has(key) || key === 'js', `${name}: ${section}.${key}`);
			nKeys++;
		}
	}
	assert.ok(nFiles > 30 && nKeys > 20, `${nFiles} files, ${nKeys} settings`);
});

story('a mistake in a sample would be seen', () => {
	const [b] = marked;
	assert.equal(check(whole({ ...b, text: b.text.replace('discovery_url', 'discovery_uri') })).status, 1);
});
