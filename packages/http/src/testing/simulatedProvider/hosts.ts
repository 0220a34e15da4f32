/** Several simulated providers behind one `HttpClient`, each at its hosts. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"

/** Sends each request to the client of its host. Any other host is unknown, as undici says it. */
export const byHost = (clients: ReadonlyMap<string, HttpClient.HttpClient>): HttpClient.HttpClient =>
  HttpClient.make((request, url) => {
    const client = clients.get(url.host)
    return client === undefined
      ? Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({ request, cause: unknown(url.host) })
        })
      )
      : client.execute(request)
  })

const unknown = (host: string): Error =>
  Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" })

/** The host of an address: `api.openai.com`, `http://openai.test/v1` and `127.0.0.1:8080` are all that may be written. */
export const hostOf = (written: string): string => {
  const url = written.includes("://") ? written : `http://${written}`
  if (URL.canParse(url)) return new URL(url).host
  throw new RangeError(`SimulatedProvider.layerHosts: ${JSON.stringify(written)} must be a host or a base URL`)
}
