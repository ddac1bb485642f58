/** The Node side of policies: from files and texts to a `Policy`, or to every problem that was found. */
export {
  loadPolicies,
  loadPolicy,
  parseFound,
  parsePolicyFolder,
  type PolicyFolder,
  readPolicyFolder,
} from './files.ts'
export { type ParsedPolicy, parsePolicy } from './parse.ts'
export { fileProblem, formatProblem, type PolicyProblem } from './problem.ts'
