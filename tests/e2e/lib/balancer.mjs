// What stands in front of the proxy and relays bytes: PROXY headers made by hand, a relay that sends them, and the
// processes of HAProxy and nginx.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from './ports.mjs';

export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export const v1 = (from, to = isIPv6(from) ? '2001:db8::1' : '198.51.100.1') => Buffer.from(`PROXY TCP${isIPv6(from) ? 6 : 4} ${from} ${to} 56324 443\r\n`);

function address(text) {
	if (!isIPv6(text)) return Buffer.from(text.split('.').map(Number));
	const [head, tail] = text.split('::').map((part) => (part ? part.split(':') : []));
	const groups = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];
	return Buffer.from(groups.map((g) => g.padStart(4, '0')).join(''), 'hex');
}

export function v2(command, family, body = Buffer.alloc(0)) {
	const fixed = Buffer.concat([SIGNATURE, Buffer.from([0x20 | command, family, 0, 0])]);
	fixed.writeUInt16BE(body.length, 14);
	return Buffer.concat([fixed, body]);
}

export const tlv = (type, value) => Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);

export function v2From(from, ...tlvs) {
	const to = isIPv6(from) ? '2001:db8::1' : '198.51.100.1';
	return v2(1, isIPv6(from) ? 0x21 : 0x11, Buffer.concat([address(from), address(to), Buffer.from([0xdc, 4, 1, 0xbb]), ...tlvs]));
}

export const LOCAL = v2(0, 0);

// Each connection's first bytes and the header before them leave in one piece, as a balancer's do.
export async function relay(port, header, localAddress = '127.0.0.1') {
	const sockets = new Set();
	const server = createServer((from) => {
		const to = connect({ port, host: '127.0.0.1', localAddress });
		for (const s of [from, to]) {
			sockets.add(s);
			s.on('error', () => {});
			s.on('close', () => { sockets.delete(s); from.destroy(); to.destroy(); });
		}
		from.once('data', (first) => {
			to.write(Buffer.concat([header, first]));
			from.pipe(to);
		});
		to.pipe(from);
	});
	await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
	return { port: server.address().port, stop: () => { server.close(); for (const s of sockets) s.destroy(); } };
}

const accepts = (port) => new Promise((resolve) => {
	const s = connect(port, '127.0.0.1');
	s.once('connect', () => { s.destroy(); resolve(true); });
	s.once('error', () => resolve(false));
});

async function begin(command, args, dir, port) {
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '';
	for (const s of [child.stdout, child.stderr]) s.on('data', (d) => { said += d; });
	const ended = new Promise((resolve) => { child.once('close', resolve); child.once('error', resolve); });
	await until(`${command} to listen`, () => {
		if (child.exitCode !== null) throw new Error(said);
		return accepts(port);
	});
	return { port, said: () => said, stop: async () => { child.kill('SIGKILL'); await ended; rmSync(dir, { recursive: true, force: true }); } };
}

// o: { bind: behind the port, server: behind the address, defaults: further lines }
export async function haproxy(to, o = {}) {
	const [dir, port] = [mkdtempSync(join(tmpdir(), 'workflow-proxy-haproxy-')), await freePort()];
	const file = join(dir, 'haproxy.cfg');
	writeFileSync(file, `global
	log stderr local0 warning
defaults
	mode tcp
	timeout connect 2s
	timeout client 30s
	timeout server 30s
	${o.defaults ?? ''}
listen front
	bind 127.0.0.1:${port} ${o.bind ?? ''}
	server it ${to} ${o.server ?? 'send-proxy'}
`);
	return begin('haproxy', ['-f', file, '-db'], dir, port);
}

export async function nginxStream(to) {
	const [dir, port] = [mkdtempSync(join(tmpdir(), 'workflow-proxy-nginx-')), await freePort()];
	const file = join(dir, 'nginx.conf');
	writeFileSync(file, `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
${process.getuid() === 0 ? 'user root;' : ''} daemon off; master_process off; pid ${dir}/pid; error_log stderr;
events { }
stream { server { listen 127.0.0.1:${port}; proxy_pass ${to}; proxy_protocol on; } }
`);
	return begin('nginx', ['-p', dir, '-c', file], dir, port);
}
