import { expect, test } from 'vitest'
import { z } from 'zod'
import { getOrder, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { nextStep, readClaim } from '../../activities/model/contract.ts'
import { classesOf, pii, secret, subject } from '../../src/contract/classes.ts'
import { refundRequest } from '../../workflows/refund-request.ts'
import { supportRequest } from '../../workflows/support-request.ts'

const told = (schema: z.ZodType): readonly string[] =>
  classesOf(schema).map(({ path, ...said }) => `${path.join('.')} ${JSON.stringify(said)}`)

test('classes are found in whatever a schema is made of, and stay when it is refined', () => {
  const schema = z.strictObject({
    name: pii(z.string().describe('who'), 'name').min(2).optional(),
    list: z.array(z.object({ id: pii(subject(z.email()), 'email') })),
    token: secret(z.string()).nullable(),
    byName: z.record(z.string(), pii(z.int())),
    either: z.union([pii(z.string(), 'phone'), z.number()]),
    later: z.lazy(() => pii(z.string(), 'date')),
    piped: z.string().pipe(pii(z.string(), 'account')),
    pair: z.tuple([z.string(), subject(z.int())]),
    plain: z.string(),
  })
  expect(told(schema)).toEqual([
    'name {"pii":"name"}',
    'list.*.id {"subject":true,"pii":"email"}',
    'token {"secret":true}',
    'byName.* {"pii":"personal"}',
    'either {"pii":"phone"}',
    'later {"pii":"date"}',
    'piped {"pii":"account"}',
    'pair.* {"subject":true}',
  ])
  expect(schema.shape.name.safeParse('M').success).toBe(false)
})

test('a schema says of itself what it said before it was classified', () => {
  const plain = z.string().min(3).describe('who')
  expect(z.toJSONSchema(pii(plain, 'name'))).toEqual(z.toJSONSchema(plain))
  expect(z.toJSONSchema(subject(plain))).toEqual(z.toJSONSchema(plain))
})

test('a schema that holds itself has classes, too', () => {
  const tree: z.ZodType = z.object({ who: pii(z.string(), 'name'), children: z.array(z.lazy(() => tree)) })
  expect(told(tree)).toContain('children.*.who {"pii":"name"}')
})

test.each(['hunter2', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'secret:lower', 'secret:', 'Secret:CRM', 'secret:A B', 42])(
  'a field of a secret refuses %s, and says so without repeating it',
  (value) => {
    const parsed = z.object({ token: secret(z.union([z.string(), z.number()])) }).safeParse({ token: value })
    expect(parsed.success).toBe(false)
    const [issue] = parsed.error?.issues ?? []
    expect(issue?.message).toBe('must be a reference to a secret, such as `secret:CRM_TOKEN`, and not a secret itself')
  },
)

test('a field of a secret takes a reference', () => {
  const schema = z.object({ token: secret(z.string()), other: secret(z.string().optional()) })
  expect(schema.safeParse({ token: 'secret:CRM_TOKEN' }).success).toBe(true)
})

test('the shipped contracts say what is personal, and whom it is about', () => {
  const all = { getOrder, getCustomer, refund, reply, readClaim, nextStep }
  expect(
    Object.fromEntries(
      Object.entries(all).map(([name, { input, output }]) => [name, [...told(input), '→', ...told(output)]]),
    ),
  ).toEqual({
    getOrder: ['→', 'customerId {"subject":true}'],
    getCustomer: [
      'customerId {"subject":true}',
      '→',
      'id {"subject":true}',
      'name {"pii":"name"}',
      'email {"pii":"email"}',
    ],
    refund: ['reason {"pii":"text"}', 'statement {"pii":"text"}', '→'],
    reply: ['body {"pii":"text"}', '→'],
    readClaim: ['message {"pii":"text"}', '→', 'reason {"pii":"text"}'],
    nextStep: ['seen.message {"pii":"text"}', 'seen.customer.name {"pii":"name"}', '→'],
  })
  for (const { contract } of [refundRequest, supportRequest]) {
    expect(told(contract.request)).toEqual(['message {"pii":"text"}'])
  }
})
