/** A spinner on stderr that says what is awaited. It appears only on a terminal, and only when the wait is noticeable. */

import { showable } from "#base/showable.ts";

/** A line that says what is awaited. */
export interface Progress {
  /** Replaces the text. */
  update(label: string): void;
  /** Removes the line. Idempotent. */
  stop(): void;
}

const frames = ["|", "/", "-", "\\"] as const;
const delayMs = 150;
const frameMs = 100;
const eraseLine = "\r\u001b[K";

/** Shows nothing: for pipes and tests. */
export const noProgress: Progress = { update() {}, stop() {} };

/** A spinner drawn with `draw`; the timers do not keep the process alive. */
export class Spinner implements Progress {
  #label: string;
  #frame = 0;
  #drawn = false;
  #stopped = false;
  readonly #draw: (text: string) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(label: string, draw: (text: string) => void) {
    this.#label = label;
    this.#draw = draw;
    this.#timer = setTimeout(() => this.#turn(), delayMs);
    this.#timer.unref();
  }

  update(label: string): void {
    this.#label = label;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.erase();
  }

  /** Clears the line so that other text can be written; the next turn draws it again. */
  erase(): void {
    if (this.#drawn) this.#draw(eraseLine);
    this.#drawn = false;
  }

  #turn(): void {
    if (this.#stopped) return;
    this.#draw(`${eraseLine}${frames[this.#frame % frames.length]} ${showable(this.#label)}`);
    this.#frame++;
    this.#drawn = true;
    setTimeout(() => this.#turn(), frameMs).unref();
  }
}
