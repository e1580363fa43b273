import type { App } from './app.ts'

/** Routes that take bytes (application/octet-stream) as they come, in a scope of their own: no other takes what it does not expect. */
export function addByteRoutes(app: App, add: (scope: App) => void): void {
  app.register(async (scope) => {
    scope.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
    add(scope)
  })
}
