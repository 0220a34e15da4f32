// Prints what both packages export; the test of the packed tarballs runs a copy of it where they are installed.
import * as core from "@switchgear/core"
import * as http from "@switchgear/http"
import { Console, Effect } from "effect"

const program = Console.log(JSON.stringify({ core: Object.keys(core), http: Object.keys(http) }))

await Effect.runPromise(program)
