// rejected by countersign/rooms
import { parse } from 'yaml'

export const used = parse
