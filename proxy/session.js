// workflow-proxy: what a web page may include to keep its user's session alive, and to hear of its end.
// docs/front-end.md says how.  The same file serves the hidden page session/frame.
(() => {
	'use strict';
	const script = document.currentScript;
	const base = script && new URL('.', script.src);
	if (!base || base.origin !== location.origin) return;

	const look = async () => {
		const answer = await fetch(new URL('session', base), {
			headers: { Accept: 'application/json' }, credentials: 'same-origin', cache: 'no-store',
		});
		if (answer.status === 401) return null;
		if (!answer.ok) throw new Error(`status ${answer.status}`);
		return answer.json();
	};
	const hiddenFrame = (url) => {
		const frame = document.createElement('iframe');
		frame.hidden = true;
		frame.title = 'session';
		frame.src = url;
		document.body.append(frame);
		return frame;
	};

	// --- the hidden page: the end of a silent sign-in, or the watch on the provider's session -------------------

	const tell = (message) => {
		if (window.parent !== window) window.parent.postMessage({ workflowProxy: message }, location.origin);
	};
	// OpenID Connect Session Management 1.0, 3.1: "client_id session_state" goes to the provider's page, a word comes back.
	const watchProvider = async () => {
		const session = await look();
		const check = session && session.check_session;
		if (!check) return;
		const { origin } = new URL(check.iframe);
		const frame = hiddenFrame(check.iframe);
		let timer;
		const ask = () => frame.contentWindow.postMessage(`${check.client_id} ${check.session_state}`, origin);
		window.addEventListener('message', (e) => {
			if (e.origin !== origin || e.source !== frame.contentWindow) return;
			if (e.data !== 'changed' && e.data !== 'error') return;
			clearInterval(timer);
			tell(e.data);
		});
		frame.addEventListener('load', () => {
			clearInterval(timer);
			timer = setInterval(ask, 5000);
			ask();
		});
	};
	if (script.dataset.role === 'frame') {
		const asked = new URLSearchParams(location.search);
		if (asked.has('done')) tell('renewed');
		else if (asked.has('failed')) tell(`failed ${asked.get('failed')}`);
		else watchProvider().catch(() => tell('error'));
		return;
	}

	// --- the page ----------------------------------------------------------------------------------------------

	const seconds = (name, otherwise) => {
		const n = Number(script.dataset[name]);
		return n > 0 ? n : otherwise;
	};
	const warnBefore = seconds('warn', 120);
	let session = null;
	let endsAt = 0;
	let life = 0;
	let warned = false;
	let refused = false; // the provider said no: it is not asked again for this session
	let timer;
	let watcher = null;
	let changedAt = -Infinity;

	const emit = (name, detail = {}) => window.dispatchEvent(new CustomEvent(`workflow-proxy:${name}`, { detail }));
	const left = () => (endsAt - Date.now()) / 1000;

	// What a hidden page of ours says; nobody else is listened to.
	const hear = (frame, fn) => {
		const listener = (e) => {
			if (e.origin !== location.origin || e.source !== frame.contentWindow) return;
			const said = e.data && e.data.workflowProxy;
			if (typeof said === 'string') fn(said);
		};
		window.addEventListener('message', listener);
		return () => {
			window.removeEventListener('message', listener);
			frame.remove();
		};
	};

	const silentSignIn = () => new Promise((resolve) => {
		let end = () => {};
		const timeout = setTimeout(() => done('failed timeout'), 20000);
		const done = (said) => {
			clearTimeout(timeout);
			end();
			resolve(said);
		};
		end = hear(hiddenFrame(new URL(`login?prompt=none&provider=${encodeURIComponent(session.provider)}`, base)), done);
	});

	// One tab renews, the others see that it did.  Resolves to true when the session is new.
	const renew = async () => {
		const before = endsAt;
		const once = async () => {
			await update();
			if (!session) return false;
			if (endsAt > before + 5000) return true;
			const said = await silentSignIn();
			if (said === 'renewed') {
				await update();
				emit('renewed', { expires_in: Math.round(left()) });
				return true;
			}
			const reason = said.replace(/^failed /, '');
			refused = /^login_(refused|other_user)$/.test(reason);
			emit('renewal-failed', { reason });
			return false;
		};
		return navigator.locks ? navigator.locks.request('workflow-proxy renewal', once) : once();
	};

	const watch = () => {
		if (watcher) watcher();
		watcher = null;
		if (!session || !session.check_session) return;
		watcher = hear(hiddenFrame(new URL('session/frame', base)), async (said) => {
			watcher();
			watcher = null;
			if (said !== 'changed') return; // 'error': the provider's page does not know us; asking again is no use
			// A browser that keeps the provider's cookies from its frame says "changed" every time.
			if (Date.now() - changedAt < 60000) return;
			changedAt = Date.now();
			if (session && session.renewal === 'iframe' && await renew()) watch();
			else emit('changed');
		});
	};

	const update = async () => {
		const now = await look();
		if (!now) {
			if (session) {
				session = null;
				emit('expired');
			}
			if (watcher) watcher();
			watcher = null;
			return;
		}
		const first = !session;
		const ends = Date.now() + now.expires_in * 1000;
		if (first || ends > endsAt + 5000) {
			life = now.expires_in;
			warned = false;
			refused = false;
		}
		endsAt = ends;
		session = now;
		if (!first) return;
		emit('session', now);
		watch();
	};

	const renewBefore = () => Math.min(300, Math.max(5, life / 4));
	const tick = async () => {
		clearTimeout(timer);
		let wait = 30;
		try {
			await update();
			if (!session) return; // until the page is looked at again
			const renewing = session.renewal === 'iframe' && !refused;
			if (renewing && left() <= renewBefore()) await renew();
			const refreshes = session && session.renews_in > 0; // by a look at it that comes late enough
			if (session && !warned && !refreshes && left() <= Math.min(warnBefore, life / 2)) {
				warned = true;
				emit('expiring', { expires_in: Math.max(0, Math.round(left())) });
			}
			if (!session) return;
			const at = [left() + 1];
			if (refreshes) at.push(session.renews_in + 1);
			if (!warned && !refreshes) at.push(left() - Math.min(warnBefore, life / 2));
			if (session.renewal === 'iframe' && !refused) at.push(Math.max(left() - renewBefore(), left() > renewBefore() ? 0 : 15));
			wait = Math.min(3600, Math.max(1, Math.min(...at)));
		} catch {
			// Not reached just now: the session may well be there.
		}
		timer = setTimeout(tick, wait * 1000);
	};

	window.workflowProxy = {
		look,
		renew: () => (session && session.renewal === 'iframe' ? renew() : Promise.resolve(false)),
	};
	document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
	if (document.body) tick();
	else document.addEventListener('DOMContentLoaded', tick);
})();
