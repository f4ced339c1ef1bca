// Every language has every text, with the same values in it; none is unused, none is missing
// from the pages, and no page error has a code without words.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { FluentBundle, FluentResource } from "@fluent/bundle";

const root = new URL("../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const languages = readdirSync(new URL("locales/", root)).map((name) => name.replace(".ftl", ""));

/** Each key with its source, so that values can be compared. */
function entries(language) {
  const parts = read(`locales/${language}.ftl`).split(/^(?=[a-z])/m).filter((part) => /^[a-z]/.test(part));
  const keys = parts.map((part) => part.slice(0, part.indexOf(" ")));
  assert.equal(new Set(keys).size, keys.length, `${language}: a key stands twice`);
  return new Map(keys.map((key, index) => [key, parts[index].replace(/^#.*$/gm, "")]));
}

function sources(folder = "src/") {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "generated") return [];
    if (entry.isDirectory()) return sources(`${folder}${entry.name}/`);
    return /\.(ts|svelte)$/.test(entry.name) ? [read(folder + entry.name)] : [];
  });
}

const english = entries("en");

test("no file has a broken entry, stray blanks or words that ui.md forbids", () => {
  for (const language of languages) {
    const bundle = new FluentBundle(language);
    assert.deepEqual(bundle.addResource(new FluentResource(read(`locales/${language}.ftl`))), []);
    for (const [key, source] of entries(language)) {
      assert.ok(bundle.getMessage(key)?.value, `${language}: ${key} does not parse`);
      assert.doesNotMatch(source, / \n|  \S+ =|\t/, `${language}: ${key}`);
      assert.doesNotMatch(source, /\b(please|sorry|oops|invalid|bitte|leider)\b/i, key);
    }
  }
});

test("every language has the keys and values of English", () => {
  const values = (source) => [...new Set(source.match(/\$[a-z]+/g))].sort();
  for (const language of languages) {
    const own = entries(language);
    assert.deepEqual([...own.keys()].sort(), [...english.keys()].sort(), language);
    for (const [key, source] of own) {
      assert.deepEqual(values(source), values(english.get(key)), `${language}: ${key}`);
    }
  }
});

test("what waits for somebody at the agent promises no time", () => {
  for (const language of languages) {
    const own = entries(language);
    const words = (key) => own.get(key).slice(key.length + " = ".length).trim();
    assert.equal(words("not-done-agent-limit"), `${words("error-recovery-paused")}.`, language);
  }
});

test("every text is used and every used text exists", () => {
  const code = sources().join("\n");
  const literal = /["`]([a-z][a-z0-9]*(?:-(?:[a-z0-9]+|\$\{[^}]+\}))+)["`]/g;
  const patterns = [...code.matchAll(literal)].map(([, key]) => ({
    key,
    matches: new RegExp(`^${key.replace(/\$\{[^}]+\}/g, "[a-z0-9-]+")}$`),
  }));
  const unused = [...english.keys()].filter((key) => !patterns.some(({ matches }) => matches.test(key)));
  assert.deepEqual(unused, []);
  const asked = [...code.matchAll(/\bt\(\s*"([^"]+)"/g)].map(([, key]) => key);
  assert.deepEqual(asked.filter((key) => !english.has(key)), []);
});

test("every name that the API has for a state has its words", () => {
  const api = read("src/generated/api.ts");
  const names = (schema) => {
    const [, union] = api.match(new RegExp(`^\\s+(?:/\\*\\*[^*]*\\*/\\s*)?${schema}: ((?:[\\s|]*"[a-z-]+")+);`, "m")) ?? [];
    assert.ok(union, `${schema} is not in the generated types`);
    return union.match(/[a-z-]+/g);
  };
  const internal = /not-found|method-not-allowed|too-large|not-json|cross-site|enrolment-refused|token-unknown|recovery-ended|wrong-stage|key-reused|-not-offered|fleet-token-refused|^device-|nonce-stale/;
  // Said in the words of the service, which every view carries.
  const plain = /^not-set-up$/;
  const wanted = [
    ...names("Finding").filter((name) => !plain.test(name)).map((name) => `choice-${name}-title`),
    ...names("Ended").flatMap((name) => [`ended-${name}-title`, `ended-${name}-text`]),
    ...names("PasswordRefusal").map((name) => `new-password-refused-${name}`),
    ...names("ProblemCode").filter((name) => !internal.test(name)).map((name) => `error-${name}`),
  ];
  assert.deepEqual(wanted.filter((key) => !english.has(key)), []);
});
