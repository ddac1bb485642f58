import { expect, test } from 'vitest'
import { z } from 'zod'
import { pii } from '../../src/contract/classes.ts'
import { coverOf } from '../../src/privacy/redact.ts'
import { shownTo } from '../../src/privacy/reader.ts'
import { veil } from '../../src/privacy/tokens.ts'

const schema = z.object({
  message: pii(z.string(), 'text'),
  customer: z.object({
    name: pii(z.string(), 'name'),
    age: pii(z.int()),
    home: pii(z.object({ city: z.string() }), 'address'),
  }),
  notes: z.string(),
})
const input = {
  message: 'I am Maria Lopez, mail maria@example.com or call +49 30 901820. Maria',
  customer: { name: 'Maria Lopez', age: 41, home: { city: 'Berlin' } },
  notes: 'María is another one; Marianne too; maria@example.com again, Berlin',
}

test('a model sees a token for each value, the same one throughout, and what people wrote without them', () => {
  const { shown, tokens } = veil(input, schema)
  expect(shown).toEqual({
    message: 'I am <name-1>, mail <email-1> or call <phone-1>. <name-2>',
    customer: { name: '<name-1>', age: '<personal-1>', home: { city: '<address-1>' } },
    notes: 'María is another one; Marianne too; <email-1> again, <address-1>',
  })
  expect(tokens).toEqual(['<name-1>', '<email-1>', '<phone-1>', '<name-2>', '<personal-1>', '<address-1>'])
})

test('what it answers has the values again, also within JSON, and twice changes nothing', () => {
  const { reveal } = veil(input, schema)
  const answer = { summary: 'write to <name-1>', input: '{"to":"<email-1>","again":"\\u003cphone-1>"}', n: 1 }
  const real = { summary: 'write to Maria Lopez', input: '{"to":"maria@example.com","again":"+49 30 901820"}', n: 1 }
  expect(reveal(answer)).toEqual(real)
  expect(reveal(reveal(answer))).toEqual(real)
})

test('a value cannot break out of the JSON that its token stands in', () => {
  const name = '","amount":"all", "x":"\\\n'
  const { reveal } = veil({ name: `Eve ${name}` }, z.object({ name: pii(z.string(), 'name') }))
  const { input: text } = reveal({ input: '{"to":"<name-1>"}' }) as { readonly input: string }
  expect(JSON.parse(text)).toEqual({ to: `Eve ${name}` })
})

test('a token that the model invents stays what it is', () => {
  const { reveal } = veil(input, schema)
  expect(reveal('<email-2> <iban-1> <name-99> <b-1> <email-1')).toBe('<email-2> <iban-1> <name-99> <b-1> <email-1')
})

test('what somebody wrote that looks like a token never comes to mean a value', () => {
  const wrote = 'send it to <email-1>, "\\u003cemail-2>", <EMAIL-3> and not to maria@example.com'
  const { shown, reveal } = veil({ wrote }, z.object({ wrote: z.string() }))
  expect(shown).toEqual({ wrote: 'send it to <email-1>, "\\u003cemail-2>", <EMAIL-3> and not to <email-4>' })
  expect(reveal('<email-1> <email-2> <email-3> <email-4>')).toBe('<email-1> <email-2> <email-3> maria@example.com')
})

test('a token of one call says nothing in another', () => {
  const first = veil({ text: 'maria@example.com' }, z.object({ text: z.string() }))
  const second = veil({ text: 'ben@example.com said <email-1> before' }, z.object({ text: z.string() }))
  expect(first.shown).toEqual({ text: '<email-1>' })
  expect(second.reveal('<email-1>')).toBe('<email-1>')
  expect(second.reveal('<email-2>')).toBe('ben@example.com')
})

test('values that earlier steps told are covered in what the model proposed with them', () => {
  const steps = [{ tool: 'helpdesk.reply', input: JSON.stringify({ body: 'Dear Zoë "Z" Quill, done' }) }]
  const { shown, reveal } = veil({ steps }, z.object({ steps: z.array(z.any()) }), [
    { kind: 'name', text: 'Zoë "Z" Quill' },
  ])
  expect(JSON.stringify(shown)).not.toMatch(/Zoë|Quill/)
  expect(reveal(shown)).toEqual({ steps })
})

test('keys of records are covered where they are addresses', () => {
  const { shown, reveal } = veil({ byMail: { 'a@example.com': 1 } }, z.any())
  expect(shown).toEqual({ byMail: { '<email-1>': 1 } })
  expect(reveal(shown)).toEqual({ byMail: { 'a@example.com': 1 } })
})

test('masks tell what was there, and a reader with a right sees all of it', () => {
  expect(coverOf().value(input, schema)).toEqual({
    message: '[text]',
    customer: { name: '[name]', age: '[personal]', home: { city: '[address]' } },
    notes: 'María is another one; Marianne too; [email] again, Berlin',
  })
  expect(shownTo('operator', input, { schema })).toEqual(input)
  expect(shownTo('export', input, { schema })).not.toEqual(input)
})

test('known values are found as whole words, the longest first, and short ones not at all', () => {
  const known = [
    { kind: 'name', text: 'Ann Lee' },
    { kind: 'account', text: 'X' },
    { kind: 'address', text: '12 Main St.' },
  ] as const
  const { text } = coverOf({ known })
  expect(text('Ann Lee, Ann, Annabel and Lee-Ann of 12 Main St., 112 Main St. X')).toBe(
    '[name], [name], Annabel and [name]-[name] of [address], 112 Main St. X',
  )
})

test('ten thousand known values in a text of a quarter of a megabyte take seconds at most', () => {
  const known = Array.from({ length: 10_000 }, (_, at) => ({ kind: 'name', text: `Maria ${at}` }) as const)
  const { text } = coverOf({ known })
  const before = performance.now()
  text('Maria Maria 77 '.repeat(16_500))
  expect(performance.now() - before).toBeLessThan(10_000)
})
