/** Usual names of environments, the second segment of a path. */

/**
 * Usual values of `environment`. Any other text is as good.
 * @example
 * ParameterStoreConfigModule.register({ ...segments, environment: EEnvironment.PRODUCTION });
 */
export enum EEnvironment {
	DEVELOPMENT = "development",
	LOCAL = "local",
	PRODUCTION = "production",
	STAGING = "staging",
	TEST = "test",
}
