// The certified provider (lib/provider.mjs) as a child: started, stopped and restarted on one port.
import { generateKeyPairSync } from 'node:crypto';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const CLIENT_SECRET = 'client-secret-of-the-tests-0123456789';

export class Op {
	// o: { port, redirectUris, postLogoutUris, client: extra client metadata, ... as lib/provider.mjs takes }
	static async start(o) {
		const op = new Op();
		op.url = `http://${o.host ?? '127.0.0.1'}:${o.port}`;
		op.discoveryUrl = `${op.url}/.well-known/openid-configuration`;
		op.settings = {
			key: { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' },
			clients: [{
				client_id: 'rp', client_secret: CLIENT_SECRET, redirect_uris: o.redirectUris,
				post_logout_redirect_uris: o.postLogoutUris ?? [],
				grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
				token_endpoint_auth_method: 'client_secret_basic', ...o.client,
			}, ...(o.moreClients ?? [])],
			...o, client: undefined, moreClients: undefined, redirectUris: undefined, postLogoutUris: undefined,
		};
		await op.up();
		return op;
	}

	async up() {
		this.child = fork(fileURLToPath(new URL('provider.mjs', import.meta.url)), [JSON.stringify(this.settings)], { silent: true });
		this.log = '';
		this.child.stdout.on('data', (d) => { this.log += d; });
		this.child.stderr.on('data', (d) => { this.log += d; });
		await new Promise((resolve, reject) => {
			this.child.once('message', resolve);
			this.child.once('exit', (code) => reject(new Error(`the provider ended with ${code}: ${this.log}`)));
		});
	}

	async stop() {
		if (this.child.exitCode !== null || this.child.signalCode !== null) return;
		const gone = new Promise((resolve) => { this.child.once('exit', resolve); });
		this.child.kill('SIGKILL');
		await gone;
	}
}
