/** The part of opossum's documented interface that is measured; the package ships no types. */
declare module "opossum" {
  export interface Options {
    readonly timeout?: number | false
    readonly errorThresholdPercentage?: number
    readonly resetTimeout?: number
    readonly rollingCountTimeout?: number
    readonly rollingCountBuckets?: number
    readonly rollingPercentilesEnabled?: boolean
    readonly volumeThreshold?: number
    readonly capacity?: number
  }

  export default class CircuitBreaker<A, Args extends ReadonlyArray<unknown> = []> {
    constructor(action: (...args: Args) => Promise<A>, options?: Options)
    fire(...args: Args): Promise<A>
    fallback(instead: (...args: Args) => A | Promise<A>): this
    open(): void
  }
}
