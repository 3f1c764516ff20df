import { randomInt } from 'node:crypto'
import process from 'node:process'
import type { Fault } from './fault.js'
import type { Round } from './schedule.js'
import { SETTINGS } from './settings.js'
import { FAULTS } from './table/index.js'

/*
 * What is played. `npm test` plays a short run with a fixed seed: when it fails, the change has done it and not the dice, and
 * everybody can play the same again. `npm run test:faults` takes a new seed each time, to find what nobody has seen yet.
 */

const DEFAULT_SEED = 1

export const chosenSeed = (env = process.env): number => {
  if (env.FAULTS_SEED === undefined || env.FAULTS_SEED === '') return DEFAULT_SEED
  if (env.FAULTS_SEED === 'new') return randomInt(2 ** 31)
  const seed = Number(env.FAULTS_SEED)
  if (!Number.isInteger(seed))
    throw new Error(`FAULTS_SEED: expected a whole number or "new", got "${env.FAULTS_SEED}"`)
  return seed
}

/** How long a long run takes; null for a short one, which plays every fault once. */
export const chosenMinutes = (env = process.env): number | null => {
  if (env.FAULTS_MINUTES === undefined || env.FAULTS_MINUTES === '') return null
  const minutes = Number(env.FAULTS_MINUTES)
  if (!(minutes > 0)) throw new Error(`FAULTS_MINUTES: expected a number above 0, got "${env.FAULTS_MINUTES}"`)
  return minutes
}

/** Those whose name contains the words of `FAULTS_ONLY`; all without it. */
export const chosenFaults = (env = process.env): readonly Fault[] => {
  const words = env.FAULTS_ONLY ?? ''
  const chosen = FAULTS.filter(({ name }) => name.includes(words))
  if (chosen.length === 0) throw new Error(`FAULTS_ONLY: no fault has "${words}" in its name`)
  return chosen
}

/** Whether a round is played: those in the settings whose name contains the words of `FAULTS_SETTING`; all without it. */
export const isChosen = ({ setting }: Round, env = process.env): boolean => {
  const words = env.FAULTS_SETTING ?? ''
  if (!SETTINGS.some(({ name }) => name.includes(words)))
    throw new Error(`FAULTS_SETTING: no setting has "${words}" in its name`)
  return setting.name.includes(words)
}

/** Beside the minutes: a round that has begun comes to its end, however slow the machine. */
export const TEST_MS = 30 * 60_000 + (chosenMinutes() ?? 0) * 60_000
