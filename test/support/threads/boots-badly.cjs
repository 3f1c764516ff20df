module.exports = import('./boots-badly.mjs').then((module) => module.default)
