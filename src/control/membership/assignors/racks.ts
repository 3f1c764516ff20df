import type { Piece, Share } from './share.js'

/**
 * Exchanges pieces, of those that change hands anyway, so that more of them go to members in the rack of a replica. The
 * shares stay as large, or two that differ by one change sides.
 */
export const bringNear = (shares: readonly Share[]): void => {
  const loose = new Map(shares.map((share) => [share, share.pieces.filter(({ isKept }) => !isKept)]))
  for (let isBetter = true; isBetter; ) {
    isBetter = false
    for (const share of shares) {
      for (const piece of [...(loose.get(share) ?? [])]) {
        if (share.isNear(piece) === 0 && exchange(share, piece, loose)) isBetter = true
      }
    }
  }
}

/** @returns whether the piece, or what came for it, is off better now */
const exchange = (share: Share, piece: Piece, loose: ReadonlyMap<Share, Piece[]>): boolean => {
  for (const other of piece.of.subscribers) {
    if (other.isNear(piece) === 0) continue
    const back = backFor(share, other, loose.get(other) ?? [])
    if (back === undefined && share.size !== other.size + 1) continue
    pass(piece, share, other, loose)
    if (back !== undefined) pass(back, other, share, loose)
    return true
  }
  return false
}

/** Something that is not better off where it is than it would be with `share`. */
const backFor = (share: Share, other: Share, loose: readonly Piece[]): Piece | undefined =>
  loose.find((back) => share.mayHave(back) && other.isNear(back) <= share.isNear(back))

const pass = (piece: Piece, from: Share, to: Share, loose: ReadonlyMap<Share, Piece[]>): void => {
  from.give(piece, to)
  const list = loose.get(from) ?? []
  list.splice(list.indexOf(piece), 1)
  loose.get(to)?.push(piece)
}
