// A handler that ends its thread when it is imported.
import process from 'node:process'

process.exit(3)
