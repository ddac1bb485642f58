// rejected by countersign/rooms
import { pay } from '../../activities/billing/index.ts'

export const used = pay
