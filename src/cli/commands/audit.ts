import type { Command } from 'commander'
import { define as defineEnqueue } from './audit-enqueue.ts'
import { define as defineOutbox } from './audit-outbox.ts'

/** `countersign audit …` */
export function define(command: Command): void {
  defineOutbox(command)
  defineEnqueue(command)
}
