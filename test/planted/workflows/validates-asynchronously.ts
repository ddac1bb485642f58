// rejected by typescript/no-misused-promises
import { defineUpdate, setHandler, sleep } from '@temporalio/workflow'

export const decide = defineUpdate<string, [string]>('decide')

async function slowly(answer: string): Promise<void> {
  await sleep(answer.length)
}

export function playbook(): void {
  setHandler(decide, (answer) => answer, { validator: slowly })
}
