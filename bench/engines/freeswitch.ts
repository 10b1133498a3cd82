import { findFreeswitch, startFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { besideStage, CALLER } from "./beside.ts";
import type { PbxStage, StageOptions } from "./stage.ts";

// The bench's agents have numbers that the shipped dialplan of phones does not know.
const CONTEXT = "bench";
const DIALPLAN = `<context name="${CONTEXT}">
  <extension name="bench">
    <condition field="destination_number" expression="^(4\\d\\d0)$">
      <action application="transfer" data="$1 XML sidetone"/>
    </condition>
  </extension>
</context>`;

/** A real FreeSWITCH with the shipped files. It is not fetched: where none is found, the rejection says what is needed. */
export async function freeswitchStage(options: StageOptions): Promise<PbxStage> {
  const { signal, prefix } = options;
  const install = await findFreeswitch(prefix);
  const found = {
    name: `FreeSWITCH ${install.version}`,
    async start(sounds: string) {
      const phone = { name: CALLER, context: CONTEXT };
      const pbx = await startFreeswitch({ install, phones: [phone], sounds, dialplan: DIALPLAN, signal });
      const { pid, esl, ports, phones } = pbx;
      return {
        version: install.version,
        pids: [pid],
        engines: { freeswitch: { esl, lend: { port: ports.lend[0] } } },
        address: { transport: "udp", host: esl.host, port: ports.sip } as const,
        password: phones[0]?.password ?? "",
        async channels() {
          return Number(/^\s*(\d+) total/m.exec(await pbx.cli("show channels count"))?.[1] ?? 0);
        },
        stop: () => pbx.stop(),
      };
    },
  };
  return await besideStage(found, options);
}
