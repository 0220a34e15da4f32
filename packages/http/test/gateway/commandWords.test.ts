/** What the command says of words that it cannot take: one sentence for who has typed them, and no stack. */
import { assert, describe, it } from "@effect/vitest"
import { Gateway } from "@switchgear/http/gateway"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const main = join(import.meta.dirname, "../../src/gateway/main.ts")

const said = (args: ReadonlyArray<string>, nodeArgs: ReadonlyArray<string> = []) => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--conditions=source", ...nodeArgs, main, ...args],
    { encoding: "utf8", timeout: 30_000 }
  )
  assert.strictEqual(status, 1, `${args.join(" ")}: ${stdout}${stderr}`)
  assert.notMatch(stderr, /^ +at /m)
  assert.notInclude(stderr, "fault")
  return stderr
}

describe("the command", () => {
  for (const port of ["70000", "-1", "99999999999999999999"]) {
    it(`says which ports there are: ${port}`, { timeout: 60_000 }, () => {
      for (const flag of ["--port", "--admin-port"])
        assert.match(said(["start", flag, port]), /0 to 65535|whole|integer/)
    })
  }

  it("says that clients and operators cannot have one port", { timeout: 60_000 }, () => {
    assert.include(
      said(["start", "--port", "4199", "--admin-port", "4199"]),
      "--admin-port: Expected another port than that of listen, got 4199."
    )
    // That of the operators, without a file.
    assert.include(said(["start", "--port", "4181"]), "--port: Expected another port than that of listen, got 4181.")
  })

  it("says why it cannot read a file", { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "switchgear-words-"))
    try {
      const missing = join(folder, "missing.yaml")
      for (const args of [["check", missing], ["start", "--config", missing], ["rehearse", missing]]) {
        assert.strictEqual(said(args), `Cannot read ${missing}: there is no such file.\n`)
      }
      assert.strictEqual(said(["check", folder]), `Cannot read ${folder}: it is a folder.\n`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("says that it is the host on which it cannot listen, and not the port", () => {
    const told = (host: string, code: string) => new Gateway.ListenFailed({ host, port: 4180, code }).message
    assert.strictEqual(
      told("[::1]", "ENOTFOUND"),
      "Cannot listen on [::1]:4180: no such host is known. Choose a name or an address of this machine, without brackets."
    )
    for (const code of ["ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL", "EINVAL", "EAFNOSUPPORT", "EUNKNOWN"])
      assert.match(told("2001:db8::1", code), /^Cannot listen on \[2001:db8::1\]:4180: (?!.*port)/)
    for (const code of ["EADDRINUSE", "EACCES"]) assert.include(told("localhost", code), "Choose another port")
  })

  it(
    "is told apart from a verb that is misspelt, with the one that was meant",
    { timeout: 60_000 },
    () => assert.match(said(["chekc", "file"]), /Unknown subcommand "chekc"[^]*check/)
  )

  it("says that a Node is too old for it, before it loads what that cannot run", { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "switchgear-old-"))
    try {
      // As in an old Node: what is loaded after the check would fail.
      const old = join(folder, "old.mjs")
      writeFileSync(
        old,
        "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } }); delete Map.groupBy"
      )
      assert.strictEqual(
        said(["check", "file"], ["--import", old]),
        "switchgear needs Node.js 22.19 or newer, and this is 20.20.2: install a current one from https://nodejs.org and run the same command again.\n"
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
