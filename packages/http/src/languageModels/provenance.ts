/** Where an answer comes from, written on its last part. */
import type * as Cascade from "@switchgear/core/Cascade"
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import { nameOf } from "./aiErrors.ts"

/** The step that answered, the degradation, and the errors before it. */
export interface Provenance {
  readonly step: string
  readonly degradation: Cascade.Degradation
  /** What failed before, by the name of the error or of the reason. */
  readonly failures: ReadonlyArray<{ readonly step: string; readonly error: string }>
  /** Calls to providers, where they are counted. */
  readonly attempts?: number | undefined
}

/** The provenance of an answer of a chat model or a cascade; undefined for a single model of the platform. */
export const read = (content: ReadonlyArray<Response.AnyPart>): Provenance | undefined =>
  readFrom(content.find((part) => part.type === "finish")?.metadata)

export const of = (
  { attempts, degradation, failures, step }: Omit<Cascade.Served<unknown>, "value"> & { readonly attempts?: number }
): Provenance => ({
  step,
  degradation,
  failures: failures.map(({ error, step }) => ({ step, error: nameOf(error) })),
  ...attempts !== undefined && { attempts }
})

/**
 * Writes it on the last part. What a model within wrote stays as long as that was the first one asked, and an answer
 * never gets better on its way out.
 */
export const written = (provenance: Provenance) => <Part extends Response.AnyPartEncoded>(part: Part): Part => {
  if (part.type !== "finish") return part
  const within = readFrom(part.metadata)
  if (within !== undefined && provenance.degradation === "none") return part
  const degradation = within === undefined ? provenance.degradation : worse(within.degradation, provenance.degradation)
  return { ...part, metadata: { ...part.metadata, switchgear: { ...provenance, degradation } } }
}

const readFrom = (metadata: Response.ProviderMetadata | undefined): Provenance | undefined => {
  const written = metadata?.["switchgear"]
  return Predicate.isObject(written) && "step" in written ? written as unknown as Provenance : undefined
}

const worse = (a: Cascade.Degradation, b: Cascade.Degradation): Cascade.Degradation =>
  degradations.indexOf(a) > degradations.indexOf(b) ? a : b

const degradations: ReadonlyArray<Cascade.Degradation> = ["none", "fallback", "stale", "canned"]
