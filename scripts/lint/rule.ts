/** The part of an ESTree node that our rules read. */
export interface Node {
  readonly type: string
  readonly importKind?: 'type' | 'value' | null
  readonly exportKind?: 'type' | 'value' | null
  readonly source?: { readonly type: string; readonly value?: unknown } | null
  readonly specifiers?: readonly Node[]
  readonly key?: { readonly name?: string; readonly value?: unknown }
  readonly value?: { readonly async?: boolean }
}

interface Context {
  readonly filename: string
  report(found: { node: Node; message: string }): void
}

/** A rule as oxlint runs it: ESLint's shape. */
export interface Rule {
  readonly meta: { readonly type: 'problem' }
  create(context: Context): Readonly<Record<string, (node: Node) => void>>
}
