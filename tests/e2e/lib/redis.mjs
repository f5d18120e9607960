// A real redis-server on a port of its own: plain or TLS, with a password or an ACL user; stopped, started, killed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, until } from './ports.mjs';

export class Redis {
	// o: { user, password, tls: { ca, cert, key }, aof: true to keep what it has over a restart, acl: rules of the user }
	static async start(o = {}) {
		const r = new Redis();
		r.o = o;
		r.port = await freePort();
		r.dir = mkdtempSync(join(tmpdir(), 'workflow-proxy-redis-'));
		const lines = [
			'bind 127.0.0.1', 'save ""', `appendonly ${o.aof ? 'yes' : 'no'}`, 'appendfsync always', `dir ${r.dir}`, 'daemonize no', 'loglevel warning',
			...(o.tls ? ['port 0', `tls-port ${r.port}`, `tls-cert-file ${o.tls.cert}`, `tls-key-file ${o.tls.key}`, 'tls-auth-clients no'] : [`port ${r.port}`]),
			...(o.user ? [`user ${o.user} on >${o.password} ${o.acl ?? '~wp:* +@read +@write +@connection +@scripting +info +time'}`, 'user default off', 'user tests on nopass ~* &* +@all'] : []),
			...(o.password && !o.user ? [`requirepass ${o.password}`] : []),
		];
		writeFileSync(join(r.dir, 'redis.conf'), `${lines.join('\n')}\n`);
		r.url = `redis${o.tls ? 's' : ''}://${o.password ? `${o.user ?? ''}:${encodeURIComponent(o.password)}@` : ''}127.0.0.1:${r.port}/0`;
		await r.up();
		return r;
	}

	async up() {
		this.child = spawn('redis-server', [join(this.dir, 'redis.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
		this.log = '';
		this.child.stdout.on('data', (d) => { this.log += d; });
		this.child.stderr.on('data', (d) => { this.log += d; });
		this.gone = new Promise((resolve) => { this.child.once('exit', resolve); });
		await until('redis-server', () => {
			if (this.child.exitCode !== null) throw new Error(`redis-server ended: ${this.log}`);
			return this.cli('PING') === 'PONG';
		});
	}

	cli(...words) {
		const { o } = this;
		const args = ['-h', '127.0.0.1', '-p', String(this.port), '--no-auth-warning',
			...(o.tls ? ['--tls', '--cacert', o.tls.ca] : []),
			...(o.user ? ['--user', 'tests', '--pass', 'x'] : o.password ? ['-a', o.password] : [])];
		return spawnSync('redis-cli', [...args, ...words], { encoding: 'utf8', timeout: 5000 }).stdout.trim();
	}

	async down(signal = 'SIGKILL') {
		this.child.kill(signal);
		await this.gone;
	}

	async stop() {
		if (this.child.exitCode === null && this.child.signalCode === null) await this.down();
		rmSync(this.dir, { recursive: true, force: true });
	}
}
