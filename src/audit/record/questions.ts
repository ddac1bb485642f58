import { askedStep } from '../../contract/question.ts'
import { moment } from '../../contract/moment.ts'
import { type Event, type Execution, type Found, line, refs, summaryOf, timeAfter, timeOf } from './execution.ts'

/** The summary of the timer that runs while a run can be undone. */
const UNDO_WINDOW = 'undo window'

/** Until when people were asked, and until when a run could be undone: by the timers, which Temporal keeps. */
export function questionsIn(execution: Execution): readonly Found[] {
  const ends = new Map<string, Event>()
  for (const event of execution.events) {
    const ended = event.timerFiredEventAttributes ?? event.timerCanceledEventAttributes
    if (ended) ends.set(String(ended.startedEventId), event)
  }
  return execution.events.flatMap((event): readonly Found[] => {
    const started = event.timerStartedEventAttributes
    if (!started) return []
    const summary = summaryOf(event)
    const step = askedStep(summary)
    if (step === undefined && summary !== UNDO_WINDOW) return []
    const ended = ends.get(String(event.eventId))
    const until = timeAfter(event, started.startToFireTimeout)
    const isOver = Boolean(ended?.timerFiredEventAttributes)
    const place = { at: timeOf(event), events: refs(execution, event, ended), proof: 'server', by: null } as const
    if (step === undefined) {
      const came = ended === undefined ? 'open' : isOver ? 'over' : 'ended'
      const text = `Until ${moment(until)} somebody can have it undone${CAME_OF_WINDOW[came]}.`
      return [{ ...place, kind: 'undo', step: null, says: { undoUntil: until, window: came }, text }]
    }
    const came = ended === undefined ? 'open' : isOver ? 'nobody_in_time' : 'ended'
    const text = `People were asked about ${line(step)}, until ${moment(until)}${CAME_OF_QUESTION[came]}.`
    return [{ ...place, kind: 'question', step: line(step), says: { deadline: until, came }, text }]
  })
}

const CAME_OF_WINDOW = { open: '', over: ', and nobody did', ended: '; the window ended before that' } as const
const CAME_OF_QUESTION = {
  open: '',
  nobody_in_time: ', and nobody answered in time',
  ended: '; the question ended before that',
} as const
