/**
 * Whether the links of an archive all stay inside of its folder; undefined when they do, otherwise the path of one that
 * does not. A target may not lead through another link: where `a/..` leads depends on what `a` is.
 *
 * @param links targets by the paths of the links
 */
export function escapingLink(links: ReadonlyMap<string, string>): string | undefined {
  for (const [path, target] of links) if (!staysInside(path, target, links)) return path
  return undefined
}

function staysInside(path: string, target: string, links: ReadonlyMap<string, string>): boolean {
  if (target === '' || target.startsWith('/') || /[\0\\]/.test(target)) return false
  const at = path.split('/').slice(0, -1)
  const steps = target.split('/').filter((step) => step !== '' && step !== '.')
  return steps.every((step, index) => {
    if (step !== '..') at.push(step)
    else if (at.pop() === undefined) return false
    return index === steps.length - 1 || !links.has(at.join('/'))
  })
}
