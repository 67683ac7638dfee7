/** From an error to the part of it that may be shown. */
import { cleanText } from "../errors/clean-text.js";
import type { EventFault } from "./connector-event.js";
import { isTypeOrmAwsConnectorError } from "../errors/connector.error.js";

/** Our own errors carry no secret and are shown as they are; of any other only its name is. */
export function describeFault(error: unknown): EventFault {
	if (isTypeOrmAwsConnectorError(error)) return { code: error.code, isTransient: error.isTransient, message: error.message };
	const name = error instanceof Error ? cleanText(error.name) : "Error";
	return {
		code: "ERR_UNEXPECTED",
		isTransient: true,
		message: `${name} from outside of this library; its text is withheld, since it may quote a secret`,
	};
}

/** The code of an error, or its name: never its text. */
export function nameError(error: unknown): string {
	const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
	return cleanText(String(code ?? name));
}
