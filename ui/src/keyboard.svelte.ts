// What the keyboard does that a covered password hides: Caps Lock and the layout. Known from
// the keys themselves, because no browser tells the layout's name. Keeps no key.

/** The key in the place of a letter of the US layout that gives a layout away. */
const tellTale: Record<string, Record<string, string>> = {
  KeyQ: { q: "QWERTY", a: "AZERTY", "'": "Dvorak" },
  KeyY: { y: "QWERTY", z: "QWERTZ", f: "Dvorak" },
  KeyZ: { y: "QWERTZ", w: "AZERTY", z: "QWERTY", ";": "Dvorak" },
  KeyW: { z: "AZERTY", ",": "Dvorak" },
  KeyA: { q: "AZERTY" },
};

const scripts: [RegExp, string][] = [
  [/\p{Script=Cyrillic}/u, "АБВ"],
  [/\p{Script=Greek}/u, "ΑΒΓ"],
  [/\p{Script=Arabic}/u, "أبت"],
  [/\p{Script=Hebrew}/u, "אבג"],
  [/\p{Script=Hangul}/u, "가나다"],
  [/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u, "あ"],
];

interface KeyboardWithLayout {
  getLayoutMap(): Promise<{ get(code: string): string | undefined }>;
}

export class Keyboard {
  capsLock = $state(false);
  /** Null until a key told it. */
  layout = $state<string | null>(null);

  constructor() {
    const { keyboard } = navigator as Navigator & { keyboard?: KeyboardWithLayout };
    keyboard?.getLayoutMap().then(
      (map) => {
        for (const code of ["KeyY", "KeyQ"]) this.#learn(code, map.get(code) ?? "");
      },
      () => undefined,
    );
  }

  saw(event: KeyboardEvent): void {
    this.capsLock = event.getModifierState("CapsLock");
    if (event.type === "keydown" && event.key.length === 1) this.#learn(event.code, event.key);
  }

  #learn(code: string, key: string): void {
    const script = scripts.find(([letters]) => letters.test(key))?.[1];
    const layout = script ?? tellTale[code]?.[key.toLowerCase()];
    // The z and y of QWERTZ say more than the q that it shares with QWERTY.
    if (layout && !(layout === "QWERTY" && this.layout === "QWERTZ" && code === "KeyQ")) {
      this.layout = layout;
    }
  }
}
