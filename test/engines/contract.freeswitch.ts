import { engineContract } from "./contract.ts";
import { RealFreeswitch } from "./real-freeswitch.ts";

engineContract(() => new RealFreeswitch("websocket"));
engineContract(() => new RealFreeswitch("unicast"));
