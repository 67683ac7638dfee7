/**
 * The async context of the process. Work of the library must not keep the context of the request that happened to start
 * it.
 */
import { AsyncResource } from "node:async_hooks";

/** Created while the library is loaded, which is before the first request. */
const root = new AsyncResource("NestjsTypeormAwsConnector");

/**
 * Runs `task` outside of every AsyncLocalStorage of the application. Timers and sockets that the task creates stay
 * outside, too.
 */
export function runInRootContext<Result>(task: () => Result): Result {
	return root.runInAsyncScope(task);
}
