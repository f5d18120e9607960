// WebSocket by hand (RFC 6455): the accept key, and frames short enough for a demo and for tests.
import { createHash, randomBytes } from 'node:crypto';

export const acceptKey = (key) =>
	createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

export function frame(opcode, payload, masked = false) {
	const data = Buffer.from(payload);
	const mask = masked ? randomBytes(4) : null;
	let head;
	if (data.length < 126) {
		head = Buffer.from([0x80 | opcode, data.length]);
	} else if (data.length < 65536) {
		head = Buffer.from([0x80 | opcode, 126, data.length >> 8, data.length & 255]);
	} else {
		head = Buffer.alloc(10);
		head[0] = 0x80 | opcode;
		head[1] = 127;
		head.writeBigUInt64BE(BigInt(data.length), 2);
	}
	if (!mask) {
		return Buffer.concat([head, data]);
	}
	head[1] |= 0x80;
	for (let i = 0; i < data.length; i++) {
		data[i] ^= mask[i & 3];
	}
	return Buffer.concat([head, mask, data]);
}

// Cuts whole frames off the front of `bytes`: { frames: [{ opcode, payload }], rest }.
export function frames(bytes) {
	const out = [];
	for (;;) {
		if (bytes.length < 2) break;
		let size = bytes[1] & 0x7f;
		let at = 2;
		if (size === 126) {
			if (bytes.length < 4) break;
			size = bytes.readUInt16BE(2);
			at = 4;
		} else if (size === 127) {
			if (bytes.length < 10) break;
			size = Number(bytes.readBigUInt64BE(2));
			at = 10;
		}
		const mask = bytes[1] & 0x80 ? bytes.subarray(at, at + 4) : null;
		at += mask ? 4 : 0;
		if (bytes.length < at + size) break;
		const payload = Buffer.from(bytes.subarray(at, at + size));
		if (mask) {
			for (let i = 0; i < payload.length; i++) payload[i] ^= mask[i & 3];
		}
		out.push({ opcode: bytes[0] & 15, payload });
		bytes = bytes.subarray(at + size);
	}
	return { frames: out, rest: bytes };
}

export const TEXT = 1;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;
