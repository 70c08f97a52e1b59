/** First in, first out, without moving everybody up at each turn. Bounded by whoever fills it. */
export interface Queue<Item> {
  add(item: Item): void;
  /** The item that has waited longest. */
  take(): Item | undefined;
  readonly isEmpty: boolean;
}

/** Fewer taken items than this are not worth clearing away. */
const CLEAR_FROM = 1_024;

export function createQueue<Item>(): Queue<Item> {
  let items: Item[] = [];
  let head = 0;
  return {
    add(item) {
      items.push(item);
    },
    take() {
      const item = items[head];
      if (item === undefined) return undefined;
      head += 1;
      if (head >= CLEAR_FROM && 2 * head >= items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    get isEmpty() {
      return head >= items.length;
    },
  };
}
