/** For services and tools that start runs and decide on them. */
export { failureOf, type Failure, type FailureCode } from '../contract/failures.ts'
export type { Action, Decision, Match } from '../contract/action.ts'
export type { Digest } from '../contract/digest.ts'
export type { Principal } from '../contract/principal.ts'
export type {
  Answer,
  Attempt,
  Case,
  DecideMessage,
  Draft,
  EffectStatus,
  Incident,
  PendingApproval,
  Question,
  ResolveMessage,
  RunResult,
  RunStatus,
  Spend,
  StartMessage,
  TimelineEntry,
  UndoMessage,
} from '../contract/run.ts'
export type { Limit, Raise } from '../contract/raise.ts'
export type { About, Statement } from '../contract/statement.ts'
export type { RunEnd, RunState } from '../contract/states.ts'
export type { StopMark, StopScope, StopTarget, StopWord } from '../contract/stop.ts'
export type { WorkerVersion } from '../contract/version.ts'
export { type ClientOptions, CountersignClient, type ListOptions, type RequestOf, type StartOptions } from './client.ts'
export type { DataKey, DataKeys } from '../privacy/data-keys.ts'
export { encryptedDataConverter, type EncryptionOptions } from '../privacy/encrypted.ts'
export { RunHandle, type Said } from './run-handle.ts'
export { gatewayDataKeys, type KeyAccess } from './data-keys.ts'
export type { GatewayAccess } from './gateway.ts'
export { developmentStatements, gatewayStatements, type Speaker, type StatementSource } from './statements.ts'
export type { SendingOptions } from './sender.ts'
export type { ResumedRuns, ResumeWord } from './stopped-runs.ts'
export type { RunSummary } from './summary.ts'
