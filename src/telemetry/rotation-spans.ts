/** One span for each rotation, with an event for each step. Calls of AWS are below it. */
import type * as opentelemetry from "@opentelemetry/api";

import { describeFault } from "../events/describe-fault.js";
import type { BeginRotationSpan } from "../rotation/rotation-context.js";
import { PREFIX } from "./names.js";

/** Spans of one rotator. They are roots: a rotation is no part of the request that happened to start it. */
export function createRotationSpans(api: typeof opentelemetry, tracer: opentelemetry.Tracer, connector: string): BeginRotationSpan {
	return (trigger) => {
		const attributes = { [`${PREFIX}.connector`]: connector, [`${PREFIX}.trigger`]: trigger };
		const span = tracer.startSpan(`${PREFIX}.rotate`, { attributes, root: true }, api.ROOT_CONTEXT);
		const active = api.trace.setSpan(api.ROOT_CONTEXT, span);
		return {
			end(result) {
				span.setAttribute(`${PREFIX}.outcome`, result?.outcome ?? "closed");
				if (result?.outcome === "rotated") span.setAttribute(`${PREFIX}.generation`, result.generation);
				if (result?.outcome === "failed") {
					// The message of a fault that is none of ours may quote a secret.
					const { code, message } = describeFault(result.error);
					span.setAttribute("error.type", code);
					span.setStatus({ code: api.SpanStatusCode.ERROR, message });
				}
				span.end();
			},
			enter: (phase) => void span.addEvent(phase),
			run: (task) => api.context.with(active, task),
		};
	};
}
