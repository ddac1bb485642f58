import { expect, test } from 'vitest'
import { FAILURES } from '../../src/contract/failures.ts'
import { RUN_STATES, TRANSITIONS, transition } from '../../src/contract/states.ts'
import { DEFAULT_TASK_QUEUE, OUTCOME_UPDATE_ID, SEARCH_ATTRIBUTES, WIRE } from '../../src/contract/wire.ts'

test('the names that stand in histories do not change', () => {
  expect(WIRE).toEqual({
    updates: { decide: 'decide', undo: 'undo', resolve: 'resolve', outcome: 'outcome' },
    signals: { decide: 'decide', undo: 'undo', resolve: 'resolve' },
    queries: { status: 'status' },
    activities: {
      openRun: 'countersign.openRun',
      recall: 'countersign.recall',
      think: 'model.think',
      spent: 'countersign.spent',
      seal: 'countersign.seal',
      hear: 'countersign.hear',
      notify: 'countersign.notify',
      preview: '.preview',
      undo: '.undo',
    },
  })
  expect([OUTCOME_UPDATE_ID, DEFAULT_TASK_QUEUE]).toEqual(['outcome', 'countersign'])
  expect(Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => `${name} ${type}`)).toEqual([
    'CountersignState KEYWORD',
    'CountersignWaitingFor KEYWORD',
    'CountersignPlaybook KEYWORD',
    'CountersignWorkspace KEYWORD',
    'CountersignPolicyDigest KEYWORD',
    'CountersignSpendMicroUsd INT',
  ])
})

test('failure codes are lower-case words, and none is ever renamed', () => {
  expect(Object.keys(FAILURES).filter((code) => !/^[a-z]+(_[a-z]+)*$/.test(code))).toEqual([])
  expect(Object.keys(FAILURES).toSorted()).toMatchSnapshot()
})

const ALL = RUN_STATES.flatMap((from) => RUN_STATES.map((to) => ({ from, to, legal: TRANSITIONS[from].includes(to) })))
const LEGAL = ALL.filter(({ legal }) => legal)
const ILLEGAL = ALL.filter(({ legal }) => !legal)

test('a run goes where the table of transitions lets it', () => {
  expect(LEGAL.map(({ from, to }) => transition(from, to))).toEqual(LEGAL.map(({ to }) => to))
  expect(LEGAL.map(({ from, to }) => `${from} → ${to}`)).toMatchSnapshot()
})

test.each(ILLEGAL)('a run cannot go from $from to $to', ({ from, to }) => {
  expect(() => transition(from, to)).toThrow(`a run cannot go from \`${from}\` to \`${to}\``)
})

test('every state can be reached, and only a completed run can still change once it has ended', () => {
  const reached = new Set<string>(['pending'])
  for (let size = 0; size !== reached.size;) {
    size = reached.size
    for (const from of RUN_STATES) if (reached.has(from)) for (const to of TRANSITIONS[from]) reached.add(to)
  }
  expect([...reached].toSorted()).toEqual([...RUN_STATES].toSorted())
  const ends = ['completed', 'reverted', 'refused', 'escalated', 'suggested', 'failed'] as const
  expect(ends.filter((end) => TRANSITIONS[end].length > 0)).toEqual(['completed'])
})
