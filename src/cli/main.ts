#!/usr/bin/env node
import { nodeProblem } from './node-version.ts'

// Before anything else is loaded: an older Node may fail on the syntax of what comes next.
const problem = nodeProblem(process.versions.node)
if (problem === undefined) {
  const { runProgram } = await import('./program.ts')
  await runProgram(process.argv.slice(2))
} else {
  process.stderr.write(problem)
  process.exitCode = 1
}
