import type { Command } from 'commander'
import { define as defineExplain } from './audit-explain.ts'
import { define as defineExport } from './audit-export.ts'
import { define as defineKeys } from './audit-keys.ts'

/** `countersign audit …` */
export function define(command: Command): void {
  defineExport(command)
  defineExplain(command)
  defineKeys(command)
}
