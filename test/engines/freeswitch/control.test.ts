import { FreeSwitchClient } from "esl";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { RawRecording } from "../../../src/call/recording.ts";
import { codecName, readCaller } from "../../../src/engines/freeswitch/caller.ts";
import { inspect } from "../../../src/engines/freeswitch/inspect.ts";
import { recordersIn } from "../../../src/engines/freeswitch/recording.ts";
import type { FakeFreeswitch } from "../../fakes/freeswitch/fake-freeswitch.ts";
import { until } from "../asterisk/support.ts";
import { optionsFor } from "../fake-freeswitch-harness.ts";
import { connected, type Desk, openDesk, startFake } from "./support.ts";

let pbx: FakeFreeswitch;
let desk: Desk | undefined;

beforeEach(async () => {
  pbx = await startFake();
});
afterEach(async () => {
  await desk?.stop();
  desk = undefined;
  await pbx.stop();
});

const look = () => inspect(optionsFor(pbx), { clock: systemClock, log: silentLog, signal: AbortSignal.timeout(8000) });

test("check says which way the sound goes, and why", async () => {
  expect((await look()).every(({ ok }) => ok)).toBe(true);
  pbx.modules.delete("mod_audio_stream");
  expect((await look()).map(({ what }) => what)).toContainEqual(
    expect.stringMatching(/both ways by unicast.*not loaded/),
  );
});

test("check names what is missing, and what the user may not do", async () => {
  for (const name of ["mod_spandsp", "mod_sofia", "mod_tone_stream"]) pbx.modules.delete(name);
  const bad = (await look()).filter(({ ok }) => !ok);
  expect(bad.map(({ what }) => what)).toEqual([
    expect.stringMatching(/mod_sofia is not loaded/),
    expect.stringMatching(/mod_tone_stream is not loaded: .*menu/),
    expect.stringMatching(/mod_spandsp is not loaded/),
  ]);
  pbx.allowed.set("", ["version", "module_exists"]);
  expect(await look()).toEqual([
    expect.objectContaining({
      ok: false,
      what: expect.stringMatching(/may not use uuid_getvar, sched_del, global_setvar/),
    }),
  ]);
  const before = optionsFor(pbx);
  pbx.passwords.set("", "another");
  const context = { clock: systemClock, log: silentLog, signal: AbortSignal.timeout(8000) };
  expect((await inspect(before, context)).map(({ what }) => what)).toEqual([
    expect.stringMatching(/refuses the password/),
  ]);
});

test("who has a call says so at once: before FreeSWITCH is asked whether it is true, which may take its time", async () => {
  desk = openDesk(pbx);
  await connected(desk);
  const lent = desk.nextLeg();
  const call = pbx.dial();
  await lent;
  const taken = pbx.apis.indexOf(`uuid_setvar ${call.uuid} sidetone_taken yes`);
  expect(taken).toBeGreaterThan(-1);
  expect(pbx.apis.filter((api) => api.includes(call.uuid))[0]).toBe(pbx.apis[taken]);
  expect(call.variables.get("sidetone_taken")).toBe("yes");
});

test("a protected passage masks every recording of the call, the PBX's own among them, and is noted for the next worker", async () => {
  const raw: RawRecording[] = [];
  const recordings = {
    policy: { mode: "agent", consent: "none", spool: "/var/spool/sidetone" },
    pathOf: ({ call }: RawRecording) => `/recordings/${call}.wav`,
    finished: (one: RawRecording) => void raw.push(one),
    sweep: () => {},
  } as const;
  desk = openDesk(pbx, { recordings });
  await connected(desk);
  expect(pbx.globals.get("sidetone_record_dir")).toBe("/var/spool/sidetone");
  const lent = desk.nextLeg();
  const call = pbx.dial();
  const file = `1795366445-${call.uuid}`;
  call.variables.set("sidetone_recording", `given/${file}`);
  call.recordings.set(`/var/spool/sidetone/${file}.wav`, false).set("/theirs/a file.wav", false);
  const { recording } = await lent;
  expect([recording?.consent, recording?.path]).toEqual(["given", `/recordings/${call.uuid}.wav`]);
  await recording?.pause();
  expect([...call.recordings.values()]).toEqual([true, true]);
  expect(call.variables.get("sidetone_recording")).toBe(`given/${file}/paused`);
  await recording?.resume();
  expect([...call.recordings.values()]).toEqual([false, false]);
  expect(call.variables.get("sidetone_recording")).toBe(`given/${file}`);
  call.tell("RECORD_STOP", { "Record-File-Path": "/theirs/a file.wav" });
  call.tell("RECORD_STOP", { "Record-File-Path": `/var/spool/sidetone/${file}.wav` });
  await until(() => raw.length > 0, "the end of the recording");
  expect(raw).toEqual([{ call: call.uuid, startedEpochSeconds: 1_795_366_445 }]);
});

test("a recording whose name cannot be said in a command is a fault, and the passage does not begin", async () => {
  desk = openDesk(pbx);
  await connected(desk);
  const lent = desk.nextLeg();
  const call = pbx.dial();
  const { recording } = await lent;
  call.recordings.set("/it's.wav", false);
  await expect(recording?.pause()).rejects.toThrow(/cannot be said/);
  expect(recordersIn("<function>x</function>\n  <target>/a</target>")).toEqual([]);
});

test("keys that come as tones are heard where the offer has no telephone-event, and never twice", async () => {
  desk = openDesk(pbx);
  await connected(desk);
  const lent = desk.nextLeg();
  const call = pbx.dial({ inbandOnly: true });
  const events = (await lent).events[Symbol.asyncIterator]();
  await until(() => call.detects, "the detector");
  call.press("1", "INBAND_AUDIO");
  call.press("2", "ENDPOINT");
  call.press("2", "INBAND_AUDIO");
  call.press("3", "ENDPOINT");
  const digits = [await events.next(), await events.next(), await events.next()].map(({ value }) => value.digit);
  expect(digits).toEqual(["1", "2", "3"]);
});

test("a call that has no codec in common with the PBX is explained in the log, with both offers", async () => {
  desk = openDesk(pbx);
  await connected(desk);
  const sdp =
    "v=0\r\nm=audio 4000 RTP/AVP 9 18 97 101\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
  const refused = (headers: Record<string, string>): void =>
    pbx.event({
      name: "CHANNEL_HANGUP",
      headers: { "Unique-ID": "call", "Call-Direction": "inbound", variable_switch_r_sdp: sdp, ...headers },
      body: "",
    });
  refused({ "Hangup-Cause": "NORMAL_CLEARING" });
  refused({ "Hangup-Cause": "INCOMPATIBLE_DESTINATION", variable_rtp_use_codec_string: "PCMU,PCMA" });
  await until(() => (desk?.lines.join("") ?? "").includes("488"), "the explanation");
  const lines = desk.lines.filter((line) => line.includes("488"));
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      offered: ["G722/8000", "G729/8000", "iLBC/8000", "telephone-event/8000"],
      allowed: ["PCMU", "PCMA"],
    }),
  ]);
});

test("who calls is read as the other engine says it", () => {
  const data = new Map([
    ["Caller-Caller-ID-Name", "Ann\r\nO'Hara"],
    ["Channel-Read-Codec-Name", "opus"],
    ["Channel-Read-Codec-Rate", "48000"],
    ["variable_sip_h_Diversion", '"x" <sip:+4930777@trunk;user=phone>;reason=no-answer'],
    ["variable_sidetone_to", "4100"],
  ]);
  expect(readCaller(data)).toMatchObject({
    fromName: "Ann O'Hara",
    codec: "opus",
    rate: 16_000,
    diversion: "+4930777",
    did: "4100",
    attempt: 1,
  });
  expect(["PCMU", "PCMA", "G722", "GSM"].map(codecName)).toEqual(["ulaw", "alaw", "g722", "gsm"]);
});

// Somebody else's client: what the fake speaks is what others take for an Event Socket.
test("an independent client logs in, asks and is answered, as by a FreeSWITCH", async () => {
  const silent = { debug: () => {}, info: () => {}, error: () => {} };
  const client = new FreeSwitchClient({ host: "127.0.0.1", port: pbx.port, password: "esl-secret", logger: silent });
  const ready = new Promise<Parameters<Parameters<typeof client.on<"connect">>[1]>[0]>((resolve) =>
    client.on("connect", resolve),
  );
  client.connect();
  const call = await ready;
  const { body } = (await call.api("module_exists mod_sofia")) as unknown as { body: unknown };
  expect(String(body)).toContain("true");
  client.end();
});
