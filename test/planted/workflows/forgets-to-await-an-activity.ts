// rejected by typescript/no-floating-promises
import { proxyActivities } from '@temporalio/workflow'

const { pay } = proxyActivities<{ pay(amount: number): Promise<void> }>({ startToCloseTimeout: '1 minute' })

export function playbook(): void {
  pay(1)
}
