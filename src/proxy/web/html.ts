/**
 * HTML as tagged templates that escape every value. There is no way to put text into a page unescaped except through
 * {@link html} itself, so a user name cannot become markup.
 */

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Markup that is safe to send. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Builds markup; strings are escaped, {@link Markup} stays as it is, lists are joined. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Markup | readonly Markup[])[]
): Markup {
  const text = parts.reduce((sum, part, i) => {
    const value = values[i - 1];
    return sum + render(value) + part;
  });
  return new Markup(text);
}

function render(value: string | number | Markup | readonly Markup[] | undefined): string {
  if (value === undefined) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map((markup) => markup.text).join("");
  return String(value).replace(/[&<>"']/g, (character) => escapes[character] ?? "");
}
