const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]|(?!\p{White_Space})\p{Cc}/gu
const WHITE_SPACE = /\p{White_Space}+/gu

const visible = (text: string): string => text.normalize('NFKC').replace(INVISIBLE, '').normalize('NFKC')

// By way of upper case, so that `ß` and `ẞ` meet `ss`; and without the final sigma, the one letter whose lower
// case depends on where it stands.
const folded = (text: string): string => text.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')

/**
 * The form in which texts are compared; both sides of a comparison go through it. In this order: Unicode NFKC
 * (full-width letters, ligatures), zero-width and control characters out, case folded without a locale, white
 * space collapsed to single spaces and trimmed. Doing it twice changes nothing.
 * Letters of other scripts that only look alike (Cyrillic `а`) stay what they are.
 */
export const normaliseText = (text: string): string =>
  visible(folded(visible(text)))
    .replace(WHITE_SPACE, ' ')
    .trim()
