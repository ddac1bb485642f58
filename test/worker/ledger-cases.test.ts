import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Digest, digestOf } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { failureOf } from '../../src/contract/failures.ts'
import { bar, type Claim, claim, complete, markUndone, markUnknown, markFailed } from '../../src/ledger/effects.ts'
import { insertRun, type NewRun, type RunRow } from '../../src/ledger/runs.ts'
import { codeOfFailed, newStep, resultOf, runOf, untilOneWaits, useLedger } from './ledger-case.ts'

const ledger = useLedger()
const FIRST = { fence: 1, isCalm: true }

let cases = 0
const newCase = (): Digest => digestOf({ case: (cases += 1) })

const newRun = (businessKey: string | null): NewRun => runOf(runKeyOf(`boxes-${randomUUID()}`, 'first'), businessKey)

/** The same step of two runs of one case, both opened before either did anything. */
async function twoRuns(): Promise<readonly [Claim, Claim]> {
  const businessKey = newCase()
  const step = newStep()
  const mine = await insertRun(ledger(), newRun(businessKey))
  const theirs = await insertRun(ledger(), newRun(businessKey))
  return [
    { ...step, runKey: mine.runKey, businessKey },
    { ...step, runKey: theirs.runKey, businessKey },
  ]
}

/** Opens another run of the case of a claim. */
const openAgain = ({ businessKey }: Claim): Promise<RunRow> => insertRun(ledger(), newRun(businessKey))

test('the claim of a second run waits for that of the first, and is a repeat once that commits', async () => {
  const [mine, theirs] = await twoRuns()
  let waiting: Promise<unknown> | undefined
  await ledger()
    .transaction()
    .execute(async (tx) => {
      expect(await claim(tx, mine, null)).toEqual(FIRST)
      waiting = claim(ledger(), theirs, null).then(() => undefined, failureOf)
      await untilOneWaits(ledger())
      await complete(tx, mine, FIRST, resultOf('done'))
    })
  expect(await waiting).toMatchObject({
    code: 'request_repeated',
    message: expect.stringContaining(`\`${mine.step}\` of the run \`${mine.runKey.split('/')[0]}\``),
  })
})

test('the claim of a second run goes through once that of the first is rolled back', async () => {
  const [mine, theirs] = await twoRuns()
  let waiting: Promise<unknown> | undefined
  const rolledBack = ledger()
    .transaction()
    .execute(async (tx) => {
      await claim(tx, mine, null)
      waiting = claim(ledger(), theirs, null)
      await untilOneWaits(ledger())
      throw new Error('the tool refused')
    })
  await expect(rolledBack).rejects.toThrow('the tool refused')
  expect(await waiting).toEqual(FIRST)
})

test('what is claimed, done or unknown stands: no other run claims it, and none is opened', async () => {
  const [mine, theirs] = await twoRuns()
  const isRepeat = async () => {
    expect(await codeOfFailed(claim(ledger(), theirs, null))).toBe('request_repeated')
    expect(await codeOfFailed(openAgain(mine))).toBe('request_repeated')
  }
  await claim(ledger(), mine, null)
  await isRepeat()
  await markUnknown(ledger(), mine, FIRST)
  await isRepeat()
  const [ours, others] = await twoRuns()
  await claim(ledger(), ours, null)
  await complete(ledger(), ours, FIRST, resultOf('done'))
  expect(await codeOfFailed(claim(ledger(), others, null))).toBe('request_repeated')
  expect(await codeOfFailed(openAgain(ours))).toBe('request_repeated')
})

test('what was given back, undone or barred is free', async () => {
  const [mine, theirs] = await twoRuns()
  await claim(ledger(), mine, null)
  await markFailed(ledger(), mine, FIRST)
  await openAgain(mine)
  expect(await claim(ledger(), theirs, null)).toEqual(FIRST)
  await complete(ledger(), theirs, FIRST, resultOf('done'))
  await markUndone(ledger(), theirs, 'undone')
  await openAgain(mine)
  await bar(ledger(), mine)
  const third = { ...mine, runKey: (await openAgain(mine)).runKey }
  expect(await claim(ledger(), third, null)).toEqual(FIRST)
})

test('a run that was opened before stays open, whatever was done since', async () => {
  const [mine, theirs] = await twoRuns()
  await claim(ledger(), mine, null)
  for (const { runKey, businessKey } of [mine, theirs]) {
    const row = runOf(runKey, businessKey)
    expect(await insertRun(ledger(), row)).toEqual(row)
  }
})

test('another case, and another step of the same case, are nobody else’s', async () => {
  const [mine, theirs] = await twoRuns()
  const [other] = await twoRuns()
  await claim(ledger(), mine, null)
  expect(await claim(ledger(), { ...other, step: mine.step }, null)).toEqual(FIRST)
  expect(await claim(ledger(), { ...theirs, step: newStep().step }, null)).toEqual(FIRST)
})
