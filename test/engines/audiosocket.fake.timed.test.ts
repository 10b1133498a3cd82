import { engineContract } from "./contract.ts";
import { FakeHarness } from "./fake-harness.ts";

engineContract(() => new FakeHarness("audiosocket"));
