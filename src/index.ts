/** The vocabulary that tools and playbooks are declared with. Pure: it runs on both sides of the sandbox. */
export type { Change, Preview } from './contract/action.ts'
export { pii, type PiiKind, secret, subject } from './contract/classes.ts'
export type { EvidenceKind } from './contract/evidence.ts'
export {
  booleanFact,
  enumFact,
  type FactDeclaration,
  moneyFact,
  numberFact,
  textFact,
  type Trust,
} from './contract/fact.ts'
export { codeOf, fail, type Failure, type FailureCode, failureOf, failureRule, FAILURES } from './contract/failures.ts'
export type { Json } from './contract/json.ts'
export { type Mentions, mentionsIn } from './contract/mentions.ts'
export { type Currency, formatMoney, type Money, money, moneySchema, parseMoney, usd } from './contract/money.ts'
export type { PlaybookContract } from './contract/playbook.ts'
export { proposal, type Proposal, type ProposalInput, type ProposalThought } from './contract/proposal.ts'
export type { RunEnd, RunState } from './contract/states.ts'
export {
  type Idempotency,
  readTool,
  type ReadTool,
  type Retry,
  type Reversibility,
  type Risk,
  thought,
  type Thought,
  writeTool,
  type WriteTool,
} from './contract/tool.ts'
