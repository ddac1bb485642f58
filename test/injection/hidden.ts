/** Ways to hide a command from people, and from filters that look for words. */
export const base64 = (text: string): string => Buffer.from(text).toString('base64')
export const rot13 = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => {
    const from = letter <= 'Z' ? 65 : 97
    return String.fromCodePoint((((letter.codePointAt(0) ?? from) - from + 13) % 26) + from)
  })
export const fullWidth = (text: string): string =>
  text.replace(/[!-~]/g, (sign) => String.fromCodePoint((sign.codePointAt(0) ?? 0) + 0xfee0))
export const zeroWidth = (text: string): string => text.split('').join('\u200b')
/** Tag characters: invisible in every font, and read by models. */
export const tagged = (text: string): string =>
  text.replace(/[ -~]/g, (sign) => String.fromCodePoint((sign.codePointAt(0) ?? 0) + 0xe0000))
/** Shown from right to left. */
export const reversed = (text: string): string => `\u202e${text.split('').toReversed().join('')}\u202c`
