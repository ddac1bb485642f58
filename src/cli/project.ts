import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Project } from '../worker/project.ts'
import { CliError } from './errors.ts'

const NAMES = ['countersign.config.ts', 'countersign.config.js', 'countersign.config.mjs']

/** A project and the file that it comes from; `null`: the shipped sample. */
export interface FoundProject {
  readonly project: Project
  readonly file: string | null
}

const projectFile = (named?: string): string | undefined =>
  named ?? NAMES.find((name) => existsSync(join(process.cwd(), name)))

export const hasProjectFile = (named?: string): boolean => projectFile(named) !== undefined

/**
 * Loads the project: the named file, else the `countersign.config.ts`, `.js` or `.mjs` of this folder, else the
 * sample. Fails with `config_invalid`, naming the file and what is wrong with it.
 */
export async function loadProject(named?: string): Promise<FoundProject> {
  const found = projectFile(named)
  if (found === undefined) {
    const { sampleProject } = await import('./sample-project.ts')
    return { project: sampleProject, file: null }
  }
  const file = resolve(found)
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw invalid(file, `cannot be loaded: ${reason}`, error)
  }
  const { project } = exported
  const hole = holeOf(project)
  if (hole !== undefined) throw invalid(file, hole)
  return { project: project as Project, file }
}

/** What is missing in what a project file exports. */
function holeOf(project: unknown): string | undefined {
  if (typeof project !== 'object' || project === null) return 'exports no `project`'
  const { workflows, policies, tools, migrate, seed } = project as Readonly<Record<string, unknown>>
  for (const [key, path] of Object.entries({ workflows, policies })) {
    if (typeof path !== 'string' || !isAbsolute(path)) return `has no absolute path in \`project.${key}\``
  }
  if (!Array.isArray(tools)) return 'has no list in `project.tools`'
  for (const [key, step] of Object.entries({ migrate, seed })) {
    if (step !== undefined && typeof step !== 'function') return `has no function in \`project.${key}\``
  }
  return undefined
}

const invalid = (file: string, what: string, cause?: unknown): CliError =>
  new CliError(
    'config_invalid',
    `The project file \`${file}\` ${what}.`,
    'Export `project`, made with `defineProject` of `countersign/worker`.',
    { cause },
  )
