/** What the exit code of a command tells a script. `no`: the command ran, and the answer is no. */
export const EXIT = { yes: 0, couldNotRun: 1, usage: 2, no: 3 } as const
