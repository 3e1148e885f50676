/** Order of levers. */
import type { Fields } from "~/api/documents";

/**
 * Return the positions to store so that one of the documents moves a step up or down.
 *
 * The documents are in order, the last of them stays the last. Positions that are right already are not returned.
 */
export function orderedPositions(
  documents: readonly Fields[],
  index: number,
  step: 1 | -1,
): { id: string; position: number }[] {
  const movable = documents.slice(0, -1);
  const positions = movable.map(({ position }) => Number(position));
  const isClear = positions.every((position, rank) => rank === 0 || position > (positions[rank - 1] ?? 0));
  const places = isClear ? positions : positions.map((_, rank) => rank + 1);
  const order = [...movable];
  const [moved] = order.splice(index, 1);
  if (!moved) return [];
  order.splice(index + step, 0, moved);
  return order
    .map((document, rank) => ({ id: String(document["_id"]), position: places[rank] ?? rank + 1, document }))
    .filter(({ position, document }) => document["position"] !== position)
    .map(({ id, position }) => ({ id, position }));
}
