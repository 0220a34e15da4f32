/** Guards that go on with what another one of their kind keeps: its options were changed while the process runs. */

/** What a guard keeps its values in. */
interface Store {
  readonly takeOver: (other: any) => void
}

const stores = new WeakMap<object, Store>()

/** Notes where a guard of users keeps its values. */
export const noteStore = (made: object, store: Store): void => {
  stores.set(made, store)
}

/** The other one keeps its values, too. */
export const takeOver = (made: object, other: object): void => {
  const store = stores.get(other)
  if (store !== undefined) stores.get(made)?.takeOver(store)
}
