import { loadModule } from '../../kafka/load-module.js'

/**
 * Loads the modules of option `threadImports`, each when the one before it has come to its end: what an SDK or a loader
 * registers is in force for the next.
 *
 * @param timeoutMs how long each may take @default 60_000
 * @throws {PoolError} `KCP_MODULE_NOT_USABLE` for the first that cannot be loaded
 */
export const loadThreadImports = async (modules: readonly string[], timeoutMs?: number): Promise<void> => {
  for (const module of modules) {
    await loadModule(module, 'threadImports', timeoutMs === undefined ? {} : { timeoutMs })
  }
}
