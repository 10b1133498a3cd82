import { prepareAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import { besideStage, CALLER } from "./beside.ts";
import type { PbxStage, StageOptions } from "./stage.ts";

/** The real Asterisk with the shipped files. */
export async function asteriskStage(options: StageOptions): Promise<PbxStage> {
  const { progress, signal } = options;
  const install = await prepareAsterisk({ progress, signal });
  const found = {
    name: `Asterisk ${install.version}`,
    async start(sounds: string) {
      const asterisk = await startAsterisk({ install, phones: [{ name: CALLER }], sounds, signal });
      const { pid, ari, ami, phones } = asterisk;
      const [account] = phones;
      return {
        version: install.version,
        pids: [pid],
        engines: { asterisk: { ari, ami } },
        address: { transport: "ws", url: account?.wsUrl ?? "" } as const,
        password: account?.password ?? "",
        async channels() {
          return Number(/^(\d+) active channel/m.exec(await asterisk.cli("core show channels count"))?.[1] ?? 0);
        },
        stop: () => asterisk.stop(),
      };
    },
  };
  return await besideStage(found, options);
}
