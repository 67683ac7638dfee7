/** How far a request of the SDK got, so that the fault of an identity's provider is no answer of the service. */
import type { RequestProgress } from "./aws-causes.js";

/** The part of a command of the SDK that is used here. */
interface Command {
	readonly middlewareStack: {
		add(middleware: (next: (args: never) => Promise<never>) => (args: never) => Promise<never>, options: object): void;
	};
}

/** Tells how far a command got; `undefined` for one that a client never took up, as a stub. */
export function followProgress(command: unknown): () => RequestProgress | undefined {
	let progress: RequestProgress | undefined;
	const mark = (reached: RequestProgress, step: string): void =>
		(command as Command).middlewareStack.add(
			(next) => async (args) => {
				progress = reached;
				return next(args);
			},
			{ name: `connector-${reached}`, override: true, step },
		);
	mark("preparing", "initialize");
	// The step behind the one that signs.
	mark("sent", "deserialize");
	return () => progress;
}
