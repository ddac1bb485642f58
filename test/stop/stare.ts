import { look } from '../kernel/contracts.ts'

/** As a look into a box, but as an ordinary activity. */
export const stare = { ...look, name: 'box.stare', title: 'stare into the box', local: false } as const
