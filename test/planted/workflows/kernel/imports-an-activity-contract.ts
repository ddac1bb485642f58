// rejected by countersign/rooms
import { charge } from '../../activities/billing/contract.ts'

export const used = charge
