import type { Profile, ProfileNode } from "./inspector.ts";

/** A stretch of work during which the event loop did not come round. */
export interface Block {
  readonly ms: number;
  /** Where most of it was spent: functions of ours with the ms below them, the longest first. */
  readonly where: readonly { readonly name: string; readonly ms: number }[];
}

const IDLE = new Set(["(idle)", "(program)", "(root)"]);
const NAMED = 3;

/**
 * The stretches of a CPU profile that lasted longer than `overMs` without the loop being idle in between. Tasks that follow each
 * other without a rest count as one: a timer that is due meanwhile waits for all of them.
 */
export function blocksOf(profile: Profile, overMs: number): Block[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const blocks: Block[] = [];
  let us = 0;
  let byName = new Map<string, number>();
  const end = (): void => {
    if (us / 1000 > overMs) blocks.push({ ms: us / 1000, where: longest(byName) });
    us = 0;
    byName = new Map();
  };
  for (const [index, id] of profile.samples.entries()) {
    const node = nodes.get(id);
    // A sample stands for the time until the next one.
    const forUs = profile.timeDeltas[index + 1] ?? 0;
    if (!node || IDLE.has(node.callFrame.functionName)) {
      end();
      continue;
    }
    us += forUs;
    for (const name of namesAbove(node, nodes, parents)) byName.set(name, (byName.get(name) ?? 0) + forUs);
  }
  end();
  return blocks.sort((a, b) => b.ms - a.ms);
}

/** Where the time went, function by function without those below them: the dearest first, as parts of a core. */
export function selfTimes(profile: Profile): { readonly name: string; readonly cores: number }[] {
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url } }) => [
      id,
      `${functionName || "(anonymous)"}${url === "" ? "" : ` ${shortened(url)}`}`,
    ]),
  );
  const spent = new Map<string, number>();
  let all = 0;
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index + 1] ?? 0;
    const name = names.get(id) ?? "";
    all += us;
    spent.set(name, (spent.get(name) ?? 0) + us);
  }
  return [...spent]
    .filter(([name]) => name !== "(idle)")
    .sort((a, b) => b[1] - a[1])
    .map(([name, us]) => ({ name, cores: us / all }));
}

/** Every function on the stack, once; Node's own are left out unless there is no other. */
function namesAbove(node: ProfileNode, nodes: Map<number, ProfileNode>, parents: Map<number, number>): Set<string> {
  const names = new Set<string>();
  for (let at: ProfileNode | undefined = node; at; at = nodes.get(parents.get(at.id) ?? -1)) {
    const { functionName, url } = at.callFrame;
    if (url !== "" && !url.startsWith("node:")) names.add(`${functionName || "(anonymous)"} ${shortened(url)}`);
  }
  if (names.size === 0) names.add(node.callFrame.functionName);
  return names;
}

/** From `src/` or the package's name on. */
const shortened = (url: string): string =>
  /(?:node_modules\/|\/)((?:src|dist|@?[^/]+)\/[^?]*)$/.exec(tail(url))?.[1] ?? url;

const tail = (url: string): string => {
  const modules = url.lastIndexOf("node_modules/");
  if (modules >= 0) return url.slice(modules);
  const source = url.lastIndexOf("/src/");
  return source >= 0 ? url.slice(source) : url;
};

const longest = (byName: Map<string, number>): Block["where"] =>
  [...byName]
    .sort((a, b) => b[1] - a[1])
    .slice(0, NAMED)
    .map(([name, us]) => ({ name, ms: us / 1000 }));
