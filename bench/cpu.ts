import { readdirSync, readFileSync } from 'node:fs'

/** `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10

interface ProcessTimes {
  readonly parent: number
  /** Its own and its reaped children's, in milliseconds. */
  readonly ms: number
}

function timesOf(pid: string): ProcessTimes | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The name in parentheses may hold spaces; what follows it is plain. See proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
  return { parent: Number(fields[1]), ms: ticks * MS_PER_TICK }
}

/** CPU time of processes and everything below them so far, in milliseconds; by the given names. Linux only. */
export function cpuOf<Name extends string>(roots: Readonly<Record<Name, number>>): Record<Name, number> {
  const times = new Map<number, ProcessTimes>()
  for (const entry of readdirSync('/proc')) {
    const found = /^\d+$/.test(entry) ? timesOf(entry) : undefined
    if (found !== undefined) times.set(Number(entry), found)
  }
  const isBelow = (pid: number, root: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = times.get(at)?.parent) {
      if (at === root) return true
    }
    return false
  }
  const totals = Object.entries<number>(roots).map(([name, root]) => {
    const below = [...times].filter(([pid]) => isBelow(pid, root))
    return [name, below.reduce((sum, [, { ms }]) => sum + ms, 0)]
  })
  return Object.fromEntries(totals) as Record<Name, number>
}
