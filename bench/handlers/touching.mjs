export { touching as default } from './empty.mjs'
