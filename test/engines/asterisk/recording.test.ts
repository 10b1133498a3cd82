import { describe, expect, test } from "vitest";
import { OutsideError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import { parseEvent } from "../../../src/engines/asterisk/ari-events.ts";
import { asteriskRecording } from "../../../src/engines/asterisk/recording.ts";
import { parseRecordingWord, rawOf } from "../../../src/engines/recording-word.ts";

const WORD = "given/1795366445-1795366445.12";

function recordingOf(text: string, answer: (state: string) => Promise<void> = async () => {}) {
  const said: string[] = [];
  const ami = {
    action: async (_name: string, fields: Readonly<Record<string, string>> = {}) => {
      await answer(fields.State ?? "");
      said.push(fields.State === "1" ? "mute" : "unmute");
      return {};
    },
    setVariable: async (_call: string, _name: string, value: string) => void said.push(value),
  };
  const word = parseRecordingWord(text);
  return { recording: asteriskRecording({ call: "1.1", word, store: undefined, ami, log: silentLog }), said };
}

describe("what the dialplan says of a recording", () => {
  test("is consent, files and pause, and nothing else is believed", () => {
    expect(parseRecordingWord(WORD)).toEqual({ consent: "given", file: WORD.slice(6), paused: false });
    expect(parseRecordingWord(`${WORD}/paused`)).toMatchObject({ paused: true });
    expect(parseRecordingWord("refused")).toEqual({ consent: "refused", file: undefined, paused: false });
    expect([parseRecordingWord(""), parseRecordingWord("yes/1-2")]).toEqual([undefined, undefined]);
    expect(rawOf({ consent: "none", file: "1795366445-pbx-1795366445.12", paused: false })).toEqual({
      call: "pbx-1795366445.12",
      startedEpochSeconds: 1_795_366_445,
    });
    expect(rawOf({ consent: "none", file: "x", paused: false })).toBeUndefined();
  });

  test("that it has ended is heard by id alone", () => {
    const event = (call: string) =>
      parseEvent({ type: "ChannelUserevent", eventname: "SidetoneRecorded", userevent: { call }, channel: {} });
    expect(event("17.1")).toEqual({ type: "recorded", call: "17.1" });
    expect(event("../x")).toBe("malformed");
  });
});

describe("a pause", () => {
  test("silences first and notes it then; taking it back notes first", async () => {
    const { recording, said } = recordingOf(WORD);
    await recording.pause();
    expect([recording.paused, recording.pauses]).toEqual([true, 1]);
    await recording.resume();
    expect([recording.paused, recording.pauses]).toEqual([false, 1]);
    expect(said).toEqual(["mute", `${WORD}/paused`, WORD, "unmute"]);
  });

  test("inside another ends with the outer one, whichever comes first", async () => {
    const { recording, said } = recordingOf(WORD);
    await Promise.all([recording.pause(), recording.pause(), recording.resume()]);
    expect(recording.paused).toBe(true);
    expect(said).not.toContain("unmute");
    await recording.resume();
    expect(said.at(-1)).toBe("unmute");
  });

  test("that a dead worker has left stays until somebody takes it back", async () => {
    const { recording, said } = recordingOf(`${WORD}/paused`);
    expect(recording.paused).toBe(true);
    await recording.pause();
    await recording.resume();
    expect([recording.paused, said]).toEqual([true, ["mute"]]);
    await recording.resume();
    expect(recording.paused).toBe(false);
  });

  test("of a call that nothing records is none, and one that the PBX refuses is a fault", async () => {
    const refused = (message: string) => () => Promise.reject(new OutsideError("refused", message));
    const idle = recordingOf("", refused("MixMonitorMute: Cannot set mute flag"));
    await idle.recording.pause();
    const denied = recordingOf(WORD, refused("MixMonitorMute: Permission denied"));
    await expect(denied.recording.pause()).rejects.toThrow("Permission denied");
    expect(denied.recording.paused).toBe(false);
  });
});
