const MOST_LINES = 15
const COMPLAINT = /^(?:panic:|Error:|.*\bFATAL:|initdb: error:)/u

/**
 * The part of a server's output that explains its end, at most 15 lines: from its first complaint on (a Go panic puts
 * the reason first and a long stack after it), else the last lines.
 */
export function lastWords(output: string): string {
  const lines = output.trim().split('\n')
  const complaint = lines.findIndex((line) => COMPLAINT.test(line))
  const from = complaint === -1 ? Math.max(0, lines.length - MOST_LINES) : complaint
  return lines.slice(from, from + MOST_LINES).join('\n') || '(none)'
}
