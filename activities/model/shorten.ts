import { REASON_LIMIT } from './contract.ts'

interface Sentence {
  readonly start: number
  readonly text: string
}

const sentencesOf = (text: string): Sentence[] =>
  [...text.matchAll(/\S.*?(?:[.!?…]+(?= |$)|$)/gu)].map((match) => ({ start: match.index, text: match[0] }))

/** At most `room` units of a text from `start` on, whole words where there are spaces, never half a character. */
function cut(text: string, start: number, room: number): string {
  const rest = text.slice(start)
  if (rest.length <= room) return rest
  const head = rest.slice(0, room + 1)
  const space = head.lastIndexOf(' ')
  if (space > 0) return head.slice(0, space)
  const hard = rest.slice(0, room)
  return hard.isWellFormed() ? hard : hard.slice(0, -1)
}

/** A part of a long sentence with the word at `at` in it, and some words before it for the sense. */
function around(sentence: string, at: number, room: number): string {
  if (sentence.length <= room) return sentence
  const space = sentence.indexOf(' ', Math.max(0, at - Math.floor(room / 3)))
  const start = at <= room / 3 ? 0 : space >= 0 && space < at ? space + 1 : at
  return cut(sentence, start, room)
}

/**
 * Cuts a text of collapsed white space to the limit of a reason. A text within it stays whole. Of a longer one: the
 * sentences in which the marks stand (offsets, the most telling first), then the others from the start while they
 * fit, in the order of the text.
 */
export function shorten(text: string, marks: readonly number[]): string {
  if (text.length <= REASON_LIMIT) return text
  const sentences = sentencesOf(text)
  const taken = new Map<number, string>()
  let room = REASON_LIMIT
  const take = ({ start }: Sentence, part: string) => {
    taken.set(start, part)
    room -= part.length + 1
  }
  for (const mark of marks.length > 0 ? marks : [0]) {
    const sentence = sentences.findLast(({ start }) => start <= mark)
    if (sentence === undefined || taken.has(sentence.start)) continue
    // Less than this tells nothing.
    if (room < 20) break
    take(sentence, around(sentence.text, mark - sentence.start, room))
  }
  for (const sentence of sentences) {
    if (taken.has(sentence.start)) continue
    if (sentence.text.length > room) break
    take(sentence, sentence.text)
  }
  return [...taken]
    .toSorted(([a], [b]) => a - b)
    .map(([, part]) => part)
    .join(' ')
}
