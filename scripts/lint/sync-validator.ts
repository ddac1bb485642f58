/**
 * An async update validator wedges the run: the SDK drops its promise and the task fails for ever. What
 * `typescript/no-misused-promises` finds by types it misses in `async validator() {}` and in one that takes no arguments.
 */
import type { Rule } from './rule.ts'

export const syncValidator: Rule = {
  meta: { type: 'problem' },
  create: (context) => ({
    Property(node) {
      const name = node.key?.name ?? node.key?.value
      if (name !== 'validator' || node.value?.async !== true) return
      context.report({ node, message: 'an update validator must not be async: decide in the handler' })
    },
  }),
}
