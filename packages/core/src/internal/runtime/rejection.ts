/**
 * Builds rejections. Under overload most calls are rejected, so each rejection must be cheap. Each must be an object of
 * its own, because error reporters mark the errors that they have seen.
 */
import type * as Schema from "effect/Schema"

// A field of V8. Other engines do not have it.
const Errors: { stackTraceLimit?: number | undefined } = Error as never

/**
 * Builds an error without a stack trace. A trace costs several microseconds and shows only where the guard rejected,
 * which the fields of the error show better.
 */
export const withoutStack = <E>(build: () => E): E => {
  const limit = Errors.stackTraceLimit
  Errors.stackTraceLimit = 0
  try {
    return build()
  } finally {
    Errors.stackTraceLimit = limit
  }
}

/** A class made by `Schema.TaggedError`. */
interface ErrorClass {
  new(...args: never): Error
  readonly prototype: Error
  readonly fields: Schema.Struct.Fields
}

/**
 * Builds what `new Class(fields)` builds, at a tenth of the cost: the fields are not checked, and there is no `stack`.
 */
export const rejection = <Class extends ErrorClass>(
  Class: Class,
  fields: Schema.Struct.Type<Class["fields"]>
): InstanceType<Class> => {
  prepare(Class)
  return Object.assign(blank(Class) as object, fields) as InstanceType<Class>
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** An instance of a prepared class, without its fields. */
export const blank = <Class extends ErrorClass>(Class: Class): Mutable<InstanceType<Class>> => {
  const limit = Errors.stackTraceLimit
  // With a limit of 0, V8 still collects what the first line of a stack needs, which costs as much as the rest.
  Errors.stackTraceLimit = undefined
  // This cannot throw, so that restoring the limit needs no `finally`.
  const error: unknown = Reflect.construct(Error, [], Class)
  Errors.stackTraceLimit = limit
  return error as Mutable<InstanceType<Class>>
}

// Effect's constructor keeps the given fields here, hidden, for `toJSON`, `Equal` and `Hash`.
const plainFields = Symbol.for("effect/Data/Error/plainArgs")

/** Prepares a class for `blank`: its instances can be compared, hashed and shown like constructed ones. */
export const prepare = ({ prototype }: ErrorClass): void => {
  if (Object.hasOwn(prototype, plainFields)) return
  Object.defineProperty(prototype, plainFields, {
    get(this: object) {
      return { ...this }
    }
  })
}
