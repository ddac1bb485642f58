/**
 * The globals of runs that share a context of V8, each with its own: what the SDK's `lib/workflow/reusable-vm.js`
 * (`@temporalio/worker` 1.24) does each time another run goes on, for less.
 *
 * A context has two sides. From the inside each look at a global is a call into native code; the SDK looks at all of them
 * several times. From the outside there is a plain object that holds what was added or replaced, and only that differs
 * between runs. What is not seen there, such as what was deleted of the language itself, is found on the inside by its
 * name.
 */
import { type Context, runInContext, Script } from 'node:vm'
import { native } from '@temporalio/core-bridge'
import type { WorkflowCreateOptions } from '@temporalio/worker/lib/workflow/interface.js'
import { ReusableVMWorkflow, ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js'

/** What a run has otherwise than a new one; `undefined`: it has it no more. */
type Own = ReadonlyMap<PropertyKey, PropertyDescriptor | undefined>

/** One run, as the context knows it. */
interface Run {
  own: Own
}

/** Called from the outside, works on the inside. */
interface Inside {
  keys(): readonly PropertyKey[]
  descriptor(key: PropertyKey): PropertyDescriptor | undefined
  define(key: PropertyKey, descriptor: PropertyDescriptor): void
  remove(key: PropertyKey): boolean
}

/** Where a call into the context lies: looked up by nobody but those two. */
interface Mailbox {
  fn: string
  args: readonly unknown[]
}

const BROKEN =
  'the globals of two runs could not be exchanged in this thread: a playbook made one that cannot be changed; start the worker again without it'

/** Under which the SDK keeps a run's runtime. */
const ACTIVATOR = '__TEMPORAL_ACTIVATOR__'

// With a script of its own: microtasks of the context run when one has ended.
const call = new Script('__COUNTERSIGN_CALL__()')

class Globals {
  readonly #context: Context
  readonly #inside: Inside
  readonly #mailbox: Mailbox = { fn: '', args: [] }
  /** What a new run finds. */
  readonly #first: ReadonlyMap<PropertyKey, PropertyDescriptor>
  #current: Run | undefined
  #isBroken = false

  constructor(context: Context) {
    this.#context = context
    this.#inside = runInContext(
      // Kept, lest a run replace them.
      `(({ ownKeys, getOwnPropertyDescriptor, deleteProperty } = Reflect, { defineProperty } = Object, all = globalThis) => ({
        keys: () => ownKeys(all),
        descriptor: (key) => getOwnPropertyDescriptor(all, key),
        define: (key, descriptor) => void defineProperty(all, key, descriptor),
        remove: (key) => deleteProperty(all, key),
      }))()`,
      context,
    ) as Inside
    const begin = runInContext(
      `(mailbox, { api } = __TEMPORAL__) => Object.defineProperty(globalThis, '__COUNTERSIGN_CALL__', {
        value: () => api[mailbox.fn](...mailbox.args), writable: false, enumerable: false, configurable: false,
      })`,
      context,
    ) as (mailbox: Mailbox) => void
    begin(this.#mailbox)
    this.#first = new Map(
      this.#inside.keys().flatMap((key) => {
        const descriptor = this.#inside.descriptor(key)
        return descriptor === undefined ? [] : [[key, descriptor]]
      }),
    )
  }

  /** Calls a function of the SDK in the context, as that run. By its end all microtasks have run. */
  call(run: Run, fn: string, args: readonly unknown[]): unknown {
    this.#enter(run)
    this.#mailbox.fn = fn
    this.#mailbox.args = args
    return call.runInContext(this.#context)
  }

  #enter(run: Run): void {
    if (this.#isBroken) throw new Error(BROKEN)
    if (this.#current === run) return
    const { own } = run
    // Half of one run and half of another must not act as either; where this is cut short, nobody acts here any more.
    this.#isBroken = true
    const left = this.#current === undefined ? new Map<PropertyKey, undefined>() : this.#ownNow()
    if (this.#current !== undefined) this.#current.own = left
    for (const key of left.keys()) if (!own.has(key)) this.#set(key, this.#first.get(key))
    for (const [key, descriptor] of own) this.#set(key, descriptor)
    this.#current = run
    this.#isBroken = false
  }

  #set(key: PropertyKey, descriptor: PropertyDescriptor | undefined): void {
    const isThere = Object.hasOwn(this.#context, key)
    if (descriptor === undefined) this.#inside.remove(key)
    // What is there on the outside hides what is on the inside.
    else if (isThere) Object.defineProperty(this.#context, key, descriptor)
    else this.#inside.define(key, descriptor)
  }

  #ownNow(): Own {
    const own = new Map<PropertyKey, PropertyDescriptor | undefined>()
    for (const [key, descriptor] of descriptorsOf(this.#context)) {
      const first = this.#first.get(key)
      if (first === undefined || !isSame(first, descriptor)) own.set(key, descriptor)
    }
    const keys = this.#inside.keys()
    let left = 0
    for (const key of keys) {
      if (this.#first.has(key)) left += 1
      // What has a symbol for its name is not seen on the outside.
      else if (!own.has(key)) own.set(key, this.#inside.descriptor(key))
    }
    if (left === this.#first.size) return own
    const there = new Set(keys)
    for (const key of this.#first.keys()) if (!there.has(key)) own.set(key, undefined)
    return own
  }
}

const isSame = (one: PropertyDescriptor, other: PropertyDescriptor): boolean =>
  one.value === other.value && one.get === other.get && one.set === other.set

function* descriptorsOf(object: object): Iterable<[PropertyKey, PropertyDescriptor]> {
  for (const key of Reflect.ownKeys(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, key)
    if (descriptor !== undefined) yield [key, descriptor]
  }
}

/** Creates workflows whose globals are exchanged as above. */
export class SharedContext extends ReusableVMWorkflowCreator {
  /** Watches what a thread calls into the sandbox for a run. */
  static watched: <T>(runId: string, work: () => T) => T = (_, work) => work()

  #globals: Globals | undefined

  override async createWorkflow(options: WorkflowCreateOptions): Promise<ReusableVMWorkflow> {
    const context = this['context'] as Context & Readonly<Record<typeof ACTIVATOR, ReusableVMWorkflow['activator']>>
    const globals = (this.#globals ??= new Globals(context))
    const run: Run = { own: new Map() }
    const workflowModule = new Proxy({} as ReusableVMWorkflow['workflowModule'], {
      get:
        (_, fn) =>
        (...args: readonly unknown[]) =>
          globals.call(run, String(fn), args),
    })
    const { runId } = options.info
    SharedContext.watched(runId, () =>
      workflowModule.initRuntime({
        ...options,
        sourceMap: this.workflowBundle.sourceMap,
        getTimeOfDay: native.getTimeOfDay,
        registeredActivityNames: this.registeredActivityNames,
        stackTracesEnabled: false,
      }),
    )
    const workflow = new ReusableVMWorkflow(runId, context, context[ACTIVATOR], workflowModule)
    ReusableVMWorkflowCreator.workflowByRunId.set(runId, workflow)
    return workflow
  }
}
