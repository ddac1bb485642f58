import { defineProject } from '../../src/worker/index.ts'
import { budgetProject } from './project.ts'

/** The project of these tests, for a worker in a process of its own. */
export const project = defineProject(budgetProject().project)
