import picocolors from 'picocolors'
import type { CliSettings } from './settings.ts'

export type Paint = (text: string) => string

export interface Colors {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

/** Painters that leave text as it is when the stream takes no colour. */
export function createColors(choice: CliSettings['color'], isTty: boolean): Colors {
  return picocolors.createColors(choice === 'always' || (choice === 'auto' && isTty))
}
