// Every state that the service can describe, narrow and wide, light and dark, and with text at
// 200 % in a window of 320 px.
import { test } from "@playwright/test";

import { fewWords, holds, noSidewaysScroll } from "../support/checks";
import { openAt } from "../support/open";
import { states } from "../support/views";

const WIDTHS = [320, 1280];
const THEMES = ["light", "dark"] as const;

for (const [name, view] of Object.entries(states)) {
  test(name, async ({ page }) => {
    const service = await openAt(page, view);
    for (const width of WIDTHS) {
      for (const colorScheme of THEMES) {
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await holds(page, service);
        await page.screenshot({ path: `../../target/ui/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
    }
    await fewWords(page);
    await page.setViewportSize({ width: 320, height: 800 });
    await page.getByRole("button", { name: "Text size" }).click();
    await page.getByRole("button", { name: "200%" }).click();
    await noSidewaysScroll(page);
    await page.screenshot({ path: `../../target/ui/${name}-320-200.png`, fullPage: true });
  });
}
