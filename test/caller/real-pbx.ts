import { prepareAsterisk, type RunningAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { Phone, type PhoneOptions } from "../../src/caller/phone.ts";

const DIALPLAN = `
[caller-test]
exten => echo,1,Answer()
 same => n,Echo()
exten => busy,1,Busy()
exten => ring,1,Ringing()
 same => n,Wait(30)
exten => bye,1,Answer()
 same => n,Wait(0.3)
 same => n,Hangup()
exten => early,1,Progress()
 same => n,Playtones(440/400,0/400)
 same => n,Wait(0.6)
 same => n,Answer()
 same => n,Echo()
exten => read,1,Answer()
 same => n,Read(KEYS,,4,,1,5)
 same => n,Set(GLOBAL(KEYS_READ)=\${KEYS})
 same => n,Hangup()
exten => keys,1,Answer()
 same => n,SendDTMF(1*#,100,100)
 same => n,Wait(0.2)
 same => n,Hangup()
exten => bob,1,Dial(PJSIP/bob,10)
`;

/** An Asterisk with two phones whose calls go to a dialplan for the caller's own tests. */
export async function startPbx(): Promise<RunningAsterisk> {
  const install = await prepareAsterisk();
  return await startAsterisk({
    install,
    phones: ["ann", "bob"].map((name) => ({ name, context: "caller-test" })),
    extra: { "extensions.conf": DIALPLAN },
  });
}

/** One of its phones, not started yet. */
export function phoneOf(
  pbx: RunningAsterisk,
  name: string,
  transport: "ws" | "udp",
  options: Partial<PhoneOptions> = {},
): Phone {
  const account = pbx.phones.find((phone) => phone.name === name);
  if (!account) throw new Error(`no phone ${name}`);
  const address = { ws: { transport, url: account.wsUrl }, udp: { transport, host: "127.0.0.1", port: pbx.ports.sip } }[
    transport
  ];
  const { password } = account;
  return new Phone(
    { pbx: address as PhoneOptions["pbx"], user: name, password, ...options },
    { clock: systemClock, log: silentLog },
  );
}
