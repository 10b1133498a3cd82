import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { kills } from "./kills.ts";
import type { Walked } from "./walker.ts";

// What takes too long for every day: a million runs of the model, and a thousand kills of real workers.
const HELP = `npm run soak -- [--runs 1000000] [--kills 1000] [--first 1] [--threads 2] [--json]

Runs the model of a lent call (docs/decisions/0050), and kills workers on a real Asterisk in mid-sentence.
A part of it is left out with 0. Exit status 0: nothing was lost, doubled or silent.
`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    kills: { type: "string", default: "1000" },
    first: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** The seeds are shared out evenly; each thread walks alone. */
async function model(): Promise<Walked> {
  const [runs, first, threads] = [Number(values.runs), Number(values.first), Math.max(1, Number(values.threads))];
  const each = Math.ceil(runs / threads);
  const done = new Map<number, number>();
  let toldAt = 0;
  const parts = Array.from({ length: runs > 0 ? threads : 0 }, (_, thread): Promise<Walked> => {
    const workerData = { first: first + thread * each, runs: Math.min(each, runs - thread * each) };
    const worker = new Worker(new URL("walker.ts", import.meta.url), { workerData });
    return new Promise((resolve, reject) => {
      worker.on("message", (message: { done: number } | Walked) => {
        if ("failed" in message) return resolve(message);
        done.set(thread, message.done);
        const sum = [...done.values()].reduce((all, one) => all + one, 0);
        if (sum - toldAt < runs / 100) return;
        toldAt = sum;
        say(`model: ${sum} of ${runs} runs`);
      });
      worker.on("error", reject);
    });
  });
  const all = await Promise.all(parts);
  return {
    runs: all.reduce((sum, part) => sum + part.runs, 0),
    calls: all.reduce((sum, part) => sum + part.calls, 0),
    faults: all.reduce((sum, part) => sum + part.faults, 0),
    resumed: all.reduce((sum, part) => sum + part.resumed, 0),
    longestSilenceMs: Math.max(0, ...all.map(({ longestSilenceMs }) => longestSilenceMs)),
    failed: all.flatMap(({ failed }) => failed),
  };
}

async function soak(): Promise<boolean> {
  const walked = await model();
  for (const story of walked.failed) say(story);
  const killed = await kills({ kills: Number(values.kills), say });
  const ok = walked.failed.length === 0 && killed.ok;
  const { failed, ...sum } = walked;
  if (values.json)
    process.stdout.write(`${JSON.stringify({ ok, model: { ...sum, failed: failed.length }, killed })}\n`);
  else {
    say(
      `model: ${sum.runs} runs, ${sum.calls} calls, ${sum.faults} faults, ${failed.length} failed; longest silence ${Math.round(sum.longestSilenceMs)} ms`,
    );
    say(
      `kills: ${killed.kills}, calls ${killed.calls}, lost ${killed.lost}, resumed ${killed.resumed}, menu ${killed.menu}, records ${killed.records}`,
    );
    say(ok ? "everything held" : "SOMETHING DID NOT HOLD");
  }
  return ok;
}

if (values.help) process.stdout.write(HELP);
else process.exitCode = (await soak()) ? 0 : 1;
