import type { Command } from 'commander'
import { define as defineEnqueue } from './audit-enqueue.ts'
import { define as defineExplain } from './audit-explain.ts'
import { define as defineExport } from './audit-export.ts'
import { define as defineKeys } from './audit-keys.ts'
import { define as defineOutbox } from './audit-outbox.ts'

/** `countersign audit …` */
export function define(command: Command): void {
  defineExport(command)
  defineExplain(command)
  defineKeys(command)
  defineEnqueue(command)
  defineOutbox(command)
}
