/** A binary heap whose members know their spot, so that one can leave, or move when its rank has changed. */
export interface Heaped {
  /** Kept by the heap it is in; -1 while in none. */
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

  peek(): Member | undefined {
    return this.members[0]
  }

  /** Puts a member in, or where it belongs now. */
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

  /** Moves those that belong below the member down from above the spot; answers the spot that this leaves. */
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

  /** Moves those that belong above the member up from below the spot, and puts the member into the one that is left. */
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
