import type { Connection } from '@temporalio/client'
import proto from '@temporalio/proto'
import { setTimeout as delay } from 'node:timers/promises'
import { SEARCH_ATTRIBUTES } from '../contract/wire.ts'
import { CliError } from './errors.ts'
import { GRPC, grpcOf } from '../client/grpc.ts'

const Type = proto.temporal.api.enums.v1.IndexedValueType

interface Wanted {
  readonly name: string
  /** As Temporal's own tools write it. */
  readonly word: 'Keyword' | 'Int'
  readonly type: proto.temporal.api.enums.v1.IndexedValueType
}

/** The search attributes of a run as Temporal registers them. */
export const WANTED: readonly Wanted[] = Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) =>
  type === 'INT'
    ? { name, word: 'Int', type: Type.INDEXED_VALUE_TYPE_INT }
    : { name, word: 'Keyword', type: Type.INDEXED_VALUE_TYPE_KEYWORD },
)

const USABLE_TIMEOUT_MS = 60_000
const POLL_MS = 250

/**
 * The search attributes that a namespace lacks. Fails with `search_attribute_conflict` when one is registered
 * with another type: Temporal cannot change it.
 */
export async function missingAttributes(connection: Connection, namespace: string): Promise<readonly Wanted[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
  for (const { name, word, type } of WANTED) {
    const found = customAttributes[name]
    if (found === undefined || found === type) continue
    const other = (Type[found] ?? String(found)).replace('INDEXED_VALUE_TYPE_', '').toLowerCase()
    throw new CliError(
      'search_attribute_conflict',
      `The search attribute ${name} of namespace \`${namespace}\` is of type ${other}, and must be ${word}.`,
      `Remove it with \`temporal operator search-attribute remove --name ${name}\`, then run \`countersign setup\`.`,
    )
  }
  return WANTED.filter(({ name }) => customAttributes[name] === undefined)
}

/** Registers what is missing and waits until runs can use it; returns what was added. Safe to repeat. */
export async function registerAttributes(connection: Connection, namespace: string): Promise<readonly Wanted[]> {
  const missing = await missingAttributes(connection, namespace)
  if (missing.length > 0) {
    const searchAttributes = Object.fromEntries(missing.map(({ name, type }) => [name, type]))
    try {
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
    } catch (error) {
      // Somebody else registered them at the same moment.
      if (grpcOf(error)?.code !== GRPC.alreadyExists) throw error
    }
  }
  await untilUsable(connection, namespace)
  return missing
}

/** Registered is not yet usable: every part of the server learns of it in its own time. */
async function untilUsable(connection: Connection, namespace: string): Promise<void> {
  const query = WANTED.map(({ name }) => `${name} IS NULL`).join(' OR ')
  const deadline = Date.now() + USABLE_TIMEOUT_MS
  for (;;) {
    try {
      await connection.workflowService.listWorkflowExecutions({ namespace, query, pageSize: 1 })
      return
    } catch (error) {
      if (Date.now() > deadline) {
        throw new CliError(
          'setup_incomplete',
          `The search attributes are registered, but Temporal does not take them after ${USABLE_TIMEOUT_MS / 1000} seconds.`,
          'Wait a little, then run `countersign setup` again.',
          { cause: error },
        )
      }
      await delay(POLL_MS)
    }
  }
}
