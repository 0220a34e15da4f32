/** The readings of a test clock, rounded as Effect's test clock rounds them. */
export class Readings {
  /** Milliseconds since the epoch. */
  millis: number
  // Nanoseconds are read much less often than time moves, so they are calculated on demand and kept.
  private wall: bigint | undefined
  private monotonic: bigint | undefined
  private monotonicBase = 0n
  // Added to the base. A number, because whole nanoseconds are exact up to the largest safe integer.
  private monotonicSince = 0

  constructor(millis: number) {
    this.millis = millis
  }

  get wallNanos(): bigint {
    return this.wall ??= nanosOf(this.millis)
  }

  get monotonicNanos(): bigint {
    return this.monotonic ??= this.monotonicBase + BigInt(this.monotonicSince)
  }

  moveTo(millis: number): void {
    const passed = millis - this.millis
    if (passed > 0 && passed < Infinity) this.pass(Math.round(passed * 1e6))
    // Infinity has no nanoseconds: the last ones are kept.
    this.wall = Number.isFinite(millis) ? undefined : this.wallNanos
    this.millis = millis
  }

  /** Sets the exact time `nanos` nanoseconds after `since`, whatever was rounded on the way. */
  correct(since: { readonly wallNanos: bigint; readonly monotonicNanos: bigint }, nanos: bigint): void {
    this.wall = since.wallNanos + nanos
    if (nanos <= 0n) return
    this.monotonic = undefined
    this.monotonicBase = since.monotonicNanos + nanos
    this.monotonicSince = 0
  }

  private pass(nanos: number): void {
    this.monotonic = undefined
    if (this.monotonicSince + nanos <= Number.MAX_SAFE_INTEGER) {
      this.monotonicSince += nanos
    } else {
      this.monotonicBase += BigInt(this.monotonicSince) + BigInt(nanos)
      this.monotonicSince = 0
    }
  }
}

/** The smallest reading that is greater than this one: in 2026, a quarter of a microsecond later. */
export const nextReading = (reading: number): number => {
  let step = Number.EPSILON * 2 ** Math.floor(Math.log2(Math.abs(reading)) - 1)
  while (reading + step === reading && step < Infinity) step *= 2
  return reading + step
}

/** Whole nanoseconds of a time in milliseconds. */
export const nanosOf = (millis: number): bigint => {
  const whole = Math.floor(millis)
  return BigInt(whole) * 1_000_000n + BigInt(Math.floor((millis - whole) * 1e6))
}
