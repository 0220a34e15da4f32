/** What is written of one instance and of the configs that it is based on, while it is converted. */
import type { Problem } from "../problem.ts"
import { type Reader } from "../reader.ts"
import type { Became } from "./became.ts"
import type { Key } from "./key.ts"

type Path = Problem["path"]

/** One key as it is written. */
export interface Written {
  readonly path: Path
  readonly raw: unknown
  readonly value: unknown
}

export type Keys = ReadonlyMap<string, Written>

export class Given {
  readonly rows: Array<Became> = []
  private readonly keys: { readonly [key: string]: Key }
  /** Where the instance is written. */
  private readonly at: Path
  /** The instance first, then what it is based on. */
  private readonly chain: ReadonlyArray<Keys>
  private readonly reader: Reader

  constructor(keys: { readonly [key: string]: Key }, at: Path, chain: ReadonlyArray<Keys>, reader: Reader) {
    this.keys = keys
    this.at = at
    this.chain = chain
    this.reader = reader
    for (const key of Object.keys(keys)) {
      const { ignored } = this.key(key)
      if (ignored !== undefined) this.hasNoEffect(key, ignored)
    }
  }

  /** The value of a key, or its default; `A` is what its kind reads. */
  value<A>(key: string): A {
    const { is, otherwise } = this.key(key)
    return (this.written(key)?.value ?? is.read(otherwise)) as A
  }

  /** The value of a key that has no default. */
  optional<A>(key: string): A | undefined {
    return this.written(key)?.value as A | undefined
  }

  became(key: string, became: string, difference?: string): void {
    this.note(
      key,
      difference === undefined ? "kept" : "changed",
      difference === undefined ? became : `${became} (${difference})`
    )
  }

  /** Told only of what is written. */
  hasNoEffect(key: string, why: string): void {
    if (this.written(key) !== undefined) this.note(key, "none", why)
  }

  refuse(key: string, message: string, below: Path = []): undefined {
    const written = this.written(key)
    return this.reader.refuse(
      [...written?.path ?? this.place(key), ...Array.isArray(written?.raw) ? below : []],
      message
    )
  }

  private note(key: string, effect: Became["effect"], became: string): void {
    const written = this.written(key)
    this.rows.push(
      written === undefined
        ? { path: this.place(key), value: this.key(key).otherwise, source: "default", effect, became }
        : { path: written.path, value: written.raw, source: "file", effect, became }
    )
  }

  private written(key: string): Written | undefined {
    return this.chain.find((keys) => keys.has(key))?.get(key)
  }

  private key(key: string): Key {
    return this.keys[key]!
  }

  private place(key: string): Path {
    return [...this.at, key]
  }
}

export const saidOf = (given: Given, ...keys: ReadonlyArray<string>): unknown => keys.map((key) => given.optional(key))
