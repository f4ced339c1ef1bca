// Opens the built pages in a given state and look.
import type { Page } from "@playwright/test";

import { FakeService, ORIGIN, type View } from "./service";
import { chooseMethod } from "./views";

export interface Look {
  theme?: "light" | "dark" | "high";
  textSize?: "100" | "150" | "200";
  language?: "en" | "de" | "ar";
}

/** Sets what a person can set at the top of a page, before the first page of the visit. */
export async function look(page: Page, { theme, textSize, language }: Look): Promise<void> {
  const kept = { contrast: theme, "text-size": textSize, language };
  await page.addInitScript((values) => {
    for (const [name, value] of Object.entries(values)) {
      if (value) sessionStorage.setItem(`regain.${name}`, value);
    }
  }, kept);
}

/** As after a reload in the middle of a recovery: the page draws what the service says. */
export async function openAt(page: Page, view: View, service?: FakeService): Promise<FakeService> {
  const fake = service ?? (await FakeService.on(page));
  // An end is not resumed after a reload: it is reached by a press.
  const first = view.stage.name === "ended" ? chooseMethod : view;
  fake.stands(first).answer("recovery/cancel", view);
  await page.addInitScript(() => sessionStorage.setItem("regain.token", "token-0"));
  await page.goto(ORIGIN);
  if (first !== view) await page.locator('[data-call="cancel"]').click();
  // What the pages have no words for is drawn by its plain ones.
  await page.locator(`[data-page="${view.stage.name}"], [data-page="plain"]`).waitFor();
  return fake;
}
