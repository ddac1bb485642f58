import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { differenceText } from '../../src/audit/differences.ts'
import { replayHistory } from '../../src/audit/replay.ts'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'

let bundle: Awaited<ReturnType<typeof bundleForReplay>>
beforeAll(async () => {
  bundle = await bundleForReplay(SHIPPED_WORKFLOWS)
})

const file = join(import.meta.dirname, 'histories', KERNEL_VERSION, 'refund_request.undone.json')
const genuine = readFileSync(file, 'utf8')

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** Changes every payload within the attributes of the events of one kind. */
function forged(attributes: string, change: (said: Fields) => void): unknown {
  const visit = (value: unknown): void => {
    if (!isFields(value)) return
    if (typeof value['data'] === 'string' && 'metadata' in value) {
      const said: unknown = JSON.parse(Buffer.from(value['data'], 'base64').toString())
      const box: Fields = { said }
      change(isFields(said) ? said : box)
      value['data'] = Buffer.from(JSON.stringify(box['said'])).toString('base64')
    } else {
      for (const inner of Object.values(value)) visit(inner)
    }
  }
  const history = JSON.parse(genuine) as { readonly events: readonly Fields[] }
  for (const event of history.events) visit(event[attributes])
  return history
}

/** What of the history of an undone run is forged, how, and where it is found. */
const FORGERIES: readonly (readonly [what: string, history: () => unknown, found: RegExp])[] = [
  [
    'the amount in a warrant',
    () =>
      forged('activityTaskScheduledEventAttributes', ({ input }) => {
        if (isFields(input) && isFields(input['amount'])) input['amount']['cents'] = 1
      }),
    /^the activity `billing\.refund` \(billing\.refund-1\) at `input\.amount\.cents`: the history has 1, the code sends \d+$/,
  ],
  [
    'who had it undone',
    () =>
      forged('activityTaskScheduledEventAttributes', ({ warrant }) => {
        if (isFields(warrant) && 'undoes' in warrant) warrant['by'] = 'somebody else'
      }),
    /^the activity `billing\.refund\.undo` \(billing\.refund-1\.undo\) at `warrant\.by`: the history has "somebody else"/,
  ],
  [
    'a search attribute',
    () =>
      forged('upsertWorkflowSearchAttributesEventAttributes', (box) => {
        if (box['said'] === 'in_progress') box['said'] = 'refused'
      }),
    /^the search attributes at `CountersignState`: the history has "refused", the code sends "in_progress"$/,
  ],
  [
    'the answer of an update',
    () =>
      forged('workflowExecutionUpdateCompletedEventAttributes', (said) => {
        if ('accepted' in said) said['accepted'] = false
      }),
    /^the update `undo` \(\S+\) at `accepted`: the history has false, the code sends true$/,
  ],
  [
    'the result',
    () =>
      forged('workflowExecutionCompletedEventAttributes', (said) => {
        said['state'] = 'completed'
      }),
    /^the end of the run at `state`: the history has "completed", the code sends "reverted"$/,
  ],
  [
    'what a local read was asked',
    () =>
      forged('markerRecordedEventAttributes', ({ receipt }) => {
        if (isFields(receipt) && isFields(receipt['asked'])) receipt['asked'] = { orderId: 'ord_9' }
      }),
    /^the local activity `billing\.getOrder` \(2\) at `input\.orderId`: the history has "ord_9", the code sends "ord_/,
  ],
  [
    'a deadline',
    () => JSON.parse(genuine.replaceAll(/"startToFireTimeout":"\d+s"/g, '"startToFireTimeout":"7s"')) as unknown,
    /^the timer \(1\): the history has 7000, the code sends \d+$/,
  ],
]

test.each(FORGERIES)('%s does not fit the code, and Temporal does not see it', async (_what, history, found) => {
  const { differences } = await replayHistory(bundle, historyFromJSON(history()))
  expect(differences.map(differenceText)).toContainEqual(expect.stringMatching(found))
})

test('a command that the code does not send is one, too', async () => {
  const history = JSON.parse(genuine) as { events: Fields[] }
  const upsert = history.events.find((event) => 'upsertWorkflowSearchAttributesEventAttributes' in event)
  history.events.push({ ...upsert, eventId: String(history.events.length + 1) })
  await expect(replayHistory(bundle, historyFromJSON(history))).resolves.toMatchObject({
    differences: [{ command: 'the search attributes', path: '', sent: undefined }],
  })
})
