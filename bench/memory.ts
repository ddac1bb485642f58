import { readFileSync } from 'node:fs'

/** Memory of a process that is resident now, in megabytes. Linux only. */
export function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kilobytes === undefined) throw new Error(`process ${pid} tells no memory`)
  return Math.round(Number(kilobytes) / 1024)
}
