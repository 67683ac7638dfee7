/**
 * The AWS JSON 1.1 protocol over HTTP: one POST per call, the operation in `x-amz-target`, errors by name in `__type`.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { sleep, systemClock } from "../support/clock.js";
import { AwsServiceError } from "./aws-service-error.js";
import type { AwsCall, AwsInput, AwsServiceName, CallLog } from "./call-log.js";
import { type Fault, type FaultBox, toEmptyAnswer, toServiceError } from "./faults.js";
import type { Operations } from "./operations.js";
import type { Permissions } from "./permissions.js";

interface AwsRequest {
	readonly input: AwsInput;
	readonly operation: string;
	readonly service: AwsServiceName;
}

const TARGET_SERVICES = new Map<string, AwsServiceName>([
	["AmazonSSM", "ssm"],
	["secretsmanager", "secretsmanager"],
]);
const CONTENT_TYPE = "application/x-amz-json-1.1";
/** Longer than the SDK keeps an idle socket in a test, so that it never writes to one that is just being closed. */
const KEEP_ALIVE_TIMEOUT_MS = 120_000;

/** The HTTP server of the endpoint. */
export class AwsEndpoint {
	private readonly server = createServer(
		{ keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS },
		(request, response) => void this.serve(request, response),
	);
	private readonly sockets = new Set<Socket>();
	private readonly stopping = new AbortController();

	constructor(
		private readonly services: Readonly<Record<AwsServiceName, Operations>>,
		private readonly calls: CallLog,
		private readonly faults: FaultBox,
		private readonly permissions: Permissions,
	) {
		this.server.on("connection", (socket) => {
			this.sockets.add(socket);
			socket.once("close", () => this.sockets.delete(socket));
		});
	}

	get openConnectionCount(): number {
		return this.sockets.size;
	}

	async listen(port = 0): Promise<string> {
		this.server.listen(port, "127.0.0.1");
		await once(this.server, "listening");
		return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
	}

	async stop(): Promise<void> {
		this.stopping.abort();
		const closures = [...this.sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
		const closed = new Promise((resolve) => this.server.close(resolve));
		for (const socket of this.sockets) socket.destroy();
		await Promise.all([closed, ...closures]);
	}

	private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
		let call: AwsCall | undefined;
		try {
			const { input, operation, service } = await readRequest(request);
			call = this.calls.record({ ...readSignature(request), input, operation, service });
			const fault = this.faults.take(service, operation, input);
			call.fault = fault?.kind;
			if (fault?.latencyMs !== undefined) await sleep(systemClock, fault.latencyMs, this.stopping.signal, false);
			if (this.stopping.signal.aborted) return;
			this.answer({ input, operation, service }, fault, response, call);
		} catch (error) {
			sendError(response, call, error);
		}
	}

	private answer(request: AwsRequest, fault: Fault | undefined, response: ServerResponse, call: AwsCall): void {
		switch (fault?.kind) {
			case "hang":
				return;
			case "html-error":
				send(response, call, 503, "<html><body><h1>503 Service Unavailable</h1></body></html>", "text/html");
				return;
			case "malformed-body": {
				const body = this.run(request, fault);
				send(response, call, 200, body.slice(0, body.length / 2));
				return;
			}
			case "reset":
				response.socket?.resetAndDestroy();
				return;
			case "stall-body": {
				const body = this.run(request, fault);
				call.status = 200;
				response.writeHead(200, { "content-length": Buffer.byteLength(body), "content-type": CONTENT_TYPE });
				response.write(body.slice(0, body.length / 2));
				return;
			}
			default:
				send(response, call, 200, this.run(request, fault));
		}
	}

	private run({ input, operation, service }: AwsRequest, fault: Fault | undefined): string {
		const operate = this.services[service].get(operation);
		if (operate === undefined) throw new AwsServiceError("UnknownOperationException", "");
		const emptyAnswer = fault && toEmptyAnswer(fault, operation, input);
		const error = fault && toServiceError(fault, service, operation);
		if (emptyAnswer === undefined && error !== undefined) throw error;
		this.permissions.check(service, operation, input);
		return JSON.stringify(emptyAnswer ?? operate(input as never));
	}
}

async function readRequest(request: IncomingMessage): Promise<AwsRequest> {
	const body = await text(request);
	const [prefix = "", operation = ""] = String(request.headers["x-amz-target"]).split(".");
	const service = TARGET_SERVICES.get(prefix);
	if (service === undefined || request.method !== "POST" || request.headers["content-type"] !== CONTENT_TYPE)
		throw new AwsServiceError("UnknownOperationException", "");
	try {
		return { input: JSON.parse(body) as AwsInput, operation, service };
	} catch {
		throw new AwsServiceError("SerializationException", "");
	}
}

function readSignature(request: IncomingMessage): { accessKeyId: string; region: string } {
	// Credential=<access key>/<date>/<region>/<service>/aws4_request
	const [accessKeyId, , region] = (request.headers.authorization ?? "").split("Credential=")[1]?.split("/") ?? [];
	if (accessKeyId === undefined || region === undefined)
		throw new AwsServiceError("MissingAuthenticationTokenException", "Missing Authentication Token");
	return { accessKeyId, region };
}

function send(response: ServerResponse, call: AwsCall | undefined, status: number, body: string, contentType = CONTENT_TYPE): void {
	if (call !== undefined) call.status = status;
	response.writeHead(status, {
		"content-length": Buffer.byteLength(body),
		"content-type": contentType,
		"x-amzn-requestid": randomUUID(),
	});
	response.end(body);
}

function sendError(response: ServerResponse, call: AwsCall | undefined, error: unknown): void {
	const { message, name, statusCode } =
		error instanceof AwsServiceError ? error : new AwsServiceError("InternalFailure", String(error), 500);
	// SSM writes `message` and Secrets Manager `Message`.
	send(
		response,
		call,
		statusCode,
		JSON.stringify({ __type: name, [call?.service === "secretsmanager" ? "Message" : "message"]: message }),
	);
}
