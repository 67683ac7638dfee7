/** What a service of the endpoint is: operations by name, from the input on the wire to the answer on the wire. */

/** Dates are seconds and blobs base64 in either direction. Throws an AwsServiceError to answer with one. */
export type Operation = (input: never) => object;

/** The operations of one service, by the name in `x-amz-target`. */
export type Operations = ReadonlyMap<string, Operation>;
