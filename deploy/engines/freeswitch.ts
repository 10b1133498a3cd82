export { readFreeswitchAddress } from "./freeswitch-address.ts";
export { attachFreeswitch } from "./freeswitch-attach.ts";
export { type FreeswitchInstall, findFreeswitch, PREFIX_VARIABLE } from "./freeswitch-install.ts";
export { type ReachableFreeswitch, type RunningFreeswitch, startFreeswitch } from "./freeswitch-start.ts";
