// A stand-in for the service in the `pages` suite: answers with bodies of the API's own types,
// so that a state that is hard to reach can be drawn. Serves the built portal or app from disk.
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

import type { Page, Route } from "@playwright/test";

import type { components } from "../../../ui/src/generated/api";
import { CSP } from "./csp";

type Schemas = components["schemas"];
export type View = Schemas["View"];
export type Problem = Schemas["Problem"];

export const ORIGIN = "https://help.example.test";
const DIST = join(import.meta.dirname, "../../../ui/dist");
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface Exchange {
  method: string;
  /** Below /api/v1/, with its query. */
  path: string;
  body: unknown;
  key: string | undefined;
  token: string | undefined;
}

type Answer = View | { refuse: Schemas["ProblemCode"]; retry_after_s?: number } | "lost" | "page";

/** Answers each call with what the test says; records what was asked. */
export class FakeService {
  readonly exchanges: Exchange[] = [];
  /** CSP violations, page errors and texts without a translation: none may ever occur. */
  readonly faults: string[] = [];
  readonly #answers = new Map<string, Answer[]>();
  #current: View | null = null;
  start: Schemas["Start"] = start();
  reachable: "yes" | "no" | "page" = "yes";

  constructor(readonly page: Page) {}

  static async on(page: Page, build: "portal" | "app" = "portal"): Promise<FakeService> {
    const service = new FakeService(page);
    page.on("pageerror", (error) => service.faults.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/.test(message.text())) service.faults.push(message.text());
    });
    await page.route(`${ORIGIN}/**`, (route) => service.#serve(route, build));
    return service;
  }

  /** What the next calls of this path (below /api/v1/) are answered with, in turn. */
  answer(path: string, ...answers: Answer[]): this {
    this.#answers.set(path, [...(this.#answers.get(path) ?? []), ...answers]);
    return this;
  }

  /** What reading the view answers. */
  stands(view: View): this {
    this.#current = view;
    return this;
  }

  calls(path: string): Exchange[] {
    return this.exchanges.filter((exchange) => exchange.path.split("?")[0] === path);
  }

  async #serve(route: Route, build: string): Promise<void> {
    const url = new URL(route.request().url());
    if (url.pathname.startsWith("/api/v1/")) return this.#call(route, url);
    const path = normalize(url.pathname === "/" ? "/index.html" : url.pathname);
    const body = await readFile(join(DIST, build, path));
    await route.fulfill({
      body,
      headers: {
        "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
        "Content-Security-Policy": CSP,
      },
    });
  }

  async #call(route: Route, url: URL): Promise<void> {
    const request = route.request();
    const path = url.pathname.slice("/api/v1/".length) + url.search;
    const headers = request.headers();
    this.exchanges.push({
      method: request.method(),
      path,
      body: request.postDataJSON() as unknown,
      key: headers["idempotency-key"],
      token: headers.authorization?.slice("Bearer ".length),
    });
    if (this.reachable === "no") return route.abort("connectionrefused");
    if (this.reachable === "page") return route.fulfill({ contentType: "text/html", body: "<p>Hi" });
    const name = path.split("?")[0] ?? "";
    if (name === "start") return route.fulfill({ json: this.start });
    if (request.method() === "GET") {
      // An unchanged long poll is not answered: the page lets go of it when it moves on.
      if (url.searchParams.has("wait_s")) return;
      return this.#fulfil(route, this.#answers.get(name)?.shift() ?? this.#current, false);
    }
    return this.#fulfil(route, this.#answers.get(name)?.shift() ?? this.#current, true);
  }

  async #fulfil(route: Route, answer: Answer | null, asStep: boolean): Promise<void> {
    if (answer === null || answer === "lost") return route.abort("connectionreset");
    if (answer === "page") return route.fulfill({ contentType: "text/html", body: "<p>Hi" });
    if ("refuse" in answer) {
      const problem: Problem = {
        type: `urn:regain:problem:${answer.refuse}`,
        title: "Refused.",
        status: 422,
        code: answer.refuse,
        trace: "t",
        case_code: "K7M4PX",
        retry_after_s: answer.retry_after_s ?? null,
      };
      return route.fulfill({
        status: 422,
        headers: { "Content-Type": "application/problem+json" },
        body: JSON.stringify(problem),
      });
    }
    this.#current = answer;
    const step: Schemas["Step"] = { token: `token-${this.exchanges.length}`, view: answer };
    await route.fulfill({ json: asStep ? step : answer });
  }
}

export function start(): Schemas["Start"] {
  return {
    tenant: {
      id: "0198a000-0000-7000-8000-000000000001",
      name: "Northwind Trading",
      accent: "#0b6b75",
      help: {
        name: "IT service desk",
        phone: "+49 30 1234 5678",
        hours: "Mon–Fri 7:00–19:00",
        url: "https://help.northwind.example",
      },
    },
    challenge: EASY_CHALLENGE as Record<string, unknown> as Schemas["Start"]["challenge"],
    languages: ["en", "de"],
  };
}

/** Solved at once: nearly every key begins with one of these. */
const EASY_CHALLENGE = {
  parameters: {
    algorithm: "SHA-256",
    cost: 1,
    keyLength: 32,
    keyPrefix: "0",
    nonce: "00112233445566778899aabbccddeeff",
    salt: "ffeeddccbbaa99887766554433221100",
  },
  signature: "00",
};
