/** For services and tools that start runs and decide on them. */
export { failureOf, type Failure, type FailureCode } from '../contract/failures.ts'
export type {
  Answer,
  DecideMessage,
  PendingApproval,
  ResolveMessage,
  RunResult,
  RunStatus,
  StartMessage,
  UndoMessage,
} from '../contract/run.ts'
export type { RunEnd, RunState } from '../contract/states.ts'
export { CountersignClient, type ListOptions, type RequestOf, type StartOptions } from './client.ts'
export { RunHandle } from './run-handle.ts'
export type { RunSummary } from './summary.ts'
