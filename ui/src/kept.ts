// What the person set for this visit: language, text size, contrast. Gone with the tab. A
// webview without storage keeps it as long as the page lives.

const memory = new Map<string, string>();

export function kept(name: string): string | null {
  try {
    return sessionStorage.getItem(`regain.${name}`) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

export function keep(name: string, value: string): void {
  memory.set(name, value);
  try {
    sessionStorage.setItem(`regain.${name}`, value);
  } catch {
    // Kept in memory.
  }
}
