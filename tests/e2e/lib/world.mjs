// A provider, a backend and a proxy between them, as a test wants them; everything ends with the test or the suite.
import { after, test } from 'node:test';
import { Backend } from './backend.mjs';
import { Browser } from './browser.mjs';
import { FaultOp } from './faultop.mjs';
import { Op } from './op.mjs';
import { freePort, until } from './ports.mjs';
import { Proxy } from './proxy.mjs';

// o: { real: true for the certified provider, opSettings, op: an own one, backend: options, proxy: false for none,
//      waitReady: false for a provider that is not to be waited for,
//      ...what configuration() takes }
export async function world(o = {}) {
	const w = { port: await freePort(), adminPort: await freePort() };
	w.url = o.publicUrl && !Array.isArray(o.publicUrl) ? o.publicUrl : `http://127.0.0.1:${w.port}`;
	w.backend = await Backend.start(o.backend);
	if (o.real) {
		w.op = await Op.start({
			port: await freePort(), redirectUris: [`${w.url}/auth/callback`], postLogoutUris: [`${w.url}/auth/logout/return`], ...o.opSettings,
		});
	} else {
		w.op = o.op ?? await FaultOp.start();
	}
	w.settings = { servers: [w.backend.url], discoveryUrl: w.op.discoveryUrl, ...o, port: w.port, adminPort: w.adminPort };
	w.start = async (more = {}) => {
		w.proxy = await Proxy.start({ ...w.settings, ...more });
		if (o.waitReady !== false) await until('the provider\'s metadata', async () => (await new Browser().request(`${w.proxy.admin}/readyz?strict`).catch(() => ({}))).status === 200);
		return w.proxy;
	};
	w.browser = (b) => new Browser(b);
	w.signedIn = async (user = 'alice', b = {}) => {
		if (!o.real) w.op.user = user;
		const browser = new Browser(b);
		const answer = await browser.signIn(`${w.url}/`, user);
		if (answer.status !== 200) throw new Error(`sign-in ended with ${answer.status} at ${answer.url}: ${answer.text.slice(0, 400)}\n${w.proxy.stderr.slice(-1500)}`);
		return browser;
	};
	w.stop = async (expected) => {
		try {
			if (w.proxy) await w.proxy.stop(expected);
		} finally {
			await w.op.stop();
			await w.backend.stop();
		}
	};
	if (o.proxy !== false) {
		try {
			await w.start();
		} catch (e) {
			await w.stop().catch(() => {});
			throw e;
		}
	}
	return w;
}

// A world that all tests of a file share: `await w()` is it.  The file's last line is closing(w): the clean end of the
// proxy is a test of its own.
export function shared(o) {
	let made;
	const w = () => { made ??= Promise.resolve(typeof o === 'function' ? o() : o).then(world); return made; };
	after(async () => {
		const left = await made?.catch(() => {});
		if (left) await left.stop().catch(() => {});
	});
	return w;
}

// What a failed test left open does not keep the file from ending.
after(() => { setTimeout(() => process.exit(), 2000).unref(); });

export const story = (name, fn, ms = 60000) => test(name, { timeout: ms }, fn);

export const closing = (...worlds) => story('the proxy ends with status 0 and no report of a sanitizer', async () => {
	for (const w of worlds) await (await w()).stop();
});
