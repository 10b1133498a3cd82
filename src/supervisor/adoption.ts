import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { isOwnerAlive, ownerOf } from "../store/owner.ts";
import { Link } from "./link.ts";
import { killGroup, type WorkerProcess } from "./process.ts";
import { type Hello, isHello, type ToWorker } from "./protocol.ts";

/** The workers of a supervisor that has died, and where ours are found when we have. */
export interface Adoption {
  /** Resolves when all workers that live have been heard of, or are given up. Never rejects. */
  open(onWorker: (process: WorkerProcess, hello: Hello) => void): Promise<void>;
  /** These are ours now: whoever comes after us expects them. */
  remember(pids: readonly number[]): void;
  /** Nobody is taken over from now on. May be called twice. */
  close(): Promise<void>;
}

export interface AdoptionOptions {
  /** A folder of the service's user alone. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** They knock five times a second. */
const EXPECT_MS = 3000;
const HELLO_MS = 1000;
const LOOK_MS = 50;
/** One whose connection is gone is about to end, or has lost its way. */
const ENDING_MS = 500;
/** The kernel's, for a socket's name. */
const PATH_MAX_BYTES = 107;

export const socketIn = (dir: string): string => join(dir, "supervisor.sock");

/**
 * Whether this folder is this user's alone. That is what both ends go by: whoever can listen or knock there is the service's
 * user (or root) already.
 */
export function isOursAlone(dir: string): boolean {
  try {
    const { uid, mode } = lstatSync(dir);
    return uid === process.getuid?.() && (mode & 0o170077) === 0o040000;
  } catch {
    return false;
  }
}

export function createAdoption(options: AdoptionOptions): Adoption {
  return new SocketAdoption(options);
}

class SocketAdoption implements Adoption {
  readonly #options: AdoptionOptions;
  readonly #links = new Set<Link>();
  readonly #found = new Set<number>();
  #server: Server | undefined;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  async open(onWorker: (process: WorkerProcess, hello: Hello) => void): Promise<void> {
    const { dir, log } = this.#options;
    const path = socketIn(dir);
    // Before the first of them is ours, and the list another one.
    const owners = this.#remembered();
    try {
      if (Buffer.byteLength(path) > PATH_MAX_BYTES) throw new Error("its path is too long for a socket");
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      if (!isOursAlone(dir)) chmodSync(dir, 0o700);
      if (!isOursAlone(dir)) throw new Error("it is not this user's alone");
      if (await answers(path)) throw new Error("another supervisor is up there");
      rmSync(path, { force: true });
      this.#server = await listening(path, (socket) => this.#accept(socket, onWorker));
      chmodSync(path, 0o600);
    } catch (error) {
      log.warn(
        { dir, reason: messageOf(error) },
        "workers cannot be handed over: should this supervisor die, its workers let their calls end",
      );
      return;
    }
    await this.#expect(owners);
  }

  remember(pids: readonly number[]): void {
    if (!this.#server) return;
    try {
      writeFileSync(this.#file, JSON.stringify(pids.map(ownerOf)), { mode: 0o600 });
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, "the list of workers could not be written");
    }
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    for (const link of this.#links) link.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  get #file(): string {
    return join(this.#options.dir, "workers.json");
  }

  #remembered(): string[] {
    try {
      const owners: unknown = JSON.parse(readFileSync(this.#file, "utf8"));
      return Array.isArray(owners) ? owners.filter((owner) => typeof owner === "string") : [];
    } catch {
      // There is none yet, or it was being written when its supervisor died: whoever lives knocks all the same.
      return [];
    }
  }

  /** A worker that lives and does not knock hangs: nobody watches over it, and its callers hear nothing. */
  async #expect(owners: readonly string[]): Promise<void> {
    const { clock, log } = this.#options;
    const deadline = clock.now() + EXPECT_MS;
    const missing = (): string[] =>
      owners.filter((owner) => !this.#found.has(Number.parseInt(owner, 10)) && isOwnerAlive(owner));
    while (missing().length > 0 && clock.now() < deadline) await clock.sleep(LOOK_MS);
    for (const owner of missing()) {
      const pid = Number.parseInt(owner, 10);
      log.error({ pid }, "a worker of an earlier supervisor does not answer and is killed");
      killGroup(pid, log);
    }
  }

  #accept(socket: Socket, onWorker: (process: WorkerProcess, hello: Hello) => void): void {
    const { clock, log } = this.#options;
    const link = new Link(socket);
    this.#links.add(link);
    const late = clock.after(HELLO_MS, () => link.close());
    link.on("disconnect", () => {
      late.cancel();
      this.#links.delete(link);
    });
    link.once("message", (message) => {
      late.cancel();
      if (!isHello(message) || !isOurProcess(message.pid)) {
        log.warn({}, "somebody who is no worker of ours has knocked at the supervisor's socket");
        return link.close();
      }
      this.#found.add(message.pid);
      onWorker(linked(link, ownerOf(message.pid), { clock, log }), message);
    });
  }
}

/** A worker at the other end of a socket. */
function linked(link: Link, owner: string, { clock, log }: Pick<AdoptionOptions, "clock" | "log">): WorkerProcess {
  const pid = Number.parseInt(owner, 10);
  const kill = (): void => {
    // The number may be somebody else's by now.
    if (isOwnerAlive(owner)) killGroup(pid, log);
  };
  let isLetGo = false;
  return {
    pid,
    listen({ message, ended }) {
      link.on("message", message);
      link.on("disconnect", () => {
        // It has not lost its way: we have closed the line, for the next supervisor.
        if (isLetGo) return;
        const since = clock.now();
        const timer = clock.every(LOOK_MS, () => {
          if (isOwnerAlive(owner)) {
            if (clock.now() - since >= ENDING_MS) kill();
            return;
          }
          timer.cancel();
          ended({ code: null, signal: null });
        });
      });
    },
    send: (wish: ToWorker) => void link.send(wish),
    kill,
    letGo() {
      isLetGo = true;
      link.close();
    },
  };
}

/** A process of this user. */
function isOurProcess(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}`).uid === process.getuid?.();
  } catch {
    // Another kind of system: whoever may knock is this user.
    return isOwnerAlive(ownerOf(pid));
  }
}

/** Whether somebody listens there. What a dead supervisor has left behind does not. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (found: boolean) => (): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", end(true));
    socket.once("error", (error) => end(codeOf(error) === "EACCES")());
  });
}

function listening(path: string, accept: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept);
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}
