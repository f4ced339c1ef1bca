// Lets a test import one of the pages' TypeScript modules: bundled by Vite, as for the pages.
import { build } from "vite";

export async function load(path) {
  const result = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      minify: false,
      target: "es2023",
      lib: { entry: new URL(`../src/${path}`, import.meta.url).pathname, formats: ["es"] },
    },
  });
  const [{ output }] = [result].flat();
  return import(`data:text/javascript;base64,${Buffer.from(output[0].code).toString("base64")}`);
}
