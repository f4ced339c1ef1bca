// A QR code for a web address: bytes, error correction M, versions 1 to 6 (ISO/IEC 18004).
// Small on purpose: up to version 6 all blocks are of one size and there is one alignment
// pattern. test/qr.test.mjs reads the codes with another program.

/** For each version from 1: bytes of text and check, blocks, check bytes of each block. */
const VERSIONS: [total: number, blocks: number, check: number][] = [
  [26, 1, 10],
  [44, 1, 16],
  [70, 1, 26],
  [100, 2, 18],
  [134, 2, 24],
  [172, 4, 16],
];
/** Level M, mask 0, with its own check bits (table C.1). */
const FORMAT = 0b101010000010010;

/** Rows of cells, true for dark; null when the text is too long. */
export function qr(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const index = VERSIONS.findIndex(([total, blocks, check]) => bytes.length + 2 <= total - blocks * check);
  const version = VERSIONS[index];
  if (version === undefined) return null;
  const size = 21 + 4 * index;
  const cells: (boolean | undefined)[][] = Array.from({ length: size }, () => Array(size));
  drawPatterns(cells, index);
  drawBytes(cells, interleave(withPadding(bytes, version), version));
  return cells as boolean[][];
}

/** Mode, length, text, end, and what fills the rest. */
function withPadding(bytes: Uint8Array, [total, blocks, check]: [number, number, number]): number[] {
  const half = [4, bytes.length >> 4, bytes.length & 15];
  for (const byte of bytes) half.push(byte >> 4, byte & 15);
  half.push(0);
  const data: number[] = [];
  for (let at = 0; at < half.length; at += 2) data.push(((half[at] ?? 0) << 4) | (half[at + 1] ?? 0));
  for (let pad = 0xec; data.length < total - blocks * check; pad ^= 0xec ^ 0x11) data.push(pad);
  return data;
}

function interleave(data: number[], [, blocks, check]: [number, number, number]): number[] {
  const length = data.length / blocks;
  const parts = Array.from({ length: blocks }, (_, block) => data.slice(block * length, (block + 1) * length));
  const checks = parts.map((part) => checkBytes(part, check));
  const across = (rows: number[][]) => (rows[0] ?? []).flatMap((_, at) => rows.map((row) => row[at] ?? 0));
  return [...across(parts), ...across(checks)];
}

/** Reed-Solomon: the remainder of the data by the generator of this degree. */
function checkBytes(data: number[], degree: number): number[] {
  let generator = [1];
  for (let root = 1, i = 0; i < degree; i++, root = times(root, 2)) {
    generator = [...generator, 0].map((factor, at) => factor ^ times(generator[at - 1] ?? 0, root));
  }
  const rest: number[] = Array(degree).fill(0);
  for (const byte of data) {
    const factor = byte ^ (rest.shift() ?? 0);
    rest.push(0);
    rest.forEach((value, at) => (rest[at] = value ^ times(generator[at + 1] ?? 0, factor)));
  }
  return rest;
}

/** In the field of 256 elements modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

type Cells = (boolean | undefined)[][];

function set(cells: Cells, x: number, y: number, dark: boolean): void {
  const row = cells[y];
  if (row !== undefined && x >= 0 && x < cells.length) row[x] = dark;
}

function drawPatterns(cells: Cells, index: number): void {
  const size = cells.length;
  for (let at = 0; at < size; at++) {
    set(cells, 6, at, at % 2 === 0);
    set(cells, at, 6, at % 2 === 0);
  }
  const square = (x: number, y: number, radius: number, light: number[]) => {
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) {
        set(cells, x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  };
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) square(x, y, 4, [2, 4]);
  if (index > 0) square(size - 7, size - 7, 2, [1]);
  for (let bit = 0; bit < 15; bit++) {
    const dark = ((FORMAT >> bit) & 1) === 1;
    set(cells, 8, bit < 6 ? bit : bit < 8 ? bit + 1 : size - 15 + bit, dark);
    set(cells, bit < 8 ? size - 1 - bit : bit === 8 ? 7 : 14 - bit, 8, dark);
  }
  set(cells, 8, size - 8, true);
}

/** In columns of two, up and down from the lower right, masked like a chessboard. */
function drawBytes(cells: Cells, bytes: number[]): void {
  const size = cells.length;
  let bit = 0;
  for (let right = size - 1; right > 0; right -= right === 8 ? 3 : 2) {
    const upwards = ((right < 6 ? right - 1 : right) & 2) === ((size - 1) & 2);
    for (let step = 0; step < size; step++) {
      const y = upwards ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (cells[y]?.[x] !== undefined) continue;
        const dark = (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
        set(cells, x, y, dark !== ((x + y) % 2 === 0));
        bit++;
      }
    }
  }
}
