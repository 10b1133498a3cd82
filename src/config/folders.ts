import { homedir } from "node:os";
import { join } from "node:path";

/** Where state or cache goes when nothing is configured: what systemd gives, else the user's own folder (XDG). */
export function folderFor(kind: "state" | "cache", env: Readonly<Record<string, string | undefined>>): string {
  const given = env[kind === "state" ? "STATE_DIRECTORY" : "CACHE_DIRECTORY"]?.split(":")[0];
  if (given) return given;
  const xdg = env[kind === "state" ? "XDG_STATE_HOME" : "XDG_CACHE_HOME"];
  const home = env.HOME ?? homedir();
  return join(xdg ?? join(home, kind === "state" ? ".local/state" : ".cache"), "sidetone");
}
