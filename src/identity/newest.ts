/** Keeps the newest entries of a map, so many at most. */
export function keepNewest<K, V>(map: Map<K, V>, most: number, key: K, value: V): void {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > most && oldest !== undefined) map.delete(oldest)
}
