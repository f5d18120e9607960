// A certified OpenID provider (npm oidc-provider) as a process of its own, for tests and demo.
// usage: node provider.mjs '{"port":..., "clients":[...], ...}'; says "ready" on its channel or on standard output.
import { generateKeyPairSync } from 'node:crypto';
import * as oidc from 'oidc-provider';

const Provider = oidc.default ?? oidc.Provider;
const o = JSON.parse(process.argv[2]);
const issuer = `http://${o.host ?? '127.0.0.1'}:${o.port}`;

// A restarted provider keeps its keys when they are given; else fresh ones are made.
const key = o.key ?? {
	...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256',
};

const account = (id) => ({
	accountId: id,
	claims: () => ({
		sub: `sub-${id}`, preferred_username: id, name: `User ${id}`, email: `${id}@example.org`, email_verified: true,
		groups: o.groups?.[id] ?? ['workflow-users', 'staff'], ...o.claims,
	}),
});

const provider = new Provider(issuer, {
	clients: o.clients,
	jwks: { keys: [key] },
	scopes: ['openid', 'offline_access', 'profile', 'email'],
	claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'], email: ['email', 'email_verified'] },
	conformIdTokenClaims: o.userinfoOnly === true, // false: the ID token carries the claims of all scopes
	pkce: { required: () => true, methods: ['S256'] },
	cookies: { keys: ['key of the test provider'] },
	// refresh: true gives refresh tokens that are good once
	...(o.refresh && { issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'), rotateRefreshToken: true }),
	ttl: { IdToken: o.idTokenSeconds ?? 3600, AccessToken: o.accessTokenSeconds ?? 3600, RefreshToken: 86400, AuthorizationCode: 60, Interaction: 3600, Session: 86400, Grant: 86400 },
	features: {
		devInteractions: { enabled: true },
		rpInitiatedLogout: { enabled: true },
		backchannelLogout: { enabled: true },
		userinfo: { enabled: true },
		revocation: { enabled: true },
		introspection: { enabled: true },
		clientCredentials: { enabled: true },
		...(o.resource === undefined ? {} : { // opaque access tokens for an API
			resourceIndicators: {
				enabled: true, defaultResource: () => o.resource, useGrantedResource: () => true,
				getResourceServerInfo: () => ({ scope: 'read write', audience: o.resource, accessTokenFormat: 'opaque' }),
			},
		}),
	},
	// Consent is given beforehand: the clients are ours.
	loadExistingGrant: async (ctx) => {
		const { client, session, params } = ctx.oidc;
		const id = session.grantIdFor(client.clientId);
		if (id) return ctx.oidc.provider.Grant.find(id);
		if (o.consent) return undefined;
		const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
		grant.addOIDCScope(params.scope ?? 'openid');
		if (o.resource) grant.addResourceScope(o.resource, 'read write');
		await grant.save();
		return grant;
	},
	findAccount: (ctx, id) => account(id),
});
if (process.env.PROVIDER_DEBUG) {
	for (const e of ['authorization.error', 'grant.error', 'server_error', 'end_session.error', 'backchannel.error']) {
		provider.on(e, (...a) => console.error(e, a.find((x) => x instanceof Error)));
	}
}
provider.listen(o.port, o.host ?? '127.0.0.1', () => {
	if (process.send) process.send('ready');
	else console.log('ready');
});
if (process.send) process.on('disconnect', () => process.exit(0)); // never outlive who started us
process.on('SIGINT', () => {}); // the demo's Ctrl-C reaches us too; its runner ends us
