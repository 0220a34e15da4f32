/**
 * The models that were made here, and are asked as they were made: nobody comes between one and whoever asks, who could change
 * its reply in place. What was found out about the reply then holds.
 */

interface Model {
  readonly complete: unknown
}

interface Made {
  /** The function by which it was made to be asked for whole answers. */
  readonly complete: unknown
  /** The models that it asks. */
  readonly models: ReadonlyArray<Model>
}

const made = new WeakMap<Model, Made>()

/** Notes a model that changes no reply, and gives back what the models that it asks give. */
export const noteMade = <M extends Model>(model: M, models: ReadonlyArray<Model> = []): M => {
  made.set(model, { complete: model.complete, models })
  return model
}

export const isUnchanged = (model: Model): boolean => {
  const known = made.get(model)
  return known !== undefined && known.complete === model.complete && known.models.every(isUnchanged)
}
