"use strict"
// Prints `N passed, M failed` for a report of Vitest and the exit code of the command that wrote it. Runs on any Node,
// because it also has to speak when the set-up failed.

const fs = require("fs")

const formatCounts = (report, status) => {
  let passed = 0
  let failed = 0
  for (const file of report.testResults) {
    const count = (wanted) => file.assertionResults.filter((test) => test.status === wanted).length
    passed += count("passed")
    // A file that could not even be loaded has no test that failed.
    failed += count("failed") || (file.status === "failed" ? 1 : 0)
  }
  // Types, lint or the build failed, and the tests did not notice.
  if (status !== 0 && failed === 0) failed = 1
  return passed + " passed, " + failed + " failed"
}

const read = (file) => {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"))
  } catch (_) {
    return undefined
  }
}

if (require.main === module) {
  const report = read(process.argv[2])
  console.log(report === undefined ? "0 passed, 1 failed" : formatCounts(report, Number(process.argv[3])))
}

module.exports = { formatCounts }
