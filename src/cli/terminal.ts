import { styleText } from 'node:util'

/** Writes a line of data to stdout. */
export const out = (line: string): void => void process.stdout.write(`${line}\n`)

const toStderr = (line: string): void => void process.stderr.write(`${line}\n`)
let listener = toStderr

/** Says a line to people: on stderr, or to whom `sayTo` named. */
export const say = (line = ''): void => listener(line)

/** Has every later line said to somebody else than the reader of stderr: to a log. */
export function sayTo(other: (line: string) => void): void {
  listener = other
}

/** What a terminal acts on or hides and `JSON.stringify` leaves as it is. */
const UNPRINTABLE = /[\u007F-\u009F\p{Cf}\p{Zl}\p{Zp}]/gu

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('')

/** Writes a value to stdout as JSON. */
export const outJson = (value: unknown): void => out(jsonOf(value))

/** JSON that is safe to look at in a terminal, too. */
export const jsonOf = (value: unknown): string => JSON.stringify(value, null, 2).replace(UNPRINTABLE, escaped)

type Style = Parameters<typeof styleText>[0]

/** Colours a text for stderr: not off a terminal, and not where NO_COLOR asks for none. */
export const style = (how: Style, text: string): string => styleText(how, text, { stream: process.stderr })

/**
 * What a person, a model or a record wrote, on one line that cannot move the cursor, colour or reverse what an
 * approver reads.
 */
export const plain = (text: string): string =>
  text
    .replace(/\p{Cf}/gu, '')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()

/** The same, indented as it was. */
export const plainIndented = (line: string): string => `${/^ */.exec(line)?.[0] ?? ''}${plain(line)}`
