/** A binary heap whose members know their index, so that a member can be removed or moved when its rank has changed. */
export interface Heaped {
  /** The index; -1 outside of a heap. Set by the heap. */
  spot: number
}

export class Heap<Member extends Heaped> {
  private readonly members: Array<Member> = []
  private readonly isBefore: (a: Member, b: Member) => boolean

  constructor(isBefore: (a: Member, b: Member) => boolean) {
    this.isBefore = isBefore
  }

  get size(): number {
    return this.members.length
  }

  /** In no particular order. */
  get all(): ReadonlyArray<Member> {
    return this.members
  }

  peek(): Member | undefined {
    return this.members[0]
  }

  /** Inserts a member, or moves it to its new position. */
  place(member: Member): void {
    const at = member.spot < 0 ? this.members.length : member.spot
    this.settle(member, this.rise(member, at))
  }

  remove(member: Member): void {
    const { spot } = member
    if (spot < 0) return
    member.spot = -1
    const last = this.members.pop()!
    if (last !== member) this.settle(last, this.rise(last, spot))
  }

  /** Moves ancestors that belong below the member down. Returns the index that becomes free. */
  private rise(member: Member, at: number): number {
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = this.members[up]!
      if (!this.isBefore(member, parent)) break
      this.put(parent, at)
      at = up
    }
    return at
  }

  /** Moves descendants that belong above the member up, and puts the member into the index that becomes free. */
  private settle(member: Member, at: number): void {
    const { members } = this
    for (;;) {
      let down = 2 * at + 1
      if (down >= members.length) break
      if (down + 1 < members.length && this.isBefore(members[down + 1]!, members[down]!)) down++
      if (!this.isBefore(members[down]!, member)) break
      this.put(members[down]!, at)
      at = down
    }
    this.put(member, at)
  }

  private put(member: Member, at: number): void {
    this.members[at] = member
    member.spot = at
  }
}
