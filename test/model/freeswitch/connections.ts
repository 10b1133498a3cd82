import { OutsideError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { Siblings } from "../../../src/call/siblings.ts";
import { type Connections, createFreeswitch } from "../../../src/engines/freeswitch/engine.ts";
import { EslClient } from "../../../src/engines/freeswitch/esl/client.ts";
import { EslServer, type EslServerOptions } from "../../../src/engines/freeswitch/esl/server.ts";
import { CallMedia } from "../../../src/engines/freeswitch/media/call-media.ts";
import type { Media, MediaChannel, MediaContext } from "../../../src/engines/freeswitch/media/port.ts";
import { freeswitchOptions } from "../../../src/engines/freeswitch/options.ts";
import type { Attached } from "../pbx.ts";
import { type Process, TEARDOWN_MS, type World } from "../world.ts";
import type { Lending } from "./call.ts";
import { Door } from "./door.ts";
import type { ModelFreeswitch } from "./pbx.ts";
import type { Pipe } from "./pipe.ts";

const OPTIONS = freeswitchOptions.parse({ esl: { password: "x" } });
/** The next 20 ms bring the first datagram. */
const FRAME_MS = 20;
/** Three ports are tried, 250 ms each. */
const IN_VAIN_MS = 750;
/** So many looks without a datagram, 40 ms apart, mean that none will come. */
const LOST_MS = [320, 360] as const;

/** The product's engine, at the modelled FreeSWITCH. Its Event Socket, in and out, is the product's own, byte by byte. */
export function attached(pbx: ModelFreeswitch, process: Process): Attached {
  const { world } = pbx;
  const channels = new WeakMap<object, Lending>();
  const lines = new Lines(world, process);
  let inbound: Pipe | undefined;
  const connections: Connections = {
    esl: (options) =>
      new EslClient({
        ...options,
        backoff: { next: () => world.between(80, 120), reset() {} },
        connect() {
          inbound = pbx.connect(process);
          lines.opened(inbound);
          return inbound.near;
        },
      }),
    server: (options) => serverOf(pbx, process, { options, lines }),
    media: (_options, context) => mediaOf(pbx, { context, channels }),
  };
  const failing: readonly ((hang: () => number) => void)[] = [
    () => inbound?.far.destroy(),
    (hang) => inbound?.hold(world.nowMs + hang()),
    (hang) => lines.holdCalls(world.nowMs + hang()),
  ];
  const siblings: Siblings = {
    size: 2,
    othersTake: true,
    turnFor: () => 0,
    get burden() {
      return pbx.burdenOf(process);
    },
    claim: () => Promise.resolve(true),
  };
  return {
    engine: createFreeswitch(OPTIONS, { clock: process.clock, log: silentLog, siblings }, connections),
    channelOf: (media) => channels.get(media as object),
    fail: (which, hang) => failing[which]?.(hang),
  };
}

/** What one process has open. When it dies its connections are closed one after the other, in any order. */
class Lines {
  readonly #world: World;
  readonly #process: Process;
  readonly #calls: Pipe[] = [];
  #heldUntilMs = 0;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
  }

  opened(pipe: Pipe): void {
    this.#process.onDeath(() => pipe.tornDown());
  }

  accepted(pipe: Pipe): void {
    this.opened(pipe);
    pipe.hold(this.#heldUntilMs);
    this.#calls.push(pipe);
  }

  /** Also those that come until then. */
  holdCalls(untilMs: number): void {
    this.#heldUntilMs = untilMs;
    for (const pipe of this.#calls) pipe.hold(untilMs);
    this.#world.tell(`${this.#process.name}: held until ${untilMs.toFixed(0)}`);
  }
}

interface ServerParts {
  readonly options: EslServerOptions;
  readonly lines: Lines;
}

function serverOf(
  pbx: ModelFreeswitch,
  process: Process,
  { options, lines }: ServerParts,
): ReturnType<Connections["server"]> {
  const { world, doors } = pbx;
  const server = new EslServer(options);
  const door = new Door({
    world,
    process,
    accept(pipe) {
      lines.accepted(pipe);
      server.accept(pipe.near);
    },
  });
  const shut = (): void => {
    doors.delete(door);
    door.shut();
  };
  return {
    async listen() {
      await process.clock.sleep(world.between(0.1, 2));
      doors.add(door);
      process.onDeath(() => world.after(world.between(0, TEARDOWN_MS), shut));
    },
    shut,
    close: async () => shut(),
  };
}

interface MediaParts {
  readonly context: MediaContext;
  readonly channels: WeakMap<object, Lending>;
}

/** `unicast`, without the datagrams: it is asked for as the product does, belongs to one lending, and is missed when that is over. */
function mediaOf(pbx: ModelFreeswitch, { context, channels }: MediaParts): Media {
  const { world } = pbx;
  const { clock } = context;
  return {
    choose: async () => ({ mode: "unicast", reason: "" }),
    async open(channel: MediaChannel) {
      const port = pbx.freePort();
      const lent = await unicast(port, channel);
      const nothing = Promise.resolve();
      const farSide = { sink: { send() {}, flush() {} }, leadMs: 0 };
      const media = new CallMedia({ channel, context, farSide, stop: () => nothing, close() {} });
      channels.set(media, lent);
      lent.onEnd(() => clock.after(world.between(...LOST_MS), () => media.fail("FreeSWITCH sends nothing any more.")));
      return media;
    },
    close: async () => {},
  };

  async function unicast(port: string, channel: MediaChannel): Promise<Lending> {
    await channel.sendmsg({ "call-command": "unicast", "remote-port": port });
    await clock.sleep(world.between(0, FRAME_MS), channel.signal);
    const lent = pbx.unicasts.get(port);
    if (lent && !lent.ended) return lent;
    await clock.sleep(IN_VAIN_MS, channel.signal);
    throw new OutsideError("timeout", "FreeSWITCH sends nothing by unicast.");
  }
}
