// accepted
import { proxyActivities, sleep, uuid4 } from '@temporalio/workflow'
import { z } from 'zod'
import { charge } from '../activities/billing/contract.ts'
import { cents } from '../src/contract/good.ts'
import { propose } from './kernel/good.ts'

const { pay } = proxyActivities<{ pay(amount: number): Promise<void> }>({ startToCloseTimeout: '1 minute' })

export const request = z.object({ amount: z.int() })

export async function playbook(amount: number): Promise<string> {
  await sleep(Math.random() * 1000)
  await pay(cents(amount))
  return `${propose(charge)} ${uuid4()} ${new Date().toISOString()}`
}
