module.exports = import('./actor.mjs').then((module) => module.default)
