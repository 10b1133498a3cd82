import { z } from "zod";
import { whyNoPattern } from "../call/recording-path.ts";
import { toolSchema } from "../providers/tools/schema.ts";
import { collectorsSchema, humanSchema } from "./collectors.ts";
import { hoursSchema } from "./hours.ts";
import { journalSchema } from "./journal.ts";
import { languagesSchema } from "./languages.ts";
import { nameOf, targetOf, text, whole } from "./names.ts";
import { outcomeSchema, webhooksSchema } from "./outcome.ts";
import { agentHours, closedSchema, peopleSchema } from "./people.ts";
import { promptsSchema, stageChoice } from "./said.ts";

/** The limits of a call. An agent file may tighten or widen them for its own calls. */
const callLimits = {
  callMinutes: whole("A call longer than this goes to the menu.", 1, 600).default(30),
  turns: whole("After this many exchanges the call goes to the menu.", 1, 1000).default(200),
  silenceSeconds: whole("So long may the caller be silent before being prompted.", 2, 120).default(8),
  replyChars: whole("Longer replies are cut at a sentence.", 100, 20_000).default(4000),
};

/** `workers: auto` is at most so many: more cores than that are somebody else's. */
export const WORKERS_MAX = 64;

const limits = z.strictObject({
  calls: whole(
    "Calls at the same time, of all workers together. The next one goes to `overflow` at once.",
    1,
    2000,
  ).default(60),
  callsPerWorker: whole("The same of one worker. Left out: as many as `calls`, evenly spread.", 1, 2000).optional(),
  overflow: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, "`menu`, or a target's name: small letters, digits and _, 32 at most")
    .describe(
      "Where a call above these limits goes: `menu`, or a named target of the dialplan. SIDETONE_REASON is `overload` or `flood` then.",
    )
    .default("menu"),
  callerPerMinute: whole(
    "So many calls a minute may come from one number; the next ones go to `overflow`. 0: any. Callers who withhold their number are not counted.",
    0,
    10_000,
  ).default(60),
  ...callLimits,
});

const agentLimits = z.strictObject({
  callMinutes: callLimits.callMinutes.unwrap().optional(),
  turns: callLimits.turns.unwrap().optional(),
  silenceSeconds: callLimits.silenceSeconds.unwrap().optional(),
  replyChars: callLimits.replyChars.unwrap().optional(),
});

const server = z.strictObject({
  host: text(
    "Where the API and the metrics listen. Beyond loopback only behind a TLS proxy: it speaks plain HTTP.",
    255,
  ).default("127.0.0.1"),
  port: whole("0 takes any free port.", 0, 65_535).default(9080),
});

const supervisor = z
  .strictObject({
    heartbeatMs: whole("How often the worker's event loop shows that it turns.", 20, 1000).default(100),
    killAfterMs: whole("A worker silent for so long is killed; its calls are then in the menu.", 200, 10_000).default(
      700,
    ),
    startSeconds: whole("A worker that is not ready by then is killed and started again.", 1, 600).default(60),
    restartMaxMs: whole(
      "A worker that dies again and again is started after ever longer pauses, up to this.",
      100,
      600_000,
    ).default(10_000),
    drainSeconds: whole(
      "On stop, and when a worker is replaced, running calls may go on for so long; then the menu takes them.",
      0,
      7200,
    ).default(300),
    memoryMb: whole(
      "A worker that stays above so many megabytes is replaced; its calls may end. 0: no limit.",
      0,
      1_000_000,
    ).default(0),
    orphanSeconds: whole(
      "Should the supervisor die: so long the workers take calls without one, until the next one takes them over; then they let their calls end.",
      0,
      86_400,
    ).default(60),
  })
  .refine(({ heartbeatMs, killAfterMs }) => killAfterMs >= 3 * heartbeatMs, {
    path: ["killAfterMs"],
    message: "at least three times heartbeatMs, or every hiccup kills",
  });

const log = z.strictObject({
  level: z
    .enum(["debug", "info", "warn", "error"])
    .describe("`debug` may hold callers' words and numbers; the others never do.")
    .default("info"),
  format: z
    .enum(["auto", "json", "pretty"])
    .describe("`auto`: plain lines on a terminal, JSON elsewhere.")
    .default("auto"),
});

const records = z.strictObject({
  dir: text("The folder of the database and of the JSON lines. Default: `records` in stateDir.", 1024).optional(),
  keepDays: z
    .strictObject({
      records: whole("Then the record goes, with its words and its recording.", 1, 36_500).default(365),
      transcripts: whole("Then the words, keys and notes of both sides go, and the figures stay.", 1, 36_500).default(
        90,
      ),
      recordings: whole("Then the recording's file goes.", 1, 36_500).default(90),
    })
    .describe("For how many days something is kept.")
    .prefault({}),
});

/** Off where it is left out; see docs/tools.md. */
const memory = z.strictObject({
  keepDays: whole("Then a note is removed.", 1, 3650).default(180),
  countryCode: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'digits, without a plus: "49"')
    .describe("Of numbers that the PBX writes without one, so that `030…` and `+4930…` are one caller.")
    .optional(),
  trunkPrefix: z
    .string()
    .regex(/^\d{0,2}$/)
    .describe("What such a number begins with, and what is left out then.")
    .default("0"),
});

/** By the PBX; see docs/recording.md. */
const recording = z.strictObject({
  mode: z
    .enum(["none", "agent", "call"])
    .describe(
      "`agent`: while the agent has the call. `call`: to its end, the menu and whoever it is transferred to included.",
    )
    .default("none"),
  consent: z
    .enum(["none", "announce", "ask"])
    .describe(
      "`announce`: the caller is told before the agent speaks. `ask`: and is recorded only after pressing 1. Nobody is recorded whose prompt could not be played.",
    )
    .default("announce"),
  dir: z
    .string()
    .max(512)
    .regex(/^[A-Za-z0-9 ._/-]+$/, "a folder of letters, digits, spaces, . _ - and /: its name goes into the dialplan")
    .describe("Where recordings are kept; the PBX writes into `incoming` in it. Default: `recordings` in stateDir.")
    .optional(),
  path: z
    .string()
    .max(200)
    .superRefine((pattern, context) => {
      const message = whyNoPattern(pattern);
      if (message) context.addIssue({ code: "custom", message });
    })
    .describe(
      "Where in it, without the ending: of {year}, {month}, {day}, {time} and {call}, the PBX's id of the call.",
    )
    .default("{year}/{month}/{day}/{time}-{call}"),
});

const ms = (what: string, min: number, max: number) => z.int().min(min).max(max).describe(what);
const hedge = (what: string) => ms(`${what} and whoever is first is taken. 0: never.`, 0, 10_000).default(0);

/** Between the providers of an agent's list; see docs/providers.md. The last one of a list has no deadline but the call's own. */
const ladder = z.strictObject({
  stt: z
    .strictObject({
      finalMs: ms("A recogniser that owes its final words for longer is followed by the next.", 200, 10_000).default(
        1000,
      ),
      hedgeMs: hedge("After so long the next one hears the same words too,"),
      replaySeconds: ms("So much of the caller is kept, and heard again by whoever takes over.", 2, 60).default(15),
    })
    .prefault({}),
  llm: z
    .strictObject({
      firstMs: ms("A model that has said nothing by then is followed by the next.", 200, 20_000).default(2000),
      stallMs: ms("The same, when it falls silent in the middle.", 200, 20_000).default(1000),
      hedgeMs: hedge("After so long the next one is asked as well,"),
    })
    .prefault({}),
  tts: z
    .strictObject({
      firstMs: ms("A voice that has given no sound by then is followed by the next.", 200, 20_000).default(1200),
      stallMs: ms(
        "The same, when it falls silent in the middle and what it has said is about to run out.",
        100,
        20_000,
      ).default(500),
      hedgeMs: hedge("After so long the next one is asked as well,"),
    })
    .prefault({}),
  failures: whole("After so many failures in a row a provider is asked no more, in no call.", 1, 20).default(2),
  retrySeconds: whole("Then one request tries it again; after a failure the pause doubles.", 1, 600).default(5),
  retryMaxSeconds: whole("Up to this.", 1, 3600).default(60),
  fillerMs: ms("A caller who waits for so long hears the agent's `prompts.filler`. 0: never.", 0, 2400).default(1200),
});

/** See docs/providers.md. The size and the checksum are those of smart-turn-v3.2-cpu.onnx. */
const turnModel = z.strictObject({
  file: text("The model, an ONNX file. Relative to this file's folder.", 1024),
  bytes: z.int().min(1).describe("Its size: another one is not loaded.").default(8_679_182),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 digits, as `sha256sum` prints them")
    .describe("Likewise; both are smart-turn-v3.2-cpu's.")
    .default("2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"),
  deadlineMs: ms("An answer that takes longer is none, and silence decides.", 20, 2000).default(150),
  threshold: z.number().min(0.05).max(0.95).describe("From this probability on the caller has finished.").default(0.5),
  completeMs: ms(
    "The pause after a turn that is complete; the agent's `pauseMs` if that is shorter.",
    200,
    3000,
  ).default(300),
  incompleteMs: ms("The pause after one that is not; the agent's `pauseMs` if that is longer.", 200, 3000).default(
    1500,
  ),
});

export type EngineSchemas = Readonly<Record<string, z.ZodType>>;

/** sidetone.yaml. The engines bring their own blocks; those of the providers are checked by their own schemas afterwards. */
export function serviceSchema(engines: EngineSchemas) {
  const blocks = Object.fromEntries(Object.entries(engines).map(([engine, schema]) => [engine, schema.optional()]));
  return z.strictObject({
    engines: z
      .strictObject(blocks)
      .describe("The PBXs whose calls are answered.")
      .refine((given) => Object.values(given).some((block) => block !== undefined), {
        message: `at least one of ${Object.keys(engines).join(", ")}`,
      }),
    agents: text("The folder of the agent files, one agent each.", 1024).default("agents"),
    defaultAgent: nameOf(
      "Who answers a call that asks for nobody by name. May be left out where there is one agent only.",
    ).optional(),
    providers: z
      .record(nameOf("The name that agent files use."), z.looseObject({ type: z.string() }))
      .describe(
        "Named configurations of providers: `name: {type: …, options}`. Those without need of options can be used by their type alone.",
      )
      .default({}),
    tools: z
      .record(nameOf("The name that agent files use."), toolSchema)
      .describe("What agents may do beyond talking: requests, and the tools of MCP servers. See docs/tools.md.")
      .default({}),
    people: peopleSchema
      .describe("How the targets of the dialplan are called, by their names. See docs/people.md.")
      .default({}),
    hours: z
      .record(nameOf("The name that `people` and agent files use."), hoursSchema)
      .describe("Business hours and holidays, by name. See docs/people.md.")
      .default({}),
    server: server.describe("Health, metrics and the API.").prefault({}),
    limits: limits.describe("A limit on everything.").prefault({}),
    ladder: ladder.describe("What happens when a provider is slow or fails. See docs/providers.md.").prefault({}),
    webhooks: webhooksSchema
      .describe("Who is told of calls that have ended, by name; agents say which. See docs/webhooks.md.")
      .default({}),
    turnModel: turnModel
      .describe("Judges by its sound whether a caller has finished. Left out: silence and the words alone do.")
      .optional(),
    workers: z
      .union([z.literal("auto"), whole("So many.", 1, WORKERS_MAX)])
      .describe(
        "How many processes answer calls: a number, or `auto`, one for each core. With two or more, another one goes on with the calls of one that dies.",
      )
      .default(1),
    supervisor: supervisor.describe("The parent process that watches the workers.").prefault({}),
    log: log.describe("Where something is said about the work.").prefault({}),
    records: records.describe("The call records. See docs/records.md.").prefault({}),
    journal: journalSchema
      .describe("What is written down of the calls that are up, for the worker that goes on when one dies.")
      .prefault({}),
    memory: memory
      .describe("What agents note of callers is kept for their next call, by number. Left out: nothing is.")
      .optional(),
    recording: recording.describe("What the PBX records. See docs/recording.md.").prefault({}),
    sounds: text(
      "The folder of the menu's prompts, the dialplan's SIDETONE_SOUNDS. Default: `sounds` in stateDir.",
      1024,
    ).optional(),
    stateDir: text(
      "Kept between runs: the API's token. Default: systemd's StateDirectory, else `~/.local/state/sidetone`.",
      1024,
    ).optional(),
    cacheDir: text(
      "May be deleted at any time: spoken prompts. Default: systemd's CacheDirectory, else `~/.cache/sidetone`.",
      1024,
    ).optional(),
  });
}

/** One file of the agents' folder. `script` is the scripted model's own schema. */
export function agentSchema(script: z.ZodType) {
  return z.strictObject({
    name: nameOf("Default: the file's name.").optional(),
    numbers: z
      .array(z.string().regex(/^\+?[0-9A-Za-z*#]{1,32}$/, "a number or extension as the PBX writes it"))
      .max(200)
      .describe("Called numbers (DIDs) that this agent answers, as the PBX writes them.")
      .default([]),
    language: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, "a language tag such as en or en-GB")
      .describe("What the caller speaks, as a BCP 47 tag. The local recogniser and voice know English only.")
      .default("en"),
    greeting: z
      .string()
      .max(1000)
      .describe("The first words. May be interrupted like any other. Empty: the caller speaks first."),
    voice: z
      .string()
      .max(128)
      .describe("A voice of the text-to-speech provider; of flite: slt, rms, awb, kal. Empty: its default one.")
      .default(""),
    voices: z
      .record(nameOf("A provider's name."), z.string().max(128))
      .describe(
        "The voice by provider, where `tts` is a list. Left out: `voice` for the first, their default one for the others.",
      )
      .default({}),
    pauseMs: whole("How long a pause ends the caller's turn; shaped by the words so far.", 200, 3000).default(600),
    turnModel: z
      .boolean()
      .describe("Whether the turn model is asked, where `sidetone.yaml` has one and it knows the language.")
      .default(true),
    vad: stageChoice(
      "Voice activity: a provider, by the name in `providers` or by its type. Of a list the first is used.",
    ),
    stt: stageChoice("Speech to text: a provider or a list of them, best first; when one fails, the next goes on."),
    llm: stageChoice(
      "What finds the answers, likewise: `scripted` answers by `script`, and is the last of any list where there is a script.",
    ),
    tts: stageChoice("Text to speech, likewise."),
    speech: stageChoice(
      "A model that hears and speaks itself, or a list of them: then `stt`, `llm` and `tts` go on when it fails.",
    ),
    prompt: text("What a language model is told about its work.", 50_000).optional(),
    keywords: z
      .array(text("A word, or a few.", 100))
      .max(200)
      .describe("Names and terms that callers say, for the recogniser; of a script, its phrases are added.")
      .default([]),
    script: script.describe("What the scripted agent says.").optional(),
    targets: z
      .array(targetOf("A named target of the dialplan."))
      .max(50)
      .describe("Where this agent may transfer a call to: `sales` is the dialplan's SIDETONE_TARGET_SALES.")
      .default([]),
    human: humanSchema,
    memory: z
      .boolean()
      .describe("Whether this agent knows and notes what is remembered of callers, where `sidetone.yaml` has `memory`.")
      .default(true),
    collectors: collectorsSchema
      .describe("Numbers that callers are asked to press: a name, and how. See docs/keypad.md.")
      .default({}),
    outcome: outcomeSchema
      .describe(
        "What is known after each call, in its record and for the webhook. Left out: nothing. See docs/webhooks.md.",
      )
      .optional(),
    webhook: nameOf("Who is told of each call when it is over: one of `webhooks` in sidetone.yaml.").optional(),
    tools: z
      .array(nameOf("A tool's name."))
      .max(50)
      .describe("Which of the `tools` of `sidetone.yaml` this agent may use.")
      .default([]),
    languages: languagesSchema(script),
    hours: agentHours,
    closed: closedSchema
      .describe("What callers outside of `hours` get. Left out: the menu, with nothing said before.")
      .optional(),
    prompts: promptsSchema.describe("Fixed phrases.").prefault({}),
    limits: agentLimits
      .describe("This agent's own limits; what is not given here comes from sidetone.yaml.")
      .prefault({}),
  });
}

export type ServiceSettings = z.output<ReturnType<typeof serviceSchema>>;
export type AgentSettings = z.output<ReturnType<typeof agentSchema>>;
