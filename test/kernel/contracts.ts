import { z } from 'zod'
import { numberFact, textFact } from '../../src/contract/fact.ts'
import { type Idempotency, readTool, thought, writeTool } from '../../src/contract/tool.ts'

/** A system of record that the tests own: boxes, looked at and filled. What it does on each attempt is scripted. */
const retry = { maximumAttempts: 4, initialIntervalMs: 20, maximumIntervalMs: 100, backoffCoefficient: 2 }
const item = z.strictObject({ item: z.string() })
const made = z.strictObject({ item: z.string(), number: z.int() })
const common = {
  scopes: ['box:use'],
  risk: 'low',
  startToCloseMs: 5_000,
  retry,
  nonRetryable: [],
  evidence: { kind: 'record', reference: (input: { item: string }) => `box/${input.item}` },
} as const
const undo = { does: 'take it out again', startToCloseMs: 5_000, retry }

/** How many of an item there are; `size`: how many characters the answer has. */
export const look = readTool({
  ...common,
  name: 'box.look',
  title: 'look into the box',
  input: z.strictObject({ item: z.string(), size: z.int().default(0) }),
  output: z.strictObject({ item: z.string(), count: z.int(), padding: z.string() }),
  local: true,
})

/** Nobody lists it. */
export const peek = readTool({ ...common, name: 'box.peek', title: 'peek', input: item, output: made, local: false })

const writeOf = <const Name extends string>(name: Name, idempotency: Idempotency) =>
  writeTool({
    ...common,
    name,
    title: name,
    input: item,
    output: made,
    reversibility: 'reversible',
    idempotency,
    ...(idempotency === 'key' && { keyWindowMs: 86_400_000 }),
    needs: {},
    declares: { item: textFact('request') },
    facts: (input) => ({ item: input.item }),
    supports: () => [],
    describe: (input) => `${name} ${input.item}`,
    undo,
  })

/** Another system that takes idempotency keys. */
export const put = writeOf('box.put', 'key')
/** Another system that takes idempotency keys, and forgets them at once. */
export const lend = { ...writeOf('box.lend', 'key'), keyWindowMs: 1 } as const
/** Another system that can be asked whether it happened. */
export const send = writeOf('box.send', 'probe')
/** Another system of which nobody can tell. */
export const drop = writeOf('box.drop', 'none')
/** Nobody lists it. */
export const steal = writeOf('box.steal', 'key')

/** Cannot be taken back. */
export const burn = writeTool({
  ...common,
  name: 'box.burn',
  title: 'burn it',
  input: item,
  output: made,
  reversibility: 'irreversible',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  needs: {},
  declares: {},
  facts: () => ({}),
  supports: () => [],
  describe: (input) => `burn ${input.item}`,
  undo: null,
})

/** Rests on evidence. The item `unclear` makes `facts` throw, and `wrong` is spoken against. */
export const pay = writeTool({
  ...common,
  name: 'box.pay',
  title: 'pay for it',
  input: item,
  output: made,
  risk: 'high',
  reversibility: 'reversible',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  needs: { box: look },
  declares: { box_count: numberFact('items', 'record') },
  facts: (input, { box }) => {
    if (input.item.endsWith('unclear')) throw new RangeError('no idea')
    return { box_count: box.count }
  },
  supports: (input, { box }) => (box.item === input.item ? [] : [`the box is of \`${box.item}\``]),
  describe: (input) => `pay for ${input.item}`,
  undo,
})

export const guess = thought({
  name: 'box.guess',
  version: 1,
  title: 'guess what is in the box',
  role: 'extract',
  input: item,
  output: z.strictObject({ text: z.string() }),
  instructions: 'guess',
  prompt: (input) => input.item,
  maxOutputTokens: 10,
  startToCloseMs: 5_000,
  retry,
})

/** Nobody lists it. */
export const dream = { ...guess, name: 'box.dream' } as const

export const WRITES = { put, lend, send, drop, burn } as const
