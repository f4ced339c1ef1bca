// What a person downloads before the first page: script, style and one language, gzip. Fails
// when a budget (design, section 6) is missed or when the app carries the portal's parts.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = { app: 45, portal: 65 };
const KB = 1000;
const LANGUAGE = /^(ar|de|en)-/;

let failed = false;
for (const [build, budget] of Object.entries(BUDGET_KB)) {
  const folder = new URL(`../dist/${build}/`, import.meta.url);
  const assets = readdirSync(new URL("assets/", folder)).filter((name) => /\.(js|css)$/.test(name));
  const size = (name) => gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length;
  const languages = assets.filter((name) => LANGUAGE.test(name)).map((name) => size(`assets/${name}`));
  const rest = assets.filter((name) => !LANGUAGE.test(name)).map((name) => size(`assets/${name}`));
  const bytes = size("index.html") + Math.max(...languages) + rest.reduce((sum, one) => sum + one, 0);
  const kb = (bytes / KB).toFixed(1);
  console.log(`${build}: ${kb} KB gzip of ${budget} (with the largest language)`);
  if (bytes > budget * KB) failed = true;
  const script = assets.filter((name) => name.endsWith(".js")).map((name) => readFileSync(new URL(`assets/${name}`, folder), "utf8")).join("");
  if (build === "app" && /AES-GCM|keyPrefix|\/api\/v1\//.test(script)) {
    console.error("app: carries parts that only the portal needs");
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
