import { proxySinks, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow'
import { REPLAY_SINK } from '../../src/contract/replay.ts'

type Internals = NonNullable<WorkflowInterceptors['internals']>[number]
type Commands = Parameters<NonNullable<Internals['concludeActivation']>>[0]['commands']

/** What a replay listens to. */
export interface ReplaySinks extends Sinks {
  readonly [REPLAY_SINK]: { readonly sent: (commands: Commands) => void }
}

/** Tells the host what the code sends. Part of bundles for replays only: in others it would cost every task. */
export function interceptors(): WorkflowInterceptors {
  const sink = proxySinks<ReplaySinks>()[REPLAY_SINK]
  return {
    internals: [
      {
        concludeActivation(input, next) {
          const output = next(input)
          sink.sent(output.commands)
          return output
        },
      },
    ],
  }
}
