import { resolve } from 'node:path'
import {
  developmentExports,
  type ExportsConfig,
  ExportsConfigError,
  readExportsConfig,
  uncovered,
} from '../audit/export/config.ts'
import { loadPolicies } from '../policy/load/index.ts'
import type { Project } from '../worker/project.ts'
import { readPlaybooks } from '../worker/registry.ts'
import { CliError } from './errors.ts'

/** Reads where records are exported to; fails with `config_invalid`. */
export function exportsConfigOf(file: string): ExportsConfig {
  try {
    return readExportsConfig(file, process.env)
  } catch (error) {
    if (!(error instanceof ExportsConfigError)) throw error
    throw new CliError('config_invalid', error.message, 'Mend it as docs/audit.md says.')
  }
}

/** A policy that wants the records of its runs exported, and where to. */
interface WantedExport {
  readonly workflow: string
  readonly target: string
}

/** What the policies of a project want exported; nothing of policies that cannot be used. */
export async function wantedExports(project: Project): Promise<readonly WantedExport[]> {
  const loaded = await loadPolicies(project.policies, [...(await readPlaybooks(project.workflows)).values()])
  if (!loaded.ok) return []
  return [...loaded.policies.values()].flatMap(({ workflow, policy: { audit } }) =>
    audit.export === null ? [] : [{ workflow, target: audit.export }],
  )
}

/** Those of them that no sink of this configuration takes. */
export const withoutSink = (wanted: readonly WantedExport[], config?: ExportsConfig): readonly WantedExport[] =>
  wanted.filter(({ target }) => uncovered([target], config?.sinks ?? []).length > 0)

/** For development, where nobody has said where to: one file, with what to say of it. */
export async function exportsForDevelopment(
  project: Project,
  stateDir: string,
): Promise<{ readonly config: ExportsConfig; readonly lines: readonly string[] }> {
  const file = resolve(stateDir, 'exports', 'audit.jsonl')
  const wanted = await wantedExports(project)
  return {
    config: developmentExports(file),
    lines: wanted.map(
      ({ workflow, target }) =>
        `the policy of ${workflow} exports to \`${target}\`, which is not configured: in development its events wait in the outbox and go to ${file}`,
    ),
  }
}
