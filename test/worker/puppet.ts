import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  defineSignal,
  defineUpdate,
  makeContinueAsNewFunc,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from '@temporalio/workflow'
import { failureOf } from '../../src/contract/failures.ts'

/** An activity call as a test tells a puppet to make it, with any argument that JSON can say. */
export interface Call {
  readonly type: string
  readonly args: readonly unknown[]
  readonly id?: string
  readonly local?: boolean
  /** Default: the one that the puppet runs on. */
  readonly taskQueue?: string
}

/** What the activity answered; `final`: Temporal would not have tried it again. */
export type Told =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly final: boolean }

export const tell = defineUpdate<Told, [Call]>('tell')
/** Lets a puppet go on as a new run of its chain, without arguments. */
export const goOn = defineSignal('goOn')

type Activities = Record<string, (...args: readonly unknown[]) => Promise<unknown>>

async function call({ type, args, id, local = false, taskQueue }: Call): Promise<Told> {
  const options = { startToCloseTimeout: '10 s', retry: { maximumAttempts: 1 } } as const
  const proxy = local
    ? proxyLocalActivities<Activities>(options)
    : proxyActivities<Activities>({
        ...options,
        ...(id === undefined ? {} : { activityId: id }),
        ...(taskQueue === undefined ? {} : { taskQueue }),
      })
  try {
    return { ok: true, result: await (proxy[type] as Activities[string])(...args) }
  } catch (error) {
    // A local activity's failure comes as it is, any other wrapped.
    const thrown = error instanceof ActivityFailure ? error.cause : error
    const failure = failureOf(error)
    return {
      ok: false,
      code: failure?.code ?? String(thrown),
      message: failure?.message ?? '',
      final: thrown instanceof ApplicationFailure && thrown.nonRetryable === true,
    }
  }
}

/** Workflow code without a kernel: it makes the calls that it is told to make, for as long as the server runs. */
export async function puppet(): Promise<void> {
  let isOver = false
  setHandler(tell, call)
  setHandler(goOn, () => {
    isOver = true
  })
  await condition(() => isOver)
  await makeContinueAsNewFunc<() => Promise<void>>()()
}
