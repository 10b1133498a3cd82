import { engineContract } from "./contract.ts";
import { FakeFreeswitchHarness } from "./fake-freeswitch-harness.ts";

engineContract(() => new FakeFreeswitchHarness("websocket"));
engineContract(() => new FakeFreeswitchHarness("unicast"));
