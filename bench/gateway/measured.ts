/** What every proxy that is measured does beside proxying: it tells its port to its parent, and its CPU when it is asked. */
export const measured = (port: number): void => {
  process.send?.(port)
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.on("disconnect", () => process.exit())
}
