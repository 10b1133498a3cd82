import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AsteriskInstall, type RunningAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import type { PhoneAccount } from "../../deploy/engines/asterisk-config.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { Phone } from "../../src/caller/phone.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { promptsFolder } from "./prompts.ts";

/** A real Asterisk with the shipped files, and the service as users run it, with a registered phone to call from. */
export interface WholeService extends AsyncDisposable {
  readonly asterisk: RunningAsterisk;
  readonly service: DemoService;
  readonly phone: Phone;
  /** The menu's prompt at 8 kHz, to be found in what a caller heard. */
  readonly menu: Int16Array;
  /** The menu's prompts, for reading. */
  readonly prompts: string;
  /** A folder of this test's own, removed in the end. */
  readonly dir: string;
}

export interface WholeOptions {
  /** Beside "caller". */
  readonly phones?: readonly (string | PhoneAccount)[];
  /** More of sidetone.yaml. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Text at the end of the PBX's files, and more of the dialplan's globals. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly globals?: Readonly<Record<string, string>>;
  /** Its worker says in the dialplan that it is up. */
  readonly presence?: boolean;
}

export async function startWholeService(
  install: AsteriskInstall,
  { phones = [], settings = {}, extra = {}, globals = {}, presence = false }: WholeOptions = {},
): Promise<WholeService> {
  const undo = new AsyncDisposableStack();
  try {
    const dir = await mkdtemp(join(tmpdir(), "sidetone-whole-"));
    undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const prompts = await promptsFolder();
    const accounts = ["caller", ...phones].map((phone) => (typeof phone === "string" ? { name: phone } : phone));
    const asterisk = await startAsterisk({ install, sounds: prompts, phones: accounts, extra, globals });
    undo.defer(() => asterisk.stop());
    const service = await startDemoService({
      ...{ engines: { asterisk: { ari: asterisk.ari, ami: asterisk.ami, presence } } },
      ...{ dir, clock: systemClock, settings },
    });
    undo.defer(() => service.stop());
    await service.ready(AbortSignal.timeout(30_000));
    const phone = phoneOf(asterisk, "caller");
    undo.defer(() => phone.stop());
    await phone.start();
    await phone.register();
    const [menu = new Int16Array()] = readWav(await readFile(join(prompts, "menu.wav"))).channels;
    const owned = undo.move();
    return { asterisk, service, phone, menu, prompts, dir, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

export function phoneOf(asterisk: RunningAsterisk, name: string): Phone {
  const account = asterisk.phones.find((phone) => phone.name === name);
  if (!account) throw new Error(`this Asterisk has no phone "${name}"`);
  return new Phone(
    { pbx: { transport: "ws", url: account.wsUrl }, user: name, password: account.password },
    { clock: systemClock, log: silentLog },
  );
}
