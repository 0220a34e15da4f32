/**
 * Builds rejections. Under overload most calls are rejections, so each must be cheap; and each must be an object of its
 * own, because error reporters mark the errors they have seen, and a shared error would be marked for everybody.
 */
import type * as Schema from "effect/Schema"

// V8's own field; engines without it have no limit to change.
const Errors: { stackTraceLimit?: number | undefined } = Error as never

/**
 * Builds an error without the capture of a stack trace, which costs several microseconds and tells only where a guard
 * refused, which the error's fields tell better.
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
 * Builds what `new Class(fields)` builds, the tag among the fields, for a tenth of its price: the fields are not checked
 * again, and there is no `stack`.
 */
export const rejection = <Class extends ErrorClass>(
  Class: Class,
  fields: Schema.Struct.Type<Class["fields"]>
): InstanceType<Class> => {
  prepare(Class)
  return Object.assign(blank(Class) as object, fields) as InstanceType<Class>
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** An error of the class, which is prepared, whose fields are still to be set. */
export const blank = <Class extends ErrorClass>(Class: Class): Mutable<InstanceType<Class>> => {
  const limit = Errors.stackTraceLimit
  // A limit of zero still makes V8 keep what the first line of a stack needs, for as much as the rest costs.
  Errors.stackTraceLimit = undefined
  // This cannot throw, so that the limit needs no `finally`.
  const error: unknown = Reflect.construct(Error, [], Class)
  Errors.stackTraceLimit = limit
  return error as Mutable<InstanceType<Class>>
}

// Where the constructor leaves the fields that it was given, hidden, for `toJSON`; `Equal` and `Hash` look there, too.
const plainFields = Symbol.for("effect/Data/Error/plainArgs")

/** Lets the errors of a class that are built as blanks be compared, hashed and shown like the others. */
export const prepare = ({ prototype }: ErrorClass): void => {
  if (Object.hasOwn(prototype, plainFields)) return
  Object.defineProperty(prototype, plainFields, {
    get(this: object) {
      return { ...this }
    }
  })
}
