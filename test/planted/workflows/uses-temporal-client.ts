// rejected by countersign/rooms
import { Client } from '@temporalio/client'

export const used = Client
