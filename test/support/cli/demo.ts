/** A small program for the tests of the command engine: one command of each shape. */
import * as argument from "#cli/argument.ts";
import { defineCommand } from "#cli/command.ts";
import * as flag from "#cli/flag.ts";
import { formatFlag } from "#cli/output.ts";
import { defineProgram } from "#cli/program.ts";

const echo = () => import("./demo-echo.ts");

/** The program. Every command prints what it received as JSON. */
export const demo = defineProgram({
  name: "demo",
  summary: "show how commands are written",
  version: "Demo v1.2.3 node26.10.0",
  groups: { users: "manage users" },
  shared: { config: flag.string("file with settings", { short: "c", env: "DEMO_CONFIG" }) },
  services: () => undefined,
  commands: [
    defineCommand({
      path: ["users", "add"],
      summary: "create a user",
      example: "demo users add alice --roles=access",
      arguments: { user: argument.required("name of the user") },
      flags: {
        roles: flag.list("roles of the user", { required: true, placeholder: "NAMES" }),
        setLogins: flag.list("logins", { split: false, short: "l" }),
        ttl: flag.duration("life of the link", { default: 3_600_000 }),
        force: flag.boolean("replace", { short: "f" }),
        quiet: flag.boolean("say less", { short: "q" }),
      },
      run: echo,
    }),
    defineCommand({
      path: ["users", "ls"],
      summary: "list users",
      example: "demo users ls --format=json",
      flags: { format: formatFlag },
      run: echo,
    }),
    defineCommand({
      path: ["ssh"],
      summary: "run a command on a host",
      example: "demo ssh root@host ls -l",
      arguments: { host: argument.required("login@host"), command: argument.rest("command") },
      flags: {
        login: flag.string("login", { short: "l" }),
        os: flag.string("os", { required: false }),
      },
      run: echo,
    }),
    defineCommand({
      path: ["lock"],
      summary: "lock something",
      example: "demo lock --user=x",
      flags: { user: flag.string("user to lock"), tag: flag.string("tag to lock") },
      run: echo,
    }),
    defineCommand({
      path: ["lock", "ls"],
      summary: "list locks",
      example: "demo lock ls",
      run: echo,
    }),
    defineCommand({
      path: ["ask"],
      summary: "ask for a name and a password",
      example: "demo ask",
      run: () => import("./demo-ask.ts"),
    }),
    defineCommand({
      path: ["fail"],
      summary: "fail in a given way",
      example: "demo fail fault",
      arguments: { how: argument.optional("fault, bug or code") },
      run: () => import("./demo-fail.ts"),
    }),
    defineCommand({
      path: ["secret-thing"],
      summary: "not listed",
      example: "demo secret-thing",
      hidden: true,
      run: echo,
    }),
  ],
});
