import type { LedgerDatabase } from '../ledger/database.ts'
import type { ToolImplementation } from '../tools/implementation.ts'
import type { DeterministicThoughts } from '../tools/models/thinker.ts'

/**
 * What a team adds to Countersign: its playbooks, tools and policies. The commands read it from the
 * `countersign.config.ts` (or `.js`, `.mjs`) of the folder that they run in; without one they run the shipped
 * sample.
 */
export interface Project {
  /** Absolute path of the file that exports the playbooks. */
  readonly workflows: string
  readonly tools: readonly ToolImplementation[]
  /** Absolute path of the folder with one `<slug>.yaml` a playbook. */
  readonly policies: string
  /** Plain code that answers thoughts for whose role no model is configured, by the name of the thought. */
  readonly deterministic?: DeterministicThoughts
  /** Prepares the project's own tables; run by `countersign setup`, `dev` and `demo`, safe to repeat. */
  readonly migrate?: (db: LedgerDatabase) => Promise<void>
  /** Fills them with a sample; run by `dev` and `demo` only, safe to repeat. */
  readonly seed?: (db: LedgerDatabase) => Promise<void>
}

/** Types a project. */
export const defineProject = (project: Project): Project => project
