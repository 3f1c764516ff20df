// A handler that cannot be loaded.
throw new Error('no database today')
