// Between backend and pages: holds the view that is drawn, carries presses to the service,
// turns refusals into errors of the page, and minds the clock that the person sees. It never
// decides what comes next: after `begin` the service's view alone says that.

import {
  asRefusal,
  hosted,
  SIGN_OF_LIFE,
  type AcceptsNewPassword,
  type Act,
  type Backend,
  type Call,
  type Help,
  type Mode,
  type NotReached,
  type Ready,
  type Reason,
  type Stage,
  type View,
} from "./backend/backend";
import { hasText } from "./i18n.svelte";

/** A thing to mend, as a key of the translations and the id of the field it belongs to. */
export interface PageError {
  key: string;
  values?: Record<string, number | string>;
  field?: string;
}

/** A call that lasts less than this shows nothing. */
const UNSEEN_MS = 300;
const WARN_BEFORE_IDLE_S = 60;
/** While somebody is active, the service hears of it this often. */
const ACTIVE_AGAIN_MS = 60_000;
/** Read a little after the end: a read before it would count as activity. */
const AFTER_END_S = 2;
const ASK_END_AGAIN_MS = 10_000;

export class Flow {
  ready = $state.raw<Ready | null>(null);
  notReached = $state.raw<NotReached | null>(null);
  /** What is drawn before a recovery exists. */
  asking = $state<"reason" | "user-id">(hosted?.firstDay ? "user-id" : "reason");
  reason = $state<Reason>(hosted?.firstDay ? "first-day" : "cant-sign-in");
  /** As typed so far, or as this PC knows it; no secret, so it outlives its page. */
  userId = $state(hosted?.userId ?? "");
  /** Whether a new password works on this PC. */
  device = $state<AcceptsNewPassword | "looking">("unknown");
  /** What is drawn. */
  view = $state.raw<View | null>(null);
  errors = $state.raw<PageError[]>([]);
  /** True once a press has lasted long enough to say so. */
  slow = $state(false);
  helpOpen = $state(false);
  /** The user ID page is drawn over a recovery, to mend what was typed. */
  changing = $state(false);
  /** The service says no more; it is not even known why. */
  outOfDate = $state(false);
  connectionLost = $state(false);
  /** Moves once a second, for everything that counts down. */
  now = $state(performance.now());

  #busy = $state(false);
  #starting: Promise<void> | null = null;
  /** The newest view; for a moment ahead of what is drawn. */
  #latest = $state.raw<View | null>(null);
  #receivedAt = $state(0);
  #lastContact = 0;
  #reveal: ReturnType<typeof setTimeout> | undefined;
  #follower = 0;
  #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
    setInterval(() => this.#tick(), 1_000);
    void this.#look(false);
  }

  /** What this PC can do; nobody waits for it. */
  async #look(connect: boolean): Promise<void> {
    if (!hosted) return;
    if (connect) this.device = "looking";
    this.device = (await this.#backend.acceptsNewPassword?.(connect)) ?? "unknown";
  }

  /** True while a press is under way: a second press does nothing. */
  get pending(): boolean {
    return this.#busy || this.#latest !== this.view;
  }

  get mode(): Mode {
    return hosted ? "sign-in" : (this.ready?.mode ?? "portal");
  }

  /** Seconds since the view that is drawn came in. */
  get age(): number {
    return Math.max(0, (this.now - this.#receivedAt) / 1_000);
  }

  /** Seconds until the recovery ends for want of a sign of life. */
  get idleLeft(): number | null {
    const idle = this.view?.idle_ends_in_s;
    return idle === null || idle === undefined || this.#over ? null : idle - this.age;
  }

  get warning(): boolean {
    return this.idleLeft !== null && this.idleLeft <= WARN_BEFORE_IDLE_S;
  }

  get #over(): boolean {
    return this.view === null || this.view.stage.name === "ended" || this.outOfDate;
  }

  /** Whom the person can ask. */
  get help(): Help | null {
    return this.ready?.start.tenant.help ?? this.notReached?.help ?? null;
  }

  /** Whose pages these are. */
  get tenant() {
    return this.ready?.start.tenant ?? this.notReached?.tenant;
  }

  can(call: Call): boolean {
    return this.view?.calls.includes(call) ?? false;
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => (this.#starting = null));
    return this.#starting;
  }

  /** Not the one thing under way: whoever is quicker than the network may press meanwhile. */
  async #start(): Promise<void> {
    const started = await this.#slowly(() => this.#backend.start());
    if (started.kind === "unreachable") {
      this.notReached = started;
      return;
    }
    this.notReached = null;
    this.ready = started;
    // Whoever was quicker than the network goes on with what they began.
    if (started.resumed && this.view === null && (hosted || this.asking === "reason")) {
      this.#show(started.resumed);
    }
  }

  choose(reason: Reason): void {
    this.errors = [];
    this.reason = reason;
    this.asking = "user-id";
  }

  /** From the user ID to the question before it, or from an end to the beginning. */
  restart(): void {
    this.#follower++;
    clearTimeout(this.#reveal);
    this.#latest = null;
    this.view = null;
    this.outOfDate = false;
    this.changing = false;
    this.errors = [];
    this.asking = "reason";
  }

  /** To the user ID page, to mend what was typed. */
  change(): void {
    this.errors = [];
    this.userId = this.view?.user_id ?? this.userId;
    this.changing = true;
  }

  leaveUserId(): void {
    this.errors = [];
    if (this.changing) this.changing = false;
    else this.asking = "reason";
  }

  begin(userId: string): Promise<void> {
    return this.press(() => this.#backend.begin(userId, this.reason), "user-id");
  }

  changeUserId(userId: string): Promise<void> {
    return this.press(() => this.#backend.changeUserId(userId), "user-id");
  }

  chooseMethod(id: string): Promise<void> {
    return this.press(() => this.#backend.chooseMethod(id));
  }

  enterCode(code: string): Promise<void> {
    return this.press(() => this.#backend.enterCode(code), "code");
  }

  chooseAct(act: Act): Promise<void> {
    return this.press(() => this.#backend.chooseAct(act));
  }

  setPassword(clearText: string): Promise<void> {
    return this.press(() => this.#backend.setPassword(clearText), "new-password");
  }

  changePassword(present: string, clearText: string): Promise<void> {
    return this.press(() => this.#backend.changePassword(present, clearText), "new-password");
  }

  back(): Promise<void> {
    return this.press(() => this.#backend.back());
  }

  /** On the sign-in screen also the way back to it, at any time. */
  cancel(): Promise<void> {
    return hosted ? this.#backend.leave!() : this.press(() => this.#backend.cancel());
  }

  /** Any key, any touch: tells the service that somebody is there, by a view read and no more. */
  active(): void {
    if (this.idleLeft === null || this.pending) return;
    if (this.warning || performance.now() - this.#lastContact > ACTIVE_AGAIN_MS) {
      this.#lastContact = this.#receivedAt = this.now = performance.now();
      void this.#readAgain();
    }
  }

  async press(call: () => Promise<View>, field?: string): Promise<void> {
    if (this.pending) return;
    this.errors = [];
    const starting = this.#starting;
    if (starting !== null) {
      await this.#waiting(() => starting);
      if (this.notReached !== null || this.view !== null) return;
    }
    this.#follower++;
    try {
      this.#show(await this.#waiting(call));
    } catch (thrown) {
      await this.#refused(thrown, field);
    }
  }

  /** Runs `call` as the one thing under way. */
  async #waiting<T>(call: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await this.#slowly(call);
    } finally {
      this.#busy = false;
    }
  }

  /** Says so when it takes long. */
  async #slowly<T>(call: () => Promise<T>): Promise<T> {
    const slow = setTimeout(() => (this.slow = true), UNSEEN_MS);
    try {
      return await call();
    } finally {
      clearTimeout(slow);
      this.slow = false;
    }
  }

  #show(view: View): void {
    clearTimeout(this.#reveal);
    this.connectionLost = false;
    this.outOfDate = false;
    this.changing = false;
    const { stage } = view;
    if (stage.name === "done" && stage.act !== "unlock" && this.#latest?.stage.name !== "done") {
      void this.#look(true);
    }
    this.#latest = view;
    this.#lastContact = this.#receivedAt = this.now = performance.now();
    if (waits(view.stage) && this.view !== null && !waits(this.view.stage)) {
      // What is over in a moment is not drawn at all.
      this.#reveal = setTimeout(() => (this.view = view), UNSEEN_MS);
    } else {
      this.view = view;
    }
    void this.#follow();
  }

  /** While something is awaited that the person cannot hasten, the screen moves on by itself. */
  async #follow(): Promise<void> {
    const follower = ++this.#follower;
    for (let failures = 0; ; ) {
      const view = this.#latest;
      const awaited = view !== null && (view.idle_ends_in_s ?? null) === null;
      if (!awaited || view.stage.name === "ended") return;
      try {
        const next = await this.#backend.watch(view.revision);
        if (follower !== this.#follower) return;
        failures = 0;
        this.connectionLost = false;
        if (next.revision !== view.revision) return this.#show(next);
      } catch (thrown) {
        if (follower !== this.#follower) return;
        if (asRefusal(thrown).kind === "problem") return this.#refused(thrown);
        this.connectionLost = ++failures > 1;
        await new Promise((resolve) => setTimeout(resolve, Math.min(8_000, 500 * 2 ** failures)));
        if (follower !== this.#follower) return;
      }
    }
  }

  async #refused(thrown: unknown, field?: string): Promise<void> {
    const refusal = asRefusal(thrown);
    if (refusal.kind === "unreachable") {
      this.errors = [{ key: `error-unreachable-${refusal.why}` }];
      if (this.view !== null) void this.#follow();
      return;
    }
    switch (refusal.code) {
      case "token-unknown":
        this.outOfDate = true;
        return;
      case "recovery-ended":
      case "wrong-stage":
      case "method-not-offered":
      case "act-not-offered":
      case "key-reused":
        return this.#readAgain(
          refusal.code === "wrong-stage" && field === "new-password"
            ? "error-earlier-password"
            : "error-changed",
        );
      default: {
        const minutes = Math.max(1, Math.ceil((refusal.retry_after_s ?? 60) / 60));
        const own = refusal.code === "malformed" && field === "user-id";
        const key = own ? "error-malformed-user-id" : `error-${refusal.code}`;
        const error: PageError = { key: hasText(key) ? key : "error-internal", values: { minutes } };
        this.errors = [field && ownedByField(refusal.code) ? { ...error, field } : error];
        // What was refused may have changed what is offered (tries left, waits).
        if (this.view !== null) void this.#follow();
      }
    }
  }

  /** Reads how things stand; `because` says why, unless the page that follows says enough. */
  async #readAgain(because?: "error-changed" | "error-earlier-password"): Promise<void> {
    try {
      const view = await this.#backend.watch(SIGN_OF_LIFE);
      const moved = view.stage.name !== this.view?.stage.name;
      // Two passwords were typed: which of them counts is nowhere else to be read.
      const says = because === "error-earlier-password" || !moved;
      if (because !== undefined || moved) this.errors = because && says ? [{ key: because }] : [];
      this.#show(view);
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      if (refusal.kind === "unreachable") this.connectionLost = true;
      else this.outOfDate = true;
    }
  }

  #tick(): void {
    this.now = performance.now();
    if (this.#over || this.pending) return;
    const left = Math.min(this.idleLeft ?? Infinity, (this.view?.ends_in_s ?? 0) - this.age);
    if (left > -AFTER_END_S || this.now - this.#lastContact < ASK_END_AGAIN_MS) return;
    this.#lastContact = this.now;
    void this.#readAgain();
  }
}

function waits(stage: Stage): boolean {
  return stage.name === "checking" || stage.name === "working";
}

function ownedByField(code: string): boolean {
  return /^(malformed|code-|seal-|recipients-)/.test(code);
}
