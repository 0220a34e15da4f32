/** What a run has come to so far: its failures, and the best answer that was set aside. */
import { atOnce } from "../internal/data/atOnce.ts"
import { CascadeExhausted } from "./CascadeExhausted.ts"
import {
  type Answering,
  type AnyCall,
  type AnyStep,
  type Degradation,
  degradationOf,
  type Failure,
  isDegraded,
  type Provenance,
  type Served,
  worse
} from "./model.ts"

/** Is told how a run gets on. */
export interface Listener {
  /** A target has failed with an error that moves on, or its answer was set aside. */
  readonly movedOn: (step: string, index: number) => void
  /** The run is answered by this step of its own chain. */
  readonly served: (step: string) => void
  /** The run waits before its targets are asked again. */
  readonly waits: () => void
  /** It has waited; whether they are asked again. */
  readonly waited: (again: boolean) => void
  /** No step is left. */
  readonly ranOut: () => void
}

export class Progress {
  readonly steps: ReadonlyArray<AnyStep>
  readonly listener: Listener | undefined
  failures: ReadonlyArray<Failure<unknown>> = []
  private before: ReadonlyArray<Failure<unknown>> = []
  private aside: { readonly step: string; readonly answer: Served<unknown> } | undefined

  constructor(steps: ReadonlyArray<AnyStep>, listener: Listener | undefined) {
    this.steps = steps
    this.listener = listener
  }

  /** The answer of a step that no other can better. */
  serve(index: number, step: Answering, value: unknown): Served<any> {
    this.listener?.served(step.name)
    return { value, step: step.name, degradation: degradationOf(step, index), failures: this.failures }
  }

  /** The answer of a target; undefined when it is set aside for the end. */
  answered(index: number, step: AnyCall, value: unknown): Served<any> | undefined {
    const inner = provenanceOf(step, value)
    if (inner === undefined) return this.serve(index, step, value)
    this.within(step, inner.failures)
    const degradation = worse(inner.degradation, degradationOf(step, index))
    const answer = { value, step: within(step, inner.step), degradation, failures: this.failures }
    if (!isDegraded(degradation)) {
      this.listener?.served(step.name)
      return answer
    }
    this.listener?.movedOn(step.name, index)
    // The earlier one is kept of two that are equally good.
    if (this.aside === undefined || worse(degradation, this.aside.answer.degradation) !== degradation) {
      this.aside = { step: step.name, answer }
    }
    return undefined
  }

  /** A target has failed with an error that moves on. */
  movedOn(index: number, step: AnyCall, error: unknown): void {
    this.listener?.movedOn(step.name, index)
    if (step.provenance !== undefined && error instanceof CascadeExhausted) this.within(step, error.failures)
    else this.failures = [...this.failures, { step: step.name, error }]
  }

  /** Whether no target was asked since the last round, for want of attempts. The failures are then those of that round. */
  isOver(): boolean {
    if (this.failures.length > 0) return false
    this.failures = this.before
    return true
  }

  /** The targets are asked again: their failures take the place of those so far. */
  again(): void {
    this.before = this.failures
    this.failures = []
  }

  /** Whether an answer was set aside that is at least as good. */
  isAside(degradation: Degradation): boolean {
    const { aside } = this
    return aside !== undefined && worse(aside.answer.degradation, degradation) === degradation
  }

  serveAside(): Served<any> {
    const { answer, step } = this.aside!
    this.listener?.served(step)
    return { ...answer, failures: this.failures }
  }

  private within(step: AnyCall, failures: ReadonlyArray<Failure<unknown>>): void {
    if (failures.length === 0) return
    this.failures = [...this.failures, ...failures.map((failure) => ({ ...failure, step: within(step, failure.step) }))]
  }
}

/** The name of a step of a step. A single target has its own name, not that twice. */
const within = ({ name }: AnyCall, inner: string): string => inner === name ? name : `${name}/${inner}`

// A function that throws does not replace the answer that it was asked about.
const provenanceOf = ({ provenance }: AnyCall, value: unknown): Provenance | undefined => {
  try {
    return provenance?.(value)
  } catch {
    return undefined
  }
}

/** Whether the next step is tried after this error. A predicate that throws does not replace the error it was asked about. */
export const movesOn = ({ when }: AnyCall, error: unknown): boolean => {
  try {
    return atOnce(when(error as never)) === true
  } catch {
    return false
  }
}
