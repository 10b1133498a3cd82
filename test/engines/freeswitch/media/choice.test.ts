import { describe, expect, test } from "vitest";
import { chooseMode } from "../../../../src/engines/freeswitch/media/choice.ts";
import { mediaOptions } from "../../../../src/engines/freeswitch/media/options.ts";

const choose = (options: object, { loaded = true, local = true } = {}) =>
  chooseMode({
    options: mediaOptions.parse(options),
    ask: async (command) => (command === "module_exists mod_audio_stream" ? String(loaded) : "-ERR"),
    local,
    signal: AbortSignal.timeout(1000),
  });

describe("how sound comes, and what check says of it", () => {
  test.each([
    [{}, { loaded: true }, "websocket", "mod_audio_stream, the agent's goes by unicast"],
    [{}, { loaded: false }, "unicast", "not loaded, and not needed"],
    [{ mode: "unicast" }, { loaded: true }, "unicast", "media.mode says so"],
    [{ mode: "duplex" }, { loaded: true }, "duplex", "shows at the first call"],
    [{ tunnelled: true }, { local: false }, "remote", "another host"],
    [{ mode: "remote", url: "wss://voice.example:8443" }, { local: true }, "remote", "another host"],
  ])("%j on a host with %j", async (options, host, mode, reason) => {
    const choice = await choose(options, host);
    expect(choice.mode).toBe(mode);
    expect(choice.reason).toContain(reason);
    expect(choice.reason).toMatch(/^[A-Z].*\.$/);
  });

  test.each([
    [{ mode: "websocket" }, { loaded: false }, "load mod_audio_stream"],
    [{ mode: "duplex" }, { loaded: false }, "load mod_audio_stream"],
    [{ tunnelled: true }, { local: false, loaded: false }, "load mod_audio_stream"],
    [{ mode: "unicast" }, { local: false }, "neither encryption nor authentication"],
    [{}, { local: false }, "only encrypted"],
  ])("%j on a host with %j cannot be, and it is said what to do", async (options, host, todo) => {
    await expect(choose(options, host)).rejects.toMatchObject({
      code: "unfit",
      message: expect.stringContaining(todo),
    });
  });
});

describe("the options of calls' sound", () => {
  test.each([
    [{ host: "0.0.0.0" }, "beyond this host"],
    [{ url: "ws://voice.example" }, "beyond this host"],
    [{ url: "wss://user:secret@voice.example" }, "no credentials"],
    [{ url: "wss://voice.example/?token=1" }, "no credentials, query"],
    [{ url: "http://voice.example" }, "url"],
    [{ certificate: "/etc/ssl/a.pem" }, "together"],
    [{ ca: "/etc/a b.pem" }, "no blanks"],
    [{ ca: "/etc/a;b.pem" }, "no blanks"],
    [{ port: 70_000 }, "port"],
  ])("%j is refused", (options, why) => {
    const { error } = mediaOptions.safeParse(options);
    expect(JSON.stringify(error?.issues)).toContain(why);
  });

  test("what works elsewhere is taken", () => {
    const far = { host: "10.0.0.5", certificate: "/a.pem", key: "/b.pem", url: "wss://voice.example:8443/media" };
    expect(mediaOptions.parse(far)).toMatchObject(far);
    expect(mediaOptions.parse({}).host).toBe("127.0.0.1");
  });
});
