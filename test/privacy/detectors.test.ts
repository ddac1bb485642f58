import { describe, expect, test } from 'vitest'
import { detect } from '../../src/privacy/detectors.ts'

const found = (text: string): readonly string[] =>
  detect(text).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)

/** Texts as customers and services write them, and what is personal or secret in them. */
const GOLDEN: readonly (readonly [text: string, ...values: readonly string[]])[] = [
  ['Write to maria.lopez@example.com.', 'email maria.lopez@example.com'],
  ['<Maria+shop@mail.example.co.uk>, thanks', 'email Maria+shop@mail.example.co.uk'],
  [
    "From: O'Neil <o'neil@example.org>; cc müller@bücher.example",
    "email o'neil@example.org",
    'email müller@bücher.example',
  ],
  ['“write to maria@example.com.”', 'email maria@example.com'],
  ['mailto:x@y.de?subject=lamp', 'email x@y.de'],
  ['call me at +49 30 901820, or (415) 555-0132', 'phone +49 30 901820', 'phone (415) 555-0132'],
  ['My number is 415-555-0132 (home)', 'phone 415-555-0132'],
  ['Phone: 4155550132', 'phone 4155550132'],
  ['phone:4155550132', 'phone 4155550132'],
  ['tel 030 901820 / 0151 23456789 020 7946 0018', 'phone 030 901820', 'phone 0151 23456789', 'phone 020 7946 0018'],
  ['0049 30 901820', 'phone 0049 30 901820'],
  ['WhatsApp +33 6 12 34 56 78!', 'phone +33 6 12 34 56 78'],
  ['I paid with 4111 1111 1111 1111 exp 12/27', 'card 4111 1111 1111 1111'],
  ['card 4111-1111-1111-1111, then 378282246310005', 'card 4111-1111-1111-1111', 'card 378282246310005'],
  ['4111 1111 1111 1111 12', 'card 4111 1111 1111 1111'],
  ['IBAN DE89 3704 0044 0532 0130 00 and thanks', 'iban DE89 3704 0044 0532 0130 00'],
  ['gb82west12345698765432', 'iban gb82west12345698765432'],
  ['key sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'secret sk_live_4eC39HqLyjWDarjtT1zdp7dc'],
  ['AKIAIOSFODNN7EXAMPLE.', 'secret AKIAIOSFODNN7EXAMPLE'],
  [`token ghp_${'a1B2'.repeat(9)}`, `secret ghp_${'a1B2'.repeat(9)}`],
  [
    `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'x'.repeat(43)}`,
    `secret eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'x'.repeat(43)}`,
  ],
  ['Authorization: Bearer 0123456789abcdef0123', 'secret 0123456789abcdef0123'],
  ['postgres://app:hunter2@db:5432/records', 'secret hunter2'],
  ['my password is: correcthorse', 'secret correcthorse'],
  ['api_key=abc123def456', 'secret abc123def456'],
  [
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY----- bye',
    'secret -----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----',
  ],
]

test.each(GOLDEN)('in «%s» is found what is personal or secret', (text, ...values) => {
  expect(found(text)).toEqual(values)
})

/** What looks like it and is not. */
const CLEAN: readonly string[] = [
  'Order ord_1001, payment pay_100123, ticket tkt_1001, customer cus_1001',
  'ref_100001 of 2026-11-27T16:05:51.123Z, 2026-11-27 16:05:51 UTC, 27.11.2026 14:30, 11/27/2026',
  '123e4567-e89b-12d3-a456-426614174000',
  'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'It was $1,240.00, EUR 1.234,56, 10 000 000 EUR, 1 234 567.89 or 100-200-3000 pieces',
  'parcel UPS-1001-1, 1Z999AA10123456784, 00340434161094021501',
  'order number 1234567890123456, EAN 4006381333931, invoice 20261127-0042, version 10.20.30',
  'open from 09:30-17:00, size 38-40, 192.168.100.200:8080, row 12 of 345 678',
  '4111 1111 1111 1112 is one digit off, and so is DE88 3704 0044 0532 0130 00',
  '@maria, a@b and user@localhost',
  'secret:CRM_TOKEN names a secret; the token is valid, and the bearer of this may enter',
  'policy refund_request matched requires_approval_if.refund_amount_usd_gte',
  'a note: password reset was asked for; the key word is lamp',
]

test.each(CLEAN)('in «%s» is nothing', (text) => {
  expect(found(text)).toEqual([])
})

test('of what overlaps one thing is made', () => {
  expect(found('password: maria@example.com')).toEqual(['secret maria@example.com'])
  expect(found('https://maria:4111111111111111@example.com')).toHaveLength(1)
})

const HOSTILE = {
  digits: '1',
  'digits apart': '1 ',
  zeros: '0 ',
  groups: '4111 ',
  plus: '+1',
  brackets: '(1',
  at: '@',
  'at and letters': 'a@',
  'at and dots': 'a@a.',
  'begins of keys': '-----BEGIN PRIVATE KEY-----',
  tokens: 'eyJ',
  'tokens with dots': 'eyJaaaaaaaaa.',
  accounts: 'DE89 ',
  addresses: '://a:',
  assignments: 'token=',
  prefixes: 'sk-',
  'said to be phones': 'tel 1',
}

describe('hostile texts', () => {
  test.each(Object.entries(HOSTILE))('of %s take no more time for each character, however long they are', (_, unit) => {
    const timeOf = (length: number): number => {
      const text = unit.repeat(length / unit.length)
      const before = performance.now()
      detect(text)
      return performance.now() - before
    }
    timeOf(50_000)
    const short = Math.min(timeOf(50_000), timeOf(50_000), timeOf(50_000))
    const long = timeOf(1_000_000)
    // Twenty times the length. What grows with its square takes four hundred times as long.
    expect(long).toBeLessThan(Math.max(short, 5) * 20 * 6)
  })
})
