// Whatever colour a tenant chose, text in it and on it reaches 7:1 on every surface.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { load } from "./typescript.mjs";

const luminance = (color) =>
  color
    .match(/[0-9a-f]{2}/gi)
    .map((part) => Number.parseInt(part, 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const ratio = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};

const COLORS = ["#0b57d0", "#ffff00", "#ffffff", "#000000", "#ff0000", "#808080", "#00ff88", "nonsense", "#12"];

test("every accent is bent to 7:1", async () => {
  const { correct, grounds } = await load("accent.ts");
  for (const { surfaces, light, dark } of Object.values(grounds)) {
    for (const accent of COLORS) {
      const { color, text } = correct(accent, surfaces, light, dark);
      for (const surface of surfaces) assert.ok(ratio(color, surface) >= 7, `${accent} on ${surface}`);
      assert.ok(ratio(text, color) >= 7, `text on ${accent}`);
    }
  }
});

test("an accent that reads well is left alone", async () => {
  const { correct, grounds } = await load("accent.ts");
  const { surfaces, light, dark } = grounds.light;
  assert.equal(correct("#0a3f8a", surfaces, light, dark).color, "#0a3f8a");
});

test("the grounds are those of the style sheet", async () => {
  const { grounds } = await load("accent.ts");
  const tokens = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");
  for (const [theme, { surfaces }] of Object.entries(grounds)) {
    const [, block] = tokens.match(new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]+)\\}`));
    for (const name of ["page", "surface", "raised", "danger-tint"]) {
      const [, color] = block.match(new RegExp(`--${name}: (#[0-9a-f]{6});`));
      assert.ok(surfaces.includes(color), `${theme} ${name} ${color}`);
    }
  }
});
