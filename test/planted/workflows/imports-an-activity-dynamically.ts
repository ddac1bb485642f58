// rejected by countersign/rooms
export const used = (): Promise<unknown> => import('../activities/billing/index.ts')
