/**
 * Events of Device Trust. A failure has the code of a success: `success`, `error` and `message` say
 * how it went.
 */
import type { EventDefinition } from "../definition.ts";

export const deviceEvents = {
  "device.create": {
    title: "Device Registered",
    code: "TV001I",
    requires: ["user", "device"],
    allows: [],
  },
  "device.delete": {
    title: "Device Deleted",
    code: "TV002I",
    requires: ["user", "device"],
    allows: [],
  },
  "device.token.create": {
    title: "Device Enroll Token Created",
    code: "TV003I",
    requires: ["user", "success"],
    allows: ["device"],
  },
  "device.token.spent": {
    title: "Device Enroll Token Spent",
    code: "TV004I",
    requires: ["user", "success"],
    allows: ["device"],
  },
  "device.enroll": {
    title: "Device Enrolled",
    code: "TV005I",
    requires: ["user", "success"],
    allows: ["device"],
  },
  "device.authenticate": {
    title: "Device Authenticated",
    code: "TV006I",
    requires: ["user", "success"],
    allows: ["device"],
  },
  "device.update": {
    title: "Device Updated",
    code: "TV007I",
    requires: ["user", "device"],
    allows: [],
  },
  "device.webtoken.create": {
    title: "Device Web Token Created",
    code: "TV008I",
    requires: ["user", "success"],
    allows: ["device"],
  },
  "device.authenticate.confirm": {
    title: "Device Web Authentication Confirmed",
    code: "TV009I",
    requires: ["user", "success"],
    allows: ["device"],
  },
  "device.copied": {
    title: "Device Copy Detected",
    code: "GH018W",
    requires: ["user", "device", "message", "reason"],
    allows: [],
  },
  "device.drift": {
    title: "Device Firmware Changed",
    code: "GH008W",
    requires: ["user", "device", "message"],
    allows: [],
  },
  "device.boot.report": {
    title: "Device Boot Fails a Rule",
    code: "GH020W",
    requires: ["user", "device", "message", "reason"],
    allows: [],
  },
} as const satisfies Record<string, EventDefinition>;
