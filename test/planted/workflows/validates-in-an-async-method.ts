// rejected by countersign/sync-validator
import { defineUpdate, setHandler, sleep } from '@temporalio/workflow'

export const decide = defineUpdate<string, [string]>('decide')

export function playbook(): void {
  setHandler(decide, (answer) => answer, {
    async validator() {
      await sleep(1)
    },
  })
}
