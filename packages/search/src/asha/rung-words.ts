import type { ResourceUnit } from '../progress.ts'

/** Where trials were compared: `step 9`. */
export function placeInWords(unit: ResourceUnit, resource: number): string {
  return `${unit === 'step' ? 'step' : 'report'} ${resource}`
}

/** How a rank stands to the places of a rung: `outside the best 3`, `among the best 3`, `the best`. */
export function standingInWords(rank: number, places: number): string {
  const best = places === 1 ? 'the best' : `the best ${places}`
  if (rank > places) return `outside ${best}`
  return places === 1 ? best : `among ${best}`
}
