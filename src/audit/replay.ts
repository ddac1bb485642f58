import type { coresdk, temporal } from '@temporalio/proto'
import type { PayloadCodec } from '@temporalio/common'
import { type ReplayWorkerOptions, Worker } from '@temporalio/worker'
import { REPLAY_SINK } from '../contract/replay.ts'
import type { Command } from './command.ts'
import { type Difference, differencesOf } from './differences.ts'
import { recordedCommands } from './recorded.ts'
import { commandOf } from './sent.ts'

/** What came of a replay that went through. */
export interface Replayed {
  /** How many commands of the history were compared, by their kind. */
  readonly compared: Readonly<Partial<Record<Command['kind'], number>>>
  /** None: the code says all that the history says. */
  readonly differences: readonly Difference[]
}

/**
 * Replays a history on a bundle of `bundleForReplay`, and compares what the code sends with what the history has.
 * Throws `DeterminismViolationError` when the code sends other commands, or in another order: Temporal itself looks at
 * kinds, types and ids, and not at what they say. What is kept beside the history is read by `payloadCodecs`, that of
 * `bulkCodec`; without it a history that needs any cannot be replayed. One that is encrypted is made `replayable` before.
 */
export async function replayHistory(
  workflowBundle: NonNullable<ReplayWorkerOptions['workflowBundle']>,
  history: temporal.api.history.v1.IHistory,
  payloadCodecs: readonly PayloadCodec[] = [],
): Promise<Replayed> {
  const sent: Command[] = []
  const listen = (commands: readonly coresdk.workflow_commands.IWorkflowCommand[]): void => {
    sent.push(...commands.flatMap((command) => commandOf(command) ?? []))
  }
  const sinks = {
    [REPLAY_SINK]: { sent: { fn: (_info: unknown, commands: never) => listen(commands), callDuringReplay: true } },
  }
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes
  const dataConverter = { payloadCodecs: [...payloadCodecs] }
  await Worker.runReplayHistory({ workflowBundle, sinks, dataConverter }, history, started?.workflowId ?? undefined)
  const recorded = recordedCommands(history)
  const compared: Partial<Record<Command['kind'], number>> = {}
  for (const { kind } of recorded) compared[kind] = (compared[kind] ?? 0) + 1
  return { compared, differences: differencesOf(recorded, sent) }
}
