// Solves a proof of work away from the page, which stays responsive. Portal only; the app
// solves in Rust.

import { solveChallenge } from "altcha-lib";
import { deriveKey as pbkdf2 } from "altcha-lib/algorithms/web/pbkdf2";
import type { Challenge } from "altcha-lib/types";

import { deriveKey as sha256 } from "./sha256";

addEventListener("message", async ({ data }: MessageEvent<Challenge>) => {
  try {
    const { algorithm } = data.parameters;
    const deriveKey = algorithm === "SHA-256" ? sha256 : pbkdf2;
    postMessage(await solveChallenge({ challenge: data, deriveKey, timeout: 60_000 }));
  } catch {
    postMessage(null);
  }
});
