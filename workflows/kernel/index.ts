/** Sandbox-safe: what a playbook is written with. Nothing here touches the outside. */
export { playbook, type Playbook } from './playbook.ts'
export type { Proposal, Run } from './run.ts'
export type { StepName } from './steps.ts'
