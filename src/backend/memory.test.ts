/** The store in memory keeps the promises of the port. */
import { testBackend } from "../../test/support/backend-conformance.ts";
import { openMemoryBackend } from "./memory.ts";

testBackend("memory", openMemoryBackend);
