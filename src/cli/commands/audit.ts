import type { Command } from 'commander'
import { define as defineBundle } from './audit-bundle.ts'
import { define as defineCheckpoint } from './audit-checkpoint.ts'
import { define as defineEnqueue } from './audit-enqueue.ts'
import { define as defineExplain } from './audit-explain.ts'
import { define as defineExport } from './audit-export.ts'
import { define as defineIssued } from './audit-issued.ts'
import { define as defineKeys } from './audit-keys.ts'
import { define as defineNewKey } from './audit-new-key.ts'
import { define as defineOutbox } from './audit-outbox.ts'
import { define as defineSearch } from './audit-search.ts'
import { define as defineSeal } from './audit-seal.ts'
import { define as defineSigner } from './audit-signer.ts'
import { define as defineStatus } from './audit-status.ts'
import { define as defineSweeper } from './audit-sweeper.ts'
import { define as defineVerify } from './audit-verify.ts'
import { define as defineWitness } from './audit-witness.ts'

/** `countersign audit …` */
export function define(command: Command): void {
  defineExport(command)
  defineExplain(command)
  defineKeys(command)
  defineSeal(command)
  defineBundle(command)
  defineSearch(command)
  defineIssued(command)
  defineVerify(command)
  defineCheckpoint(command)
  defineSigner(command)
  defineSweeper(command)
  defineStatus(command)
  defineWitness(command)
  defineNewKey(command)
  defineEnqueue(command)
  defineOutbox(command)
}
