/** Which asynchronous resources of Node are work that time waits for, and how each tells its end. */
import { hearCalls } from "./calls.ts"
import { currentResource, type Resource } from "./node.ts"
import { ofProgram, strict, watched } from "./owners.ts"
import type { PendingWork } from "./pendingWork.ts"
import { beginSource, sources } from "./sources.ts"
import { beginInOrder, beginOutside, beginTimer, beginUntilEnd, endRunning } from "./running.ts"

export const beginResource = (id: number, type: string, resource: Resource): void => {
  switch (type) {
    case "Microtask":
      return strict.size === 0 ? undefined : beginInOrder(id, "queueMicrotask", resource)
    case "Immediate":
      return beginInOrder(id, "setImmediate", resource)
    case "Timeout": {
      const { _idleTimeout: millis, _repeat: repeats } = resource
      if (repeats !== null)
        return beginTimer(id, { what: `setInterval of ${millis} ms`, millis, isBrief: false }, resource)
      // `setTimeout` takes no delay for one millisecond.
      return beginTimer(id, { what: `setTimeout of ${millis} ms`, millis, isBrief: millis <= 1 }, resource)
    }
    case "MESSAGEPORT":
      return watchPort(resource)
    case "ZLIB":
      return watchZlib(id, resource)
    case "BLOBREADER":
      return watchBlob(id, resource)
    case "FSREQCALLBACK":
      // What Node reads for a blob tells nobody its end: once it has begun, there is nothing on it that could be called.
      return beginUntilEnd(id, type, () => !Object.values(resource).some((value) => typeof value === "function"))
    default:
      if (requests.has(type)) beginUntilEnd(id, type)
      else if (outside.has(type)) beginOutside(id, outside.get(type)!)
      else if (sources.has(type)) beginSource(sources.get(type)!, resource)
      else if (isJob(type)) watchJob(id, type, resource)
  }
}

/** Work of the thread pool, or a question to a name server, which ends by itself. */
const requests = new Set([
  "FSREQPROMISE",
  "FILEHANDLECLOSEREQ",
  "GETADDRINFOREQWRAP",
  "GETNAMEINFOREQWRAP",
  "QUERYWRAP"
])

/** What is told when virtual time does not wait for it, as it does under `VirtualClock.hold`. */
const outside = new Map([
  ["HTTPCLIENTREQUEST", "a request of node:http"],
  ["WORKER", "a worker"],
  ["PROCESSWRAP", "a child process"]
])

// Those of which nobody knows any more are forgotten.
let ports = new WeakMap<object, ReadonlyArray<PendingWork>>()
let hasPorts = false

const watchPort = (port: object): void => {
  const works = ofProgram()
  if (works.length === 0) return
  ports.set(port, works)
  hasPorts = true
  hearCalls()
}

/** A message is told of when it comes, and an answer to it may come in the next turn. */
export const hearPort = (): void => {
  if (!hasPorts) return
  for (const work of ports.get(currentResource()!) ?? []) work.expectTurn()
}

export const forgetPorts = (): void => {
  ports = new WeakMap()
  hasPorts = false
}

// A compressor lives as long as its stream: what it does is seen only where it is called.
const watchZlib = (id: number, resource: Resource): void => {
  const { close, write } = resource
  resource.write = function(...args) {
    if (watched.size > 0) beginUntilEnd(id, "ZLIB")
    return write.apply(this, args)
  }
  resource.close = function(...args) {
    endRunning(id)
    return close.apply(this, args)
  }
}

// A blob may be that of a file, which is read a part at a time.
const watchBlob = (id: number, resource: Resource): void => {
  const { pull } = resource
  resource.pull = function(onPart) {
    if (watched.size > 0) beginUntilEnd(id, "BLOBREADER")
    return pull.call(this, (...part) => {
      endRunning(id)
      return onPart(...part)
    })
  }
}

const isJob = (type: string): boolean => type.endsWith("REQUEST") && !type.includes("HTTP") && !type.includes("_")

// A job of the cryptography: run at once, it answers with its result, and otherwise with a promise or nothing.
const watchJob = (id: number, type: string, resource: Resource): void => {
  const { run } = resource
  if (typeof run !== "function") return
  resource.run = function(...args) {
    const result = run.apply(this, args)
    if (watched.size > 0 && !Array.isArray(result)) beginUntilEnd(id, type)
    return result
  }
}
