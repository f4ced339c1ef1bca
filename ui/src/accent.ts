// Bends a tenant's accent colour towards contrast. It is never trusted: whatever the tenant
// chose, text on it and text in it reach 7:1 (WCAG 1.4.6) in each theme.

type Rgb = [number, number, number];

export interface Accent {
  /** For fills and links. */
  color: string;
  /** For text on that fill. */
  text: string;
}

/** The surfaces of tokens.css that text in the accent lies on, and what may be written on it. */
export const grounds = {
  light: {
    surfaces: ["#ffffff", "#f3f5f9", "#f7f9fc", "#fdf1f1"],
    light: "#ffffff",
    dark: "#0d1420",
  },
  dark: {
    surfaces: ["#1a2330", "#0f151e", "#212c3b", "#33222a"],
    light: "#ffffff",
    dark: "#0b1018",
  },
};

const TARGET = 7;
const STEPS = 40;

/**
 * The colour nearest to `accent` that has the contrast against every one of `surfaces` (as
 * `#rrggbb`), and the text colour, of `light` and `dark`, that reads on it.
 */
export function correct(accent: string, surfaces: string[], light: string, dark: string): Accent {
  const start = parse(accent) ?? parse("#0b57d0") ?? [11, 87, 208];
  const grounds = surfaces.map((surface) => parse(surface) ?? [255, 255, 255]) as Rgb[];
  const onDark = grounds.every((ground) => luminance(ground) < 0.18);
  const goal: Rgb = onDark ? [255, 255, 255] : [0, 0, 0];
  for (let step = 0; step <= STEPS; step++) {
    const color = mix(start, goal, step / STEPS);
    if (grounds.every((ground) => ratio(color, ground) >= TARGET)) {
      return { color: hex(color), text: readable(color, light, dark) };
    }
  }
  return { color: hex(goal), text: readable(goal, light, dark) };
}

function readable(on: Rgb, light: string, dark: string): string {
  const contrast = (text: string) => ratio(parse(text) ?? [0, 0, 0], on);
  return contrast(light) >= contrast(dark) ? light : dark;
}

/** WCAG's contrast ratio of two colours. */
function ratio(a: Rgb, b: Rgb): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  return from.map((part, index) => Math.round(part + ((to[index] ?? 0) - part) * share)) as Rgb;
}

function parse(color: string): Rgb | null {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color.trim());
  return match && (match.slice(1).map((part) => Number.parseInt(part, 16)) as Rgb);
}

function hex(color: Rgb): string {
  return `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
