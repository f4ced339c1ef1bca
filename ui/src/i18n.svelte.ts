// What people read, in one language at a time: only the file of the language in use is loaded.
// test/locales.test.mjs proves that every file has every text, so nothing falls back.

import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";

import { keep, kept } from "./kept";

/** The languages of these pages, each by its own name. */
export const languages = { en: "English", de: "Deutsch", ar: "العربية" } as const;
export type Language = keyof typeof languages;

const files = import.meta.glob<string>("../locales/*.ftl", { query: "?raw", import: "default" });
const rightToLeft: Language[] = ["ar"];

class Locale {
  language = $state<Language>("en");
  /** Null only until the first language is there. */
  bundle = $state.raw<FluentBundle | null>(null);

  get dir(): "ltr" | "rtl" {
    return rightToLeft.includes(this.language) ? "rtl" : "ltr";
  }

  async use(language: Language): Promise<void> {
    const load = files[`../locales/${language}.ftl`];
    if (load === undefined) throw new Error(`no translation ${language}`);
    const source = await load();
    // Marks that keep a Latin name in place are needed only among right-to-left text.
    const useIsolating = rightToLeft.includes(language);
    const bundle = new FluentBundle(language, { useIsolating });
    bundle.addResource(new FluentResource(source));
    this.bundle = bundle;
    this.language = language;
    document.documentElement.lang = language;
    document.documentElement.dir = this.dir;
  }
}

export const locale = new Locale();

/** The text of a key, in the language in use. */
export function t(key: string, values?: Record<string, FluentVariable>): string {
  const pattern = locale.bundle?.getMessage(key)?.value;
  if (pattern === undefined || pattern === null) return `⟦${key}⟧`;
  return locale.bundle?.formatPattern(pattern, values) ?? "";
}

/** Whether there are words for it: an answer of a newer service may need others. */
export function hasText(key: string): boolean {
  return locale.bundle?.hasMessage(key) ?? false;
}

/**
 * The person's choice of this visit, else that of whoever opened the pages (a policy, a welcome
 * letter), else what the system prefers, else English.
 */
export function preferredLanguage(): Language {
  const given = new URLSearchParams(location.search).get("language") ?? undefined;
  const wanted = [kept("language"), given, ...navigator.languages].map(
    (tag) => tag?.split("-")[0],
  );
  return wanted.find(isLanguage) ?? "en";
}

export async function chooseLanguage(language: Language): Promise<void> {
  keep("language", language);
  await locale.use(language);
}

function isLanguage(tag: string | undefined): tag is Language {
  return tag !== undefined && tag in languages;
}
