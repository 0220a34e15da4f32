/** A response whose body goes through the guard. All else is that of the response that came. */
export const guardedResponse = (
  body: ReadableStream<Uint8Array>,
  came: Response,
  headers: Headers = came.headers
): Response => {
  const response = new Response(body, { status: came.status, statusText: came.statusText, headers })
  const own = {
    headers,
    url: came.url,
    redirected: came.redirected,
    type: came.type,
    // What is a part of the platform's own response is lost on a clone of it.
    clone: () => guardedResponse(Response.prototype.clone.call(response).body!, came, headers)
  }
  return Object.defineProperties(
    response,
    Object.fromEntries(Object.entries(own).map(([name, value]) => [name, { value, configurable: true }]))
  )
}
