/** Injection tokens. Each is the string of its own name. */

/**
 * The parameters read at start: `Parameter[]` as Systems Manager returned them, empty when loading on demand.
 * @example
 * constructor(@Inject(PARAMETER_STORE_CONFIG_PARAMETERS) private readonly parameters: Parameter[]) {}
 */
export const PARAMETER_STORE_CONFIG_PARAMETERS = "PARAMETER_STORE_CONFIG_PARAMETERS";

/**
 * The properties of the registration: {@link IParameterStoreConfigProperties}.
 * @example
 * { provide: PARAMETER_STORE_CONFIG_PROPERTIES, useValue: properties }
 */
export const PARAMETER_STORE_CONFIG_PROPERTIES = "PARAMETER_STORE_CONFIG_PROPERTIES";

/**
 * The `SSMClient` of the registration.
 * @example
 * { provide: PARAMETER_STORE_SSM_CLIENT, useValue: new SSMClient({ region: "eu-west-1" }) }
 */
export const PARAMETER_STORE_SSM_CLIENT = "PARAMETER_STORE_SSM_CLIENT";
