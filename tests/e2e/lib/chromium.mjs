// Debian's Chromium, headless; a screenshot of what a test looks at lands in tests/e2e/artefacts/.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const artefacts = fileURLToPath(new URL('../artefacts', import.meta.url));

export async function launch() {
	const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
	if (!existsSync(executablePath)) throw new Error(`no browser at ${executablePath}; make check installs it`);
	return chromium.launch({
		executablePath,
		args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
			'--disable-component-update', '--disable-sync', '--no-proxy-server', '--disable-dev-shm-usage'],
	});
}

export async function picture(page, name) {
	mkdirSync(artefacts, { recursive: true });
	await page.screenshot({ path: join(artefacts, `${name}.png`), fullPage: true });
}

// Signs in at the certified provider's page.
export async function signIn(page, user = 'alice') {
	await page.fill('input[name=login]', user);
	await page.fill('input[name=password]', 'any');
	await page.click('button[type=submit], input[type=submit]');
}
