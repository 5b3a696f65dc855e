/** Questions to the person. */

/** Asks questions. When stdin is no terminal, each question reads one line of stdin instead. */
export interface Prompt {
  /** A line, echoed. */
  line(label: string): Promise<string>;
  /** A line without echo: password, code. */
  secret(label: string): Promise<string>;
  /** Yes or no; `fallback` on an empty answer. */
  confirm(label: string, fallback?: boolean): Promise<boolean>;
  /** One of several keys, such as `{ e: "edit again", a: "abort" }`; the first on an empty answer. */
  choose<Key extends string>(label: string, choices: Readonly<Record<Key, string>>): Promise<Key>;
}
