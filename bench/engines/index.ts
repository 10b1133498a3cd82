import { asteriskStage } from "./asterisk.ts";
import { freeswitchStage } from "./freeswitch.ts";
import type { SetStage } from "./stage.ts";

/** The PBXs that can be measured through: one line each. */
export const stages: Readonly<Record<string, SetStage>> = {
  asterisk: asteriskStage,
  freeswitch: freeswitchStage,
};
