// rejected by countersign/rooms
import { log } from '@temporalio/activity'

export const used = log
