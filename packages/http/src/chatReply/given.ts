/**
 * What is noted beside an object: in a private field, which no code but that of its class sees and no copy has. A `WeakMap` of
 * all answers takes ten times as long: it grows with each of them, and is looked through whenever memory is collected.
 */

/** The object that it is given, in place of one that is made: the fields that a class declares are put on it. */
export class Given {
  constructor(object: object) {
    return object
  }
}
