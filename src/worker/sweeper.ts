import { ApplicationFailure, Context } from '@temporalio/activity'
import { type NativeConnection, Worker } from '@temporalio/worker'
import { extname, join } from 'node:path'
import { z } from 'zod'
import type { SweepActivities, SweepPart } from '../../workflows/sweep/index.ts'
import { copyPartition } from '../audit/archive/copies.ts'
import type { BlobStore } from '../audit/archive/store.ts'
import { gather } from '../audit/sealing/gather.ts'
import { NO_COUNTS, type PartitionCounts, sealPartition, type Sweeping } from '../audit/sealing/partition.ts'
import { LogError } from '../audit/seal/log.ts'
import { type AskedWitness, publish } from '../audit/seal/publish.ts'
import { StepError } from '../audit/seal/remembered.ts'
import type { Signer } from '../audit/seal/signer.ts'
import { shortened } from '../contract/plain-text.ts'
import { textOf } from '../contract/text.ts'
import { markBegun, markEnded, markTrouble } from '../ledger/sweep-marks.ts'
import { sweepQueue } from './sweep-schedule.ts'

/** What a sweeper is made of. */
export interface SweeperParts extends Sweeping {
  readonly connection: NativeConnection
  /** Where the workers listen whose runs are swept. */
  readonly taskQueue: string
  readonly signer: Signer
  readonly witnesses: readonly AskedWitness[]
  /** Where bundles are copied to. Default: nowhere. */
  readonly store?: BlobStore | undefined
  /** Is told what keeps it from going on, or from being complete. */
  readonly troubled: (what: string) => void
}

const WORKFLOWS = join(import.meta.dirname, '..', '..', 'workflows', 'sweep', `index${extname(import.meta.filename)}`)
/** Parts of a sweep that one process works on at once. */
const AT_ONCE = 4

/** Makes what works on the sweeps that Temporal orders. Nothing is polled before `run()`. */
export async function createSweeper(parts: SweeperParts): Promise<Worker> {
  const { connection, namespace, taskQueue } = parts
  return await Worker.create({
    connection,
    namespace,
    taskQueue: sweepQueue(taskQueue),
    workflowsPath: WORKFLOWS,
    activities: { ...activitiesOf(parts) },
    maxConcurrentActivityTaskExecutions: AT_ONCE,
    // A sweep has few tasks; those of one that died are anybody's at once.
    maxCachedWorkflows: 0,
    // One that an older version began, and this one cannot go on with, makes room for the next.
    workflowFailureErrorTypes: { '*': ['NondeterminismError'] },
    shutdownGraceTime: 1_000,
  })
}

const partSchema = z
  .strictObject({ partition: z.int().min(0), of: z.int().min(1).max(1_024) })
  .refine(({ partition, of }) => partition < of)

function partOf(part: unknown): SweepPart {
  const parsed = partSchema.safeParse(part)
  if (parsed.success) return parsed.data
  throw ApplicationFailure.nonRetryable('a part is `{partition, of}`, 0 <= partition < of', 'sweep_invalid')
}

function activitiesOf(parts: SweeperParts): SweepActivities {
  const { db, store, witnesses, signer } = parts
  return {
    gather: () =>
      attempted(parts, async ({ alive }) => {
        await markBegun(db, parts, store?.url ?? null)
        return await gather(parts, alive)
      }),
    seal: (part) =>
      attempted(parts, ({ signal, counted, before }) =>
        sealPartition(parts, partOf(part), { signal, counted, before }),
      ),
    publish: () =>
      attempted(parts, async () => {
        try {
          const { refused } = await publish({ db, signer, witnesses })
          for (const { url, why } of refused) await troubled(parts, `the witness ${url} did not sign: ${why}`)
          return true
        } catch (error) {
          if (!(error instanceof LogError || error instanceof StepError)) throw error
          await troubled(parts, `the log is not what it has to be: ${error.message}`)
          return false
        }
      }),
    copy: (part) =>
      attempted(parts, async ({ signal, alive }) => {
        if (store === undefined) return { copied: 0, isComplete: true }
        const { copied, trouble } = await copyPartition({ db, store }, partOf(part), { signal, alive })
        if (trouble !== null) await troubled(parts, trouble)
        return { copied, isComplete: trouble === null }
      }),
    end: (result) => attempted(parts, () => markEnded(db, parts, result)),
  }
}

async function troubled({ db, namespace, taskQueue, troubled: tell }: SweeperParts, what: string): Promise<void> {
  tell(what)
  // Where the ledger is what is away, the log alone says so.
  await markTrouble(db, { namespace, taskQueue }, shortened(what, 500)).catch(() => undefined)
}

interface Attempt {
  /** Aborted where nobody waits for it any more. */
  readonly signal: AbortSignal
  readonly alive: () => void
  /** Keeps counts for another attempt, should this one be cut off. */
  readonly counted: (counts: PartitionCounts) => void
  readonly before: PartitionCounts
}

/** Does a part of a sweep with signs of life. What it fails with stays here: histories of sweeps hold nothing of a run. */
async function attempted<T>(parts: SweeperParts, work: (attempt: Attempt) => Promise<T>): Promise<T> {
  const context = Context.current()
  const { heartbeatTimeoutMs = 60_000, heartbeatDetails } = context.info
  let counts = { ...NO_COUNTS, ...(heartbeatDetails as PartitionCounts | undefined) }
  const alive = (): void => context.heartbeat(counts)
  const timer = setInterval(alive, Math.max(heartbeatTimeoutMs / 4, 250))
  try {
    return await work({
      signal: context.cancellationSignal,
      alive,
      counted(now) {
        counts = now
      },
      before: counts,
    })
  } catch (error) {
    if (context.cancellationSignal.aborted || error instanceof ApplicationFailure) throw error
    await troubled(parts, error instanceof Error ? error.message : textOf(error))
    throw ApplicationFailure.retryable('the log of the sweepers says why', 'sweep_interrupted')
  } finally {
    clearInterval(timer)
  }
}
