/** The same clients with a gateway in the process: they get the same. */
import { inProcess } from "../inProcess.ts"
import { clientsOf } from "./clientsOf.ts"

clientsOf(inProcess)
