/** Where traces and metrics go by OTLP. */
import * as Redacted from "effect/Redacted"
import type { Otlp, Signal } from "./model.ts"
import type { Problem } from "./problem.ts"
import { type Reader, shown } from "./reader.ts"

export const otlpOf = (value: unknown, reader: Reader): Otlp | undefined => {
  const path = ["otlp"]
  const given = reader.group(value, path, [
    "endpoint",
    "headers",
    "encoding",
    "signals",
    "serviceName",
    "attributes",
    "tracesInterval",
    "metricsInterval",
    "sampleRatio"
  ])
  if (value === undefined || value === null) return undefined
  const endpoint = endpointOf(given.endpoint, [...path, "endpoint"], reader)
  const others: Omit<Otlp, "endpoint"> = {
    headers: headersOf(given.headers, [...path, "headers"], reader),
    encoding: encodingOf(given.encoding, [...path, "encoding"], reader),
    signals: signalsOf(given.signals, [...path, "signals"], reader),
    serviceName: given.serviceName === undefined
      ? "switchgear"
      : reader.text(given.serviceName, [...path, "serviceName"]) ?? "switchgear",
    attributes: attributesOf(given.attributes, [...path, "attributes"], reader),
    tracesInterval: reader.duration(given.tracesInterval, [...path, "tracesInterval"], "5 seconds"),
    metricsInterval: reader.duration(given.metricsInterval, [...path, "metricsInterval"], "30 seconds"),
    sampleRatio: ratioOf(given.sampleRatio, [...path, "sampleRatio"], reader)
  }
  return endpoint === undefined ? undefined : { ...others, endpoint }
}

/** Each value of `headers` is a secret: that is where the key of a collector stands. */
export const isSecretOfOtlp = (path: Problem["path"]): boolean =>
  path.length === 3 && path[0] === "otlp" && path[1] === "headers"

const endpointOf = (value: unknown, path: Problem["path"], reader: Reader): string | undefined => {
  const text = reader.text(value, path)
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return reader.refuse(path, `Expected an address such as http://127.0.0.1:4318, got ${shown(text)}`)
  }
  // Errors and logs name the endpoint.
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return reader.refuse(path, "Expected an address without a user, a query or a fragment. Put a key into headers")
  }
  return text.replace(/\/+$/, "")
}

const headersOf = (value: unknown, path: Problem["path"], reader: Reader): Otlp["headers"] =>
  Object.fromEntries(
    Object.entries(reader.group(value, path)).flatMap(([name, given]) => {
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
        reader.refuse([...path, name], "Expected the name of a header")
        return []
      }
      const secret = reader.secret(given, [...path, name])
      if (secret === undefined) return []
      if (/[^\t\x20-\x7e\x80-\xff]/.test(Redacted.value(secret) as string)) {
        reader.refuse([...path, name], "Expected a text that a header can have")
        return []
      }
      return [[name, secret as Redacted.Redacted]]
    })
  )

const encodingOf = (value: unknown, path: Problem["path"], reader: Reader): Otlp["encoding"] => {
  if (value !== undefined && value !== "json" && value !== "protobuf") {
    reader.refuse(path, `Expected protobuf or json, got ${shown(value)}`)
  }
  return value === "json" ? "json" : "protobuf"
}

const signalsOf = (value: unknown, path: Problem["path"], reader: Reader): ReadonlyArray<Signal> => {
  if (value === undefined) return signals
  const given = reader.texts(value, path)
  if (given.length === 0) reader.refuse(path, `Expected a list of ${signals.join(", ")}`)
  given.forEach((signal, i) => {
    if (!isSignal(signal)) {
      reader.refuse([...path, i], `Expected one of ${signals.join(", ")}, got ${JSON.stringify(signal)}`)
    }
  })
  return given.filter(isSignal)
}

const signals: ReadonlyArray<Signal> = ["traces", "metrics"]

const isSignal = (signal: string): signal is Signal => (signals as ReadonlyArray<string>).includes(signal)

const attributesOf = (value: unknown, path: Problem["path"], reader: Reader): Otlp["attributes"] =>
  Object.fromEntries(
    Object.entries(reader.group(value, path)).flatMap(([name, given]) => {
      const read = typeof given === "number" || typeof given === "boolean" ? given : reader.text(given, [...path, name])
      return read === undefined ? [] : [[name, read] as const]
    })
  )

const ratioOf = (value: unknown, path: Problem["path"], reader: Reader): number => {
  if (value === undefined) return 1
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  reader.refuse(path, `Expected a number from 0 to 1, got ${shown(value)}`)
  return 1
}
