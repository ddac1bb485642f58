import { LineCounter } from 'yaml'

/** Something that keeps a policy, the decision table beside it or the mapping of identities from being used, or that its owner will not have meant. */
export interface PolicyProblem {
  readonly code:
    | 'policy_invalid'
    | 'policy_not_found'
    | 'policy_doubtful'
    | 'export_unconfigured'
    | 'cases_invalid'
    | 'identity_invalid'
  /** Absent: an error. A warning keeps nothing from being used. */
  readonly level?: 'error' | 'warning'
  /** As the caller named it, such as `policies/refund-request.yaml`. */
  readonly file: string
  /** From 1; 0 when the problem is the file as a whole. */
  readonly line: number
  /** From 1, in UTF-16 units; 0 as in `line`. */
  readonly column: number
  /** What is wrong, with the value in backticks. */
  readonly message: string
  /** What to do about it. */
  readonly help: string
}

/** `policies/refund-request.yaml:5:2 unknown fact …` and, on the next line, what to do about it. */
export function formatProblem({ file, line, column, level, message, help }: PolicyProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`
  return `${place} ${level === 'warning' ? 'warning: ' : ''}${message}\n  ${help}`
}

/** A problem of a file that could not be read as a policy text at all. */
export const fileProblem = (
  file: string,
  message: string,
  help: string,
  code: PolicyProblem['code'] = 'policy_invalid',
): PolicyProblem => ({ code, file, line: 0, column: 0, message, help })

/** What a text is called as a whole, and where its form is described. */
const TEXTS = {
  policy_invalid: { what: 'the policy', docs: 'docs/writing-a-policy.md' },
  policy_not_found: { what: 'the policy', docs: 'docs/writing-a-policy.md' },
  policy_doubtful: { what: 'the policy', docs: 'docs/writing-a-policy.md' },
  export_unconfigured: { what: 'the policy', docs: 'docs/audit.md' },
  cases_invalid: { what: 'the policy', docs: 'docs/writing-a-policy.md' },
  identity_invalid: { what: 'the file', docs: 'docs/identity.md' },
} as const satisfies Readonly<Record<PolicyProblem['code'], object>>

/** Collects the problems of one text, by offset. */
export class Report {
  readonly #file: string
  readonly #code: PolicyProblem['code']
  /** The text that the problems are of. */
  readonly text: string
  readonly #lines = new LineCounter()
  readonly #found: { readonly offset: number; readonly problem: PolicyProblem }[] = []

  constructor(file: string, text: string, code: PolicyProblem['code'] = 'policy_invalid') {
    this.#file = file
    this.#code = code
    this.text = text
    this.#lines.addNewLine(0)
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#lines.addNewLine(at + 1)
  }

  /** Adds a problem with what stands at this offset of the text. Returns what a reader returns then. */
  at(offset: number, message: string, help: string): undefined {
    this.#found.push({ offset, problem: { code: this.#code, file: this.#file, ...this.place(offset), message, help } })
    return undefined
  }

  /** What a text of this kind is called as a whole, and where its form is described. */
  get form(): { readonly what: string; readonly docs: string } {
    return TEXTS[this.#code]
  }

  /** Where an offset of the text is, as problems tell it. */
  place(offset: number): Pick<PolicyProblem, 'line' | 'column'> {
    const { line, col: column } = this.#lines.linePos(offset)
    return { line, column }
  }

  /** All problems so far, in the order of the text. */
  get problems(): readonly PolicyProblem[] {
    return this.#found.toSorted((a, b) => a.offset - b.offset).map(({ problem }) => problem)
  }

  get isEmpty(): boolean {
    return this.#found.length === 0
  }
}
