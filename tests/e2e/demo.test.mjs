// The demo starts, somebody signs in, the demo stops.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RELEASE } from './lib/proxy.mjs';
import { story } from './lib/world.mjs';

story('make demo: sign-in by script, greeting, clean stop', () => {
	const demo = fileURLToPath(new URL('../../demo/demo.mjs', import.meta.url));
	const r = spawnSync(process.execPath, [demo], { env: { ...process.env, DEMO_CHECK: '1', WORKFLOW_PROXY: RELEASE }, encoding: 'utf8', timeout: 30000 });
	assert.equal(r.status, 0, r.stdout + r.stderr);
	assert.match(r.stdout, /Hello, demo-user/);
});
