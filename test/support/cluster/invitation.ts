/** A person completes an invitation in the browser: reads the page, types the password and the first code. */
import { request } from "node:https";
import { OneTimeCodes } from "./one-time-codes.ts";

/** What the web server answered. */
export interface WebAnswer {
  readonly status: number;
  readonly text: string;
}

/** Asks a cluster's web server, whose certificate signs itself in tests. */
export function askWeb(url: string, form?: Readonly<Record<string, string>>): Promise<WebAnswer> {
  const body = form && new URLSearchParams(form).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: body === undefined ? "GET" : "POST", headers, rejectUnauthorized: false },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.once("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** Completes an invitation or reset link; gives the authenticator app that was set up on the way. */
export async function acceptInvitation(url: string, password: string): Promise<OneTimeCodes> {
  const page = await askWeb(url);
  const secret = /<code>([A-Z2-7]+)<\/code>/.exec(page.text)?.[1];
  if (secret === undefined) throw new Error(`no secret on the page (${page.status}): ${page.text}`);
  const codes = new OneTimeCodes(secret);
  const done = await askWeb(url, { password, again: password, code: await codes.next() });
  if (done.status !== 200) throw new Error(`refused (${done.status}): ${done.text}`);
  return codes;
}
