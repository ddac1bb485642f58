// rejected by countersign/rooms
export const used = (name: string): Promise<unknown> => import(name)
