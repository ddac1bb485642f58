import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

interface Event {
  readonly eventType: string
  readonly [attributes: string]: unknown
}

/** `EVENT_TYPE_TIMER_STARTED` → `TimerStarted` */
const nameOf = ({ eventType }: Event): string =>
  eventType
    .replace('EVENT_TYPE_', '')
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Of the update `outcome`, which comes whenever somebody waits. */
const isOutcome = (event: Event): boolean => JSON.stringify(event).includes('"updateId":"outcome"')

test('the table of events in the architecture is what stands in the recorded history, in its order', () => {
  const text = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8')
  const section = text.slice(text.indexOf('## Every event of a governed run'))
  const path = /`(test\/replay\/histories\/[\w./-]+\.json)`/.exec(section)?.[1] ?? ''
  const table = section.slice(section.indexOf('| event |'), section.indexOf('**Workflow tasks**'))
  const told = [...table.matchAll(/^\| ([A-Z][A-Za-z, ]+) \|/gm)].flatMap(([, names = '']) => names.split(', '))

  const { events } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { readonly events: readonly Event[] }
  const recorded = events.filter((event) => !isOutcome(event)).map(nameOf)
  expect(told).toEqual(recorded.filter((name) => !name.startsWith('WorkflowTask')))
})
