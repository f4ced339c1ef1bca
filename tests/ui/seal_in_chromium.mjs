// Seals a password with the pages' own ui/src/seal.ts inside Chromium, so that a story can open
// with the agent's real key what a browser sealed.
// stdin: {"password", "binding", "recipients"}; stdout: the SealedPassword as JSON.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

const ui = new URL("../../ui/", import.meta.url);
const { build } = await import(createRequire(new URL("package.json", ui)).resolve("vite"));

const { password, binding, recipients } = JSON.parse(readFileSync(0, "utf8"));
const built = await build({
  configFile: false,
  root: ui.pathname,
  logLevel: "silent",
  build: { write: false, lib: { entry: "src/seal.ts", formats: ["es"], fileName: "seal" } },
});
const files = new Map([built].flat()[0].output.map(({ fileName, code }) => [`/${fileName}`, code]));
const entry = [built].flat()[0].output.find(({ isEntry }) => isEntry).fileName;

// WebCrypto needs a secure context: loopback is one.
const server = createServer((request, response) => {
  const script = files.get(request.url);
  response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
  response.end(script ?? "<!doctype html><title>Seal</title>");
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const browser = await chromium.launch({
  executablePath: process.env.REGAIN_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const sealed = await page.evaluate(
    async ({ entry, password, binding, recipients }) => {
      const { seal } = await import(`/${entry}`);
      return seal(password, binding, recipients);
    },
    { entry, password, binding, recipients },
  );
  process.stdout.write(`${JSON.stringify(sealed)}\n`);
} finally {
  await browser.close();
  server.close();
}
