import { accessSync, constants, existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { codeOf, messageOf } from "../../base/errors.ts";
import { packageFolder } from "../../base/package.ts";
import type { Config } from "../../config/config.ts";
import { version } from "../about.ts";
import { readPrompts } from "../prompts.ts";
import { type Finding, finding } from "./finding.ts";

const ANSWER_MS = 2000;
const ENDINGS = ["wav", "sln16", "wav16", "gsm", "ulaw", "alaw", "sln"];

/** This program and the machine around it. */
export async function checkSurroundings(config: Config): Promise<Finding[]> {
  return [
    finding("ok", "version", `Sidetone ${version} on Node ${process.versions.node}.`),
    ...checkFolders(config),
    ...(await checkServer(config)),
    ...(await checkPrompts(config)),
  ];
}

/** Looks only: a folder that root made here would be one that the service's user cannot write. */
function checkFolders({ stateDir, cacheDir }: Config): Finding[] {
  return Object.entries({ stateDir, cacheDir }).map(([key, folder]) => {
    if (!existsSync(folder)) return finding("ok", "folders", `${key}: ${folder} will be made at the first start.`);
    try {
      accessSync(folder, constants.W_OK);
      return finding("ok", "folders", `${key}: ${folder} can be written.`);
    } catch (error) {
      const what = `${key}: ${folder} cannot be written by this user (${codeOf(error)}).`;
      return finding("fail", "folders", what, `Set ${key} in sidetone.yaml, or change the folder's owner.`);
    }
  });
}

async function checkServer({ server: { host, port } }: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (!isLoopback(host)) {
    const todo = "Put a proxy with TLS before it, or set server.host to 127.0.0.1.";
    findings.push(
      finding("warn", "server", `The API listens on ${host}, beyond loopback, and speaks plain HTTP.`, todo),
    );
  }
  const code = await tryPort(host, port);
  if (code === "") return [...findings, finding("ok", "server", `Port ${port} on ${host} is free for the API.`)];
  if (code === "EADDRINUSE" && (await answersAsSidetone(host, port))) {
    return [...findings, finding("ok", "server", `A Sidetone is running at ${host}:${port}.`)];
  }
  const what =
    code === "EADDRINUSE"
      ? `Port ${port} on ${host} is taken by another program.`
      : `Nobody can listen on ${host}:${port} (${code}).`;
  return [...findings, finding("fail", "server", what, "Set server.port or server.host in sidetone.yaml.")];
}

export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127\./.test(host);

/** The error's code, empty when the port could be had. */
function tryPort(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error) => resolve(codeOf(error) || messageOf(error)));
    probe.listen({ host, port }, () => probe.close(() => resolve("")));
  });
}

async function answersAsSidetone(host: string, port: number): Promise<boolean> {
  try {
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`;
    const health: unknown = await (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })).json();
    return typeof health === "object" && health !== null && "version" in health && "pid" in health;
  } catch {
    // Whoever does not answer like one is none.
    return false;
  }
}

/** The sound files of the static menu. One that is missing is replaced by Asterisk's own sounds: bearable, but not meant. */
async function checkPrompts({ sounds, agents, defaultAgent }: Config): Promise<Finding[]> {
  const language = (agents[defaultAgent]?.language ?? "en").slice(0, 2);
  const list = join(packageFolder, "deploy", "prompts", `${language}.yaml`);
  if (!existsSync(list)) return [];
  const prompts = await readPrompts(list);
  const missing = prompts.filter(
    ({ file }) => !ENDINGS.some((ending) => existsSync(join(sounds, `${file}.${ending}`))),
  );
  if (missing.length === 0)
    return [finding("ok", "prompts", `All ${prompts.length} prompts of the menu are in ${sounds}.`)];
  const names = missing.map(({ file }) => file).join(", ");
  const todo = `Make them: sidetone say --prompts ${list} --out ${sounds}`;
  return [
    finding(
      "warn",
      "prompts",
      `Prompt files of the menu are missing in ${sounds}: ${names}. Callers hear Asterisk's own sounds instead.`,
      todo,
    ),
  ];
}
