// The portal's side of the bot check: takes the service's challenge, answers with what `begin`
// carries. Nobody has to read or click anything.

import type { Challenge, Solution } from "altcha-lib/types";

/** Solves in a worker of our own origin (CSP `worker-src 'self'`); rejects when it cannot. */
export async function solve(challenge: Record<string, unknown>): Promise<string> {
  const worker = new Worker(new URL("./solver.worker.ts", import.meta.url), { type: "module" });
  try {
    const solution = await new Promise<Solution | null>((resolve, reject) => {
      worker.addEventListener("message", ({ data }) => resolve(data));
      worker.addEventListener("error", () => reject(new Error("the worker did not start")));
      worker.postMessage(challenge as unknown as Challenge);
    });
    if (solution === null) throw new Error("no solution was found");
    const { counter, derivedKey } = solution;
    return base64(JSON.stringify({ challenge, solution: { counter, derivedKey } }));
  } finally {
    worker.terminate();
  }
}

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
