/** `npm run build`: bundles the programs into `dist/`. */
import { join } from "node:path";
import { buildBundles } from "./bundle.ts";

await buildBundles(join(import.meta.dirname, "../dist"));
