// One line per test, failures in full at the end, and a summary that .ci/run counts.
export default async function* reporter(source) {
	const failures = [];
	const count = { pass: 0, fail: 0, skip: 0 };
	const started = Date.now();
	const said = new Map(); // file -> what it wrote to standard error
	for await (const { type, data } of source) {
		if (type === 'test:stderr') said.set(data.file, (said.get(data.file) ?? '') + data.message);
		if (type !== 'test:pass' && type !== 'test:fail') continue;
		// A file is not a test, unless it broke outside of its tests; a suite is counted by its tests.
		const isFile = /\.test\.mjs$/.test(data.name);
		if (data.details?.type === 'suite' || (isFile && type === 'test:pass')) continue;
		if (isFile && data.details?.error?.failureType === 'subtestsFailed') continue;
		if (data.skip !== undefined && data.skip !== false) {
			count.skip++;
			yield `  -  ${data.name} (skipped${typeof data.skip === 'string' ? `: ${data.skip}` : ''})\n`;
			continue;
		}
		const ms = Math.round(data.details?.duration_ms ?? 0);
		if (type === 'test:pass') {
			count.pass++;
			yield `  ok ${data.name} (${ms} ms)\n`;
		} else {
			count.fail++;
			failures.push(data);
			yield `FAIL ${data.name} (${ms} ms)\n`;
		}
	}
	for (const f of failures) {
		const e = f.details.error?.cause ?? f.details.error;
		yield `\n--- ${f.name}${/\.test\.mjs$/.test(f.file) ? `  [${f.file.split('/').pop()}]` : ''}\n${e?.stack ?? e?.message ?? e}\n`;
		if (/\.test\.mjs$/.test(f.name)) yield `${said.get(f.file ?? f.name) ?? [...said.values()].join('')}\n`;
	}
	yield `\n# end-to-end tests, ${Math.round((Date.now() - started) / 1000)} s\n`;
	yield `# pass ${count.pass}\n# fail ${count.fail}\n# skip ${count.skip}\n`;
}
