/** Whether a proxy of the public API, of whatever make, is up. */
import { request } from "node:https";

/** True when `/webapi/ping` is answered on this port of this machine. Whose certificate it shows does not matter. */
export function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/webapi/ping", rejectUnauthorized: false, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.once("error", () => resolve(false));
    asked.end();
  });
}
