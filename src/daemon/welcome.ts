/** What `gatehouse quickstart` says when it is ready: the guide's next commands, ready to paste. Pure. */

/** What the text names. */
export interface Welcome {
  readonly clusterName: string;
  /** `host:port` that people type. */
  readonly proxy: string;
  readonly dataDir: string;
  readonly nodename: string;
  /** The administrator of the first start. */
  readonly user: string;
  /** That administrator was deleted since. */
  readonly isGone?: boolean;
  /** The OS account to try first. */
  readonly login: string;
  /** The link of the first administrator; absent when somebody exists already. */
  readonly invitation?: string | undefined;
}

/** The whole text, without a final line end. */
export function formatWelcome(welcome: Welcome): string {
  const { clusterName, proxy, dataDir } = welcome;
  const head = [
    `Gatehouse is ready: cluster "${clusterName}" on https://${proxy}`,
    `Data: ${dataDir} · stop with Ctrl-C`,
    "",
  ];
  return [...head, ...(welcome.invitation ? firstSteps(welcome) : laterSteps(welcome))].join("\n");
}

function laterSteps({ proxy, dataDir, user, isGone }: Welcome): string[] {
  const who = isGone ? `, as one of: bin/tctl --data-dir=${dataDir} users ls` : ":";
  const login = `  bin/tsh login --proxy=${proxy} --user=${isGone ? "NAME" : user}`;
  return [`Log in from another terminal${who}`, "", login];
}

function firstSteps({ proxy, dataDir, nodename, user, login, invitation }: Welcome): string[] {
  return [
    `1. Open this link within an hour and choose a password for "${user}" (the browser warns once, because the`,
    "   certificate of the page signs itself):",
    "",
    `  ${invitation}`,
    "",
    "   Without a browser, make another administrator here; it prints the secret for an authenticator app:",
    "",
    `  bin/tctl --data-dir=${dataDir} users add NAME --roles=access,auditor,editor --logins=${login} --password-file=FILE --totp`,
    "",
    "2. In another terminal, log in and open a shell:",
    "",
    '  export PATH="$PWD/bin:$PATH"',
    `  tsh login --proxy=${proxy} --user=${user} --insecure`,
    "  tsh status",
    "  tsh ls",
    `  tsh ssh ${login}@${nodename}`,
    "",
    '3. Demand a trusted device: add  device_trust_mode: "required"  below "options:" in the editor that opens,',
    "   see that the server refuses you, enroll this machine, and see it open again:",
    "",
    "  tctl edit role/access",
    `  tsh ssh ${login}@${nodename}`,
    "  tsh device enroll --current-device",
    `  tsh ssh ${login}@${nodename}`,
    "",
    "   This machine has no TPM? `npm run guide` plays the whole story with a virtual one.",
  ];
}
