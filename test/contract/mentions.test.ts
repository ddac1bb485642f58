import { describe, expect, test } from 'vitest'
import { type Mentions, mentionsIn } from '../../src/contract/mentions.ts'

const NOTHING: Mentions = { emails: [], links: [], cardNumbers: [], ids: [], amounts: [] }
const found = (text: string) => mentionsIn(text, ['ord', 'pay'])
const dollars = (cents: number) => ({ currency: 'USD', cents })

test.each([
  'We are sorry that it arrived broken.We look into it,e.g. today at 5 p.m.',
  'Your parcel UPS-1001-1 and/or the other one: 1/2 of it is 24/7 on its way.',
  'It takes 3.5 days, 20% of the time; call 555-0100.',
  'The record ordinary_1 and border_5 are words.',
])('an ordinary text speaks of nothing: %s', (text) => {
  expect(found(text)).toEqual(NOTHING)
})

describe('e-mail addresses', () => {
  test.each([
    ['Write to Ada.1001@Example.com.', 'ada.1001@example.com'],
    ['(ada+x@example.co.uk)', 'ada+x@example.co.uk'],
    ['ａｄａ@ｅｘａｍｐｌｅ．ｃｏｍ', 'ada@example.com'],
    ['a\u200bda@exam\u00adple.com', 'ada@example.com'],
    ['root@localhost', 'root@localhost'],
  ])('%s', (text, email) => {
    expect(found(text)).toEqual({ ...NOTHING, emails: [email] })
  })
})

describe('links', () => {
  test.each([
    'see https://evil.example/?q=1',
    'see HTTPS://EVIL.EXAMPLE',
    'see ftp://files',
    'see www.evil',
    'see evil.com',
    'see Evil.COM.',
    'see sub.evil.io/x',
    'see evil.museum/x',
    '[here](//evil.example)',
    '<img src=//evil/x>',
    'javascript:alert(1)',
    'mailto:somebody',
    'data:text/html,x',
    'see 203.0.113.7',
    'see xn--e1afmkfd',
    'ｅｖｉｌ．ｃｏｍ',
    'ev\u200bil.c\u2060om',
  ])('%s', (text) => {
    expect(found(text).links).toHaveLength(1)
  })
})

describe('card numbers', () => {
  test.each(['4111111111111111', '4111 1111 1111 1111', '4111-1111-1111-1111', '3782 822463 10005'])('%s', (text) => {
    expect(found(`Card ${text}!`).cardNumbers).toEqual([text.replace(/\D/g, '')])
  })

  test.each(['4111111111111112', '12345', '41111111111111111111111', 'x4111111111111111'])('%s is none', (text) => {
    expect(found(`Card ${text}!`).cardNumbers).toEqual([])
  })
})

test('record ids are found by their prefixes, however they are written', () => {
  expect(found('Order ORD_1001, (pay_2b) and o\u200brd_3.').ids).toEqual(['ord_1001', 'pay_2b', 'ord_3'])
})

describe('amounts', () => {
  test.each([
    ['$20', dollars(2_000)],
    ['$ 1,234.50', dollars(123_450)],
    ['USD 20.5', dollars(2_050)],
    ['20 US dollars', dollars(2_000)],
    ['£3', { currency: 'GBP', cents: 300 }],
    ['3,50 €', null],
    ['$20.005', null],
  ])('%s', (text, amount) => {
    const { amounts } = found(`You get ${text}.`)
    expect(new Set(amounts.map((one) => JSON.stringify(one)))).toEqual(new Set([JSON.stringify(amount)]))
  })
})
