/** A small request, as the bytes that a client sends. */
import type { Target } from "./orders.ts"

/** Stands in the prompt; {@link askAbout} writes another number over it. */
const noParcel = "00000000"

export const bodyOf = (model: string, more: object = {}): string =>
  JSON.stringify({
    model,
    messages: [
      { role: "system", content: "You are a helpful assistant of a shop." },
      { role: "user", content: `Where is my parcel ${noParcel}? It was sent on Monday.` }
    ],
    temperature: 0.2,
    ...more
  })

export const requestOf = ({ headers, model, path, port }: Target, more: object = {}): Buffer => {
  const body = bodyOf(model, more)
  return Buffer.from([
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "",
    body
  ].join("\r\n"))
}

/** Makes it a request of another prompt, with as many bytes. */
export const askAbout = (request: Buffer, parcel: number): void => {
  request.write(String(parcel).padStart(noParcel.length, "0"), request.indexOf("parcel ") + "parcel ".length)
}
