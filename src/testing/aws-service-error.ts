/** An error as an AWS service answers it: a name, a status and a message. */

/** Thrown by an operation of the endpoint to answer with that error. */
export class AwsServiceError extends Error {
	constructor(
		/** The service's own name of the error, sent as `__type`. */
		override readonly name: string,
		message: string,
		/** HTTP status. Errors of the caller are all 400 in this protocol. */
		readonly statusCode = 400,
	) {
		super(message);
	}
}
