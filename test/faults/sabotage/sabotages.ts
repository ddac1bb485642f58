import { join } from 'node:path'
import type { Fault } from '../fault.ts'
import { FAULTS } from '../kinds/index.ts'

/** A part of the product that is taken out, so that the suite shows that it would see it. */
export interface Sabotage {
  readonly name: string
  /** Imported by every worker before anything else. */
  readonly preload?: readonly string[]
  /** Changes the bundled kernel; throws when there is nothing to change. */
  readonly kernel?: (code: string) => string
  /** What shows it: these are tried in turn until there is a violation. */
  readonly shownBy: readonly Fault[]
}

const file = (name: string): string => join(import.meta.dirname, name)

function faults(...names: readonly string[]): readonly Fault[] {
  return names.map((name) => {
    const fault = FAULTS.find((one) => one.name === name)
    if (fault === undefined) throw new RangeError(`there is no fault \`${name}\``)
    return fault
  })
}

/** Replaces what has to be there exactly once. */
function replaced(code: string, wanted: RegExp, by: string): string {
  const found = code.match(new RegExp(wanted, `g`)) ?? []
  if (found.length !== 1) throw new Error(`a sabotage is out of date: ${wanted} is there ${found.length} times`)
  return code.replace(wanted, by)
}

/**
 * The compensation of a write is registered when it has succeeded, and not before. The ledger alone would still tell
 * of an effect whose answer was lost, so nobody asks it either.
 */
const lateCompensation = (code: string): string => {
  const late = replaced(
    code,
    /(?:_class_private_field_get\(this, _|this\.#)saga\)?\.register\(step, tool, input\);/,
    '',
  )
  const registered = replaced(
    late,
    /(_class_private_field_get\(this, _|this\.#)board(\)?)\.setEffect\(step, 'done'\);/,
    "$1saga$2.register(step, tool, input); $1board$2.setEffect(step, 'done');",
  )
  return replaced(
    registered,
    /if \(completes && !(?:_class_private_field_get\(this, _|this\.#)steps\)?\.resumed\) return;/,
    'return;',
  )
}

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: 'ledger off',
    preload: [file('ledger-off.ts')],
    shownBy: faults('the answer is lost (probe)', 'kill at write.executed'),
  },
  { name: 'guard off', preload: [file('guard-off.ts')], shownBy: faults('warrants that are made up') },
  {
    name: 'compensation registered late',
    kernel: lateCompensation,
    shownBy: faults('the answer is lost (none)', 'the answer comes too late (none)'),
  },
  {
    name: 'attempt number in the key',
    preload: [file('attempt-in-key.ts')],
    shownBy: faults('the answer is lost (key)', 'the answer comes too late (key)'),
  },
  {
    name: 'fencing off',
    preload: [file('fencing-off.ts')],
    shownBy: faults('delay at write.claimed', 'stop at write.claimed'),
  },
]
