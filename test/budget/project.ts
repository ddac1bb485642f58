import { join } from 'node:path'
import { implement } from '../../src/tools/implementation.ts'
import { newBoxes } from '../kernel/boxes.ts'
import { appraise, worthOf } from './contracts.ts'

/** Playbooks whose thoughts cost money, and the boxes that they fill. */
export function budgetProject() {
  const { boxes, tools } = newBoxes()
  const project = {
    workflows: join(import.meta.dirname, 'playbooks.ts'),
    policies: join(import.meta.dirname, 'policies'),
    tools: [...tools, implement(appraise, { execute: async ({ item }) => worthOf(item) })],
  }
  return { boxes, project }
}
