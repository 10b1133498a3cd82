import type { SipPhone } from "../sip-phone.ts";

export const hears = ({ line }: SipPhone, hz: number, what: string): Promise<void> =>
  line.until(() => line.share(hz) > 0.9, what);

export const packets = ({ line }: SipPhone, count: number): Promise<void> => {
  const until = line.packets + count;
  return line.until(() => line.packets >= until, `${count} packets more`, 8000);
};
