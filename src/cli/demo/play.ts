import { randomUUID } from 'node:crypto'
import { formatMoney, usd } from '../../contract/money.ts'
import type { RunResult } from '../../contract/run.ts'
import type { Development } from '../development.ts'
import { CliError } from '../errors.ts'
import { linkOf } from '../session.ts'
import { plain, say, style } from '../terminal.ts'
import { type MoneyMoved, moneyMoved, moneyText } from './records.ts'
import { REQUESTER, type Scene, SCENES } from './scenes.ts'
import { Stage } from './stage.ts'

/** A scene and what came of it. */
export interface Played {
  readonly scene: Scene
  readonly workflowId: string
  readonly link: string | null
  readonly result: RunResult
  readonly money: MoneyMoved
  /** The state and the records are as expected. */
  readonly asExpected: boolean
}

/** Plays all scenes, one after the other; `goOn` hears the workflow id of each before it starts, and may say no. */
export async function playAll(
  development: Development,
  goOn: (workflowId: string) => boolean,
): Promise<readonly Played[]> {
  // On a shared Temporal, two demos must not meet.
  const tag = randomUUID().slice(0, 6)
  const played: Played[] = []
  say()
  say(`${SCENES.length} refund requests, one after the other, under policies/refund-request.yaml. Times are UTC.`)
  for (const [at, scene] of SCENES.entries()) {
    const workflowId = `demo-${tag}-${scene.name}`
    if (!goOn(workflowId)) break
    say()
    say(style('bold', `${at + 1}/${SCENES.length}  ${scene.request}: ${scene.story}`))
    played.push(await play(development, scene, workflowId))
  }
  return played
}

async function play({ session, db }: Development, scene: Scene, workflowId: string): Promise<Played> {
  const { order, message, expected } = scene
  say(`     ${REQUESTER} starts ${workflowId} for ${order.orderId}: “${message}”`)
  const request = { orderId: order.orderId, ticketId: order.ticketId, message }
  const principal = { subject: REQUESTER, workspace: 'acme' }
  const run = await session.client.start('refund_request', request, { principal, workflowId })
  const stage = new Stage(session, run)
  await scene.people?.(stage)
  const { result, runKey } = await stage.untilEnded()
  if (result === null) throw new CliError('unexpected', `${workflowId} ended without a result.`, 'Look at its history.')

  const money = await moneyMoved(db, order.paymentId)
  const asExpected = result.state === expected.state && money.cents === expected.movedCents
  const link = linkOf(session, workflowId, runKey.slice(runKey.lastIndexOf('/') + 1))
  const verdict = asExpected
    ? style('green', `${result.state}, as expected`)
    : style('red', `${result.state}; expected ${expected.state} and ${formatMoney(usd(expected.movedCents))} moved`)
  say(`     ${style('bold', 'end')}      ${verdict}`)
  for (const { rule, because } of result.because?.rules ?? [])
    say(`     ${style('bold', 'rule')}     ${plain(because)}  (${rule})`)
  say(`     ${style('bold', 'records')}  ${moneyText(money)}`)
  if (link !== null) say(`     ${style('bold', 'page')}     ${link}`)
  return { scene, workflowId, link, result, money, asExpected }
}
