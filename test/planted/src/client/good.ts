// accepted
import { Client } from '@temporalio/client'
import { charge } from '../../activities/billing/contract.ts'
import type { playbook } from '../../workflows/good.ts'
import { sign } from '../identity/good.ts'

export const start = (client: Client, amount: number): Promise<unknown> =>
  client.workflow.start<typeof playbook>('playbook', {
    taskQueue: 'good',
    workflowId: `${sign}`,
    args: [amount + charge],
  })

export const connect = (): Client => new Client()
