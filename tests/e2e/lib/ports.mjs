// Free ports below the range from which the kernel picks source ports, so that none is taken between look and use.
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

const given = new Set();

const isFree = (port, host) => new Promise((resolve) => {
	const server = createServer();
	server.once('error', () => resolve(false));
	server.listen(port, host, () => server.close(() => resolve(true)));
});

export async function freePort(host = '127.0.0.1') {
	for (let i = 0; i < 200; i++) {
		const port = randomInt(18000, 32000);
		if (!given.has(port) && await isFree(port, host)) {
			given.add(port);
			return port;
		}
	}
	throw new Error('no free port');
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Calls `look` until it returns something true.
export async function until(what, look, ms = 10000) {
	const end = Date.now() + ms;
	for (;;) {
		const found = await look();
		if (found) return found;
		if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for: ${what}`);
		await sleep(20);
	}
}
