import { expect, test } from 'vitest'
import { nextStep, readClaim } from '../../activities/model/contract.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { outputSchemaOf, templateDigestOf } from '../../src/contract/prompt.ts'
import type { Thought } from '../../src/contract/tool.ts'
import { readPlaybooks } from '../../src/worker/registry.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'
import { INPUT } from './asking.ts'

/** The shipped thoughts with an input each, and, by version, the digests of template and of the prompt of that input. */
const SHIPPED: readonly {
  readonly thought: Thought
  readonly input: unknown
  readonly versions: Readonly<Record<number, { readonly template: string; readonly prompt: string }>>
}[] = [
  {
    thought: readClaim,
    input: INPUT,
    versions: {
      1: {
        template: 'sha256:a0dca575049c8d83f0eda87357b6291401663674e472220ccc9a2a96ac0446c3',
        prompt: 'sha256:700132410c26e4b329b15eae6266109372b35285f32e11154510e7940b2d1d18',
      },
      2: {
        template: 'sha256:8bdcc642d3e9e1e1c2e94209110d4159b9f81ec44b3961a7a2cd47487624952d',
        prompt: 'sha256:700132410c26e4b329b15eae6266109372b35285f32e11154510e7940b2d1d18',
      },
    },
  },
  {
    thought: nextStep,
    input: {
      goal: 'Settle it.',
      seen: { message: 'It arrived broken.' },
      offers: [{ tool: 'helpdesk.reply', title: 'answer the customer', fields: { type: 'object' } }],
      steps: [{ tool: 'shipping.getParcel', input: '{}', became: 'not_run', result: 'it is not offered' }],
      left: 7,
    },
    versions: {
      1: {
        template: 'sha256:b0eefd497c9bdf052dd1d23bb97f5f3a5fd1a5b8d142342700ef1d9dff860791',
        prompt: 'sha256:a8eb2885c41e1898e7d0a2367dafbe4e7c45e3bf63428f3d52c3e3bdd7677f53',
      },
    },
  },
]

test('every thought that a shipped playbook lists is among them', async () => {
  const playbooks = [...(await readPlaybooks(SHIPPED_WORKFLOWS)).values()]
  expect(SHIPPED.map(({ thought }) => thought)).toEqual(playbooks.flatMap(({ thoughts }) => thoughts))
})

test.each(SHIPPED)('what $thought.name asks changes only with its version', ({ thought, input, versions }) => {
  const found = { template: templateDigestOf(thought), prompt: digestOf(thought.prompt(input)) }
  const what = `\`${thought.name}\` asks something else than its version ${thought.version} did`
  expect(found, `${what}: raise its \`version\` and add the new digests here`).toEqual(versions[thought.version])
})

test('a template is its words and its form', () => {
  const others = [
    { ...readClaim, version: readClaim.version + 1 },
    { ...readClaim, instructions: `${readClaim.instructions} ` },
    { ...readClaim, name: 'refund.other' as never },
    { ...readClaim, output: readClaim.input as never },
  ]
  const digests = [readClaim, ...others].map((thought) => templateDigestOf(thought))
  expect(new Set(digests).size).toBe(digests.length)
  expect(templateDigestOf({ ...readClaim, title: 'x', maxOutputTokens: 1 })).toBe(digests[0])
})

test('the form that a model is told is closed, without a word of where schemas come from', () => {
  expect(outputSchemaOf(readClaim)).toMatchObject({ type: 'object', additionalProperties: false })
  expect(outputSchemaOf(readClaim)).not.toHaveProperty('$schema')
})
