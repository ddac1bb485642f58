import type { Command } from 'commander'
import { defineDecision } from '../deciding.ts'

/** `countersign approve` */
export const define = (command: Command): void => defineDecision(command, 'approve')
