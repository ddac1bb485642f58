// accepted
import { randomUUID } from 'node:crypto'
import { activityInfo } from '@temporalio/activity'
import { row } from '../../src/ledger/good.ts'
import { charge } from './contract.ts'

export async function pay(amount: number): Promise<string> {
  const response = await fetch(`https://example.com/${activityInfo().activityId}/${amount + charge + row}`)
  return `${randomUUID()} ${Date.now()} ${response.status}`
}
