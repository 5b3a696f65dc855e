/** HTTPS to an MDM: what a hostile or broken one may not do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FaultCode, isFault } from "#base/fault.ts";
import { FakeJamf } from "../../test/support/fake-mdm/jamf.ts";
import { FakeMdm, type Interceptor } from "../../test/support/fake-mdm/server.ts";
import { type HttpsOptions, openHttps } from "./https.ts";

async function ask(
  intercept: Interceptor,
  options: HttpsOptions & { readonly trusted?: boolean; readonly signal?: AbortSignal } = {},
) {
  const { trusted = true, signal = new AbortController().signal, ...rest } = options;
  const mdm = await FakeMdm.start(new FakeJamf());
  mdm.intercept = intercept;
  const http = openHttps({ ...rest, ...(trusted ? { authorities: [mdm.authority] } : {}) });
  try {
    const url = new URL(`${mdm.origin}/x`);
    return await http.send({ method: "GET", url, headers: {} }, signal);
  } finally {
    http.close();
    await mdm.close();
  }
}

const refused = (code: FaultCode) => (error: unknown) => isFault(error, code);

test("an answer that is too long is not read to its end", async () => {
  const text = "x".repeat(200_000);
  const answer = ask(() => ({ status: 200, text }), { maxBytes: 100_000 });
  await assert.rejects(answer, refused("limit"));
  const whole = await ask(() => ({ status: 200, text }), { maxBytes: 200_000 });
  assert.equal(whole.body.length, 200_000);
});

test("an answer that does not come ends in time", async () => {
  await assert.rejects(
    ask(() => "hang", { timeoutMs: 100 }),
    refused("timeout"),
  );
});

test("a question ends at once when the service stops", async () => {
  const stop = new AbortController();
  const answer = ask(
    () => {
      stop.abort();
      return "hang";
    },
    { signal: stop.signal },
  );
  await assert.rejects(answer, refused("canceled"));
});

test("a certificate that nobody vouches for is refused, with what to do about it", async () => {
  await assert.rejects(
    ask(() => ({ status: 200 }), { trusted: false }),
    (error) => isFault(error, "unproven") && /NODE_EXTRA_CA_CERTS/.test(error.hint ?? ""),
  );
});

test("a connection that breaks is unavailable, and http is never tried", async () => {
  await assert.rejects(
    ask(() => "reset"),
    refused("unavailable"),
  );
  const http = openHttps();
  const url = new URL("http://localhost:1/x");
  const { signal } = new AbortController();
  await assert.rejects(http.send({ method: "GET", url, headers: {} }, signal), (error) =>
    isFault(error, "invalid"),
  );
  http.close();
});
