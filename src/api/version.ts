/** The generation of the public API that we speak, as clients compare it with their own. */

/** What servers and clients say of themselves. */
export const apiVersion = "18.0.0";

/** The oldest client that is served without a warning. */
export const minimumClientVersion = "17.0.0-aa";
