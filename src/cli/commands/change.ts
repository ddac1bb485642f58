import type { Command } from 'commander'
import { defineDecision } from '../deciding.ts'

/** `countersign change`: the changed action is a new one, with a new digest and its own decision. */
export const define = (command: Command): void => defineDecision(command, 'change')
