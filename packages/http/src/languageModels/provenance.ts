/** Where an answer comes from, written on its first and its last part. */
import type * as Cascade from "@switchgear/core/Cascade"
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import { namesOf } from "./aiErrors.ts"

/** The step that answered, the degradation, and the errors before it. */
export interface Provenance {
  readonly step: string
  readonly degradation: Cascade.Degradation
  /** What failed before, by the name of the error or of the reason. */
  readonly failures: ReadonlyArray<{ readonly step: string; readonly error: string }>
  /** Calls to providers, where they are counted. */
  readonly attempts?: number | undefined
}

type AnyPart = Response.AnyPart | Response.AnyPartEncoded

/** The provenance of an answer of a chat model or a cascade; undefined for a single model of the platform. */
export const read = (content: ReadonlyArray<AnyPart>): Provenance | undefined =>
  readFrom(content.find(({ type }) => type === "finish"))

/** What one part says of it: the last one, and of a stream the first one as well. */
export const readFrom = (part: AnyPart | undefined): Provenance | undefined => {
  const written = part?.metadata?.["switchgear"]
  return Predicate.isObject(written) && "step" in written ? written as unknown as Provenance : undefined
}

/** `attempts` are left out where some of the calls are not counted. */
export const of = (
  { attempts, degradation, failures, step }: Omit<Cascade.Served<unknown>, "value"> & {
    readonly attempts?: number | undefined
  }
): Provenance => ({
  step,
  degradation,
  failures: namesOf(failures),
  ...attempts !== undefined && { attempts }
})

/** Written on the last part, and on the first: who asks for a stream has to know before its end. */
export const written = (provenance: Provenance) => <Part extends Response.AnyPartEncoded>(part: Part): Part =>
  part.type === "finish" || part.type === "response-metadata"
    ? { ...part, metadata: { ...part.metadata, switchgear: provenance } }
    : part
