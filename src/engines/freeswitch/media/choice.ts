import { OutsideError } from "../../../base/errors.ts";
import type { MediaOptions } from "./options.ts";
import type { Ask, MediaChoice } from "./port.ts";

export interface Look {
  readonly options: MediaOptions;
  readonly ask: Ask;
  /** FreeSWITCH runs on this host. */
  readonly local: boolean;
  readonly signal: AbortSignal;
}

const LOAD_IT = "install it (github.com/amigniter/mod_audio_stream), then: fs_cli -x 'load mod_audio_stream'";

/** How sound will travel, and why. Rejects with "unfit" and what to do when it cannot. */
export async function chooseMode({ options, ask, local, signal }: Look): Promise<MediaChoice> {
  const { mode } = options;
  const loaded = (await ask("module_exists mod_audio_stream", signal)).trim() === "true";
  const far = mode === "remote" || (mode === "auto" && !local);
  if (mode === "unicast" || mode === "websocket") needsLocal(mode, local);
  if (mode === "unicast") return { mode, reason: "Sound goes both ways by unicast, because media.mode says so." };
  if (!loaded && (far || mode !== "auto")) throw notLoaded(far);
  if (far) return remote(options);
  if (mode === "duplex")
    return {
      mode,
      reason:
        "Sound goes both ways through mod_audio_stream, because media.mode says so; whether its build plays what it is sent shows at the first call.",
    };
  if (loaded)
    return {
      mode: "websocket",
      reason:
        "The caller's sound comes through mod_audio_stream, the agent's goes by unicast: 0.1 ms, and every build of the module will do.",
    };
  return {
    mode: "unicast",
    reason: "Sound goes both ways by unicast: mod_audio_stream is not loaded, and not needed.",
  };
}

function remote({ url, certificate, tunnelled }: MediaOptions): MediaChoice {
  if (certificate === "" && !url.startsWith("wss:") && !tunnelled)
    throw new OutsideError(
      "unfit",
      "FreeSWITCH is on another host, where calls' sound travels only encrypted: set engines.freeswitch.media's host, certificate and key (or url to a wss:// before Sidetone), or tunnelled when a tunnel carries it.",
    );
  return {
    mode: "remote",
    reason:
      "FreeSWITCH is on another host: the caller's sound comes through mod_audio_stream; the agent's goes the same way where its build plays what it is sent, else as short files. Which, shows at the first call.",
  };
}

function needsLocal(mode: string, local: boolean): void {
  if (local) return;
  throw new OutsideError(
    "unfit",
    `engines.freeswitch.media.mode is ${mode}, but FreeSWITCH is on another host: unicast knows neither encryption nor authentication. Set the mode to auto.`,
  );
}

function notLoaded(far: boolean): OutsideError {
  const instead = far ? "" : ", or set engines.freeswitch.media.mode to auto: then sound goes by unicast";
  return new OutsideError("unfit", `FreeSWITCH has not loaded mod_audio_stream: ${LOAD_IT}${instead}.`);
}
