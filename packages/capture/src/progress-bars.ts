/** `: 100%|####| 3/3` of tqdm: percent and bar behind a description, counts as numbers or scaled (548k/548k). */
const BAR = /:?\s{0,4}\b\d{1,3}(?:\.\d+)?%\s?\|[^|]{0,1000}\|(?:\s?[\d.]+\w{0,3}\/[\d.?]+\w{0,3})?/

/** tqdm without a bar (`ncols=0`): the counts and the times behind them tell it from a percentage that was measured. */
const BARE_METER = /:?\s{0,4}\b\d{1,3}%\s[\d.]+\w{0,3}\/[\d.?]+\w{0,3}(?=\s\[[\d:?]+<)/

/** git: `Receiving objects: 100% (12/12), 1.20 MiB | 3.10 MiB/s, done.` */
const GIT_METER = /\b(?:objects|deltas|files|content|out):\s{1,4}\d{1,3}% \(\d{1,15}\/\d{1,15}\)/

/** All that a line which is written over again and again ends as: `Downloading: 100%`. */
const PERCENT_ALONE = /^[^:=%]{0,200}[:=]?\s{0,4}\d{1,3}(?:\.\d+)?\s?%\s*$/

/**
 * A printed line without what a progress bar says of itself: how far it is is no metric. What stands before it
 * (`set_description`) and behind it (`set_postfix`) is left, since a program puts there what it has measured.
 *
 * @param text the last state of the line, without control characters
 * @param isOverwritten whether it had others before, each ended by a carriage return
 */
export function withoutProgressBar(text: string, isOverwritten: boolean): string {
  if (!text.includes('%')) return text
  if (isOverwritten && PERCENT_ALONE.test(text)) return ''
  return text.replace(BAR, ' ').replace(BARE_METER, ' ').replace(GIT_METER, ' ')
}
