// Another program reads what src/qr.ts draws.
import assert from "node:assert/strict";
import { test } from "node:test";

import jsQR from "jsqr";

import { load } from "./typescript.mjs";

const SCALE = 4;
const QUIET = 4;

function read(cells) {
  const size = (cells.length + 2 * QUIET) * SCALE;
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  cells.forEach((row, y) =>
    row.forEach((dark, x) => {
      if (!dark) return;
      for (let dy = 0; dy < SCALE; dy++) {
        for (let dx = 0; dx < SCALE; dx++) {
          const at = ((y + QUIET) * SCALE + dy) * size + (x + QUIET) * SCALE + dx;
          pixels.fill(0, at * 4, at * 4 + 3);
        }
      }
    }),
  );
  return jsQR.default?.(pixels, size, size)?.data ?? jsQR(pixels, size, size)?.data;
}

test("every length from one byte to the longest is read back", async () => {
  const { qr } = await load("qr.ts");
  for (let length = 1; length <= 106; length++) {
    const text = "https://help.example.org/ä?".repeat(5).slice(0, length);
    if (new TextEncoder().encode(text).length > 106) break;
    assert.equal(read(qr(text)), text);
  }
});

test("a text that does not fit gives no code", async () => {
  const { qr } = await load("qr.ts");
  assert.equal(qr("x".repeat(107)), null);
});
