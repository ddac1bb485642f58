import type { Command } from 'commander'
import { defineDecision } from '../deciding.ts'

/** `countersign reject` */
export const define = (command: Command): void => defineDecision(command, 'reject')
