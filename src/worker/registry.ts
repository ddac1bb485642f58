import { pathToFileURL } from 'node:url'
import { playbookHoles } from '../contract/holes.ts'
import { fail } from '../contract/failures.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import type { Thought } from '../contract/tool.ts'
import type { ReadImplementation, ToolImplementation, WriteImplementation } from '../tools/implementation.ts'

/** What a worker may run: playbooks by workflow type, and the tools and thoughts that they list, by name. */
export interface Registry {
  readonly playbooks: ReadonlyMap<string, PlaybookContract>
  readonly reads: ReadonlyMap<string, ReadImplementation>
  readonly writes: ReadonlyMap<string, WriteImplementation>
  readonly thoughts: ReadonlyMap<string, Thought>
}

interface ExportedPlaybook {
  readonly contract: PlaybookContract
}

const isPlaybook = (value: unknown): value is ExportedPlaybook =>
  typeof value === 'function' && typeof (value as { contract?: unknown }).contract === 'object'

/**
 * Reads the exports of a workflows file: each playbook under its contract's name. Fails with
 * `contract_incomplete`, naming what is wrong and where.
 */
export function playbooksOf(exports: Readonly<Record<string, unknown>>): ReadonlyMap<string, PlaybookContract> {
  const playbooks = new Map<string, PlaybookContract>()
  for (const [type, exported] of Object.entries(exports)) {
    if (typeof exported !== 'function') continue
    if (!isPlaybook(exported)) {
      throw fail('contract_incomplete', `the workflow \`${type}\` was not made with \`playbook\``)
    }
    const { contract } = exported
    if (contract.name !== type) {
      throw fail('contract_incomplete', `the playbook \`${contract.name}\` is exported as \`${type}\``)
    }
    const [hole] = playbookHoles(contract)
    if (hole !== undefined) throw fail('contract_incomplete', `the contract of \`${type}\` has a hole: ${hole}`)
    playbooks.set(type, contract)
  }
  if (playbooks.size === 0) throw fail('contract_incomplete', 'the workflows file exports no playbook')
  return playbooks
}

/**
 * Reads the contracts of the playbooks that a workflows file exports, by workflow type. Fails with
 * `contract_incomplete`, naming the hole.
 */
export async function readPlaybooks(workflowsPath: string): Promise<ReadonlyMap<string, PlaybookContract>> {
  let exports: Record<string, unknown>
  try {
    exports = (await import(pathToFileURL(workflowsPath).href)) as Record<string, unknown>
  } catch (error) {
    throw fail('contract_incomplete', `the workflows file \`${workflowsPath}\` cannot be loaded: ${String(error)}`)
  }
  return playbooksOf(exports)
}

function checkImplementation(how: ToolImplementation): void {
  const { contract } = how
  const hole = (name: string): Error =>
    fail('contract_incomplete', `the implementation of \`${contract.name}\` has a hole: ${name}`)
  if (typeof how.execute !== 'function') throw hole('execute')
  if (contract.kind === 'read') return
  const write = how as WriteImplementation
  if (typeof write.preview !== 'function') throw hole('preview')
  if ((contract.undo !== null) !== (typeof write.undo === 'function')) throw hole('undo')
  const isProbed = typeof write.probe === 'function'
  const mayProbe = contract.idempotency === 'probe' || contract.idempotency === 'key'
  if (isProbed ? !mayProbe : contract.idempotency === 'probe') throw hole('probe')
}

/**
 * Joins playbooks with the implementations of the tools that they list. Fails with `contract_incomplete` when
 * a listed tool has no implementation, an implementation lacks a part, or two of them have one name.
 */
export function registryOf(
  playbooks: ReadonlyMap<string, PlaybookContract>,
  implementations: readonly ToolImplementation[],
): Registry {
  const byName = new Map<string, ToolImplementation>()
  for (const how of implementations) {
    if (byName.has(how.contract.name)) {
      throw fail('contract_incomplete', `two implementations of \`${how.contract.name}\``)
    }
    checkImplementation(how)
    byName.set(how.contract.name, how)
  }
  const reads = new Map<string, ReadImplementation>()
  const writes = new Map<string, WriteImplementation>()
  const thoughts = new Map<string, Thought>()
  for (const [type, { tools, thoughts: listed }] of playbooks) {
    for (const tool of tools) {
      const how = byName.get(tool.name)
      if (how === undefined || how.contract !== tool) {
        const what = how === undefined ? 'no implementation' : 'an implementation of another contract'
        throw fail('contract_incomplete', `\`${tool.name}\`, listed by \`${type}\`, has ${what}`)
      }
      if (isRead(how)) reads.set(tool.name, how)
      else writes.set(tool.name, how)
    }
    for (const thought of listed) {
      const known = thoughts.get(thought.name)
      if (known !== undefined && known !== thought) {
        throw fail('contract_incomplete', `two thoughts are named \`${thought.name}\``)
      }
      thoughts.set(thought.name, thought)
    }
  }
  return { playbooks, reads, writes, thoughts }
}

const isRead = (how: ToolImplementation): how is ReadImplementation => how.contract.kind === 'read'
