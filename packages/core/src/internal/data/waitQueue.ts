/** A first-in, first-out queue. A member can be removed from the middle in constant time. */

/** The links of a member. A member is in at most one queue. */
export interface Place<Member> {
  before: Member | undefined
  after: Member | undefined
}

export class WaitQueue<Member extends Place<Member>> {
  size = 0
  private first: Member | undefined
  private last: Member | undefined

  push(member: Member): void {
    member.before = this.last
    if (this.last) this.last.after = member
    else this.first = member
    this.last = member
    this.size++
  }

  peek(): Member | undefined {
    return this.first
  }

  peekLast(): Member | undefined {
    return this.last
  }

  /** Inserts a new member before one that is in the queue. */
  insertBefore(member: Member, successor: Member): void {
    member.before = successor.before
    member.after = successor
    if (successor.before) successor.before.after = member
    else this.first = member
    successor.before = member
    this.size++
  }

  shift(): Member | undefined {
    const first = this.first
    if (first) this.remove(first)
    return first
  }

  remove(member: Member): void {
    const { after, before } = member
    if (before) before.after = after
    else this.first = after
    if (after) after.before = before
    else this.last = before
    member.before = member.after = undefined
    this.size--
  }
}
