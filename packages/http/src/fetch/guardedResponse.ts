/** A response whose body goes through the guard. All else is that of the response that came. */
export const guardedResponse = (
  body: ReadableStream<Uint8Array>,
  came: Response,
  headers: Headers = came.headers
): Response => {
  const response = responseWith(body, came, headers)
  const own = {
    headers,
    url: came.url,
    redirected: came.redirected,
    type: came.type,
    // What is a part of the platform's own response is lost on a clone of it.
    clone: () => guardedResponse(Response.prototype.clone.call(response).body!, came, headers)
  }
  return withOwn(response, own)
}

/** A server may answer with a status or a reason that a platform reads, and that nobody can make a response of. */
const responseWith = (
  body: ReadableStream<Uint8Array>,
  { ok, status, statusText }: Response,
  headers: Headers
): Response => {
  try {
    return new Response(body, { status, statusText, headers })
  } catch {
    return withOwn(new Response(body, { headers }), { ok, status, statusText })
  }
}

const withOwn = (response: Response, own: Readonly<Record<string, unknown>>): Response =>
  Object.defineProperties(
    response,
    Object.fromEntries(Object.entries(own).map(([name, value]) => [name, { value, configurable: true }]))
  )
