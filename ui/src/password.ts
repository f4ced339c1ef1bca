// Which published rules a password meets: the same judge as crates/password/src/judge.rs, held
// to the same crates/password/vectors.json. It only ticks; the directory's verdict binds.

import type { PageError } from "./flow.svelte";
import type { components } from "./generated/api";

export type PasswordRules = components["schemas"]["PasswordRules"];
export type PasswordRefusal = components["schemas"]["PasswordRefusal"];

export interface Finding {
  /** What it would be refused for. */
  rule: PasswordRefusal;
  met: boolean;
}

/** Judges by what the published rules can decide, in the order in which a page lists them. */
export function judge(password: string, rules: PasswordRules): Finding[] {
  const findings: Finding[] = [
    // `length` counts UTF-16 code units, as Active Directory does.
    { rule: "too-short", met: password.length >= rules.min_length },
    { rule: "too-long", met: password.length <= rules.max_length },
  ];
  if (rules.min_classes > 0) {
    findings.push({ rule: "too-few-classes", met: classes(password).size >= rules.min_classes });
  }
  if (rules.names.length > 0) {
    findings.push({ rule: "contains-name", met: !containsName(password, rules.names) });
  }
  // Half a surrogate pair cannot be typed either, and has no UTF-8 to seal.
  findings.push({ rule: "unusable-character", met: !/[\p{Cc}\p{Cs}]/u.test(password) });
  return findings;
}

function classes(password: string): Set<string> {
  return new Set(Array.from(password, classOf));
}

function classOf(character: string): string {
  if (/[0-9]/.test(character)) return "digit";
  if (/\p{Uppercase}/u.test(character)) return "upper";
  if (/\p{Lowercase}/u.test(character)) return "lower";
  if (/\p{Alphabetic}/u.test(character)) return "other-letter";
  return "symbol";
}

function containsName(password: string, names: string[]): boolean {
  const lower = password.toLowerCase();
  return names.some((name) => lower.includes(name.toLowerCase()));
}

/** What is still to be mended, as the errors of `field`. */
export function unmet(findings: Finding[], rules: PasswordRules, field: string): PageError[] {
  const { min_length, max_length, min_classes } = rules;
  const counts: Record<string, number> = { "too-short": min_length, "too-long": max_length };
  return findings
    .filter((finding) => !finding.met)
    .map(({ rule }) => ({
      key: `new-password-unmet-${rule}`,
      values: { count: counts[rule] ?? min_classes },
      field,
    }));
}
