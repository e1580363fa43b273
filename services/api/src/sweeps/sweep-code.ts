import { type Code, Commit } from '@sweep/spec/code'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'

/**
 * Where the code of a new sweep is, from what its document asks for and what came with the request.
 * @throws SweepError `invalid-request` when what is asked for did not come along
 */
export function codeOf({ code: asked = 'auto' }: SweepDocument, given: Code | undefined): Code {
  if (asked === 'none') return { kind: 'folder' }
  if (typeof asked === 'string') {
    if (given?.kind === 'git') throw mismatch(`code is ${asked}, and a commit of a git repository came with it`)
    if (asked === 'snapshot' && given?.kind !== 'snapshot') throw mismatch('code is snapshot, and none came with it')
    if (asked === 'snapshot' && given?.kind === 'snapshot') return { ...given, origin: undefined }
    return given ?? { kind: 'folder' }
  }
  const { git: url, ref, folder } = asked
  const commit = given?.kind === 'git' && given.url === url ? given.commit : Commit.safeParse(ref).data
  if (commit === undefined) throw mismatch(`code.ref is ${ref}, and the commit that it stands for did not come with it`)
  return { kind: 'git', url, commit, folder }
}

function mismatch(what: string): SweepError {
  return new SweepError('invalid-request', what, {
    hint: 'Create the sweep with `sweep create`, which takes care of its code.',
  })
}
