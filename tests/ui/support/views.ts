// Every state a page can be in, as the service would describe it. The type makes a new stage
// or finding fail here until it is drawn.
import type { components } from "../../../ui/src/generated/api";

type Schemas = components["schemas"];
type View = Schemas["View"];
type Stage = Schemas["Stage"];
type Call = Schemas["Call"];

const gate = { number: 1, of: 1 };
const email = { id: "email-1", kind: "email", mailbox_initial: "r", domain_initial: "e" } as const;
const work = { id: "email-2", kind: "email", mailbox_initial: "a", domain_initial: "n" } as const;

let revision = 100;

export function view(stage: Stage, calls: Call[], more: Partial<View> = {}): View {
  const waiting = ["checking", "working", "enter-code"].includes(stage.name);
  return {
    case_code: "K7M4PX",
    user_id: "rosa.lindqvist@northwind.example",
    reason: "cant-sign-in",
    stage,
    calls,
    plain: { title: "Title", text: "Text.", action: null },
    ends_in_s: 3_400,
    idle_ends_in_s: waiting ? null : 300,
    revision: ++revision,
    ...more,
  };
}

export const rules: Schemas["PasswordRules"] = {
  min_length: 12,
  max_length: 127,
  min_classes: 3,
  names: ["rosa", "lindqvist"],
  history: 24,
  min_age_seconds: null,
  complete: false,
};

/** A list with a real P-256 point, so that the browser can seal for it. */
export const recipients: Schemas["RecipientList"] = {
  directory: "0198a000-0000-7000-8000-000000000002",
  epoch: 1,
  expires_at: 4_000_000_000,
  keys: [
    {
      id: "0198a000-0000-7000-8000-000000000003",
      // The example public key of RFC 9180, appendix A.3.1.
      public:
        "BP6MGc4JBRkevCmKkkV5JTHybwzs4kYGOei8Oct_cGqCanebTPlpuKDlOcf2L7PTCtaqj4DjDx0Siq_WiiznLqA",
    },
  ],
  directory_key: "",
  signature: "",
};

export const binding: Schemas["Binding"] = {
  tenant: "0198a000-0000-7000-8000-000000000001",
  operation: "0198a000-0000-7000-8000-000000000004",
  account: "7f1c",
  expires_at: 4_000_000_000,
};

export const chooseMethod = view({ name: "choose-method", gate, methods: [email, work] }, [
  "choose-method",
  "change-user-id",
  "cancel",
]);

export function enterCode(more: Partial<Extract<Stage, { name: "enter-code" }>> = {}): View {
  const stage: Stage = {
    name: "enter-code",
    gate,
    method: email,
    digits: 8,
    sent_s_ago: 2,
    send_again_in_s: 28,
    good_for_s: 598,
    ...more,
  };
  return view(stage, ["enter-code", "choose-method", "change-user-id", "back", "cancel"]);
}

export const checking = view({ name: "checking" }, ["cancel"]);

export function choice(finding: Schemas["Finding"], acts: Schemas["Act"][]): View {
  const calls: Call[] = acts.length > 0 ? ["choose-act", "cancel"] : ["cancel"];
  return view({ name: "choice", finding, acts }, calls);
}

export function newPassword(more: Partial<Extract<Stage, { name: "new-password" }>> = {}): View {
  const stage: Stage = {
    name: "new-password",
    first: false,
    rules,
    binding,
    recipients,
    refused: null,
    ...more,
  };
  return view(stage, ["set-password", "back", "cancel"]);
}

export function changePassword(
  refused: Schemas["NotDone"] | null = null,
  calls: Call[] = ["set-password", "back", "cancel"],
): View {
  return view({ name: "change-password", rules, binding, recipients, refused }, calls);
}

export function working(act: Schemas["Act"], since_s = 0): View {
  return view({ name: "working", act, since_s }, []);
}

export function done(
  act: Schemas["Act"],
  reset_offered = false,
  replicates_later = false,
): View {
  return view(
    { name: "done", act, reset_offered, replicates_later },
    reset_offered ? ["choose-act", "cancel"] : ["cancel"],
  );
}

export function notDone(reason: Schemas["NotDone"], acts: Schemas["Act"][] = ["reset"]): View {
  return view(
    { name: "not-done", act: "reset", reason, acts },
    acts.length > 0 ? ["choose-act", "cancel"] : ["cancel"],
  );
}

export function notKnown(act: Schemas["Act"]): View {
  return view({ name: "not-known", act }, ["cancel"]);
}

export function ended(why: Schemas["Ended"]): View {
  return view({ name: "ended", why }, []);
}

const findings: Record<Schemas["Finding"], Schemas["Act"][]> = {
  locked: ["unlock", "reset"],
  "nothing-wrong": ["change", "reset"],
  "password-expired": ["change", "reset"],
  "must-change": ["change", "reset"],
  "never-used": ["reset"],
  disabled: [],
  "account-expired": [],
  "smart-card-only": [],
  "too-new": [],
  protected: [],
  "two-forests": [],
  "not-set-up": [],
  unreachable: [],
};

const refusals: Record<Schemas["PasswordRefusal"], true> = {
  "too-short": true,
  "too-long": true,
  "too-few-classes": true,
  "contains-name": true,
  "unusable-character": true,
  "used-before": true,
  "too-new": true,
  "too-common": true,
  rules: true,
};

const reasons: Record<Exclude<Schemas["NotDone"]["code"], "password">, true> = {
  changed: true,
  protected: true,
  "no-account": true,
  "no-right": true,
  "agent-limit": true,
  "switched-off": true,
  "directory-unreachable": true,
  expired: true,
  "not-opened": true,
  "no-agent": true,
  "old-password": true,
  "two-forests": true,
  "smart-card-only": true,
};

const ends: Record<Schemas["Ended"], true> = {
  finished: true,
  cancelled: true,
  idle: true,
  "too-long": true,
  replaced: true,
  "too-many-tries": true,
};

function names<Name extends string>(of: Record<Name, unknown>): Name[] {
  return Object.keys(of) as Name[];
}

/** All of them, by the name of their screenshot. */
export const states: Record<string, View> = {
  "choose-method": chooseMethod,
  "choose-method-second": view(
    { name: "choose-method", gate: { number: 2, of: 2 }, methods: [work] },
    ["choose-method", "cancel"],
  ),
  "enter-code": enterCode(),
  "enter-code-second": enterCode({ gate: { number: 2, of: 2 } }),
  "enter-code-help": enterCode({ sent_s_ago: 75, send_again_in_s: 0, good_for_s: 525 }),
  "enter-code-expired": enterCode({ sent_s_ago: 600, send_again_in_s: 0, good_for_s: 0 }),
  checking,
  ...Object.fromEntries(
    names(findings).map((finding) => [`choice-${finding}`, choice(finding, findings[finding])]),
  ),
  "choice-nothing-wrong-no-change": choice("nothing-wrong", ["reset"]),
  "choice-password-expired-no-change": choice("password-expired", ["reset"]),
  "choice-must-change-no-change": choice("must-change", ["reset"]),
  "choice-locked-unlock-only": choice("locked", ["unlock"]),
  "new-password": newPassword(),
  "new-password-first": newPassword({ first: true }),
  ...Object.fromEntries(
    names(refusals).map((refused) => [`new-password-refused-${refused}`, newPassword({ refused })]),
  ),
  "change-password": changePassword(),
  "change-password-wrong": changePassword({ code: "old-password" }),
  ...Object.fromEntries(
    names(refusals).map((refusal) => [
      `change-password-refused-${refusal}`,
      changePassword({ code: "password", refusal }),
    ]),
  ),
  "working-change": working("change"),
  "done-change": done("change"),
  "not-known-change": notKnown("change"),
  "not-done-change": view(
    { name: "not-done", act: "change", reason: { code: "old-password" }, acts: ["reset"] },
    ["choose-act", "cancel"],
  ),
  "not-done-change-again": view(
    { name: "not-done", act: "change", reason: { code: "no-agent" }, acts: ["change", "reset"] },
    ["choose-act", "cancel"],
  ),
  "working-unlock": working("unlock"),
  "working-reset": working("reset"),
  "working-long": working("reset", 12),
  "done-unlock": done("unlock", true),
  "done-reset": done("reset"),
  "done-reset-later": done("reset", false, true),
  "done-reset-first": { ...done("reset"), reason: "first-day" },
  ...Object.fromEntries(
    names(reasons).map((code) => [
      `not-done-${code}`,
      notDone({ code }, ["changed", "expired", "not-opened"].includes(code) ? ["reset"] : []),
    ]),
  ),
  "not-done-password": notDone({ code: "password", refusal: "too-new" }, []),
  "not-known-unlock": notKnown("unlock"),
  "not-known-reset": notKnown("reset"),
  ...Object.fromEntries(names(ends).map((why) => [`ended-${why}`, ended(why)])),
};
