// Text size, contrast and the tenant's colour: attributes and custom properties of the root
// element that src/styles reads. In sign-in mode these are the only way to larger text.

import { correct, grounds } from "./accent";
import type { Mode } from "./backend/backend";
import { keep, kept } from "./kept";

export const textSizes = [100, 150, 200] as const;
export type TextSize = (typeof textSizes)[number];
export const contrasts = ["system", "light", "dark", "high"] as const;
export type Contrast = (typeof contrasts)[number];

const DEFAULT_ACCENT = "#0b57d0";

class Appearance {
  textSize = $state<TextSize>(textSizes.find((size) => String(size) === kept("text-size")) ?? 100);
  contrast = $state<Contrast>(contrasts.find((name) => name === kept("contrast")) ?? "system");
  mode = $state<Mode>("desktop");
  #systemDark = watchMedia("(prefers-color-scheme: dark)", () => this.apply());
  #systemHigh = watchMedia("(prefers-contrast: more)", () => this.apply());

  setTextSize(size: TextSize): void {
    keep("text-size", String(size));
    this.textSize = size;
    this.apply();
  }

  setContrast(contrast: Contrast): void {
    keep("contrast", contrast);
    this.contrast = contrast;
    this.apply();
  }

  setMode(mode: Mode): void {
    this.mode = mode;
    this.apply();
  }

  setAccent(accent: string): void {
    const { style } = document.documentElement;
    for (const [theme, { surfaces, light, dark }] of Object.entries(grounds)) {
      const { color, text } = correct(accent, surfaces, light, dark);
      style.setProperty(`--tenant-accent-${theme}`, color);
      style.setProperty(`--tenant-accent-text-${theme}`, text);
    }
  }

  apply(): void {
    const { dataset } = document.documentElement;
    dataset.textSize = String(this.textSize);
    dataset.theme = this.#theme();
    dataset.mode = this.mode;
  }

  #theme(): "light" | "dark" | "high" {
    if (this.contrast !== "system") return this.contrast;
    if (this.#systemHigh.matches) return "high";
    // The system's own sign-in screen is dark.
    return this.mode === "sign-in" || this.#systemDark.matches ? "dark" : "light";
  }
}

function watchMedia(query: string, changed: () => void): MediaQueryList {
  const media = matchMedia(query);
  media.addEventListener("change", changed);
  return media;
}

export const appearance = new Appearance();
appearance.setAccent(DEFAULT_ACCENT);
