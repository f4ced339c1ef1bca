// Two suites in Debian's Chromium (no browser is downloaded): `pages` draws every state from
// answers of our own making, `portal` walks whole recoveries against a running service.
import { defineConfig } from "@playwright/test";

const chromium = process.env.REGAIN_CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig({
  outputDir: "../../target/ui/results",
  reporter: [["list"]],
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  globalSetup: "./support/global_setup.ts",
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: chromium,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
    locale: "en-US",
    trace: "off",
  },
  projects: [
    { name: "pages", testDir: "pages" },
    { name: "portal", testDir: "portal", fullyParallel: false, timeout: 120_000 },
  ],
});
