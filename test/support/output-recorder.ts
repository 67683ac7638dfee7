/** Records whatever a process prints: Nest's logger at every level, the console, both streams, and Node's warnings. */
import { inspect } from "node:util";
import { Logger, type LoggerService } from "@nestjs/common";

/** A running record. */
export interface OutputRecorder {
	/** One entry for each call, with the level or the stream in front. */
	readonly lines: readonly string[];
	/** For an application: `NestFactory.create(module, { logger: recorder.logger })`. */
	readonly logger: LoggerService;
	/** Ends it. Nest's logger is silent again, as it is in every spec. */
	stop(): void;
}

type Write = typeof process.stdout.write;

const CONSOLE_METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;
const LEVELS = ["debug", "error", "fatal", "log", "verbose", "warn"] as const;
const STREAMS = ["stderr", "stdout"] as const;

/**
 * Starts to record. What Nest's loggers and the console print does not get to the screen, what is written to the streams does.
 * @example
 * const recorder = recordOutput();
 * await rotator.rotateDatabaseConnection();
 * recorder.stop();
 * expect(recorder.lines.join("\n")).not.toContain(password);
 */
export function recordOutput(): OutputRecorder {
	const lines: string[] = [];
	const record =
		(source: string) =>
		(...parts: unknown[]): void =>
			void lines.push(`${source}: ${parts.map(print).join(" ")}`);
	const logger = Object.fromEntries(LEVELS.map((level) => [level, record(level)])) as unknown as LoggerService;
	Logger.overrideLogger(logger);

	const restorers = [
		...CONSOLE_METHODS.map((method) => replace(console, method, record(`console.${method}`))),
		...STREAMS.map((name) => {
			const write = process[name].write.bind(process[name]) as (...parts: unknown[]) => boolean;
			const recordAndWrite = (...parts: unknown[]): boolean => {
				record(name)(parts[0]);
				return write(...parts);
			};
			return replace(process[name], "write", recordAndWrite as Write);
		}),
	];
	const recordWarning = record("warning");
	process.on("warning", recordWarning);

	return {
		lines,
		logger,
		stop: () => {
			for (const restore of restorers) restore();
			process.off("warning", recordWarning);
			Logger.overrideLogger(false);
		},
	};
}

/** More than any logger prints of an object. */
function print(part: unknown): string {
	return typeof part === "string" ? part : inspect(part, { depth: 10, showHidden: true });
}

/** @returns The way back. */
function replace<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name, value: Owner[Name]): () => void {
	const original = owner[name];
	owner[name] = value;
	return () => (owner[name] = original);
}
