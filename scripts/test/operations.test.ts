/**
 * The Dockerfile and the unit of systemd that docs/operations.md has, looked through without Docker and without systemd.
 *
 * The Dockerfile goes through `dockerfile-utils`, the parser and linter of Docker's language server, which is kept up and is
 * pure JavaScript; hadolint is no package of npm or Debian. The unit goes through `systemd-analyze verify` where that is
 * installed; everywhere its keys are compared with a list, since the manager only warns of one that it does not know.
 */
import { execFile, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { DockerfileParser } from "dockerfile-ast"
import { validate } from "dockerfile-utils"
import { Duration } from "effect"

const page = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8")

const fenceOf = (language: string): string => {
  const [, text] = new RegExp(`\\n\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page) ?? []
  return text ?? assert.fail(`no fence of ${language}`)
}

const instructionsOf = (dockerfile: string): ReadonlyArray<readonly [keyword: string, rest: string]> =>
  DockerfileParser.parse(dockerfile).getInstructions().map((one) => [one.getKeyword(), one.getArgumentsContent() ?? ""])

/** What a Dockerfile of the docs must have besides right syntax. */
const complaintsAbout = (dockerfile: string): ReadonlyArray<string> => {
  const instructions = instructionsOf(dockerfile)
  const of = (keyword: string) => instructions.filter(([name]) => name === keyword).map(([, rest]) => rest)
  const last = of("USER").at(-1)
  return [
    ...validate(dockerfile).map(({ message }) => typeof message === "string" ? message : message.value),
    ...of("FROM").flatMap((image) =>
      /:[\w.-]+/.test(image) && !/:latest\b/.test(image) ? [] : [`${image} has no version`]
    ),
    ...last === undefined || /^(root|0)\b/.test(last) ? ["it runs as root"] : [],
    ...of("HEALTHCHECK").length === 1 ? [] : ["it has no health check"],
    ...of("CMD").every((command) => command.startsWith("[")) && of("CMD").length === 1
      ? []
      : ["its command is run by a shell, which takes the signals"]
  ]
}

describe("the Dockerfile", () => {
  const dockerfile = fenceOf("dockerfile")

  it("is right, does not run as root, has a health check, and takes the signals itself", () =>
    assert.deepStrictEqual(complaintsAbout(dockerfile), []))

  const worse: ReadonlyArray<readonly [change: string, from: RegExp | string, to: string, told: RegExp]> = [
    ["an instruction that is none", "USER node", "USR node", /Unknown instruction: USR/],
    ["a flag that is none", "--interval=", "--intervall=", /Unknown flag: intervall/],
    ["a port that is none", "EXPOSE 4180", "EXPOSE 4180x", /Invalid containerPort/],
    ["root", "USER node", "USER root", /runs as root/],
    ["no user", "USER node\n", "", /runs as root/],
    ["no health check", /HEALTHCHECK.*\n/, "", /no health check/],
    ["a shell", /CMD \[.*\]\n/, "CMD switchgear start\n", /run by a shell/],
    ["any version of Node", "node:22-slim", "node", /no version/]
  ]
  for (const [what, from, to, told] of worse) {
    it(`would not be right with ${what}`, () =>
      assert.match(complaintsAbout(dockerfile.replace(from, to)).join("\n"), told))
  }

  it("has a health check that is good while the gateway is ready, and bad when it is not, or is not there", async () => {
    const [, rest = ""] = instructionsOf(dockerfile).find(([keyword]) => keyword === "HEALTHCHECK")!
    const [, script = ""] = /CMD node -e "(.*)"$/.exec(rest) ?? []
    assert.include(script, "http://127.0.0.1:4180/health/ready")
    let status = 200
    const server = createServer((_, response) => void response.writeHead(status).end())
    await new Promise<void>((resume) => server.listen(0, "127.0.0.1", resume))
    const { port } = server.address() as AddressInfo
    const exit = () =>
      new Promise<number>((resume) => {
        execFile(process.execPath, ["-e", script.replace("4180", String(port))], (error) =>
          resume(error === null ? 0 : Number(error.code)))
      })
    assert.strictEqual(await exit(), 0)
    status = 503
    assert.strictEqual(await exit(), 1)
    server.closeAllConnections()
    await new Promise((resume) => server.close(resume))
    assert.strictEqual(await exit(), 1)
  })
})

describe("the unit of systemd", () => {
  const unit = fenceOf("ini")

  /** The keys that the unit may have, by section: those of systemd.unit(5), systemd.exec(5) and systemd.service(5) that it needs. */
  const known: { readonly [section: string]: ReadonlyArray<string> } = {
    Unit: ["Description", "Documentation", "After", "Wants"],
    Service: [
      "DynamicUser",
      "EnvironmentFile",
      "ExecStartPre",
      "ExecStart",
      "ExecReload",
      "KillSignal",
      "TimeoutStopSec",
      "Restart",
      "RestartSec"
    ],
    Install: ["WantedBy"]
  }

  const complaintsAbout = (unit: string): ReadonlyArray<string> => {
    let section = ""
    return unit.split("\n").flatMap((line) => {
      const named = /^\[(\w+)\]$/.exec(line)
      if (named !== null) {
        section = named[1]!
        return section in known ? [] : [`no section ${section}`]
      }
      if (line.trim() === "" || /^[#;]/.test(line)) return []
      const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? []
      return known[section]?.includes(key) ? value.trim() === "" ? [`${key} is empty`] : [] : [`no key: ${line}`]
    })
  }

  it("has sections and keys of systemd only", () => {
    assert.deepStrictEqual(complaintsAbout(unit), [])
    assert.deepStrictEqual(complaintsAbout(unit.replace("DynamicUser", "DynamicUsr")), ["no key: DynamicUsr=yes"])
    assert.deepStrictEqual(complaintsAbout(unit.replace("[Service]", "[Servce]"))[0], "no section Servce")
  })

  it("waits longer for the end of calls than the gateway does", () => {
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? []
    const { config } = GatewayConfig.check(
      "providers: { p: { baseUrl: http://p.test } }\nmodels: { m: { provider: p } }",
      {}
    )
    // Two seconds for each signal of a collector come after that.
    assert.isAbove(Number(seconds), Duration.toSeconds(config!.listen.drainTimeout) + 4)
  })

  const isThere = spawnSync("systemd-analyze", ["--version"]).status === 0

  it.skipIf(!isThere)("is taken by systemd-analyze without a word", () => {
    const folder = mkdtempSync(join(tmpdir(), "switchgear-unit-"))
    try {
      const file = join(folder, "switchgear.service")
      const verify = (text: string) => {
        // The command is not installed here.
        writeFileSync(file, text.replace(/=switchgear /g, `=${process.execPath} `))
        const { status, stderr, stdout } = spawnSync("systemd-analyze", ["verify", "--man=no", file], {
          encoding: "utf8"
        })
        return { status, told: `${stdout}${stderr}`.trim() }
      }
      assert.deepStrictEqual(verify(unit), { status: 0, told: "" })
      assert.match(verify(unit.replace("TimeoutStopSec=40", "TimeoutStopSec=4x")).told, /Failed to parse/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
