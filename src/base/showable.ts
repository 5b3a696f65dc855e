/**
 * Text that a terminal may show. Sentences, names and labels often come from a server: its control characters must not
 * move the cursor, set the title or answer questions that nobody asked (ECMA-48: C0, DEL and C1).
 */

/** The text with control characters replaced; line breaks and tabs stay. */
export function showable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}

/** JSON that reads the same and holds no character that a terminal acts on. */
export function showableJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
