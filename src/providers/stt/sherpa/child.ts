/** The process that listens. Started by sherpa/child.ts. */
import { serve } from "../../sherpa/serve.ts";
import { listen } from "./listen.ts";
import type { EarAnswer, EarAsk, EarSettings } from "./protocol.ts";

serve<EarSettings, EarAsk, EarAnswer>(listen);
