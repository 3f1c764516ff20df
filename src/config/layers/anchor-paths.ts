import { resolve } from 'node:path'
import type { ConsumerPoolOptions } from '../options.js'
import { handlerUrl, moduleSpecifier, namesModule } from './module-specifier.js'
import { isPlainObject } from './read-layer.js'

/**
 * A copy of the object in which `change` has seen every value that is set. What is no plain object stays as it is: the
 * copy of a promise or a Map would be empty, and nobody would hear of it.
 */
const mapValues = (value: unknown, change: (item: unknown, name: string) => unknown): unknown =>
  isPlainObject(value)
    ? Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, item === undefined ? item : change(item, name)]),
      )
    : value

/** In `kafka` and `consumer`: codecs, modules of sasl, PEM files (`ssl.ca.location`, …). */
const anchorProperties = (properties: unknown, directory: string): unknown =>
  mapValues(properties, (item, name) => {
    if (name === 'codecs' || name === 'sasl') {
      return mapValues(item, (part, key) => (namesModule(`${name}.${key}`) ? moduleSpecifier(part, directory) : part))
    }
    return name.endsWith('.location') && typeof item === 'string' && item !== '' ? resolve(directory, item) : item
  })

const anchor = (options: unknown, directory: string): unknown =>
  mapValues(options, (item, name) => {
    if (name === 'stateDir' && typeof item === 'string' && item !== '') return resolve(directory, item)
    if ((name === 'assignors' || name === 'threadImports') && Array.isArray(item))
      return item.map((one: unknown) => moduleSpecifier(one, directory))
    if (name === 'handler') return handlerUrl(item, directory) ?? item
    if (name === 'kafka' || name === 'consumer') return anchorProperties(item, directory)
    if (name === 'subscriptions' && Array.isArray(item)) return item.map((one: unknown) => anchor(one, directory))
    if (name === 'perSlot' && typeof item === 'function') return (slot: number) => anchor(item(slot), directory)
    return item
  })

/** A copy of the options in which the paths that were relative to `directory` are absolute. */
export const anchorPaths = (options: object, directory: string): ConsumerPoolOptions =>
  anchor(options, directory) as ConsumerPoolOptions
