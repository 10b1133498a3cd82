export { type FreeswitchInstall, findFreeswitch, PREFIX_VARIABLE } from "./freeswitch-install.ts";
export { type RunningFreeswitch, startFreeswitch } from "./freeswitch-start.ts";
