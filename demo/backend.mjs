// The demo's application: a small workflow inbox that knows nothing of OpenID Connect.  Who the user is it reads from
// the headers that the proxy sets; no dependencies.
//
// usage: node backend.mjs PORT
import { createServer } from 'node:http';
import { acceptKey, CLOSE, frame, frames, PING, PONG, TEXT } from './websocket.mjs';

const port = Number(process.argv[2] ?? 0);
const escape = (s) => String(s ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const tasks = [
	{ id: 1, title: 'Approve travel request', from: 'Maria Santos', amount: '€ 1,240', state: 'open' },
	{ id: 2, title: 'Review supplier contract', from: 'Purchasing', amount: '€ 18,000', state: 'open' },
	{ id: 3, title: 'Confirm new starter’s equipment', from: 'Human resources', amount: '1 laptop', state: 'open' },
];
const history = [];
const uploads = [];

const style = `
:root { color-scheme: light dark; --ink: #17202b; --soft: #54606f; --paper: #f4f6f8; --card: #fff; --line: #d8dee5;
	--accent: #1257b8; --on-accent: #fff; --good: #156b3a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #a5b1c0; --paper: #11161d; --card: #1a212b;
	--line: #313c4a; --accent: #8fbcff; --on-accent: #0c1a2e; --good: #7fd6a2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, 'DejaVu Sans', sans-serif; }
a { color: var(--accent); }
header { background: var(--card); border-bottom: 1px solid var(--line); }
header > div, main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem; }
header > div { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; }
header strong { font-size: 1.1rem; margin-right: auto; }
h1 { font-size: 1.6rem; margin: 1rem 0 .25rem; } h2 { font-size: 1.1rem; margin: 0 0 .75rem; }
.lead { color: var(--soft); margin: 0 0 1.25rem; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.25rem; min-width: 0; }
section.wide { grid-column: 1 / -1; }
ul.tasks { list-style: none; margin: 0; padding: 0; }
ul.tasks li { display: flex; gap: .75rem; align-items: center; padding: .7rem 0; border-top: 1px solid var(--line); flex-wrap: wrap; }
ul.tasks li:first-child { border-top: 0; }
ul.tasks div { flex: 1 1 14rem; } small { color: var(--soft); }
button, .button { font: inherit; padding: .45rem .9rem; border-radius: .4rem; border: 1px solid var(--accent); cursor: pointer;
	background: var(--accent); color: var(--on-accent); text-decoration: none; }
button.quiet, .button.quiet { background: transparent; color: var(--accent); }
input { font: inherit; padding: .45rem .6rem; border: 1px solid var(--soft); border-radius: .4rem; background: var(--paper); color: var(--ink); max-width: 100%; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
label { display: block; margin-bottom: .3rem; } .row { display: flex; gap: .6rem; flex-wrap: wrap; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; } th, td { text-align: left; padding: .3rem .6rem .3rem 0; vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; white-space: nowrap; width: 16rem; } output { display: block; margin-top: .6rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
.done { color: var(--good); font-weight: 600; }
`;

const script = `
const ticks = new EventSource('events');
ticks.onmessage = (e) => { document.querySelector('#clock').textContent = e.data; };
ticks.onerror = () => { document.querySelector('#clock').textContent = 'interrupted; the browser tries again'; };
const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + new URL('socket', location.href).pathname);
const said = document.querySelector('#said');
socket.onopen = () => { said.textContent = 'connected'; };
socket.onmessage = (e) => { said.textContent = e.data; };
socket.onclose = () => { said.textContent = 'closed'; };
document.querySelector('#say').onsubmit = (e) => { e.preventDefault(); socket.send(new FormData(e.target).get('text')); };
`;

function page(user, request) {
	const open = tasks.filter((t) => t.state === 'open').length;
	const claims = Object.entries(request.headers).filter(([name]) => /^x-(forwarded|claim|request)-/.test(name));
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>Inbox - ${escape(user)}</title><style>${style}</style></head><body>
<header><div><strong>Workflow inbox</strong><span id="who">Signed in as ${escape(user)}</span>
<a class="button quiet" href="/auth/logout">Sign out</a></div></header>
<main><h1 id="greeting">Hello, ${escape(user)}</h1>
<p class="lead">${open === 1 ? 'One task waits' : `${open} tasks wait`} for your decision.  This application holds no password and no token: it reads your name from a request header.</p>
<div class="grid">
<section class="wide"><h2>Tasks</h2><ul class="tasks">${tasks.map((t) => `<li><div><b>${escape(t.title)}</b><br><small>${escape(t.from)} · ${escape(t.amount)}</small></div>
${t.state === 'open' ? `<form class="row" method="post" action="decide"><input type="hidden" name="id" value="${t.id}">
<button name="state" value="approved" aria-label="Approve: ${escape(t.title)}">Approve</button><button class="quiet" name="state" value="declined" aria-label="Decline: ${escape(t.title)}">Decline</button></form>`
	: `<span class="done">${escape(t.state)}</span>`}</li>`).join('')}</ul>
${history.length ? `<p><small>Last decision: ${escape(history[history.length - 1])}</small></p>` : ''}</section>
<section><h2>Event stream</h2><p>The server’s clock, ticking through the proxy:</p><output id="clock" aria-live="off">waiting</output></section>
<section><h2>WebSocket</h2><form id="say"><label for="text">Say something; it comes back</label><span class="row"><input id="text" name="text" value="hello"><button>Send</button></span></form><output id="said" aria-live="polite">connecting</output></section>
<section><h2>Upload</h2><form method="post" action="upload" enctype="multipart/form-data"><label for="file">A file of any size; it is counted, not kept</label><span class="row"><input id="file" type="file" name="file" required><button>Upload</button></span></form>
${uploads.length ? `<output>${escape(uploads[uploads.length - 1])}</output>` : ''}</section>
<section class="wide"><h2>What the proxy told this application</h2><table><tbody>${claims.map(([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}</td></tr>`).join('')}</tbody></table></section>
</div></main><script>${script}</script></body></html>`;
}

function receive(request, limit) {
	return new Promise((resolve) => {
		let size = 0;
		const parts = [];
		request.on('data', (d) => {
			size += d.length;
			if (size <= limit) parts.push(d);
		});
		request.on('end', () => resolve({ size, text: Buffer.concat(parts).toString() }));
	});
}

const server = createServer(async (request, response) => {
	const user = request.headers['x-forwarded-user'];
	const path = new URL(request.url, 'http://demo').pathname;
	const back = () => response.writeHead(303, { location: '/' }).end();

	if (path === '/public/status') {
		return response.end('open to everyone\n');
	}
	if (path === '/boom') {
		return request.socket.destroy();
	}
	if (path === '/events') {
		response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
		const tick = () => response.write(`data: ${new Date().toISOString().slice(11, 19)} UTC\n\n`);
		tick();
		const timer = setInterval(tick, 1000);
		return response.on('close', () => clearInterval(timer));
	}
	if (path === '/decide' && request.method === 'POST') {
		const form = new URLSearchParams((await receive(request, 4096)).text);
		const task = tasks.find((t) => t.id === Number(form.get('id')));
		if (task && ['approved', 'declined'].includes(form.get('state'))) {
			task.state = form.get('state');
			history.push(`${user} ${task.state} “${task.title}”`);
		}
		return back();
	}
	if (path === '/upload' && request.method === 'POST') {
		uploads.push(`${(await receive(request, 0)).size.toLocaleString('en')} bytes received from ${user}`);
		return back();
	}
	if (path === '/') {
		response.writeHead(200, {
			'content-type': 'text/html; charset=utf-8',
			'content-security-policy': "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		});
		return response.end(page(user, request));
	}
	return response.writeHead(404, { 'content-type': 'text/plain' }).end('no such page in this application\n');
});

server.on('upgrade', (request, socket) => {
	if (new URL(request.url, 'http://demo').pathname !== '/socket' || !request.headers['sec-websocket-key']) {
		return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
	}
	const user = request.headers['x-forwarded-user'];
	let bytes = Buffer.alloc(0);
	socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(request.headers['sec-websocket-key'])}\r\n\r\n`);
	socket.on('error', () => {});
	return socket.on('data', (d) => {
		const cut = frames(Buffer.concat([bytes, d]));
		bytes = cut.rest;
		for (const f of cut.frames) {
			if (f.opcode === TEXT) socket.write(frame(TEXT, `${user} said: ${f.payload}`));
			if (f.opcode === PING) socket.write(frame(PONG, f.payload));
			if (f.opcode === CLOSE) socket.end(frame(CLOSE, f.payload));
		}
	});
});

server.listen(port, '127.0.0.1', () => {
	if (process.send) process.send('ready');
	else console.log(`http://127.0.0.1:${server.address().port}`);
});
if (process.send) process.on('disconnect', () => process.exit(0)); // never outlive who started us
process.on('SIGINT', () => {}); // the demo's Ctrl-C reaches us too; its runner ends us
