/// <reference types="vite/client" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** Drops comments and blank lines from the translations: a person downloads what is shown. */
function leanTranslations(): Plugin {
  return {
    name: "lean-translations",
    enforce: "pre",
    transform(code, id) {
      if (!/\.ftl(\?|$)/.test(id)) return null;
      const source = code.startsWith("export default ")
        ? (JSON.parse(code.slice("export default ".length)) as string)
        : code;
      const lean = source
        .split("\n")
        .filter((line) => line.trim() !== "" && !line.startsWith("#"))
        .join("\n");
      return { code: `export default ${JSON.stringify(lean)}`, map: null };
    },
  };
}

/**
 * Two builds of one source tree: `--mode app` for the window (bundled into the app, no network
 * of its own) and `--mode portal` for the pages that the service serves. src/main.ts reads the
 * mode; what the other build alone needs falls away.
 */
export default defineConfig(({ mode }) => ({
  base: mode === "app" ? "./" : "/",
  plugins: [leanTranslations(), svelte()],
  worker: { format: "es" },
  build: {
    outDir: `dist/${mode}`,
    emptyOutDir: true,
    target: ["chrome111", "safari16.4", "firefox115"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
  },
}));
