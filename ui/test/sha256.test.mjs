// Our SHA-256 is SHA-256, and solves a challenge as the library's own key derivation does.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { createChallenge, solveChallenge, verifySolution } from "altcha-lib";
import { deriveKey as theirs } from "altcha-lib/algorithms/web/sha";

import { load } from "./typescript.mjs";

test("every length over three blocks hashes alike", async () => {
  const { sha256 } = await load("sha256.ts");
  for (let length = 0; length < 200; length++) {
    const message = randomBytes(length);
    assert.deepEqual(Buffer.from(sha256(message)), createHash("sha256").update(message).digest());
  }
});

test("a solution is verified by the library", async () => {
  const { deriveKey } = await load("sha256.ts");
  const options = { algorithm: "SHA-256", cost: 3, counter: 500, deriveKey: theirs, hmacSignatureSecret: "secret" };
  const challenge = await createChallenge(options);
  const solution = await solveChallenge({ challenge, deriveKey });
  assert.equal(solution.counter, 500);
  const verdict = await verifySolution({ challenge, solution, deriveKey: theirs, hmacSignatureSecret: "secret" });
  assert.equal(verdict.verified, true);
});
