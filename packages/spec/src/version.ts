import { version } from '../../../package.json'

/** The release this code belongs to; the bundler puts the text in place. */
export const VERSION: string = version
