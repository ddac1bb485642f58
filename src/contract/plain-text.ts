// As ranges and not as `\p{…}`: the bundler of the sandbox would write those out with a Unicode table of its own,
// and the kernel and the host have to see the same text. From Unicode 17.

/** Control (less white space), format and default-ignorable characters, to stand in a character class (flag `u`). */
export const INVISIBLE =
  '\\u0000-\\u0008\\u000e-\\u001f\\u007f-\\u0084\\u0086-\\u009f\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f' +
  '\\u0890-\\u0891\\u08e2\\u115f-\\u1160\\u17b4-\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f' +
  '\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}' +
  '\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}'

const WHITE_SPACE = '\\u0009-\\u000d\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028-\\u2029\\u202f\\u205f\\u3000'

const invisibles = new RegExp(`[${INVISIBLE}]`, 'gu')
const whiteSpace = new RegExp(`[${WHITE_SPACE}]+`, 'gu')

/** Printable ASCII and its white space, of which only the case and the white space change. */
const ASCII = /^[\t-\r -~]*$/

/** Words of printable ASCII with single spaces between them, of which only the case changes. */
const ASCII_WORDS = /^[!-~]+(?: [!-~]+)*$/

function visible(text: string): string {
  const composed = text.normalize('NFKC')
  if (ASCII.test(composed)) return composed
  const shown = composed.replace(invisibles, '')
  return shown.length === composed.length ? composed : shown.normalize('NFKC')
}

// By way of upper case, so that `ß` and `ẞ` meet `ss`; and without the final sigma, the one letter whose lower
// case depends on where it stands.
const folded = (text: string): string => text.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')

/**
 * The form in which texts are compared; both sides of a comparison go through it. In this order: Unicode NFKC
 * (full-width letters, ligatures), zero-width and control characters out, case folded without a locale, white
 * space collapsed to single spaces and trimmed. Doing it twice changes nothing.
 * Letters of other scripts that only look alike (Cyrillic `а`) stay what they are.
 */
export function normaliseText(text: string): string {
  if (ASCII_WORDS.test(text)) return text.toLowerCase()
  const shown = visible(text)
  const lower = ASCII.test(shown) ? shown.toLowerCase() : visible(folded(shown))
  return lower.replace(whiteSpace, ' ').trim()
}

/**
 * The first `most` UTF-16 units of a text, well-formed: half a character can be neither digested nor written to the
 * wire, and cutting a text can make one.
 */
export const shortened = (text: string, most: number): string => text.slice(0, most).toWellFormed()
