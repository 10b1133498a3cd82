import { engineContract } from "./contract.ts";
import { RealAsterisk } from "./real-asterisk.ts";

engineContract(() => new RealAsterisk("websocket"));
