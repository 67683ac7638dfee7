/**
 * One server's part of a rotation: which version of the secret the server takes, and its promotion. AWSCURRENT first;
 * in a single-user rotation the database takes the new password before AWSCURRENT names it, and in between AWSPENDING
 * is the version that works.
 */
import { findPace, fingerprint } from "../acquire/login-pace.js";
import { isAllowedMove } from "../configuration/allowed-hosts.js";
import type { ExchangeMode } from "../drivers/exchange.js";
import { listServerOptions, type ServerOptions, toLooseOptions } from "../drivers/loose-options.js";
import type { ServerAnswer } from "../drivers/probe.js";
import { cleanText } from "../errors/clean-text.js";
import { ConnectorClosedError, StagingFailedError } from "../errors/errors.js";
import type { VersionStage } from "../events/connector-event.js";
import { isAuthenticationFailure } from "../support/login-failure.js";
import { watchDrain } from "./drain.js";
import type { FetchedVersions } from "./fetched-versions.js";
import { planServers, type ServerPlan } from "../connector/plan-servers.js";
import type { RotatedServer, RotationContext } from "./rotation-context.js";
import { stageServer, type VerifiedServer } from "./stage-server.js";

/** What became of one server. */
export type ServerOutcome =
	| { readonly outcome: "promoted"; readonly answer: ServerAnswer; readonly stage: VersionStage; readonly versionId: string | undefined }
	| { readonly outcome: "unchanged" };

/** A version that may be tried. */
interface Candidate {
	readonly plan: ServerPlan;
	readonly stage: VersionStage;
	readonly versionId: string | undefined;
}

/**
 * Promotes the first version that the server takes.
 * @throws StagingFailedError when no version works, with the refusal of AWSCURRENT.
 */
export async function rotateServer(context: RotationContext, server: RotatedServer, versions: FetchedVersions): Promise<ServerOutcome> {
	const resume = await server.exchange.pause();
	try {
		return await tryVersions(context, server, versions);
	} finally {
		resume();
	}
}

async function tryVersions(context: RotationContext, server: RotatedServer, versions: FetchedVersions): Promise<ServerOutcome> {
	const { ahead } = context.memory;
	const isRefused = server.gate.refusal !== undefined;
	let refusal: Error | undefined;
	/** AWSCURRENT, when the server has refused it. */
	let refusedVersion: string | undefined;
	const known = [listServerOptions(toLooseOptions(context.live.dataSourceOptions))[server.index] ?? {}];
	for (const stage of ["AWSCURRENT", "AWSPENDING"] as const) {
		const candidate = await findCandidate(context, server, versions, stage);
		if (candidate === undefined) continue;
		const { plan } = candidate;
		known.push(plan.server);
		const version = fingerprint(plan.server);
		if (plan.isUnchanged && isRefused) {
			if (stage === "AWSCURRENT") refusedVersion = version;
			continue;
		}
		if (plan.isUnchanged) {
			noteAhead(context, server, stage, refusedVersion);
			// Older connections of an exchange that still runs leave as the caller wants them to.
			if (context.mode !== undefined && server.pool.olderCount > 0) beginExchange(context, server, context.mode, Promise.resolve());
			return { outcome: "unchanged" };
		}
		// The live credentials are ahead of AWSCURRENT, which the server has refused before it took them.
		if (stage === "AWSCURRENT" && !isRefused && ahead.get(server.index) === version) continue;
		try {
			const verified = await tryVersion(context, server, plan);
			promote(context, server, plan, verified);
			noteAhead(context, server, stage, refusedVersion);
			return { answer: verified.answer, outcome: "promoted", stage, versionId: candidate.versionId };
		} catch (error) {
			if (!isRefusalOfServer(error)) throw error;
			if (stage === "AWSCURRENT") refusedVersion = version;
			refusal ??= error as Error;
		}
	}
	forgetOtherVersions(context, known);
	if (refusal !== undefined) throw refusal;
	return { outcome: "unchanged" };
}

/** Refused versions that neither the secret nor the live pool holds any more get no turn. */
function forgetOtherVersions({ clock, random }: RotationContext, known: readonly ServerOptions[]): void {
	const versions = known.map(fingerprint);
	for (const server of known) findPace(server, clock, random).retain(versions);
}

/** The server runs on this stage. On AWSPENDING it is ahead of AWSCURRENT, which it has refused. */
function noteAhead({ memory }: RotationContext, { index }: RotatedServer, stage: VersionStage, refusedVersion: string | undefined): void {
	if (stage === "AWSCURRENT") memory.ahead.delete(index);
	else if (refusedVersion !== undefined) memory.ahead.set(index, refusedVersion);
}

async function findCandidate(
	context: RotationContext,
	{ index, name }: RotatedServer,
	versions: FetchedVersions,
	stage: VersionStage,
): Promise<Candidate | undefined> {
	const { connector, live, memory } = context;
	const fresh = await versions.fetch(stage);
	if (fresh === undefined) return undefined;
	const mayMove = (from: string, to: string): boolean => isAllowedMove(from, to, connector.rotationOptions?.allowedHosts);
	const plan = planServers(live.dataSourceOptions, fresh.options, memory.formerOrigins, mayMove)[index];
	if (plan === undefined) return undefined;
	reportRefusedMove(context, index, name, plan);
	return { plan, stage, versionId: fresh.versionId };
}

function reportRefusedMove({ events, memory }: RotationContext, index: number, server: string, plan: ServerPlan): void {
	const { refusedHost } = plan;
	if (refusedHost === undefined) memory.refusedHosts.delete(index);
	if (refusedHost === undefined || memory.refusedHosts.get(index) === refusedHost) return;
	memory.refusedHosts.set(index, refusedHost);
	events.publish({ from: describeEndpoint(plan.server), server, to: refusedHost, type: "move.refused" });
}

function describeEndpoint({ host, port }: ServerOptions): string {
	return `${cleanText(String(host))}:${String(port)}`;
}

async function tryVersion(context: RotationContext, server: RotatedServer, plan: ServerPlan): Promise<VerifiedServer> {
	const { clock, deadlines, enter, live, memory, random, signal } = context;
	const pace = findPace(plan.server, clock, random);
	const version = fingerprint(plan.server);
	if (!pace.mayTry(version)) {
		const waitMs = Math.max(0, pace.nextAtMs(version) - clock.nowMs());
		const cause = pace.findRefusal(version);
		throw new StagingFailedError("connect", server.name, describePause(cause, waitMs), { cause });
	}
	pace.begin(version);
	enter("staging");
	server.gate.noteCrowd();
	try {
		const verified = await stageServer({
			clock,
			connectDeadlineMs: deadlines.connectMs,
			isLiveReadOnly: memory.isReadOnly.get(server.index),
			onConnected: () => enter("verifying"),
			open: () => live.stage(plan.common, plan.server),
			server,
			signal,
			verifyDeadlineMs: deadlines.verifyMs,
		});
		pace.clear();
		return verified;
	} catch (error) {
		const { cause } = error as Error;
		if (isRefusalOfServer(error)) pace.recordAuthFailure(version, cause as Error);
		throw error;
	}
}

/** Synchronous: a login begins either before all of it or after all of it. */
function promote(context: RotationContext, { index }: RotatedServer, plan: ServerPlan, { answer, closed, fields }: VerifiedServer): void {
	const { clock, deadlines, enter, events, live, memory, mode, signal } = context;
	// `destroy()` and `initialize()` may have made another pool meanwhile.
	const server = live.servers.find((each) => each.index === index);
	if (signal.aborted || !live.isUsable || server === undefined) throw new ConnectorClosedError();
	enter("promoting");
	reportSearchPath(context, server, answer);
	memory.notePromotion(server.index, live);
	const from = listServerOptions(toLooseOptions(live.dataSourceOptions))[index] ?? {};
	live.setServerOptions(server.index, plan.server, plan.common);
	const held = server.pool.promote(fields);
	server.gate.credentialsPromoted();
	server.gate.noteCrowd();
	if (answer.isReadOnly !== undefined) memory.isReadOnly.set(server.index, answer.isReadOnly);
	if (plan.isMoved) {
		events.publish({ from: describeEndpoint(from), server: server.name, to: describeEndpoint(plan.server), type: "rotation.moved" });
	}
	const { generation } = server.pool;
	watchDrain(held, {
		clock,
		deadlineMs: deadlines.drainMs,
		events,
		generation: generation - 1,
		drainAbort: memory.drainAbort,
		releaseAbandoned: () => live.releaseAbandonedRunners(),
		server: server.name,
	});
	beginExchange(context, server, mode ?? chooseMode(plan, memory.isSilent.has(server.index)), closed);
}

function beginExchange(
	{ clock, events }: RotationContext,
	{ exchange, name, pool }: RotatedServer,
	mode: ExchangeMode,
	checked: Promise<void>,
): void {
	const startedAtMs = clock.nowMs();
	const isBegun = exchange.isRunning;
	exchange.start(mode, checked);
	if (isBegun) return;
	void exchange.done.then(() => {
		if (pool.olderCount > 0 || pool.isEnding) return;
		events.publish({ durationMs: clock.nowMs() - startedAtMs, generation: pool.generation, server: name, type: "exchange.finished" });
	});
}

/**
 * Connections to a former endpoint serve until a new one is ready, unless they do not answer: a caller would wait for
 * ever.
 */
function chooseMode({ isMoved }: ServerPlan, isSilent: boolean): ExchangeMode {
	if (!isMoved) return "gradual";
	return isSilent ? "at-once" : "moved";
}

/**
 * Two users of an alternating rotation have settings of their own, and the second one may not see the tables of the
 * first.
 */
function reportSearchPath({ events, memory }: RotationContext, { index, name }: RotatedServer, { searchPath }: ServerAnswer): void {
	const before = memory.searchPaths.get(index);
	if (searchPath === undefined) return;
	memory.searchPaths.set(index, searchPath);
	if (before === undefined || before === searchPath) return;
	events.publish({
		message:
			`The new credentials of the ${name} see other schemas: their search_path differs from that of the former ones. ` +
			"Give both roles the same settings (ALTER ROLE … SET search_path), or set it in typeOrmOptions.extra.options.",
		type: "warning",
	});
}

function describePause(refusal: Error | undefined, waitMs: number): string {
	const { code = "refused" } = (refusal ?? {}) as { code?: unknown };
	return `the server refused these credentials (${String(code)}) and is not asked again for ${String(Math.ceil(waitMs / 1_000))} s, so that it does not lock the account`;
}

function isRefusalOfServer(error: unknown): boolean {
	return error instanceof StagingFailedError && isAuthenticationFailure(error.cause);
}
