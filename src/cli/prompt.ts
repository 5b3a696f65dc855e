/**
 * Questions to the person. Labels go to stderr. On a terminal a secret is read without echo; when stdin is no terminal,
 * each question reads one line of stdin, so that scripts can answer.
 */
import { Fault } from "#base/fault.ts";

/** The person pressed Ctrl-C. The program ends without an error text. */
export class Interruption extends Fault {
  constructor() {
    super("canceled", "canceled");
  }
}

/** Asks questions. */
export interface Prompt {
  /** A line, echoed. */
  line(label: string): Promise<string>;
  /** A line without echo: password, code. */
  secret(label: string): Promise<string>;
  /** Yes or no; `fallback` (default no) on an empty answer. */
  confirm(label: string, fallback?: boolean): Promise<boolean>;
  /** One of several keys, such as `{ e: "edit again", a: "abort" }`; the first on an empty answer. */
  choose<Key extends string>(label: string, choices: Readonly<Record<Key, string>>): Promise<Key>;
}

/** Where the answers come from. */
export interface AnswerSource {
  readonly isTerminal: boolean;
  /** The next line without its end, or undefined at the end of input. Rejects with {@link Interruption} on Ctrl-C. */
  readLine(options: { readonly echo: boolean }): Promise<string | undefined>;
}

/** A prompt over a source of answers; `show` writes to where the person looks. */
export function createPrompt(source: AnswerSource, show: (text: string) => void): Prompt {
  async function ask(label: string, echo: boolean): Promise<string> {
    // Reading starts first: the terminal must not echo what is typed the moment that the label appears.
    const reading = source.readLine({ echo });
    show(`${label} `);
    const answer = await reading;
    // A terminal that echoes has moved on itself; everywhere else the line is still open.
    if (!echo || !source.isTerminal) show("\n");
    if (answer === undefined) throw endOfInput(label);
    return answer;
  }
  return {
    line: (label) => ask(label, true),
    secret: (label) => ask(label, false),
    async confirm(label, fallback = false) {
      const answer = await ask(`${label} [${fallback ? "Y/n" : "y/N"}]`, true);
      return answer.trim() === "" ? fallback : /^y(es)?$/i.test(answer.trim());
    },
    async choose<Key extends string>(label: string, choices: Readonly<Record<Key, string>>) {
      const keys = Object.keys(choices) as Key[];
      const legend = keys.map((key) => `${key}: ${choices[key]}`).join(", ");
      for (;;) {
        const answer = (await ask(`${label} (${legend})`, true)).trim().toLowerCase();
        const chosen = answer === "" ? keys[0] : keys.find((key) => key === answer);
        if (chosen !== undefined) return chosen;
      }
    },
  };
}

function endOfInput(label: string): Fault {
  return new Fault("usage", `no answer to "${label}": the input has ended`, {
    hint: "run the command in a terminal, or give one line of stdin for each question",
  });
}
