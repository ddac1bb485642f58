export { chain, cites } from '../kernel/playbooks.ts'
