/** A mistake of the test, and no event of the world: a call of a service that a node does not provide. */
export class Mistake extends Error {}
