/** `npm run bench`: what the guards cost, beside what their peers cost, and whether the targets are met. */
import { parseArgs } from "node:util"
import { groups } from "./groups/index.ts"
import { heading, makeReport, summary, table } from "./report.ts"
import type { Section } from "./section.ts"
import { full, quick } from "./settings.ts"

const names = Object.keys(groups).join(", ")

const usage = `npm run bench -- [--only <name>] [--quick] [--json] [--requests <n>]

  --only <name>  runs one group, or several when given again: ${names}
  --quick        takes two minutes at most, is less exact, and leaves Portkey and the peers of the night out
  --json         prints nothing but one JSON value to stdout
  --requests <n> watches the memory of the gateway over this many requests; ${full.requests} otherwise`

const readArguments = () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      quick: { type: "boolean" },
      json: { type: "boolean" },
      requests: { type: "string" },
      help: { type: "boolean" }
    }
  })
  const unknown = values.only?.find((name) => !(name in groups))
  if (unknown !== undefined) throw new Error(`There is no group "${unknown}".`)
  if (values.requests !== undefined && !/^[1-9]\d*$/.test(values.requests)) {
    throw new Error(`--requests is a number of requests, not "${values.requests}".`)
  }
  return values
}

const bench = async ({ json, only, quick: hurried, requests }: ReturnType<typeof readArguments>): Promise<void> => {
  const chosen = hurried ? quick : full
  const settings = requests === undefined ? chosen : { ...chosen, requests: Number(requests) }
  // With --json the tables go to stderr, so that stdout is one value.
  const say = json ? console.error : console.log
  say(heading(settings.mode))
  const sections: Array<Section> = []
  for (const [name, run] of Object.entries(groups)) {
    if (only !== undefined && !only.includes(name)) continue
    for (const section of [await run(settings)].flat()) {
      sections.push(section)
      say(`\n${table(section)}`)
    }
  }
  const report = makeReport(settings.mode, sections)
  say(`\n${summary(report)}`)
  // Peers leave timers behind, which would keep the process for as long as they run.
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : "", () => process.exit())
}

const refuse = (error: unknown): void => {
  console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
  process.exitCode = 1
}

let chosen: ReturnType<typeof readArguments> | undefined
try {
  chosen = readArguments()
} catch (error) {
  refuse(error)
}

if (chosen?.help) console.log(usage)
else if (chosen !== undefined) await bench(chosen)
