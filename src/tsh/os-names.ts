/** Operating systems as people write them. */
export const osNames = {
  linux: "Linux",
  macos: "macOS",
  windows: "Windows",
  ios: "iOS",
  ipados: "iPadOS",
} as const;
