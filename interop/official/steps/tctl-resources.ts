/** create, create -f, get, edit and rm of each kind of resource with the official tctl. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, expectRan, type Stage, type Step } from "../step.ts";

interface Sample {
  readonly kind: string;
  /** What people type behind "tctl get". */
  readonly reference: string;
  readonly yaml: string;
  /** A replacement that an editor makes, and what is seen afterwards. */
  readonly edit: readonly [from: string, to: string];
  /** There is one only: it cannot be created twice or removed, only reset. */
  readonly single?: boolean;
}

const samples: readonly Sample[] = [
  {
    kind: "role",
    reference: "role/sample",
    yaml: `kind: role
version: v7
metadata:
  name: sample
  description: before
spec:
  options:
    device_trust_mode: required
    max_session_ttl: 8h0m0s
  allow:
    logins: ['{{internal.logins}}', root]
    node_labels: {'env': ['dev', 'prod']}
    rules:
    - resources: [device]
      verbs: [list, read, create_enroll_token, enroll]
  deny:
    logins: [guest]
`,
    edit: ["description: before", "description: after"],
  },
  {
    kind: "user",
    reference: "user/sample",
    yaml: `kind: user
version: v2
metadata:
  name: sample
spec:
  roles: [access]
  traits:
    logins: [before]
`,
    edit: ["- before", "- after"],
  },
  {
    kind: "token",
    reference: "token/sample-token-of-the-script",
    yaml: `kind: token
version: v2
metadata:
  name: sample-token-of-the-script
  expires: "2099-01-01T00:00:00Z"
spec:
  roles: [Node]
  join_method: token
  suggested_labels:
    before: [x]
`,
    edit: ["before:", "after:"],
  },
  {
    kind: "lock",
    reference: "lock/sample",
    yaml: `kind: lock
version: v2
metadata:
  name: sample
spec:
  target:
    user: nobody
  message: before
`,
    edit: ["message: before", "message: after"],
  },
  {
    kind: "device",
    reference: "device/SAMPLE01",
    yaml: `kind: device
version: v1
metadata:
  name: 2a4d9a34-1f6c-4a3e-9d0b-6f2f7c1f0a11
spec:
  os_type: linux
  asset_tag: SAMPLE01
  enroll_status: not_enrolled
`,
    edit: ["asset_tag: SAMPLE01", "asset_tag: SAMPLE01\n  owner: alice"],
  },
  {
    kind: "node",
    reference: "node/0b3c1f8e-6f0e-4f0a-8f1b-2d7c6c1d2e3f",
    yaml: `kind: node
sub_kind: openssh
version: v2
metadata:
  name: 0b3c1f8e-6f0e-4f0a-8f1b-2d7c6c1d2e3f
  labels:
    state: before
spec:
  addr: 127.0.0.1:22
  hostname: sample-node
`,
    edit: ["state: before", "state: after"],
  },
  {
    kind: "cluster_auth_preference",
    reference: "cap",
    single: true,
    yaml: `kind: cluster_auth_preference
version: v2
metadata:
  name: cluster-auth-preference
spec:
  type: local
  second_factor: on
  webauthn:
    rp_id: localhost
`,
    edit: ["default_session_ttl: 12h0m0s", "default_session_ttl: 8h0m0s"],
  },
  {
    kind: "cluster_networking_config",
    reference: "cluster_networking_config",
    single: true,
    yaml: `kind: cluster_networking_config
version: v2
metadata:
  name: cluster-networking-config
spec:
  client_idle_timeout: 1h0m0s
  idle_timeout_message: before
`,
    edit: ["idle_timeout_message: before", "idle_timeout_message: after"],
  },
  {
    kind: "session_recording_config",
    reference: "session_recording_config",
    single: true,
    yaml: `kind: session_recording_config
version: v2
metadata:
  name: session-recording-config
spec:
  mode: node
  proxy_checks_host_keys: true
`,
    edit: ["mode: node", "mode: node-sync"],
  },
];

async function edit({ desk }: Stage, { reference, edit: [from, to] }: Sample): Promise<void> {
  const script = `#!/bin/sh\nexec node -e '
    const fs = require("node:fs");
    const [from, to, file] = process.argv.slice(1);
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace(from, () => to));
  ' -- "$FROM" "$TO" "$1"\n`;
  const editor = desk.machine.script("replace", script);
  const env = { EDITOR: editor, FROM: from, TO: to };
  await eventually(async () => {
    expectRan(await desk.tctlWith(env, "edit", reference), { shows: [/updated|created/] });
  });
  await eventually(async () => {
    expectRan(await desk.tctl("get", reference), { shows: [...to.split("\n")] });
  });
}

function stepsOf(sample: Sample): readonly Step[] {
  const { kind, reference, yaml, single = false } = sample;
  const file = ({ desk }: Stage) => {
    const path = join(desk.home, `${kind}.yaml`);
    writeFileSync(path, yaml);
    return path;
  };
  const create: Step = {
    name: `tctl create ${kind}, and -f`,
    async run(stage) {
      const { desk } = stage;
      const flags = single ? ["-f"] : [];
      expectRan(await desk.tctl("create", ...flags, file(stage)), { shows: [/created|updated/] });
      if (!single && kind !== "token" && kind !== "lock") {
        await eventually(async () => {
          expectRan(await desk.tctl("create", file(stage)), { code: 1, shows: ["already exists"] });
        });
      }
      expectRan(await desk.tctl("create", "-f", file(stage)), { shows: [/created|updated/] });
      await eventually(async () => {
        expectRan(await desk.tctl("get", reference), { shows: [`kind: ${kind}`] });
      });
    },
  };
  const change: Step = {
    name: `tctl edit ${kind}`,
    run: (stage) => edit(stage, sample),
  };
  const remove: Step = {
    name: `tctl rm ${kind}`,
    async run({ desk }) {
      expectRan(await desk.tctl("rm", reference), {
        shows: [single ? /reset/ : /deleted|removed/],
      });
      if (single) return;
      await eventually(async () => {
        expectRan(await desk.tctl("rm", reference), { code: 1 });
      });
    },
  };
  return [create, change, remove];
}

/** The steps. */
export const tctlResourceSteps: readonly Step[] = samples.flatMap(stepsOf);
