import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { addRetentionRoutes } from '../retention/retention-routes.ts'
import { addTransferRoutes } from '../transfer/transfer-routes.ts'
import { addChartRoutes } from './chart-routes.ts'
import { addCompareRoutes } from './compare-routes.ts'
import { addExperimentRoutes } from './experiment-routes.ts'
import { addProjectRoutes } from './project-routes.ts'
import { addRunArtifactRoutes } from './run-artifact-routes.ts'
import { addRunHeartbeatRoutes } from './run-heartbeat-routes.ts'
import { addRunListRoutes } from './run-list-routes.ts'
import { addRunMetricRoutes } from './run-metric-routes.ts'
import { addRunRoutes } from './run-routes.ts'

/** Projects, experiments and runs. */
export function addTrackingRoutes(app: App, context: ApiContext): void {
  addProjectRoutes(app, context)
  addRetentionRoutes(app, context)
  addTransferRoutes(app, context)
  addExperimentRoutes(app, context)
  addRunRoutes(app, context)
  addRunListRoutes(app, context)
  addRunHeartbeatRoutes(app, context)
  addCompareRoutes(app, context)
  addChartRoutes(app, context)
  addRunMetricRoutes(app, context)
  addRunArtifactRoutes(app, context)
}
