/** Sandbox-safe: what a playbook is written with. Nothing here touches the outside. */
export type { Delegated, Delegation } from './delegate.ts'
export { offer, type Offer } from './offers.ts'
export { playbook, type Playbook } from './playbook.ts'
export type { Grounds, Run } from './run.ts'
export type { StepName } from './steps.ts'
