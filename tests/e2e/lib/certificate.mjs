// A self-signed certificate for a test's listener, in a folder that goes with the process.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from './proxy.mjs';

let dir;

export function certificate(name, san) {
	if (!dir) {
		dir = scratch();
		process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
	}
	const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '90', '-subj', `/CN=${name}`, '-addext', `subjectAltName=${san}`], { stdio: ['ignore', 'pipe', 'ignore'] });
	return { key, cert, listen: `tls_certificate = "${cert}" tls_certificate_key = "${key}"` };
}
