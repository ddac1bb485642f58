import { randomInt, randomUUID } from 'node:crypto'

const word = (): string => `pl${randomUUID().replaceAll('-', '')}`
const digits = (count: number): string => Array.from({ length: count }, () => randomInt(10)).join('')

/** A card number with its check digit (Luhn). */
function card(): string {
  const body = `4${digits(14)}`
  const sum = Array.from(body).reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return `${body}${(10 - (sum % 10)) % 10}`
}

/** A German IBAN with its check digits (ISO 7064, mod 97). */
function iban(): string {
  const account = digits(18)
  const check = 98n - (BigInt(`${account}131400`) % 97n)
  return `DE${String(check).padStart(2, '0')}${account}`
}

/** What is planted in a refund and a visit, by where it stands. All of it is random: nothing else looks like it. */
export const plantedValues = () => ({
  'name in a record': `Ma${word()}`,
  'e-mail in a record': `${word()}@mail.example`,
  'e-mail in the message': `${word()}@post.example`,
  'phone in the message': `+49 30 ${digits(8)}`,
  'card in the message': card(),
  'IBAN in the message': iban(),
  'API key in the message': `sk_live_${word()}`,
  'password in the message': `password: ${word()}`,
  'words of the message': word(),
  'street in the message': `${word()} Street 7`,
  'what a model answered': word(),
  'comment of a refused decision': word(),
  'comment of an approval': word(),
  'comment of an undo': word(),
  'comment of a rejection': word(),
  'comment of a resolution': word(),
  'secret of a tool': word(),
  'patient of a request': word(),
  'reason of a visit': word(),
  'date in a record': `1980-${word()}`,
  'address in a record': word(),
  'phone in a record': `+49 30 ${digits(8)}`,
  'ticket in a record': word(),
  'end of a large record': word(),
  'name in an output': word(),
  'text of an undo': word(),
  'message of an error': word(),
  'message of a cause': word(),
  'stack of a cause': word(),
  'details of a failure': word(),
})
export type PlantedValues = ReturnType<typeof plantedValues>
