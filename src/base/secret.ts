/** Text that no log, error or JSON shows by accident. */
import { inspect } from "node:util";

const shown = "[redacted]";

/** Holds a secret; printing it in any way gives "[redacted]". Only `reveal` gives the text. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}
