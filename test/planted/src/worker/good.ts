// accepted
import { Worker } from '@temporalio/worker'
import { pay } from '../../activities/billing/index.ts'
import type { playbook } from '../../workflows/good.ts'
import { verify } from '../audit/good.ts'
import { row } from '../ledger/good.ts'
import { load } from '../policy/load/good.ts'

export type Playbook = typeof playbook
export const host = { Worker, pay, verify, row, load }
