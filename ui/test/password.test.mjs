// The pages' judge agrees with the one of crates/password, vector by vector.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { load } from "./typescript.mjs";

const vectors = JSON.parse(
  readFileSync(new URL("../../crates/password/vectors.json", import.meta.url), "utf8"),
);

test("the judge agrees with every vector", async () => {
  const { judge } = await load("password.ts");
  assert.ok(vectors.length >= 12);
  for (const { password, rules, unmet } of vectors) {
    const found = judge(password, rules).filter(({ met }) => !met).map(({ rule }) => rule);
    assert.deepEqual(found, unmet, JSON.stringify(password));
  }
});

test("half a character can be no password", async () => {
  const { judge } = await load("password.ts");
  const findings = judge("Correct horse 7\ud83d", vectors[0].rules);
  assert.equal(findings.find(({ rule }) => rule === "unusable-character").met, false);
});
