import type { Engine } from "../../../src/call/engine.ts";
import { FakeFreeswitch } from "../../fakes/freeswitch/fake-freeswitch.ts";
import { type Running, readableLog, until, watchEngine } from "../asterisk/support.ts";
import { type EngineWishes, engineFor } from "../fake-freeswitch-harness.ts";
import { freePort } from "../free-port.ts";

export interface Desk extends Running {
  readonly engine: Engine;
  readonly lines: readonly string[];
}

export async function startFake(): Promise<FakeFreeswitch> {
  const pbx = new FakeFreeswitch();
  pbx.ports = [await freePort()];
  await pbx.start();
  return pbx;
}

/** An engine beside the fake; its legs stay until they end or are given back. */
export function openDesk(pbx: FakeFreeswitch, wishes: EngineWishes = {}): Desk {
  const { log, lines } = readableLog();
  return { ...watchEngine(engineFor(pbx, { log, ...wishes })), lines };
}

export const connected = ({ engine }: Running): Promise<void> =>
  until(() => engine.health.state === "connected", `the connection: ${engine.health.detail}`);
