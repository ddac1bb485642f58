// rejected by countersign/rooms
import type { pay } from '../activities/billing/index.ts'

export type Used = typeof pay
