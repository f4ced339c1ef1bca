// What the pages may ask of the service, whoever carries it there: Rust in the app (tauri.ts),
// fetch in the portal (http.ts). Pages know this file and neither of those two.

import type { components } from "../generated/api";

type Schemas = components["schemas"];
export type View = Schemas["View"];
export type Stage = Schemas["Stage"];
export type StageName = Stage["name"];
/** The facts of one stage. */
export type StageOf<Name extends StageName> = Extract<Stage, { name: Name }>;
export type Act = Schemas["Act"];
export type Call = Schemas["Call"];
export type Reason = Schemas["Reason"];
export type Help = Schemas["Help"];
export type MethodOffer = Schemas["MethodOffer"];
export type ProblemCode = Schemas["ProblemCode"];

/** Why the service cannot be reached. */
export type Why = "offline" | "proxy" | "clock" | "certificate" | "captive-portal" | "service";
/** How these pages are shown. */
export type Mode = "desktop" | "setup" | "sign-in" | "portal";
/** Whether a new password works on this PC at once. */
export type AcceptsNewPassword = "now" | "after-network" | "only-on-network" | "unknown";

/** On the sign-in screen alone: what the app knows before the network answers. */
interface Hosted {
  /** As this PC knows the person; empty where it does not. */
  userId: string;
  /** The link for the first day was pressed. */
  firstDay: boolean;
}
export const { regainHosted: hosted } = globalThis as { regainHosted?: Hosted };

export interface Ready {
  kind: "ready";
  start: Omit<Schemas["Start"], "challenge">;
  /** A recovery that was under way before a crash or a reload. */
  resumed: View | null;
  mode: Mode;
}

export interface NotReached {
  kind: "unreachable";
  why: Why;
  /** Whom to ask, as far as it is known without the service. */
  help: Help | null;
  /** Whose service it is, as far as that is known without it. */
  tenant?: Schemas["TenantFace"];
}

export type Started = Ready | NotReached;

/** What a refused call throws. */
export type Refusal =
  | {
      kind: "problem";
      code: ProblemCode;
      retry_after_s?: number | null;
      case_code?: string | null;
    }
  | { kind: "unreachable"; why: Why };

/** Everything else that a call throws is a fault of ours and treated as `internal`. */
export function asRefusal(thrown: unknown): Refusal {
  if (typeof thrown === "object" && thrown !== null && "kind" in thrown) {
    if (thrown.kind === "problem" || thrown.kind === "unreachable") return thrown as Refusal;
  }
  return { kind: "problem", code: "internal" };
}

/** What the pages can draw; the compiler holds this to App.svelte's stages. */
const STAGES: Record<StageName, true> = {
  "choose-method": true,
  "enter-code": true,
  checking: true,
  choice: true,
  "new-password": true,
  "change-password": true,
  working: true,
  done: true,
  "not-done": true,
  "not-known": true,
  ended: true,
};
const METHODS: Record<MethodOffer["kind"], true> = { email: true };
export const DRAWS: Schemas["Draws"] = {
  methods: Object.keys(METHODS),
  stages: Object.keys(STAGES),
};

/** The revision that no view has. */
export const SIGN_OF_LIFE = 0;

export interface Backend {
  start(): Promise<Started>;
  begin(userId: string, reason: Reason): Promise<View>;
  changeUserId(userId: string): Promise<View>;
  chooseMethod(id: string): Promise<View>;
  enterCode(code: string): Promise<View>;
  chooseAct(act: Act): Promise<View>;
  setPassword(clearText: string): Promise<View>;
  /** With the password that the person has now. */
  changePassword(present: string, clearText: string): Promise<View>;
  back(): Promise<View>;
  cancel(): Promise<View>;
  /**
   * Reads the view: at once when its revision is another than `revision`, else as soon as it
   * changes, or after about 25 s with the same view. Waiting is no sign of life; a read with
   * [`SIGN_OF_LIFE`] is answered at once and tells the service that somebody is there.
   */
  watch(revision: number): Promise<View>;
  /** Takes seconds; with `connect` it first tries to reach the company network. */
  acceptsNewPassword?(connect: boolean): Promise<AcceptsNewPassword>;
  /** Back to the sign-in screen. */
  leave?(): Promise<void>;
}
