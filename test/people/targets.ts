import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { inputDigestOf } from '../../src/contract/action.ts'
import { digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { RunResult } from '../../src/client/index.ts'
import type { About, Identity } from '../../src/contract/statement.ts'
import type { StopTarget } from '../../src/contract/stop.ts'
import { findRun } from '../../src/ledger/runs.ts'
import { refusedStops, stopsInForce } from '../../src/ledger/stops.ts'
import { liftNow, stopAbout, stopNow } from '../../src/worker/stopping.ts'
import { newItem } from '../kernel/box-world.ts'
import { until } from '../support/world.ts'
import { ANA, BEN, type Office, OTTO, signed } from './office.ts'

/** Something that may be said now, by whom, and how it is sent with another statement. */
export interface Scene {
  readonly about: About
  readonly who: Identity
  /** The code of the refusal, or `accepted`. `undefined`: it is sent without. `more`: keys beside it. */
  readonly send: (statement: unknown, more?: object) => Promise<string>
  /** Nothing happened, and the attempt stands on the record with its code. */
  readonly expectNothing: (code: string) => Promise<void>
  /** What is right has its effect afterwards. */
  readonly expectRight: () => Promise<void>
}

export const TARGETS = ['start', 'approve', 'reject', 'change', 'undo', 'resolve', 'stop', 'resume'] as const
export type Target = (typeof TARGETS)[number]

const beside = (statement: unknown, more: object = {}): object => ({
  ...(statement === undefined ? {} : { statement }),
  ...more,
})

async function starting({ world, boxes, as }: Office): Promise<Scene> {
  const item = newItem()
  const workflowId = `start-${randomUUID()}`
  const request = { acts: [{ tool: 'put', item }] }
  const about = {
    kind: 'start',
    workflowId,
    playbook: 'chain',
    requestDigest: digestOf(request),
    workspace: 'boxes',
  } as const
  let runId = ''
  const send: Scene['send'] = async (statement, more) => {
    const args = [{ request, ...beside(statement, more) }]
    const handle = await world().temporal.workflow.start('chain', { workflowId, taskQueue: world().taskQueue, args })
    runId = handle.firstExecutionRunId
    const result: RunResult = await as(ANA).run(workflowId, runId).outcome()
    return result.because?.code ?? 'accepted'
  }
  return {
    about,
    who: ANA,
    send,
    expectNothing: async (code) => {
      expect(boxes.asked(item)).toEqual([])
      expect(await findRun(world().db, runKeyOf(workflowId, runId))).toBeUndefined()
      const handle = world().temporal.workflow.getHandle(workflowId, runId)
      expect(await handle.result().then(() => 'accepted', codeOf)).toBe(code)
      const { attempts, timeline } = await as(ANA).run(workflowId, runId).status()
      expect([attempts, timeline.at(-1)?.kind]).toEqual([[], 'end'])
    },
    expectRight: async () => {
      expect(await send(signed(about, ANA))).toBe('accepted')
      expect(await as(ANA).run(workflowId).outcome()).toMatchObject({
        state: 'completed',
        principal: { subject: ANA.subject },
      })
      expect(boxes.held(item)).toBe(1)
    },
  }
}

async function deciding(office: Office, decision: 'approve' | 'reject' | 'change'): Promise<Scene> {
  const { boxes, tell, as, waiting, ledgerOf, pendingOf } = office
  const { item, run, pending, runKey } = await waiting()
  const { step, actionDigest } = pending
  const input = { item: `${item}/otherwise` }
  const comment = 'looked at it'
  const changed = decision === 'change' ? { inputDigest: inputDigestOf('box.put', input) } : {}
  const about = {
    kind: 'decide',
    runKey,
    step,
    actionDigest,
    decision,
    commentDigest: digestOfText(comment),
    ...changed,
  } as const
  const message = { step, decision, comment, actionDigest, ...(decision === 'change' ? { input } : {}) }
  const send: Scene['send'] = (statement, more) =>
    tell(run.workflowId, 'decide', { ...message, ...beside(statement, more) })
  return {
    about,
    who: BEN,
    send,
    expectNothing: async (code) => {
      const status = await run.status()
      expect(status).toMatchObject({
        state: 'blocked',
        waitingFor: 'approval',
        pending: [{ step, actionDigest, approvedBy: [] }],
      })
      const attempt = { message: { ...message }, answer: { accepted: false, code } }
      expect(status.attempts).toMatchObject([code === 'decision_malformed' ? { answer: attempt.answer } : attempt])
      expect(status.timeline.at(-1)).toMatchObject({
        kind: 'note',
        text: expect.stringContaining('was refused') as string,
      })
      expect(boxes.asked(item)).toEqual([])
      expect(await ledgerOf(runKey)).toEqual([])
    },
    expectRight: async () => {
      expect(await send(signed(about, BEN))).toBe('accepted')
      if (decision === 'change') {
        expect((await pendingOf(run, actionDigest)).action.input).toEqual(input)
        return
      }
      expect(await as(BEN).run(run.workflowId).outcome()).toMatchObject({
        state: decision === 'approve' ? 'completed' : 'refused',
      })
      expect(boxes.held(item)).toBe(decision === 'approve' ? 1 : 0)
    },
  }
}

async function undoing({ boxes, putting, tell }: Office): Promise<Scene> {
  const item = newItem()
  const run = await putting(item)
  const { runKey } = await run.outcome()
  const comment = 'the wrong box'
  const about = { kind: 'undo', runKey, whyDigest: digestOfText(comment) } as const
  const send: Scene['send'] = (statement, more) => tell(run.workflowId, 'undo', { comment, ...beside(statement, more) })
  return {
    about,
    who: OTTO,
    send,
    expectNothing: async () => {
      const { state, timeline } = await run.status()
      expect([state, boxes.held(item), boxes.asked(item, 'undo')]).toEqual(['completed', 1, []])
      expect(timeline.at(-1)).toMatchObject({ kind: 'note', text: expect.stringContaining('was refused') as string })
    },
    expectRight: async () => {
      expect(await send(signed(about, OTTO))).toBe('accepted')
      expect(await run.result()).toMatchObject({
        state: 'reverted',
        because: { code: 'undo_requested', by: OTTO.subject },
      })
      expect(boxes.held(item)).toBe(0)
    },
  }
}

async function resolving({ boxes, start, tell }: Office): Promise<Scene> {
  const item = newItem()
  boxes.scriptUndo(item, 'refuse')
  const run = await start('chain', { acts: [{ tool: 'put', item }], finally: 'throw' })
  const incident = await until('an incident', async () => (await run.status()).incidents[0])
  const { step } = incident
  const comment = 'taken out by hand'
  const { runKey } = await run.status()
  const about = { kind: 'resolve', runKey, step, resolution: 'settled', commentDigest: digestOfText(comment) } as const
  const message = { step, resolution: 'settled', comment }
  const send: Scene['send'] = (statement, more) =>
    tell(run.workflowId, 'resolve', { ...message, ...beside(statement, more) })
  return {
    about,
    who: OTTO,
    send,
    expectNothing: async () => {
      const { waitingFor, incidents, timeline } = await run.status()
      expect([waitingFor, incidents.length, boxes.asked(item, 'undo').length]).toEqual(['incident', 1, 1])
      expect(timeline.at(-1)).toMatchObject({ kind: 'note', text: expect.stringContaining('was refused') as string })
    },
    expectRight: async () => {
      expect(await send(signed(about, OTTO))).toBe('accepted')
      expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'settled' }] })
    },
  }
}

/** Stops are the ledger's own, and of no run: a refused one is told to whoever asked, and leaves nothing behind. */
async function stopping({ world }: Office, kind: 'stop' | 'resume'): Promise<Scene> {
  const { db } = world()
  const of: StopTarget = { scope: 'workspace', name: `w-${randomUUID()}` }
  const reason = 'too many'
  const about = stopAbout(kind, of, reason)
  if (kind === 'resume') await stopNow(db, of, { reason, statement: signed(stopAbout('stop', of, reason), OTTO) })
  const inForce = async (): Promise<number> => (await stopsInForce(db, [of])).length
  const before = await inForce()
  const send: Scene['send'] = async (statement, more) => {
    const given = { reason, ...beside(statement, more) } as { reason: string; statement: unknown }
    const done = kind === 'stop' ? stopNow(db, of, given) : liftNow(db, of, given)
    return await done.then(
      () => 'accepted',
      (error: unknown) => codeOf(error) ?? String(error),
    )
  }
  return {
    about,
    who: OTTO,
    send,
    expectNothing: async (code) => {
      expect(await inForce()).toBe(before)
      const refused = (await refusedStops(db)).find(({ name }) => name === of.name)
      expect(refused).toMatchObject({ ...of, kind, reason, code })
    },
    expectRight: async () => {
      expect(await send(signed(about, OTTO))).toBe('accepted')
      expect(await inForce()).toBe(1 - before)
    },
  }
}

/** Sets the scene for something that somebody is going to say. */
export function sceneOf(office: Office, target: Target): Promise<Scene> {
  switch (target) {
    case 'start':
      return starting(office)
    case 'approve':
    case 'reject':
    case 'change':
      return deciding(office, target)
    case 'undo':
      return undoing(office)
    case 'resolve':
      return resolving(office)
    case 'stop':
    case 'resume':
      return stopping(office, target)
  }
}
