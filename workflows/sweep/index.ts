import { proxyActivities } from '@temporalio/workflow'

/** How a sweep is done. Nothing in it, or in what it comes to, is of a run. */
export interface SweepOrder {
  /** Into how many parts the runs are divided; each is an activity, which any of the sweepers takes. */
  readonly partitions: number
  /** After how long without a sign of life another takes a part. */
  readonly heartbeatMs: number
}

/** One of the parts. */
export interface SweepPart {
  readonly partition: number
  readonly of: number
}

/** What a sweep came to. */
export interface SweepResult {
  readonly sealed: number
  readonly failed: number
  readonly copied: number
  /** Whether something kept it from being complete; the log of the sweepers and `countersign audit status` say what. */
  readonly isComplete: boolean
}

/** What the sweepers do. Each can be done again at any time. */
export interface SweepActivities {
  gather(): Promise<number>
  seal(part: SweepPart): Promise<{ readonly sealed: number; readonly failed: number }>
  /** Has the log signed. `false`: it is not what was signed of it. */
  publish(): Promise<boolean>
  copy(part: SweepPart): Promise<{ readonly copied: number; readonly isComplete: boolean }>
  end(result: SweepResult): Promise<void>
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

/**
 * Seals and archives what is over: a plain workflow, no playbook. What it works on stands in the ledger, so it can be ended at any point, and
 * the next one goes on from there.
 */
export async function countersignSweep({ partitions, heartbeatMs }: SweepOrder): Promise<SweepResult> {
  const { gather, seal, publish, copy, end } = proxyActivities<SweepActivities>({
    startToCloseTimeout: '1 day',
    heartbeatTimeout: heartbeatMs,
    // Whatever is away comes back.
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  })
  const parts = Array.from({ length: partitions }, (_, partition) => ({ partition, of: partitions }))
  await gather()
  const seals = await Promise.all(parts.map((part) => seal(part)))
  const isSound = await publish()
  const copies = await Promise.all(parts.map((part) => copy(part)))
  const result = {
    sealed: sum(seals.map(({ sealed }) => sealed)),
    failed: sum(seals.map(({ failed }) => failed)),
    copied: sum(copies.map(({ copied }) => copied)),
    isComplete: isSound && copies.every(({ isComplete }) => isComplete),
  }
  await end(result)
  return result
}
