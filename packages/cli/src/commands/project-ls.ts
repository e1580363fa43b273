import type { ProjectView } from '@sweep/spec/wire/tracking/projects'
import type { Command } from '../command.ts'
import type { Column } from '../output.ts'
import { ageText } from '../present.ts'

export const command: Command = {
  async run(context) {
    const client = await context.client()
    const projects: ProjectView[] = []
    for (let after: string | undefined; ; ) {
      const page = await client.tracking.listProjects({ after })
      projects.push(...page.projects)
      if (page.next === null) break
      after = page.next
    }
    await context.printRows(projects, columns(context.process.now()), (project) => project.name)
    if (projects.length === 0) context.say('No projects yet: the first sweep or run makes one.')
    return undefined
  },
}

function columns(now: number): Column<ProjectView>[] {
  return [
    { name: 'name', value: (project) => project.name, flexible: true, minWidth: 12 },
    { name: 'experiments', value: (project) => project.experiments, align: 'right' },
    { name: 'owner', value: (project) => project.owner },
    { name: 'team', value: (project) => project.team },
    { name: 'description', value: (project) => project.description, flexible: true, minWidth: 12, wide: true },
    {
      name: 'age',
      value: (project) => project.createdAt,
      show: (project) => ageText(project.createdAt, now),
      align: 'right',
    },
  ]
}
