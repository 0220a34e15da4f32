/** What has a method `then`, and keeps no other promise. */

type Then = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void

export const thenable = (then: Then): PromiseLike<unknown> =>
  new Proxy({}, { get: (_, name) => name === "then" ? then : undefined }) as PromiseLike<unknown>
