import { countrySpecs, isValidIBAN } from 'ibantools'
import { parsePhoneNumberFromString } from 'libphonenumber-js'
import { SECRET_REFERENCE } from '../contract/classes.ts'

/** What is found in free text by its form alone. */
export type Detected = 'email' | 'phone' | 'card' | 'iban' | 'secret'

/** One value in a text: UTF-16 offsets, the end behind it. */
export interface Finding {
  readonly kind: Detected
  readonly start: number
  readonly end: number
}

/*
 * INVARIANT: linear in the length of the text, whatever stands in it. Every quantifier has a bound, and the libraries are
 * asked of candidates of a bounded length only: their own search in texts is not linear.
 */

type Detector = (text: string, found: (start: number, end: number) => void) => void

const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
const BEYOND_ASCII = /[\p{L}\p{N}\p{M}]/u
/** Of words in any script, as far as one unit tells. */
const isWord = (code: number): boolean =>
  isDigit(code) || isLetter(code) || code === 95 || (code >= 0xaa && BEYOND_ASCII.test(String.fromCharCode(code)))

const isWordAt = (text: string, at: number): boolean => at >= 0 && at < text.length && isWord(text.charCodeAt(at))

const LOCAL = new Set(Array.from(`.!#$%&'*+/=?^_\`{|}~-`, (letter) => letter.charCodeAt(0)))
const isLocal = (code: number): boolean => isWord(code) || LOCAL.has(code)
const isDomain = (code: number): boolean => isWord(code) || code === 46 || code === 45
const TOP_LEVEL = /^(?:xn--[a-z0-9-]{1,59}|[^\d\W_]{2,63}|[\u0080-\uffff]{1,63})$/i
const QUOTES = /^[!#$%&'*/=?^`{|}~.]+/

/** RFC 5321 bounds the part before the `@` to 64 characters, and the domain to 255. */
const emails: Detector = (text, found) => {
  let done = 0
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    let start = at
    while (start > done && at - start < 64 && isLocal(text.charCodeAt(start - 1))) start--
    start += QUOTES.exec(text.slice(start, at))?.[0].length ?? 0
    if (start === at) continue
    let end = at + 1
    while (end < text.length && end - at <= 255 && isDomain(text.charCodeAt(end))) end++
    while (end > at + 1 && !isWord(text.charCodeAt(end - 1))) end--
    const labels = text.slice(at + 1, end).split('.')
    // `maria@example.com.Please`: the missing space is the customer's, and what is masked is too much rather than too little.
    if (labels.length < 2 || labels.includes('') || !TOP_LEVEL.test(labels.at(-1) ?? '')) continue
    found(start, end)
    done = end
  }
}

const isLuhn = (digits: string): boolean => {
  let sum = 0
  for (let at = digits.length - 1, twice = false; at >= 0; at--, twice = !twice) {
    const value = (digits.charCodeAt(at) - 48) * (twice ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

/** Issuers of ISO/IEC 7812 by first digits and length. */
const CARD =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|62\d{14,17}|(?:5[06-8]|6\d)\d{11,17})$/
const CARD_RUN = /(?<![A-Za-z0-9_])\d(?:[ -]?\d){12,60}/g
const CARD_LENGTHS = [19, 18, 17, 16, 15, 14, 13]

const cards: Detector = (text, found) => {
  for (const { 0: run, index } of text.matchAll(CARD_RUN)) {
    /** Where in the run each digit stands. */
    const places: number[] = []
    for (let at = 0; at < run.length; at++) if (isDigit(run.charCodeAt(at))) places.push(at)
    const digits = run.replace(/\D/g, '')
    const isStart = (nth: number): boolean => nth === 0 || places[nth] !== (places[nth - 1] ?? 0) + 1
    const isEnd = (nth: number): boolean =>
      nth === digits.length - 1
        ? !isWordAt(text, index + run.length)
        : (places[nth + 1] ?? 0) !== (places[nth] ?? 0) + 1
    for (let first = 0; first + 13 <= digits.length; first++) {
      if (!isStart(first)) continue
      const length = CARD_LENGTHS.find((size) => {
        const last = first + size - 1
        if (last >= digits.length || !isEnd(last)) return false
        const number = digits.slice(first, last + 1)
        return CARD.test(number) && isLuhn(number)
      })
      if (length === undefined) continue
      found(index + (places[first] ?? 0), index + (places[first + length - 1] ?? 0) + 1)
      first += length - 1
    }
  }
}

const IBAN_HEAD = /(?<![A-Za-z0-9_])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])/g

const ibans: Detector = (text, found) => {
  for (const { 0: head, index } of text.matchAll(IBAN_HEAD)) {
    const country = head.slice(0, 2).toUpperCase()
    const length = Object.hasOwn(countrySpecs, country) ? countrySpecs[country]?.chars : undefined
    if (typeof length !== 'number') continue
    let compact = head
    let at = index + head.length
    while (compact.length < length && at < text.length) {
      const code = text.charCodeAt(at)
      const isGap = code === 32 || code === 45 || code === 0xa0
      const letterAt = isGap ? at + 1 : at
      const letter = text.charCodeAt(letterAt)
      if (!isDigit(letter) && !isLetter(letter)) break
      compact += text[letterAt]
      at = letterAt + 1
    }
    if (compact.length === length && !isWordAt(text, at) && isValidIBAN(compact.toUpperCase())) found(index, at)
  }
}

const PHONE =
  /(?<![A-Za-z0-9_.,/#$€£%-]|\d:)(?:\+ ?|00)?(?:\(\+?\d{1,4}\)|\d)(?:[ ./\u00a0\u2011-]{0,2}\(?\d\)?){6,14}(?![\d_%€$£]|[.,:-]\d|[A-Za-z])/g
const NORTH_AMERICAN = /^(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}$/
const WITH_TRUNK = /^\(?0[1-9]/
const MAY_BEGIN = /^(?:\(?\+|\(?0[1-9]|00|1[ .-]\(?[2-9]\d{2}|\(?[2-9]\d{2}[) .-])/
const DATE = /^(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})(?:[ T]\d|$)/
const SAID_TO_BE_ONE =
  /(?:\btel(?:e(?:fon|phone)|\.)?|phone|handy|\bfon|mobile?|\bcell|whats ?app|\bsms|\bfax|(?:call|reach|text|ring)(?: me)?(?: (?:at|on|under))?)(?: (?:is|no\.?|number))?\s?[:.]?\s?$/i

const phones: Detector = (text, found) => {
  PHONE.lastIndex = 0
  let done = 0
  for (let match = PHONE.exec(text); match !== null; match = PHONE.exec(text)) {
    const { 0: run, index } = match
    const before = text.slice(Math.max(0, index - 40), index).trimEnd()
    const isSaid = /[A-Za-z:.]$/.test(before) && SAID_TO_BE_ONE.test(before)
    // In the middle of digits that are no number as a whole, such as those of an account.
    const isWithin = index > done + 1 && /\d $/.test(text.slice(Math.max(0, index - 2), index)) && !run.startsWith('+')
    if (isWithin || (!isSaid && !MAY_BEGIN.test(run))) {
      PHONE.lastIndex = index + Math.max(run.search(/[ \u00a0]/), 1)
      continue
    }
    // Two numbers may stand side by side with one space between them.
    const said = beginningsOf(run).find((each) => isPhone(each, isSaid))
    if (said === undefined) PHONE.lastIndex = index + Math.max(run.search(/[ \u00a0]/), 1)
    else {
      found(index, index + said.length)
      done = index + said.length
      PHONE.lastIndex = done
    }
  }
}

/** A run of digits and what it begins with, up to each of its last spaces; the longest first. */
function beginningsOf(run: string): readonly string[] {
  const found = [run]
  for (let at = run.lastIndexOf(' '); at > 0 && found.length < 6; at = run.lastIndexOf(' ', at - 1)) {
    found.push(run.slice(0, at).trimEnd())
  }
  return found
}

function isPhone(said: string, isSaid: boolean): boolean {
  const digits = said.replace(/\D/g, '')
  if (digits.length < 7 || digits.length > 15 || DATE.test(said)) return false
  if (isSaid) return true
  const isAbroad = said.startsWith('+') || said.startsWith('(+')
  if (isAbroad) return parsePhoneNumberFromString(`+${digits}`)?.isPossible() === true
  if (said.startsWith('00')) return parsePhoneNumberFromString(`+${digits.slice(2)}`)?.isValid() === true
  if (NORTH_AMERICAN.test(said)) return true
  // A number within a country: nobody can tell which, so it has to be written as one.
  return WITH_TRUNK.test(said) && digits.length >= 9 && digits.length <= 12 && /[ ()/-]/.test(said)
}

/** Where a token begins: what stands before it is of no token. */
const FRESH = '(?<![A-Za-z0-9_-])'
const TOKENS = new RegExp(
  `${FRESH}(?:${[
    '(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA)[A-Z0-9]{16}(?![A-Za-z0-9])',
    'gh[pousr]_[A-Za-z0-9]{30,255}',
    'github_pat_[A-Za-z0-9_]{22,255}',
    'gl(?:pat|ptt|dt|rt|soat)-[A-Za-z0-9_-]{20,255}',
    'xox[abceoprs]-[A-Za-z0-9-]{10,255}',
    'xapp-[A-Za-z0-9-]{20,255}',
    '(?:[sr]k|pk)_(?:live|test)_[A-Za-z0-9]{10,255}',
    'whsec_[A-Za-z0-9+/=]{20,255}',
    'sk-[A-Za-z0-9_-]{20,255}',
    'AIza[A-Za-z0-9_-]{35}',
    'ya29\\.[A-Za-z0-9_-]{20,255}',
    'npm_[A-Za-z0-9]{36}',
    'pypi-[A-Za-z0-9_-]{40,255}',
    'dop_v1_[a-f0-9]{64}',
    'SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,64}',
    'hv[sbr]\\.[A-Za-z0-9_-]{20,255}',
    'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}',
    'SK[a-f0-9]{32}(?![A-Za-z0-9])',
    'eyJ[A-Za-z0-9_-]{8,4000}\\.[A-Za-z0-9_-]{8,8000}(?:\\.[A-Za-z0-9_-]{0,2000})?',
  ].join('|')})`,
  'g',
)
const PRIVATE_KEY = '-----BEGIN '
const KEY_HEAD = /^-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY/
const MAX_KEY = 16_000
const ADDRESS_PASSWORD = /:\/\/([^\s/:@]{0,100}):([^\s/@]{1,200})@/g
const AUTHORIZATION = /\b(?:bearer|basic) +([A-Za-z0-9._~+/-]{16,4000}={0,2})/gi
const ASSIGNED =
  /(?<![A-Za-z])(password|passwd|passwort|passphrase|pwd|pass|secret|api[_-]?key|apikey|access[_-]?key|auth[_-]?token|access[_-]?token|client[_-]?secret|token)["']?(?: is)?\s{0,3}[:=]\s{0,3}["']?([^\s"',;<>]{6,200})/gi

const secrets: Detector = (text, found) => {
  for (const { 0: said, index } of text.matchAll(TOKENS)) found(index, index + said.length)
  for (let at = text.indexOf(PRIVATE_KEY); at !== -1;) {
    let end = at + PRIVATE_KEY.length
    if (KEY_HEAD.test(text.slice(at, at + 60))) {
      // Without an end, or with a far one, it is masked as far as one may reach: nothing is looked at twice.
      const rest = text.slice(at, at + MAX_KEY)
      const last = /-----END [A-Z0-9 ]{0,30}PRIVATE KEY[A-Z ]{0,10}-{0,5}/.exec(rest)
      end = at + (last === null ? rest.length : last.index + last[0].length)
      found(at, end)
    }
    at = text.indexOf(PRIVATE_KEY, end)
  }
  if (text.includes('://')) {
    for (const { 1: user = '', 2: password = '', index } of text.matchAll(ADDRESS_PASSWORD)) {
      const start = index + '://'.length + user.length + 1
      found(start, start + password.length)
    }
  }
  for (const { 0: said, 1: token = '', index } of text.matchAll(AUTHORIZATION)) {
    if (/\d/.test(token)) found(index + said.length - token.length, index + said.length)
  }
  for (const { 0: said, 1: name = '', 2: value = '', index } of text.matchAll(ASSIGNED)) {
    if (SECRET_REFERENCE.test(said)) continue
    if (/^pass|^pwd/i.test(name) || /\d/.test(value)) found(index + said.length - value.length, index + said.length)
  }
}

/** The first of two that overlap is the one that counts. */
const DETECTORS: readonly (readonly [Detected, Detector])[] = [
  ['secret', secrets],
  ['email', emails],
  ['iban', ibans],
  ['card', cards],
  ['phone', phones],
]

/** Without one of these there is nothing to find. */
const MAYBE = /[@\d:=-]|\bis\b/

interface Ranked extends Finding {
  readonly rank: number
}

/** The values in a text that can be told by their form, in order and apart from one another. */
export function detect(text: string): readonly Finding[] {
  if (text.length < 5 || !MAYBE.test(text)) return []
  const all: Ranked[] = []
  for (const [rank, [kind, look]] of DETECTORS.entries()) {
    look(text, (start, end) => all.push({ kind, start, end, rank }))
  }
  if (all.length < 2) return all
  all.sort((a, b) => a.start - b.start || a.rank - b.rank)
  const kept: Ranked[] = []
  for (const one of all) {
    const last = kept.at(-1)
    if (last === undefined || one.start >= last.end) kept.push(one)
    else {
      const { kind, rank } = one.rank < last.rank ? one : last
      kept[kept.length - 1] = { kind, rank, start: last.start, end: Math.max(one.end, last.end) }
    }
  }
  return kept
}
