import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { sendError } from '../http/error-handler.ts'
import { addMlflowArtifactList, addMlflowArtifactRoutes } from './mlflow-artifact-routes.ts'
import { mlflowError, notSupported } from './mlflow-error.ts'
import { addMlflowExperimentRoutes } from './mlflow-experiment-routes.ts'
import { addMlflowMetricRoutes } from './mlflow-metric-routes.ts'
import { addMlflowModelRoutes } from './mlflow-model-routes.ts'
import { addMlflowModelVersionRoutes } from './mlflow-model-version-routes.ts'
import { addMlflowRegisteredModelRoutes } from './mlflow-registered-model-routes.ts'
import { addMlflowRunRoutes } from './mlflow-run-routes.ts'
import { addMlflowSearchRoutes } from './mlflow-search-routes.ts'

/** Programs use the first, MLflow's own page the second. */
const PREFIXES = ['/api', '/ajax-api']

/** What MLflow's clients expect of a tracking server. docs/tracking/mlflow.md has what there is and what not. */
export function addMlflowRoutes(app: App, context: ApiContext): void {
  for (const prefix of PREFIXES) {
    app.register(
      async (scope) => {
        const routes = withErrors(scope.withTypeProvider<ZodTypeProvider>(), context)
        addMlflowExperimentRoutes(routes, context)
        addMlflowRunRoutes(routes, context)
        addMlflowMetricRoutes(routes, context)
        addMlflowSearchRoutes(routes, context)
        addMlflowModelRoutes(routes, context)
        addMlflowRegisteredModelRoutes(routes, context)
        addMlflowModelVersionRoutes(routes, context)
        addMlflowArtifactList(routes, context)
      },
      { prefix: `${prefix}/2.0/mlflow` },
    )
    app.register(
      async (scope) => addMlflowArtifactRoutes(withErrors(scope.withTypeProvider<ZodTypeProvider>(), context), context),
      { prefix: `${prefix}/2.0/mlflow-artifacts` },
    )
    app.register(
      async (scope) => {
        const routes = withErrors(scope.withTypeProvider<ZodTypeProvider>(), context)
        // Asked by MLflow 3 before anything else, without a token.
        routes.get('/server-info', { config: { access: 'public' }, schema: { hide: true } }, async () => ({
          store_type: 'sweep',
          workspaces_enabled: false,
        }))
      },
      { prefix: `${prefix}/3.0/mlflow` },
    )
  }
}

function withErrors(scope: App, { log }: ApiContext): App {
  scope.setErrorHandler((error, request, reply) => sendError(error, request, reply, log, mlflowError))
  scope.setNotFoundHandler((request, reply) => {
    const what = `${request.method} ${request.url.slice(0, 200).replace(/\?.*$/, '')}`
    const error = notSupported(what, 'docs/tracking/mlflow.md lists what is; traces and prompts are not.')
    return sendError(error, request, reply, log, mlflowError)
  })
  return scope
}
