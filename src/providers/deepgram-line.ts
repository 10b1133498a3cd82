import type { DeepgramClient, DeepgramTransport } from "@deepgram/sdk";
import type { Clock } from "../base/clock.ts";
import { ProviderError } from "../conversation/providers.ts";
import type { Key } from "./key.ts";
import { ProviderSocket } from "./socket.ts";

export type Sdk = typeof import("@deepgram/sdk");

/** The part of the SDK's sockets that its recognisers and its voice share. */
interface SdkSocket {
  on(event: "message", listener: (message: unknown) => void): void;
  connect(): unknown;
  close(): void;
}

export interface LineOptions<Socket extends SdkSocket> {
  readonly sdk: Promise<Sdk>;
  readonly provider: string;
  readonly url: string;
  readonly apiKey: Key;
  readonly clock: Clock;
  readonly connectMs: number;
  create(client: DeepgramClient): Promise<Socket>;
  open(): void;
  /** As the SDK has read it: an object, or the text itself where that is no JSON. */
  message(message: unknown): void;
  /**
   * Sound, valid until it returns, in its place among the messages. It goes past the SDK, which would make a Blob of it: that is
   * read later, after the message that says that all of it has come.
   */
  binary?(data: Uint8Array): void;
  lost(error: unknown): void;
}

/**
 * A streaming connection of Deepgram's SDK over our own socket, which the SDK takes as its transport: so that deadlines, proxies
 * and keys are those of every other provider. It is tried once; the SDK's own reconnecting is off.
 */
export class DeepgramLine<Socket extends SdkSocket> {
  readonly #options: LineOptions<Socket>;
  #sdk: Socket | undefined;
  #socket: ProviderSocket | undefined;
  #over = false;

  constructor(options: LineOptions<Socket>) {
    this.#options = options;
    this.#connect().catch((error: unknown) => this.#lose(error));
  }

  /** The SDK's socket, while it is open. */
  get socket(): Socket | undefined {
    return this.#socket?.open ? this.#sdk : undefined;
  }

  /** May be called twice. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sdk?.close();
    this.#socket?.close();
  }

  async #connect(): Promise<void> {
    const { sdk, url, apiKey, create, message } = this.#options;
    const { DeepgramClient } = await sdk;
    const client = new DeepgramClient({
      apiKey: apiKey.current(),
      baseUrl: url,
      transportFactory: (to, headers) => this.#transport(to, headers),
      reconnect: false,
    });
    const socket = await create(client);
    if (this.#over) return;
    this.#sdk = socket;
    socket.on("message", (said: unknown) => {
      // The SDK would only print what is thrown here.
      try {
        if (!this.#over) message(said);
      } catch (error) {
        this.#lose(error);
      }
    });
    socket.connect();
  }

  #transport(url: string, headers: Record<string, string>): DeepgramTransport {
    const { provider, clock, connectMs, open, binary } = this.#options;
    let [onOpen, onMessage] = [(): void => {}, (_message: string): void => {}];
    const socket = new ProviderSocket({
      provider,
      url,
      headers,
      clock,
      connectMs,
      events: {
        open: () => {
          onOpen();
          open();
        },
        text: (data) => onMessage(data),
        ...(binary && { binary }),
        lost: (error) => this.#lose(error),
      },
    });
    this.#socket = socket;
    return {
      send(data) {
        if (data instanceof Blob) throw new TypeError("audio goes out as bytes");
        socket.send(typeof data === "string" ? data : bytesOf(data));
      },
      onOpen: (listener) => {
        onOpen = listener;
      },
      onMessage: (listener) => {
        onMessage = listener;
      },
      // Losses go past the SDK, which would make plain errors of them.
      onError: () => {},
      onClose: () => {},
      isOpen: () => socket.open,
      close: () => socket.close(),
    };
  }

  #lose(error: unknown): void {
    if (this.#over) return;
    this.close();
    const { provider, lost } = this.#options;
    const known = error instanceof ProviderError;
    lost(known ? error : new ProviderError(provider, "protocol", "the connection failed", { cause: error }));
  }
}

const bytesOf = (data: ArrayBuffer | ArrayBufferView): Uint8Array =>
  data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
