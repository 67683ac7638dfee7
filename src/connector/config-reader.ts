/** What is read of the application's ConfigService. */

/** The part of ConfigService that is used. */
export interface ConfigReader {
	/** The value of a setting such as `AWS_REGION`. */
	get(key: string): unknown;
}

/** `AWS_REGION`, where the application has configured it. */
export function readRegion(configService: ConfigReader | undefined): string | undefined {
	const region = configService?.get("AWS_REGION");
	return typeof region === "string" && region.trim() !== "" ? region : undefined;
}
