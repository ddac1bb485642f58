/** For the process that runs playbooks: tools, models, the ledger and the worker itself. */
export type { Usage } from '../contract/calls.ts'
export type { PromptRecord } from '../contract/prompt.ts'
export type { WorkerVersion } from '../contract/version.ts'
export { hostKeyFile, type HostKey, hostKeyOf } from '../identity/host-key.ts'
export { type LedgerDatabase, openDatabase } from '../ledger/database.ts'
export { migrateLedger, pendingMigrations } from '../ledger/migrations.ts'
export { type DataKey, type DataKeys, ledgerDataKeys, type LedgerDataKeys } from '../privacy/data-keys.ts'
export { encryptedDataConverter, type EncryptionOptions } from '../privacy/encrypted.ts'
export { localMasterKeys, type MasterKeys, masterKeysFile, type Wrapped } from '../privacy/master-keys.ts'
export { vaultMasterKeys, type VaultSettings } from '../privacy/vault.ts'
export type { StopMark, StopScope, StopTarget, StopWord } from '../contract/stop.ts'
export { type Stop, stopHistory, stopsInForce } from '../ledger/stops.ts'
export { developmentIssuer, type DevelopmentIssuer } from '../identity/statements.ts'
export { breakGlass, liftNow, type Signed, stopAbout, stopNow } from './stopping.ts'
export {
  implement,
  type Meter,
  type ReadImplementation,
  type Reservation,
  type Thinker,
  type Thinking,
  type ThinkLimits,
  type ToolCall,
  type ToolImplementation,
  type WriteCall,
  type WriteImplementation,
} from '../tools/implementation.ts'
export { type ModelsConfig } from '../tools/models/config.ts'
export { loadModels } from '../tools/models/load.ts'
export { createThinker, type DeterministicThoughts } from '../tools/models/thinker.ts'
export {
  type SecretSource,
  environmentSecrets,
  fileSecrets,
  secretSourcesOf,
  vaultSecrets,
  type VaultSecretOptions,
} from '../privacy/secrets.ts'
export { type Difference, differenceText } from '../audit/differences.ts'
export { replayable } from '../audit/in-full.ts'
export { type Replayed, replayHistory } from '../audit/replay.ts'
export { type ExportsConfig, readExportsConfig } from '../audit/export/config.ts'
export { bundleForReplay, bundlePlaybooks, type PlaybookBundle } from './bundle.ts'
export { makeCurrent } from './deployment.ts'
export { type HealthAddress, type HealthServer, type HealthSources, type Phase, serveHealth } from './health-server.ts'
export {
  type Attempt,
  type AttemptEnd,
  type EffectChange,
  type ModelCallEvent,
  type Observer,
  observers,
  type PolicyStanding,
  type PolicyTrouble,
} from './observer.ts'
export { BundleError, readBundle, writeBundle, type WrittenBundle } from './prebuilt.ts'
export { defineProject, type Project } from './project.ts'
export { prometheusOf, type WorkerMetrics } from './prometheus.ts'
export { type Check, type Checked, type Readiness, readinessOf } from './readiness.ts'
export { DEFAULT_COMPRESSION, type Tuning } from './tuning.ts'
export { createWorker, type WorkerSettings } from './worker.ts'
