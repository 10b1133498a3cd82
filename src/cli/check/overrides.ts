import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { overrideSentences } from "../../call/override.ts";
import type { Config } from "../../config/config.ts";
import { overrideFile, readOverrides } from "../../store/override-file.ts";
import { type Finding, finding } from "./finding.ts";

/** What somebody has opened or closed by hand, and perhaps forgotten. */
export function checkOverrides({ stateDir }: Pick<Config, "stateDir">): Finding[] {
  const file = overrideFile(stateDir);
  try {
    const sentences = overrideSentences(readOverrides(file), systemClock.wall());
    return sentences.map((sentence) => finding("warn", "hours", sentence, "Take it back: sidetone override off"));
  } catch (error) {
    return [finding("warn", "hours", `${file} cannot be read: ${messageOf(error)}.`)];
  }
}
