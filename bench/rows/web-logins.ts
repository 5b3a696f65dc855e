/** Password and one-time-code logins per second at the web API, against the raw cost of the password hash. */
import { argon2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { generateLoginKeys, publicHalves } from "#client/cluster/keys.ts";
import { findProxy } from "#client/login.ts";
import { logInWithPassword } from "#client/web/login.ts";
import { password } from "../../test/support/cluster.ts";
import type { Bench } from "../context.ts";
import { rateAtOnce } from "../measure.ts";
import type { Row } from "../row.ts";

const derive = promisify(argon2);
const users = 12;
const atOnce = 4;

/** Everybody logs in twice, four at a time, each over a connection of its own. */
export async function measureWebLogins(bench: Bench): Promise<Row[]> {
  const { cluster, machine } = await bench.workplace();
  const people = [];
  for (let i = 0; i < users; i++) people.push(await cluster.addUser(`web-${i}`, ["access"]));
  const turns = [...people, ...people];
  const folder = `${machine.folder}/web-logins`;
  const logIn = async (index: number) => {
    const person = turns[index];
    if (person === undefined) return;
    const code = await person.codes.next();
    const { web, answer } = await findProxy({
      folder,
      env: {},
      proxy: cluster.proxy,
      insecure: true,
      now: () => new Date(),
    });
    try {
      const halves = publicHalves(await generateLoginKeys(answer.signatureSuite));
      await logInWithPassword(
        web,
        answer,
        { user: person.name, sshPublicKey: halves.ssh, tlsPublicKey: halves.tls, ttlMs: 0 },
        { password: async () => password, code: async () => code },
      );
    } finally {
      web.close();
    }
  };
  const hash = () =>
    derive("argon2id", {
      ...{ memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 },
      message: password,
      nonce: randomBytes(16),
    });
  await rateAtOnce(4, 2, hash);
  const raw = await rateAtOnce(60, 2, hash);
  const ours = await rateAtOnce(turns.length, atOnce, logIn);
  return [
    {
      what: "logins with password and code, 4 at a time",
      unit: "/s",
      ours,
      peer: { what: "argon2id alone", value: raw },
      goal: { at: "least", limit: 0.4 },
      recorded: "7.5/s",
    },
  ];
}
