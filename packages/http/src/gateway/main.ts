#!/usr/bin/env node
/** The command `switchgear`. What it does is loaded once it is known that this Node can: an older one fails to, with a stack. */
import { readFileSync } from "node:fs"
import { complaintOf } from "./command/nodeVersion.ts"

const { engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly engines: { readonly node: string }
}
const complaint = complaintOf(process.versions.node, engines.node)

if (complaint === undefined) await import("./command/command.ts")
else {
  process.stderr.write(`${complaint}\n`)
  process.exitCode = 1
}
