// Bodies stream: a slow side holds the fast one back, and the proxy holds next to nothing.  Measured on a release build.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { sleep, until } from './lib/ports.mjs';
import { RELEASE } from './lib/proxy.mjs';
import { Raw } from './lib/raw.mjs';
import { story, world } from './lib/world.mjs';

const MIB = 1 << 20;
const o = { bin: RELEASE, workers: 2, routes: 'route "/" { upstream = "app" auth = "none" }' };

async function growth(own, during) {
	const raw = await Raw.open(own.port); // everything that is made once is made before
	raw.send('GET /p HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
	await raw.response();
	raw.close();
	const before = own.proxy.rss();
	let peak = before;
	const timer = setInterval(() => { peak = Math.max(peak, own.proxy.rss()); }, 20);
	await during();
	clearInterval(timer);
	return Math.max(peak, own.proxy.rss()) - before;
}

story('200 MiB uploaded to a slow backend: the proxy grows by less than 16 MiB', async () => {
	const own = await world(o);
	try {
		own.backend.on('/slow-upload', async (r, s) => {
			s.pause();
			await sleep(2500);
			s.resume();
			await r.done;
			s.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
		});
		const grown = await growth(own, async () => {
			const s = connect(own.port, '127.0.0.1');
			let answer = '';
			s.on('data', (d) => { answer += d; });
			s.write(`POST /slow-upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${200 * MIB}\r\n\r\n`);
			const part = Buffer.alloc(MIB, 'u');
			for (let i = 0; i < 200; i++) {
				if (!s.write(part)) await new Promise((resolve) => { s.once('drain', resolve); });
			}
			await until('the answer', () => answer.includes('ok'), 30000);
			s.destroy();
		});
		assert.equal(own.backend.last.size, 200 * MIB);
		assert.ok(grown < 16 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
	} finally {
		await own.stop();
	}
});

story('200 MiB downloaded by a reader that stalls: the proxy grows by less than 16 MiB', async () => {
	const own = await world(o);
	try {
		const grown = await growth(own, async () => {
			const s = connect(own.port, '127.0.0.1');
			let size = 0;
			s.on('data', (d) => { size += d.length; });
			s.write(`GET /big/${200 * MIB} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
			await until('the first bytes', () => size > 0);
			s.pause();
			await sleep(2500);
			s.resume();
			await until('the last bytes', () => size > 200 * MIB, 30000);
			s.destroy();
		});
		assert.ok(grown < 16 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
	} finally {
		await own.stop();
	}
});

story('2000 idle connections and 500 stalled heads cost less than 40 MiB, and are gone afterwards', async () => {
	const own = await world(o);
	try {
		const raws = [];
		const grown = await growth(own, async () => {
			for (let i = 0; i < 2000; i++) {
				const s = connect(own.port, '127.0.0.1');
				s.on('error', () => {});
				raws.push(s);
				if (i % 100 === 99) await sleep(10);
			}
			for (const s of raws.slice(0, 500)) s.write('GET /p HTTP/1.1\r\nHost: 127.');
			await sleep(300);
		});
		assert.ok(grown < 40 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
		for (const s of raws) s.destroy();
		const raw = await Raw.open(own.port);
		raw.send('GET /p HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
		assert.equal((await raw.response()).status, 200);
		raw.close();
	} finally {
		await own.stop();
	}
});
