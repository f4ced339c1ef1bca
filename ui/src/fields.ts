// What a field says of itself to a screen reader: the help of its page and its errors.

import type { PageError } from "./flow.svelte";

export function describedBy(id: string, errors: PageError[], help: boolean): string | undefined {
  const own = errors.filter((error) => error.field === id).map((_, index) => `${id}-error-${index}`);
  const ids = help ? ["page-help", ...own] : own;
  return ids.length > 0 ? ids.join(" ") : undefined;
}
