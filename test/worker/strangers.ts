// Workflows of a worker that is not ours: a type that nobody registered with us.
export { puppet as stranger } from './puppet.ts'
