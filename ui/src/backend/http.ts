// The portal's way to the service: fetch to its own origin. Keeps the token, repeats what the
// network lost under the same idempotency key, solves the proof of work and seals passwords.
// A code or a password never reaches an address or the session's storage.

import type { components } from "../generated/api";
import { solve } from "../proof_of_work";
import { seal, sealChange } from "../seal";
import {
  DRAWS,
  asRefusal,
  SIGN_OF_LIFE,
  type Backend,
  type Refusal,
  type Started,
  type View,
  type Why,
} from "./backend";

type Schemas = components["schemas"];

const BASE = "/api/v1/";
/** Longer than the longest that the service waits for a change. */
const CALL_TIMEOUT_MS = 30_000;
const WATCH_S = 25;
/** Waits before repetitions of a call that got no answer. */
const RETRY_AFTER_MS = [400, 800, 1_600, 3_200, 6_400];
/** A solved proof of work is good for two minutes; an older one is not worth sending. */
const PROOF_FRESH_MS = 90_000;

/** What outlives a reload of this tab, and nothing longer. */
const kept = {
  token: "regain.token",
  press: "regain.press",
  start: "regain.start",
};

/** One press of a button; repeated as it is until an answer comes. */
interface Press {
  path: string;
  key: string;
  body: unknown;
}

export function backend(): Backend {
  return new HttpBackend();
}

class HttpBackend implements Backend {
  #token = sessionStorage.getItem(kept.token);
  #view: View | null = null;
  #proof: { at: number; payload: Promise<string> } | null = null;
  #tenant: string | null = null;
  #watching: AbortController | null = null;
  /** A press whose answer was never seen, and what it meant. It may have happened. */
  #lost: { press: Press; meaning: string } | null = null;

  async start(): Promise<Started> {
    try {
      const start = await this.#readStart();
      const { challenge: _, ...face } = start;
      sessionStorage.setItem(kept.start, JSON.stringify(face));
      const resumed = await this.#resume();
      return {
        kind: "ready",
        start: face,
        resumed,
        mode: "portal",
      };
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      const why = refusal.kind === "unreachable" ? refusal.why : "service";
      return { kind: "unreachable", why, help: lastFace()?.tenant.help ?? null };
    }
  }

  async begin(userId: string, reason: Schemas["Reason"]): Promise<View> {
    for (let attempt = 1; ; attempt++) {
      try {
        const body: Schemas["Begin"] = {
          proof_of_work: await this.#solved(),
          user_id: userId,
          reason,
          draws: DRAWS,
          language: document.documentElement.lang,
          tenant: this.#tenant,
        };
        // A lost beginning is the same one with whatever bot check.
        return await this.#press("recoveries", body, JSON.stringify([userId, reason]));
      } catch (thrown) {
        // Too old or used up: a new one costs the person nothing but a moment.
        if (!isProblem(thrown, "bot-check-failed") || attempt === 2) throw thrown;
      } finally {
        this.#proof = null;
      }
    }
  }

  changeUserId(userId: string): Promise<View> {
    return this.#press("recovery/user-id", { user_id: userId } satisfies Schemas["ChangeUserId"]);
  }

  chooseMethod(id: string): Promise<View> {
    return this.#press("recovery/method", { method: id } satisfies Schemas["ChooseMethod"]);
  }

  enterCode(code: string): Promise<View> {
    return this.#press("recovery/code", { code } satisfies Schemas["EnterCode"]);
  }

  chooseAct(act: Schemas["Act"]): Promise<View> {
    return this.#press("recovery/act", { act } satisfies Schemas["ChooseAct"]);
  }

  setPassword(clearText: string): Promise<View> {
    return this.#handIn(null, clearText);
  }

  changePassword(present: string, clearText: string): Promise<View> {
    return this.#handIn(present, clearText);
  }

  async #handIn(present: string | null, clearText: string): Promise<View> {
    // No password has a zero in it.
    const meaning = await digest(`${present ?? ""}\0${clearText}`);
    const again = this.#lostPress("recovery/password", meaning);
    if (again !== null) return this.#send(again);
    for (let attempt = 1; ; attempt++) {
      const stage = (this.#view ?? (await this.#read(""))).stage;
      const asked = present === null ? "new-password" : "change-password";
      if (stage.name !== asked) throw problem("wrong-stage");
      try {
        const sealed = await (present === null
          ? seal(clearText, stage.binding, stage.recipients)
          : sealChange(present, clearText, stage.binding, stage.recipients));
        const body: Schemas["SetPassword"] = { sealed };
        return await this.#press("recovery/password", body, meaning);
      } catch (thrown) {
        // Another agent joined or left while the person typed: nobody needs to type again.
        if (!isProblem(thrown, "recipients-changed") || attempt === 3) throw thrown;
        this.#view = await this.#read("");
      }
    }
  }

  back(): Promise<View> {
    return this.#press("recovery/back", {} satisfies Schemas["Nothing"]);
  }

  cancel(): Promise<View> {
    return this.#press("recovery/cancel", {} satisfies Schemas["Nothing"]);
  }

  async watch(revision: number): Promise<View> {
    const query = revision === SIGN_OF_LIFE ? "" : `?wait_s=${WATCH_S}&revision=${revision}`;
    try {
      return await this.#read(query);
    } catch (thrown) {
      const lost = this.#lost?.press;
      const happened = isProblem(thrown, "token-unknown") && lost !== undefined;
      if (!happened || lost.path === "recoveries") throw thrown;
      // The press whose answer never came has happened: its answer has the token of now.
      return this.#send(lost);
    }
  }

  async #readStart(): Promise<Schemas["Start"]> {
    const start = (await ask("GET", "start", {})) as Schemas["Start"];
    this.#tenant = start.tenant.id;
    // Solved while the person reads and types. A failure shows when it is needed.
    const payload = solve(start.challenge);
    payload.catch(() => undefined);
    this.#proof = { at: Date.now(), payload };
    return start;
  }

  async #solved(): Promise<string> {
    if (this.#proof === null || Date.now() - this.#proof.at > PROOF_FRESH_MS) {
      await this.#readStart();
    }
    const payload = this.#proof?.payload ?? Promise.reject(new Error("no challenge"));
    return payload.catch(() => {
      throw problem("bot-check-failed");
    });
  }

  /** After a reload: repeats a press that was under way, else reads where things stand. */
  async #resume(): Promise<View | null> {
    const press = sessionStorage.getItem(kept.press);
    if (this.#token === null && press === null) return null;
    try {
      if (press !== null) return await this.#send(JSON.parse(press) as Press);
      const view = await this.#read("");
      return view.stage.name === "ended" ? this.#forget() : view;
    } catch (thrown) {
      if (asRefusal(thrown).kind === "unreachable") throw thrown;
      return this.#forget();
    }
  }

  #forget(): null {
    this.#token = null;
    this.#view = null;
    this.#lost = null;
    sessionStorage.removeItem(kept.token);
    sessionStorage.removeItem(kept.press);
    return null;
  }

  /** `meaning` tells whether a later press is the same one: what was typed, not how it is sent. */
  async #press(path: string, body: object, meaning = JSON.stringify(body)): Promise<View> {
    const again = this.#lostPress(path, meaning);
    if (again !== null) return this.#send(again);
    if (path === "recoveries") this.#lost = null;
    else await this.#settle();
    const press: Press = { path, key: newKey(), body };
    const secret = "code" in body || "sealed" in body;
    if (!secret) sessionStorage.setItem(kept.press, JSON.stringify(press));
    this.#lost = { press, meaning };
    return this.#send(press);
  }

  /** The press that got no answer, if this one is the same: it is then made again as it was. */
  #lostPress(path: string, meaning: string): Press | null {
    const same = this.#lost?.press.path === path && this.#lost.meaning === meaning;
    return same ? (this.#lost?.press ?? null) : null;
  }

  /**
   * Another thing is pressed while an answer is missing: if the earlier press happened, its
   * answer is fetched and the person sees what it did first.
   */
  async #settle(): Promise<void> {
    const lost = this.#lost?.press;
    if (lost === undefined || lost.path === "recoveries") return;
    try {
      await this.#read("");
      this.#lost = null;
      sessionStorage.removeItem(kept.press);
    } catch (thrown) {
      // A token that is good no more: the press happened, and its answer has the next one.
      if (!isProblem(thrown, "token-unknown")) throw thrown;
      await this.#send(lost);
      throw problem("wrong-stage");
    }
  }

  async #send({ path, key, body }: Press): Promise<View> {
    this.#watching?.abort();
    const headers: Record<string, string> = { "Idempotency-Key": key };
    if (path !== "recoveries" && this.#token !== null) {
      headers.Authorization = `Bearer ${this.#token}`;
    }
    let answered = true;
    try {
      const step = await repeat(() => ask("POST", path, headers, body));
      const { token, view } = step as Schemas["Step"];
      this.#token = token;
      sessionStorage.setItem(kept.token, token);
      this.#view = view;
      return view;
    } catch (thrown) {
      answered = asRefusal(thrown).kind === "problem";
      throw thrown;
    } finally {
      // Without an answer it may have happened: a reload repeats it.
      if (answered) {
        this.#lost = null;
        sessionStorage.removeItem(kept.press);
      }
    }
  }

  async #read(query: string): Promise<View> {
    if (this.#token === null) throw problem("token-unknown");
    const token = this.#token;
    const watching = new AbortController();
    this.#watching = watching;
    const headers = { Authorization: `Bearer ${token}` };
    const view = (await ask("GET", `recovery${query}`, headers, undefined, watching.signal)) as View;
    if (token === this.#token) this.#view = view;
    return view;
  }
}

async function repeat(call: () => Promise<unknown>): Promise<unknown> {
  for (const wait of RETRY_AFTER_MS) {
    try {
      return await call();
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      const lost =
        refusal.kind === "unreachable" && refusal.why !== "captive-portal";
      if (!lost) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return call();
}

/** One exchange: the body of the answer, or a [`Refusal`] thrown. */
async function ask(
  method: "GET" | "POST",
  path: string,
  headers: Record<string, string>,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const init: RequestInit = {
    method,
    headers: { ...headers, Accept: "application/json" },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
  };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  let answer: Response;
  try {
    answer = await fetch(BASE + path, init);
  } catch {
    throw unreachable(navigator.onLine ? "service" : "offline");
  }
  const json = await readJson(answer);
  if (answer.ok) return json;
  const { code, retry_after_s, case_code } = json as Schemas["Problem"];
  if (typeof code !== "string") throw unreachable("service");
  throw {
    kind: "problem",
    code,
    retry_after_s: retry_after_s ?? null,
    case_code: case_code ?? null,
  } satisfies Refusal;
}

/** Whoever answers a call with a page instead of JSON is not the service. */
async function readJson(answer: Response): Promise<unknown> {
  const type = answer.headers.get("Content-Type") ?? "";
  if (!/^application\/([a-z.]+\+)?json\b/.test(type)) {
    if (answer.status === 407) throw unreachable("proxy");
    throw unreachable(answer.ok ? "captive-portal" : "service");
  }
  try {
    return await answer.json();
  } catch {
    throw unreachable("service");
  }
}

function lastFace(): Omit<Schemas["Start"], "challenge"> | null {
  const text = sessionStorage.getItem(kept.start);
  return text === null ? null : (JSON.parse(text) as Omit<Schemas["Start"], "challenge">);
}

function newKey(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

/** Stands for a password where two are compared. */
async function digest(clearText: string): Promise<string> {
  const bytes = new TextEncoder().encode(clearText);
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function problem(code: Schemas["ProblemCode"]): Refusal {
  return { kind: "problem", code };
}

function unreachable(why: Why): Refusal {
  return { kind: "unreachable", why };
}

function isProblem(thrown: unknown, code: Schemas["ProblemCode"]): boolean {
  const refusal = asRefusal(thrown);
  return refusal.kind === "problem" && refusal.code === code;
}
