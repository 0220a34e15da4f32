// The first program of a user who has installed both packages; the test of the packed tarballs runs a copy of it.
import * as core from "@switchgear/core"
import * as http from "@switchgear/http"
import { Effect } from "effect"

const names = (module: object): string => Object.keys(module).join(" ") || "nothing yet"

Effect.runSync(Effect.log(`core: ${names(core)}`, `http: ${names(http)}`))
