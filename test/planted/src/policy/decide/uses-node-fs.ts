// rejected by countersign/rooms
import { readFileSync } from 'node:fs'

export const used = readFileSync
