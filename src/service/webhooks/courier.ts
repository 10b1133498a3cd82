import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { Config } from "../../config/config.ts";
import { secretsOf } from "../../config/webhook-secret.ts";
import type { Http } from "../../providers/http.ts";
import type { Claimed, Settled } from "../../store/outbox.ts";
import type { Outbox } from "../../store/records.ts";
import { eventOf } from "./event.ts";
import { type Sent, send } from "./send.ts";
import { signedHeaders } from "./signature.ts";

export interface CourierOptions {
  readonly outbox: Outbox;
  /** As they are configured now. */
  readonly webhooks: () => Config["webhooks"];
  readonly http: Http;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "webhooks" | "webhooksWaiting">;
  /** 0 up to 1. */
  readonly random?: () => number;
}

/** Pauses between tries; the last one again and again. Up to a fifth longer by chance, so that not all come at once. */
const PAUSES_MS = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000] as const;
/** What other processes have put into the outbox is found so. */
const LOOK_MS = 30_000;
const SPARE_MS = 5_000;
const DAY_MS = 86_400_000;

/** Delivers what the outbox holds, as long as this process lives: each webhook's messages in their order, until they are taken or too old. */
export class Courier {
  readonly #options: CourierOptions;
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;
  #again = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.wake();
  }

  /** There may be something to deliver. */
  wake(): void {
    if (this.#abort.signal.aborted || Object.keys(this.#options.webhooks()).length === 0) return;
    this.#timer?.cancel();
    this.#again = this.#round !== undefined;
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
      if (this.#again) this.wake();
    });
  }

  /** What is on its way is given up, and tried again by whoever comes next. May be called twice. */
  async close(): Promise<void> {
    this.#again = false;
    this.#abort.abort();
    this.#timer?.cancel();
    await this.#round;
  }

  async #rounds(): Promise<void> {
    const { outbox, clock, metrics } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const webhooks = Object.entries(this.#options.webhooks());
      const claims = await outbox.claim({
        leaseMs: Math.max(0, ...webhooks.map(([, { timeoutSeconds }]) => timeoutSeconds * 1000)) + SPARE_MS,
        maxAgeMs: Object.fromEntries(webhooks.map(([name, { maxAgeDays }]) => [name, maxAgeDays * DAY_MS])),
      });
      for (const [webhook] of webhooks) metrics.webhooksWaiting.set({ webhook }, claims?.waiting[webhook] ?? 0);
      this.#tellDropped(claims?.dropped ?? {});
      if (!claims || claims.events.length === 0) {
        this.#rest(claims?.nextMs === undefined ? LOOK_MS : Math.min(LOOK_MS, claims.nextMs - clock.wall()));
        return;
      }
      await Promise.all(claims.events.map((event) => this.#deliver(event)));
    }
  }

  #rest(ms: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer = this.#options.clock.after(Math.max(0, ms), () => this.wake());
  }

  async #deliver({ seq, id, webhook, attempts, cdr }: Claimed): Promise<void> {
    const { outbox, http, clock, log, metrics } = this.#options;
    const settings = this.#options.webhooks()[webhook];
    const secrets = settings && secretsOf(settings.secret.current());
    const late = new AbortController();
    const timer = clock.after((settings?.timeoutSeconds ?? 0) * 1000, () => late.abort());
    const body = eventOf(cdr, { sequence: seq, transcript: settings?.transcript ?? false });
    const sent: Sent = !settings
      ? { result: "failed", why: "not configured" }
      : !secrets
        ? { result: "failed", why: "its secret is none" }
        : await send(http, {
            url: settings.url,
            headers: signedHeaders({ id, nowMs: clock.wall(), body }, secrets),
            body,
            signal: AbortSignal.any([late.signal, this.#abort.signal]),
          });
    timer.cancel();
    const stopped = sent.result !== "taken" && this.#abort.signal.aborted;
    await outbox.settle(seq, stopped ? atOnce(clock.wall()) : this.#settled(sent, attempts));
    if (stopped) return;
    metrics.webhooks.inc({ webhook, result: sent.result });
    const { result, why } = sent;
    if (result === "taken") log.debug({ webhook, message: id, attempts }, "a webhook has taken a call");
    else log.warn({ webhook, message: id, result, why, attempts: attempts + 1 }, "a webhook has not taken a call");
  }

  #settled({ result, afterMs = 0 }: Sent, attempts: number): Settled {
    if (result === "taken" || result === "gone") return { taken: true };
    const { clock, random = Math.random } = this.#options;
    const pauseMs = PAUSES_MS[Math.min(attempts, PAUSES_MS.length - 1)] ?? LOOK_MS;
    const dueMs = clock.wall() + Math.max(afterMs, pauseMs * (1 + random() / 5));
    return { taken: false, dueMs, refused: result === "refused" };
  }

  #tellDropped(dropped: Readonly<Record<string, number>>): void {
    const { log, metrics } = this.#options;
    for (const [webhook, count] of Object.entries(dropped)) {
      metrics.webhooks.inc({ webhook, result: "dropped" }, count);
      log.error({ webhook, calls: count }, "a webhook was not told of calls: they are too old, or too many");
    }
  }
}

const atOnce = (nowMs: number): Settled => ({ taken: false, dueMs: nowMs, refused: false });
