import { describe, expect, test } from 'vitest'
import { Episode } from '#src/util/episode.js'

describe('something that happens every second', () => {
  test('is told when it begins, once a minute while it lasts, and when it ends', () => {
    const episode = new Episode()
    const words = Array.from({ length: 181 }, (_, second) => episode.happened(second * 1_000))
    expect(words.flatMap((word, second) => (word === null ? [] : [[second, word]]))).toEqual([
      [0, 'begins'],
      [60, 'lasts'],
      [120, 'lasts'],
      [180, 'lasts'],
    ])
    expect(episode.ended(200_000)).toBe(200_000)
    expect(episode.ended(201_000)).toBeNull()
  })

  test('and that ends and begins again quickly costs no more lines than if it lasted, beside its first end', () => {
    const episode = new Episode()
    const lines = Array.from({ length: 120 }, (_, second) => {
      const word = episode.happened(second * 1_000)
      const endedMs = episode.ended(second * 1_000 + 500)
      return [word, endedMs].filter((line) => line !== null)
    })
    expect(lines.flatMap((line, second) => (line.length === 0 ? [] : [[second, ...line]]))).toEqual([
      [0, 'begins', 500],
      [60, 'begins', 500],
    ])
  })

  test('begins anew when it was away for longer than a minute', () => {
    const episode = new Episode()
    episode.happened(0)
    episode.ended(1_000)
    expect(episode.happened(61_000)).toBe('begins')
  })

  test('is told late when it lasts on after a beginning that was not told', () => {
    const episode = new Episode(1_000)
    episode.happened(0)
    episode.ended(100)
    expect(episode.happened(200)).toBeNull()
    expect(episode.happened(1_000)).toBe('begins')
    expect(episode.ended(1_300)).toBe(1_100)
  })
})
