// What stays open: a stream is as old as the session that opened it. And who stands in front: trusted proxies.
import assert from 'node:assert/strict';
import { FETCH, NAVIGATE } from './lib/browser.mjs';
import { Raw } from './lib/raw.mjs';
import { closing, shared, story, world } from './lib/world.mjs';

const w = shared({ top: 'trusted_proxies = {"127.0.0.1"}' });
const host = (port) => `Host: 127.0.0.1:${port}\r\n`;
const upgrade = (port, cookie) => `GET /socket HTTP/1.1\r\n${host(port)}${cookie}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
const events = (port, cookie) => `GET /sse/1000 HTTP/1.1\r\n${host(port)}${cookie}Accept: text/event-stream\r\n\r\n`;
const cookieOf = (browser, url) => `Cookie: ${browser.jar.header(new URL(url))}\r\n`;

async function open(port, bytes, status) {
	const raw = await Raw.open(port);
	raw.send(bytes);
	assert.equal((await raw.head()).status, status);
	return raw;
}

story('signing out ends the WebSocket and the event stream of that session, and no other', async () => {
	const { url, port, signedIn, proxy } = await w();
	const alice = await signedIn('alice');
	const bob = await signedIn('bob');
	const socket = await open(port, upgrade(port, cookieOf(alice, url)), 101);
	const stream = await open(port, events(port, cookieOf(alice, url)), 200);
	const other = await open(port, upgrade(port, cookieOf(bob, url)), 101);
	await alice.request(`${url}/auth/logout`, { headers: NAVIGATE });
	assert.ok(await socket.end(3000), 'the WebSocket goes on');
	assert.ok(await stream.end(3000), 'the event stream goes on');
	assert.ok(!(await other.end(300).catch(() => false)), 'somebody else\'s WebSocket ended as well');
	other.close();
	assert.equal((await proxy.lastAccess((a) => a.path === '/socket' && a.user === 'alice')).reason, 'session_revoked');
});

story('a stream ends when its session runs out', async () => {
	const short = await world({ session: 'timeout = "3s"' });
	try {
		const browser = await short.signedIn();
		const socket = await open(short.port, upgrade(short.port, cookieOf(browser, short.url)), 101);
		assert.ok(await socket.end(6000), 'the WebSocket outlived its session');
		assert.equal((await short.proxy.lastAccess((a) => a.path === '/socket')).reason, 'session_expired');
	} finally {
		await short.stop();
	}
});

const lastSeen = async (path, headers) => {
	const { url, backend, signedIn } = await w();
	const browser = await signedIn();
	await browser.request(url + path, { headers: { ...FETCH, ...headers } });
	const seen = backend.requests.filter((r) => r.target === path).pop();
	const get = (name) => seen.fields.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
	return { from: get('x-forwarded-for'), proto: get('x-forwarded-proto'), forwarded: get('forwarded') };
};
for (const [what, headers, from, proto] of [
	['X-Forwarded-For', { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' }, '203.0.113.9, 127.0.0.1', 'https'],
	['Forwarded', { Forwarded: 'for=198.51.100.7;proto=https;host=evil.example' }, '198.51.100.7, 127.0.0.1', 'https'],
	['Forwarded with IPv6 and hops', { Forwarded: 'for=192.0.2.1, for="[2001:db8::7]:4711";proto=http' }, '2001:db8::7, 127.0.0.1', 'http'],
	['X-Forwarded-For before Forwarded', { 'X-Forwarded-For': '203.0.113.9', Forwarded: 'for=198.51.100.7' }, '203.0.113.9, 127.0.0.1', 'http'],
	['a Forwarded that says nothing', { Forwarded: ';;for=_hidden' }, '127.0.0.1', 'http'],
]) {
	story(`a trusted proxy is believed: ${what}`, async () => {
		const seen = await lastSeen(`/seen-${what.length}-${what.split(' ').length}`, headers);
		assert.deepEqual(seen.from, [from]);
		assert.deepEqual(seen.proto, [proto]);
		assert.deepEqual(seen.forwarded, []);
	});
}

closing(w);
