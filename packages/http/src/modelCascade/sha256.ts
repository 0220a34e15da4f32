/**
 * SHA-256 of a text in one step: that of Node where the program runs on it, and else one written out here, since browsers
 * have only one that must be waited for.
 */

type Hash = (algorithm: "sha256", text: string, encoding: "base64url") => string

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: "node:crypto") => { readonly hash?: Hash } | undefined }
}

const native = (globalThis as Runtime).process?.getBuiltinModule?.("node:crypto")?.hash

/** The digest as base64url without padding. */
export const sha256 = (text: string): string =>
  native === undefined ? portable(text) : native("sha256", text, "base64url")

/** The first 32 bits of what follows the point in the roots of the first primes (FIPS 180-4). */
const primes = Array.from({ length: 312 }, (_, n) => n).filter((n) =>
  n > 1 && Array.from({ length: n }, (_, d) => d).slice(2).every((d) => n % d !== 0)
)
const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32)
const constants = Uint32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const start = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))

export const portable = (text: string): string => {
  const bytes = new TextEncoder().encode(text)
  const message = new DataView(new ArrayBuffer((bytes.length + 72) >> 6 << 6))
  new Uint8Array(message.buffer).set(bytes)
  message.setUint8(bytes.length, 0x80)
  message.setUint32(message.byteLength - 8, Math.floor(bytes.length / 2 ** 29))
  message.setUint32(message.byteLength - 4, bytes.length << 3)
  const state = Int32Array.from(start)
  for (let at = 0; at < message.byteLength; at += 64) digestBlock(state, message, at)
  const out = new DataView(new ArrayBuffer(32))
  state.forEach((word, i) => out.setInt32(4 * i, word))
  return btoa(String.fromCharCode(...new Uint8Array(out.buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(
    "=",
    ""
  )
}

const words = new Int32Array(64)

const digestBlock = (state: Int32Array, message: DataView, at: number): void => {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i++) {
    words[i] = i < 16 ? message.getInt32(at + 4 * i) : expanded(i)
    const added = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + constants[i]! + words[i]!
    const mixed = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + added) | 0, c, b, a, (added + mixed) | 0]
  }
  ;[a, b, c, d, e, f, g, h].forEach((word, i) => state[i]! += word)
}

const expanded = (i: number): number => {
  const [early, late] = [words[i - 15]!, words[i - 2]!]
  return words[i - 16]! + words[i - 7]! + (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)) +
    (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10))
}

const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))
