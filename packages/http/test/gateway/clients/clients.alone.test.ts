/** Clients that applications have, unmodified and on sockets: what they get from a gateway on good and on bad days. */
import { atAddress } from "../inProcess.ts"
import { clientsOf } from "./clientsOf.ts"

clientsOf(atAddress)
