// rejected by countersign/rooms
import { ApplicationFailure } from '@temporalio/common'

export const used = ApplicationFailure
