// SHA-256 without a promise per hash. A proof of work needs hundreds of thousands of them, and
// WebCrypto takes some 40 microseconds for each short one, twenty times what the hash costs.
// For the proof of work alone: secrets go through WebCrypto.

import type { DeriveKeyFunction } from "altcha-lib/types";

/** Fractional parts of the roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3). */
const [ROUND, START] = constants();
const schedule = new Int32Array(64);

function constants(): [Int32Array, Int32Array] {
  const round = new Int32Array(64);
  const start = new Int32Array(8);
  const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) | 0;
  for (let count = 0, candidate = 2; count < 64; candidate++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) {
      if (candidate % divisor === 0) prime = false;
    }
    if (!prime) continue;
    round[count] = fraction(Math.cbrt(candidate));
    if (count < 8) start[count] = fraction(Math.sqrt(candidate));
    count++;
  }
  return [round, start];
}

export function sha256(message: Uint8Array): Uint8Array {
  const blocks = new DataView(new ArrayBuffer(((message.length + 72) >> 6) << 6));
  new Uint8Array(blocks.buffer).set(message);
  blocks.setUint8(message.length, 0x80);
  blocks.setUint32(blocks.byteLength - 4, message.length * 8);
  const state = Int32Array.from(START);
  for (let at = 0; at < blocks.byteLength; at += 64) compress(state, blocks, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setInt32(index * 4, word));
  return new Uint8Array(digest.buffer);
}

function compress(state: Int32Array, blocks: DataView, at: number): void {
  const w = schedule;
  for (let i = 0; i < 16; i++) w[i] = blocks.getInt32(at + i * 4);
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number, number, number, number, number, number, number, number,
  ];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i]! + w[i]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] = (state[index]! + word) | 0;
  });
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** ALTCHA's key derivation "SHA-256": `cost` rounds, each over the digest before. */
export const deriveKey: DeriveKeyFunction = (parameters, salt, password) => {
  const first = new Uint8Array(salt.length + password.length);
  first.set(salt);
  first.set(password, salt.length);
  let derivedKey = sha256(first);
  for (let round = 1; round < parameters.cost; round++) derivedKey = sha256(derivedKey);
  return Promise.resolve({ derivedKey: derivedKey.slice(0, parameters.keyLength ?? 32) });
};
