"use strict"
// Every npm verb starts here: is this Node new enough, is the workspace set up, then hand over to the pinned Node in
// node_modules. Plain CommonJS in the syntax of Node 6, so that an old Node gets to the sentence that says it is old.

const childProcess = require("child_process")
const crypto = require("crypto")
const fs = require("fs")
const path = require("path")

const root = path.join(__dirname, "..")
const pnpm = "pnpm@12.21.0"
const stamp = path.join(root, "node_modules", ".switchgear-setup")
const pinnedNode = path.join(root, "node_modules", ".bin", "node")
const windows = process.platform === "win32"

/** The Node and npm that started this command; once set up, `process.version` is the pinned Node, not the machine's. */
const machine = (userAgent, processVersion) => {
  const match = /^npm\/(\S+) node\/v?(\S+)/.exec(userAgent || "")
  return match ? { npm: match[1], node: match[2] } : { npm: undefined, node: processVersion.replace(/^v/, "") }
}

/** One sentence about what is too old, or undefined. */
const complaint = (versions) => {
  const tooOld = (version, major) => !(parseInt(version, 10) >= major)
  if (tooOld(versions.node, 20)) {
    return "Switchgear needs Node.js 20 or newer, and this is " + versions.node
      + ": install a current one from https://nodejs.org and run the same command again."
  }
  if (versions.npm !== undefined && tooOld(versions.npm, 9)) {
    return "Switchgear needs npm 9 or newer, and this is " + (versions.npm || "missing")
      + ": run `npm install --global npm@latest` and then the same command again."
  }
  return undefined
}

/** Changes whenever an install could have a different result. */
const fingerprint = (directory) => {
  const hash = crypto.createHash("sha256").update([pnpm, process.platform, process.arch].join(" "))
  const packages = fs.readdirSync(path.join(directory, "packages")).sort()
    .map((name) => path.join("packages", name, "package.json"))
  for (const file of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"].concat(packages)) {
    const absolute = path.join(directory, file)
    if (fs.existsSync(absolute)) hash.update("\0" + file + "\0").update(fs.readFileSync(absolute))
  }
  return hash.digest("hex")
}

/** npm puts node_modules/.bin first; the installer must run on the machine's own Node, which knows its certificates. */
const machinePath = (value) =>
  (value || "").split(path.delimiter).filter((entry) => !/node_modules[\\/]\.bin[\\/]?$/.test(entry)).join(
    path.delimiter
  )

const withEnv = (changes) => Object.assign({}, process.env, changes)

const isSetUp = (directory) => {
  const file = path.join(directory, "node_modules", path.basename(stamp))
  return fs.existsSync(path.join(directory, "node_modules", ".bin", "node")) && fs.existsSync(file)
    && fs.readFileSync(file, "utf8") === fingerprint(directory)
}

const say = (line) => process.stderr.write(line + "\n")

/** Signals reach the child as well, and this process ends the way the child did. */
const follow = (child, done) => {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
  // The shell between npm and this process passes no signal on: it dies, and the command would outlive it. A command that
  // was told to end is told once: a second signal would end at once what is still to be answered.
  const parent = process.ppid
  const tell = (signal) => {
    clearInterval(watch)
    child.kill(signal)
  }
  const watch = setInterval(() => {
    if (process.ppid !== parent) tell("SIGTERM")
  }, 500)
  const forward = signals.map((signal) => () => signal === "SIGHUP" ? child.kill(signal) : tell(signal))
  signals.forEach((signal, index) => process.on(signal, forward[index]))
  child.on("error", (error) => {
    say("Could not start " + child.spawnfile + ": " + error.message)
    process.exit(1)
  })
  child.on("close", (code, signal) => {
    clearInterval(watch)
    signals.forEach((name, index) => process.removeListener(name, forward[index]))
    if (signal) process.kill(process.pid, signal)
    else done(code)
  })
}

const setUp = (done) => {
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000) + " s"
  say("Setting up the workspace: installing its packages and Node 26 (once, and again when they change) ...")
  const child = childProcess.spawn("npx", ["-y", pnpm, "install", "--frozen-lockfile", "--reporter=append-only"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    shell: windows,
    // CI: never ask. Loglevel: the repository's .npmrc silences npm, which would hide why a download fails.
    env: withEnv({
      PATH: machinePath(process.env.PATH),
      CI: "true",
      npm_config_loglevel: "error",
      npm_config_update_notifier: "false"
    })
  })
  let log = ""
  let progress = ""
  const collect = (chunk) => {
    log += chunk
    const lines = String(chunk).split("\n").filter((line) => line.startsWith("Progress:"))
    if (lines.length > 0) progress = lines[lines.length - 1]
  }
  child.stdout.on("data", collect)
  child.stderr.on("data", collect)
  const ticker = setInterval(() => say("  " + seconds() + "  " + progress), 10000)
  follow(child, (code) => {
    clearInterval(ticker)
    if (code !== 0) {
      // Only the installer runs on this Node, so what packages say about its version is beside the point.
      say(log.split("\n").filter((line) => line.indexOf("Unsupported engine") < 0).join("\n"))
      say("The set-up failed after " + seconds() + ": `npx -y " + pnpm + " install --frozen-lockfile` said the above.")
      process.exit(code || 1)
    }
    fs.writeFileSync(stamp, fingerprint(root))
    say("Set up in " + seconds() + ".")
    done()
  })
}

const handOver = (args) => {
  const env = withEnv({ PATH: path.dirname(pinnedNode) + path.delimiter + machinePath(process.env.PATH) })
  delete env.npm_config_loglevel
  follow(
    childProcess.spawn(pinnedNode, [path.join(__dirname, "verbs.ts")].concat(args), { stdio: "inherit", env: env }),
    (code) => process.exit(code)
  )
}

const npmVersion = () => {
  const env = withEnv({ PATH: machinePath(process.env.PATH) })
  const result = childProcess.spawnSync("npm", ["--version"], { encoding: "utf8", shell: windows, env: env })
  return result.status === 0 ? result.stdout.trim() : ""
}

const main = (args) => {
  const versions = machine(process.env.npm_config_user_agent, process.version)
  const ready = isSetUp(root)
  if (!ready && versions.npm === undefined) versions.npm = npmVersion()
  const problem = complaint(versions)
  if (problem !== undefined) {
    say(problem)
    process.exit(1)
  }
  if (ready) handOver(args)
  else setUp(() => handOver(args))
}

if (require.main === module) main(process.argv.slice(2))

module.exports = { complaint, fingerprint, isSetUp, machine, machinePath, pnpm }
