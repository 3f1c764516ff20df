import { expect, test } from 'vitest'
import { totalLag } from '#src/control/pool-status.js'

test.each([
  ['nothing', [], '0'],
  ['all that is known', ['3', '9007199254740993'], '9007199254740996'],
  ['unknown, and not a part of it, while that of one partition is', ['3', null], null],
])('the lag of a pool is the sum of %s', (_, lags, total) => expect(totalLag(lags)).toBe(total))
