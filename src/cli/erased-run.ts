import type { temporal } from '@temporalio/proto'
import type { LedgerDatabase } from '../ledger/database.ts'
import { moment } from '../contract/moment.ts'
import { plain } from './terminal.ts'

/** What is plain of a run that nobody can read any more. */
export interface ErasedRunFacts {
  /** Activities by their ids, as Temporal has them. Times are ISO 8601, UTC. */
  readonly steps: readonly {
    readonly at: string
    readonly step: string
    readonly tool: string
    readonly came: string
  }[]
  readonly effects: readonly { readonly step: string; readonly tool: string; readonly state: string }[]
  /** Whose word a host heard, and of what kind; what was said is erased. */
  readonly said: readonly { readonly at: string; readonly about: string; readonly by: string }[]
}

const timeOf = (at: temporal.api.history.v1.IHistoryEvent['eventTime']): string =>
  new Date(Number(String(at?.seconds ?? 0)) * 1000 + Math.floor((at?.nanos ?? 0) / 1e6)).toISOString()

/** The ordinary activities of a history, with what came of them: nothing of it is encrypted. */
export function stepsIn({ events }: temporal.api.history.v1.IHistory): ErasedRunFacts['steps'] {
  const steps = new Map<string, { at: string; step: string; tool: string; came: string }>()
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: asked } = event
    const at = timeOf(event.eventTime)
    if (asked) {
      const step = asked.activityId ?? ''
      steps.set(String(event.eventId), { at, step, tool: asked.activityType?.name ?? '', came: 'asked for' })
      continue
    }
    const ends = [
      ['done', event.activityTaskCompletedEventAttributes],
      ['failed', event.activityTaskFailedEventAttributes],
      ['timed out', event.activityTaskTimedOutEventAttributes],
      ['cancelled', event.activityTaskCanceledEventAttributes],
    ] as const
    for (const [came, end] of ends) {
      const step = end ? steps.get(String(end.scheduledEventId)) : undefined
      if (step !== undefined) step.came = came
    }
  }
  return [...steps.values()]
}

/** What the ledger still says of the runs of a workflow id. */
export async function ledgerFactsOf(db: LedgerDatabase, workflowId: string): Promise<Omit<ErasedRunFacts, 'steps'>> {
  const runs = db.selectFrom('countersign.runs').select('run_key').where('workflow_id', '=', workflowId)
  const effects = await db
    .selectFrom('countersign.effects')
    .select(['step', 'tool', 'state'])
    .where('run_key', 'in', runs)
    .orderBy('claimed_at')
    .execute()
  const said = await db
    .selectFrom('countersign.statements')
    .select(['about', 'subject', 'used_at'])
    .where('run_key', 'in', runs)
    .orderBy('used_at')
    .execute()
  return {
    effects,
    said: said.map(({ about, subject, used_at }) => ({ at: used_at.toISOString(), about, by: subject })),
  }
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${plain(line)}`)]

/** The page of an erased run, below what Temporal's search attributes tell. */
export const erasedLines = ({ steps, effects, said }: ErasedRunFacts): readonly string[] => [
  'request   ERASED',
  'result    ERASED',
  ...section(
    'effects',
    effects.map(({ step, tool, state }) => `${state.padEnd(9)}  ERASED  (${step}, ${tool})`),
  ),
  ...section(
    'said by people',
    said.map(({ at, about, by }) => `${moment(at)}  ${about} by ${by}: ERASED`),
  ),
  ...section(
    'timeline (UTC)',
    steps.map(({ at, step, came }) => `${moment(at)}  ${step}: ${came}, ERASED`),
  ),
]
