import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import { checkJournal } from "../../src/cli/check/journal.ts";
import { JournalFolder } from "../../src/store/journal-folder.ts";
import { openValkey, type ValkeySettings } from "../../src/store/valkey-disk.ts";
import { selfSigned } from "../fakes/providers/self-signed.ts";
import { FakeValkey, type FakeValkeyOptions } from "../fakes/valkey.ts";

const CALL = { engine: "asterisk", id: "1764000000.12", direction: "inbound", from: "+4930123", to: "200" } as const;
const PASSWORD = "nobody-may-read-this";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(options: FakeValkeyOptions = {}): Promise<{ server: FakeValkey; port: number }> {
  const server = new FakeValkey(options);
  const port = await server.listen();
  closing.push(() => server.close());
  return { server, port };
}

async function host(url: string, settings: Partial<ValkeySettings> = {}) {
  const disk = await openValkey({ url, user: "", prefix: "s:", timeoutMs: 150, ...settings }, systemClock);
  const told: string[] = [];
  let failures = 0;
  const error = (fields: object, text: string): void => void told.push(`${text} ${JSON.stringify(fields)}`);
  const log = { ...silentLog, error } as Log;
  const onFailure = (): void => void failures++;
  const journal = new JournalFolder({
    ...{ dir: url, disk, fsync: "never", secret: undefined, clock: systemClock, log, onFailure },
  });
  closing.push(() => journal.close());
  return { disk, journal, told, failures: () => failures };
}

test("a server that is away costs no call a moment: it is counted, said once, and written when it is back", async () => {
  const { server, port } = await serve();
  await server.close();
  const url = `valkey://127.0.0.1:${port}`;
  const { journal, told, failures } = await host(url);
  const writer = journal.begin(CALL, "reception");
  writer.write({ type: "asked", text: "when are you open" });
  await expect.poll(failures, { timeout: 10_000 }).toBeGreaterThan(1);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/calls go on.*ECONNREFUSED/);
  expect((await journal.claim({ ...CALL, id: "other" })).type).toBe("none");
  const again = new FakeValkey();
  closing.push(() => again.close());
  await again.listen(port);
  await expect.poll(() => again.text, { timeout: 10_000 }).toContain("when are you open");
});

test("a server that hangs is given up, and its connection is made anew", async () => {
  const { server, port } = await serve();
  const { disk, journal, failures } = await host(`valkey://127.0.0.1:${port}`);
  await disk.ready();
  server.hangs = true;
  expect((await journal.claim(CALL)).type).toBe("none");
  expect(failures()).toBe(1);
  server.hangs = false;
  await expect
    .poll(
      () =>
        disk.ready().then(
          () => true,
          () => false,
        ),
      { timeout: 10_000 },
    )
    .toBe(true);
  expect((await journal.claim(CALL)).type).toBe("none");
  expect(failures(), "the second answer was one").toBe(1);
});

test("a server that takes nothing more costs the journal alone", async () => {
  const { server, port } = await serve();
  const { disk, journal, told } = await host(`valkey://127.0.0.1:${port}`);
  await disk.ready();
  server.refuses = "OOM command not allowed when used memory > 'maxmemory'.";
  journal.begin(CALL, "reception");
  await expect.poll(() => told.join(), { timeout: 10_000 }).toContain("OOM");
  server.refuses = "";
  await expect.poll(() => server.text, { timeout: 10_000 }).toContain("reception");
});

test("of several hosts that hear of one call one alone connects to it, and the next call is anybody's again", async () => {
  const { server, port } = await serve();
  const hosts = await Promise.all([1, 2, 3].map(() => host(`valkey://127.0.0.1:${port}`)));
  await Promise.all(hosts.map(({ disk }) => disk.ready()));
  for (let call = 0; call < 20; call++) {
    const taken = await Promise.all(hosts.map(({ journal }) => journal.takeOffer(`media-${call}`)));
    expect(taken.filter(Boolean), `call ${call}`).toHaveLength(1);
  }
  expect(await hosts[0]?.disk.list()).toEqual([]);
  server.pass(11_000);
  expect(server.keys).toEqual([]);
});

test("a server that is away keeps nobody from a call: the PBX decides who has it", async () => {
  const { server, port } = await serve();
  await server.close();
  const { journal, failures } = await host(`valkey://127.0.0.1:${port}`);
  expect(await journal.takeOffer("media-1")).toBe(true);
  expect(failures()).toBe(1);
});

test("what nobody removes, the server removes an hour after its last word", async () => {
  const { server, port } = await serve();
  const { disk, journal } = await host(`valkey://127.0.0.1:${port}`);
  await disk.ready();
  const writer = journal.begin(CALL, "reception");
  await writer.kept?.();
  server.pass(3_500_000);
  writer.write({ type: "asked", text: "still there?" });
  await writer.kept?.();
  server.pass(3_500_000);
  expect(server.keys).toHaveLength(2);
  server.pass(200_000);
  expect(server.keys).toEqual([]);
});

test("a password that is wrong is told as such, and the right one is told to nobody", async () => {
  const { port } = await serve({ password: PASSWORD });
  const url = `valkey://127.0.0.1:${port}`;
  const { journal, told } = await host(url, { password: "another-one" });
  journal.begin(CALL, "reception");
  await expect.poll(() => told.join(), { timeout: 10_000 }).toContain("WRONGPASS");
  expect(told.join()).not.toContain("another-one");
});

test("a certificate that nobody vouches for is not accepted, one that the configuration names is", async () => {
  const { port } = await serve({ tls: selfSigned });
  const { disk } = await host(`valkeys://localhost:${port}`);
  await expect(disk.ready()).rejects.toThrow(/self.signed certificate/);
  const dir = await mkdtemp(join(tmpdir(), "sidetone-valkey-"));
  closing.push(() => rm(dir, { recursive: true, force: true }));
  const ca = join(dir, "ca.pem");
  await writeFile(ca, selfSigned.cert);
  const vouched = await host(`valkeys://localhost:${port}`, { ca, timeoutMs: 2000 });
  await vouched.disk.ready();
  const elsewhere = await host(`valkeys://127.0.0.1:${port}`, { ca, timeoutMs: 2000 });
  await expect(elsewhere.disk.ready()).rejects.toThrow(/does not match|altnames/);
});

test("sidetone check says whether the server takes a journal, and that what is said stands there in the clear", async () => {
  const { server, port } = await serve();
  const valkey = { url: `valkey://127.0.0.1:${port}`, tunnelled: false, user: "", prefix: "s:", timeoutMs: 2000 };
  const journal = { dir: "", fsync: "never", valkey } as const;
  const findings = await checkJournal({ journal });
  expect(findings.map(({ level, what }) => `${level} ${what}`).join("\n")).toMatch(
    /^ok valkey:.* gives it back, in \d+ ms\.\nwarn What callers say/,
  );
  expect(server.keys).toEqual([]);
  server.refuses = "NOPERM this user has no permissions";
  expect(await checkJournal({ journal: { ...journal, secret: "a secret of some length" } })).toMatchObject([
    { level: "fail", what: expect.stringContaining("NOPERM") },
  ]);
});
